//! A child process as a file descriptor: it is ready when the process has ended.
//!
//! The number of a process is its own until its parent has fetched its status. That is done here and nowhere else, once,
//! and the fd is closed in the same moment. So the pidfd that is opened right after the start is the child's, whatever
//! it has done since, and no signal is ever sent to somebody else. If the status is gone, because another part of the
//! program waits for all children there are or has SIGCHLD ignored, that is an error which says so.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::task::{Context, Poll, ready};

use raddle_io::net::AsyncFd;
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, WaitId, WaitIdOptions, WaitIdStatus, getpid, pidfd_open, pidfd_send_signal, waitid,
};

use super::reaper;
use crate::signal::Signal;

/// A child process.
pub(super) struct Pidfd {
    /// Until its status is fetched.
    fd: Option<AsyncFd<OwnedFd>>,
    end: Option<End>,
    id: u32,
    program: OsString,
    pub(super) kill_on_drop: bool,
}

#[derive(Clone, Copy)]
enum End {
    Status(ExitStatus),
    /// Somebody else has fetched it.
    Lost,
}

/// Leave to start a process: pidfds can be had here, and there is room for one.
pub(super) struct Room(#[expect(dead_code, reason = "holds a number free")] OwnedFd);

impl Room {
    /// Before anything is started, so that no child is there that cannot be waited for.
    pub(super) fn find() -> io::Result<Room> {
        pidfd_open(getpid(), PidfdFlags::empty()).map(Room).map_err(|error| match error {
            Errno::NOSYS | Errno::PERM => io::Error::new(
                io::ErrorKind::Unsupported,
                "processes are waited for by pidfd, which this system does not have or does not allow; \
                 Linux 5.4 or later is needed",
            ),
            error => error.into(),
        })
    }
}

impl Pidfd {
    /// Takes a child that was just started, whose pipes have been taken out.
    pub(super) fn of(mut child: std::process::Child, room: Room, program: OsString) -> io::Result<Pidfd> {
        let id = child.id();
        drop(room);
        let pid = i32::try_from(id).ok().and_then(Pid::from_raw).expect("a child has a positive number");
        let made = |fd, end| Ok(Pidfd { fd, end, id, program, kill_on_drop: false });
        let opened = match pidfd_open(pid, PidfdFlags::empty()) {
            // Ended and gone already, which happens where SIGCHLD is ignored; the number is somebody else's by now.
            Err(Errno::SRCH) => return made(None, Some(End::Lost)),
            opened => opened.map_err(io::Error::from).and_then(AsyncFd::new),
        };
        match opened {
            Ok(fd) => made(Some(fd), None),
            Err(error) => {
                // Another thread was quicker to take the last number. Rather none than one that cannot be waited for.
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }

    pub(super) fn id(&self) -> u32 {
        self.id
    }

    /// The status, if the process has ended. Fetches it.
    pub(super) fn try_end(&mut self) -> io::Result<Option<ExitStatus>> {
        if let Some(fd) = &self.fd
            && let Some(end) = fetch(fd.as_fd(), WaitIdOptions::empty())?
        {
            self.settle(end);
        }
        self.end.map(|end| self.status_of(end)).transpose()
    }

    /// Waits for the status.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        loop {
            if let Some(status) = self.try_end()? {
                return Poll::Ready(Ok(status));
            }
            let fd = self.fd.as_ref().expect("it is there until the process has ended");
            let mut ready = ready!(fd.poll_readable(cx))?;
            match fetch(fd.as_fd(), WaitIdOptions::empty())? {
                Some(end) => {
                    drop(ready);
                    self.settle(end);
                }
                None => ready.clear_ready(),
            }
        }
    }

    /// The status, without fetching it.
    pub(super) fn look(&self) -> Option<ExitStatus> {
        let end = self.end.or_else(|| fetch(self.fd.as_ref()?.as_fd(), WaitIdOptions::NOWAIT).ok().flatten());
        end.and_then(|end| self.status_of(end).ok())
    }

    pub(super) fn send(&self, signal: Signal) -> io::Result<()> {
        let number = rustix::process::Signal::from_named_raw(signal.as_raw()).ok_or_else(|| {
            let text = format!("{signal} cannot be sent: only signals that have a name can, those of 1 to 31");
            io::Error::new(io::ErrorKind::InvalidInput, text)
        })?;
        let gone = || {
            let text = format!("{signal} cannot be sent to {self:?}: it has ended");
            io::Error::new(io::ErrorKind::NotFound, text)
        };
        match pidfd_send_signal(self.fd.as_ref().ok_or_else(gone)?.as_fd(), number) {
            Ok(()) => Ok(()),
            Err(Errno::SRCH) => Err(gone()),
            Err(error) => {
                let error = io::Error::from(error);
                Err(io::Error::new(error.kind(), format!("{signal} cannot be sent to {self:?}: {error}")))
            }
        }
    }

    fn settle(&mut self, end: End) {
        self.end = Some(end);
        self.fd = None;
    }

    fn status_of(&self, end: End) -> io::Result<ExitStatus> {
        match end {
            End::Status(status) => Ok(status),
            End::Lost => Err(io::Error::other(format!(
                "the exit status of {self:?} is lost: another part of the program has waited for it, or ignores SIGCHLD"
            ))),
        }
    }
}

/// Asks the system how the process has ended, if it has.
fn fetch(fd: BorrowedFd<'_>, how: WaitIdOptions) -> io::Result<Option<End>> {
    loop {
        match waitid(WaitId::PidFd(fd), WaitIdOptions::EXITED | WaitIdOptions::NOHANG | how) {
            Ok(ended) => return Ok(ended.map(|status| End::Status(exit_status(&status)))),
            Err(Errno::CHILD) => return Ok(Some(End::Lost)),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// As `wait` would have told it.
fn exit_status(status: &WaitIdStatus) -> ExitStatus {
    const CORE_DUMPED: i32 = 0x80;
    ExitStatus::from_raw(match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => (code & 0xff) << 8,
        (None, Some(signal)) if status.dumped() => signal | CORE_DUMPED,
        (None, signal) => signal.unwrap_or(0),
    })
}

impl Drop for Pidfd {
    fn drop(&mut self) {
        if self.fd.is_some() && self.kill_on_drop {
            // It has ended, or the system does not allow it: what the program asked for cannot be had.
            let _ = self.send(Signal::KILL);
        }
        if let Some(fd) = self.fd.take() {
            reaper::adopt(fd.into_inner());
        }
    }
}

impl fmt::Debug for Pidfd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} ({:?})", self.id, self.program)
    }
}
