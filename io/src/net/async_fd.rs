//! Any file descriptor that epoll knows, watched: for what raddle has no type of its own for.
//!
//! A socket's operation tries its syscall and waits on would-block. Here the syscall is the user's, so the two are apart:
//! [`AsyncFd::readable`] waits until the kernel has said that the fd is ready, and gives a guard; under the guard the
//! user tries, and would-block is noted by the guard.
//!
//! Three things are feared:
//!
//! * Readiness that nobody has vouched for. An fd that no reactor knows counts as ready elsewhere, since the first
//!   attempt is free. The fd here may be one that blocks, and is watched for that very reason. So waiting registers
//!   before it answers, and the answer is always the kernel's.
//! * An event that is cleared by somebody who has not seen it. A guard holds the snapshot of its moment; an attempt takes
//!   one of its own. What came later stays (`readiness.rs`).
//! * A crowd in which only one is woken, and that one does nothing. A guard is the **turn** of `source.rs`: while it
//!   lives nobody else is woken for the same event, and when it is dropped with the fd still ready the next one is.
//!
//! No transfer says here that it took all there was: a short read of a tty or of a datagram means nothing. Would-block
//! alone clears.

use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::fs::FileType;
use rustix::io::Errno;

use super::ready_guard::ReadyGuard;
use crate::budget;
use crate::evented::note;
use crate::readiness::{Direction, Snapshot};
use crate::registration::{Registration, Waits, unwatched};
use crate::source::Ticket;

/// A file descriptor of any kind that is waited for: a device, an eventfd, an inotify, a socket of another library.
///
/// It is used as it is. If it is to be read or written it should be non-blocking, since a call that blocks would block
/// its worker. One that is only watched may be anything that epoll takes, which is everything but regular files,
/// directories and block devices.
///
/// Several tasks may wait for one direction, and each gets its turn. The fd belongs to no runtime; the first wait
/// registers it with the worker that it is polled on, under the number that it had in [`AsyncFd::new`].
///
/// # Examples
/// ```
/// use std::io::{Read, Write};
/// use raddle::AsyncFd;
///
/// # fn main() -> std::io::Result<()> {
/// raddle::run(async {
///     let (ours, mut theirs) = std::os::unix::net::UnixStream::pair()?;
///     ours.set_nonblocking(true)?;
///     let watched = AsyncFd::new(ours)?;
///     theirs.write_all(b"hello")?;
///     let mut buffer = [0; 16];
///     let count = loop {
///         let guard = watched.readable().await?;
///         match guard.try_io(|mut socket| socket.read(&mut buffer)) {
///             Ok(result) => break result?,
///             Err(_would_block) => continue,
///         }
///     };
///     assert_eq!(&buffer[..count], b"hello");
///     Ok(())
/// })
/// # }
/// ```
pub struct AsyncFd<T: AsFd> {
    // Dropped in this order: out of the epoll before the fd is closed.
    pub(super) registration: Registration,
    /// The number under which the fd is registered.
    pub(super) fd: RawFd,
    io: T,
}

impl<T: AsFd> AsyncFd<T> {
    /// Takes an fd to be waited for. Nothing is registered yet, so this works outside a runtime.
    ///
    /// # Errors
    /// `PermissionDenied` for a regular file, a directory or a block device, which are always ready to the kernel and
    /// cannot be waited for; see [`to_thread`](https://docs.rs/raddle/latest/raddle/fn.to_thread.html) for those.
    pub fn new(io: T) -> io::Result<AsyncFd<T>> {
        let fd = io.as_fd().as_raw_fd();
        let kind = FileType::from_raw_mode(rustix::fs::fstat(io.as_fd())?.st_mode);
        if matches!(kind, FileType::RegularFile | FileType::Directory | FileType::BlockDevice) {
            return Err(unwatched(fd, Errno::PERM.into()));
        }
        Ok(AsyncFd { registration: Registration::new(), fd, io })
    }

    /// Waits until there is something to read, or the other end has closed, or there is an error to be fetched.
    ///
    /// # Errors
    /// `PermissionDenied` if this fd cannot be waited for; `AlreadyExists` if the same fd is waited for through another
    /// object; `Other` on a thread without a raddle runtime.
    ///
    /// # Cancel safety
    /// Nothing is read, and a future that is dropped passes its turn on.
    #[track_caller]
    pub fn readable(&self) -> Readable<'_, T> {
        Readable { wait: Wait::new(self, Direction::Read) }
    }

    /// Waits until there is room to write, or the other end has closed, or there is an error to be fetched.
    ///
    /// # Errors
    /// As [`AsyncFd::readable`].
    ///
    /// # Cancel safety
    /// Nothing is written, and a future that is dropped passes its turn on.
    #[track_caller]
    pub fn writable(&self) -> Writable<'_, T> {
        Writable { wait: Wait::new(self, Direction::Write) }
    }

    /// As [`AsyncFd::readable`], for poll functions: one task at a time.
    ///
    /// # Errors
    /// As [`AsyncFd::readable`].
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<ReadyGuard<'_, T>>> {
        self.poll_guard(cx, Direction::Read)
    }

    /// As [`AsyncFd::writable`], for poll functions: one task at a time.
    ///
    /// # Errors
    /// As [`AsyncFd::readable`].
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<ReadyGuard<'_, T>>> {
        self.poll_guard(cx, Direction::Write)
    }

    /// What was given to [`AsyncFd::new`].
    #[must_use]
    pub fn get_ref(&self) -> &T {
        &self.io
    }

    /// What was given to [`AsyncFd::new`], to be changed. Its fd must stay the same and open: it is watched under its
    /// number, and another file that gets this number would be watched instead.
    #[must_use]
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.io
    }

    /// What was given to [`AsyncFd::new`], not watched any more.
    #[must_use]
    pub fn into_inner(self) -> T {
        drop(self.registration);
        self.io
    }

    fn poll_guard(&self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<ReadyGuard<'_, T>>> {
        let seen = ready!(self.poll_ready(cx, direction, Waits::Polled))?;
        Poll::Ready(Ok(ReadyGuard::new(self, direction, seen, Ticket::default())))
    }

    fn poll_ready(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        mut waits: Waits<'_>,
    ) -> Poll<io::Result<Snapshot>> {
        ready!(budget::poll_remaining(cx));
        let mut waiting = false;
        loop {
            let seen = self.registration.source.readiness.snapshot();
            if seen.needs_registration() {
                self.registration.ensure(self.fd)?;
            } else if seen.is_ready(direction) {
                budget::take(1);
                return Poll::Ready(Ok(seen));
            } else if waiting {
                return Poll::Pending;
            } else {
                self.registration.wait(self.fd, direction, &mut waits, cx.waker());
                // Look again: an event that came before the waker was in has woken nobody.
                waiting = true;
            }
        }
    }
}

/// A wait for one direction, with its place in the list.
struct Wait<'a, T: AsFd> {
    of: &'a AsyncFd<T>,
    direction: Direction,
    ticket: Ticket,
    at: &'static Location<'static>,
}

impl<'a, T: AsFd> Wait<'a, T> {
    #[track_caller]
    fn new(of: &'a AsyncFd<T>, direction: Direction) -> Wait<'a, T> {
        Wait { of, direction, ticket: Ticket::default(), at: Location::caller() }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<ReadyGuard<'a, T>>> {
        let polled = self.of.poll_ready(cx, self.direction, Waits::Future(&mut self.ticket));
        let Poll::Ready(ready) = polled else {
            note(self.direction, self.of.fd, self.at);
            return Poll::Pending;
        };
        // The place in the list, or the turn, goes to the guard. After an error it is passed on here.
        let mut ticket = std::mem::take(&mut self.ticket);
        let seen = ready.inspect_err(|_| self.of.registration.leave(self.direction, &mut ticket))?;
        Poll::Ready(Ok(ReadyGuard::new(self.of, self.direction, seen, ticket)))
    }
}

impl<T: AsFd> Drop for Wait<'_, T> {
    fn drop(&mut self) {
        self.of.registration.leave(self.direction, &mut self.ticket);
    }
}

macro_rules! waits {
    ($($(#[$meta:meta])* $name:ident;)*) => {$(
        $(#[$meta])*
        #[must_use = "futures do nothing unless awaited"]
        pub struct $name<'a, T: AsFd> {
            wait: Wait<'a, T>,
        }

        impl<'a, T: AsFd> Future for $name<'a, T> {
            type Output = io::Result<ReadyGuard<'a, T>>;

            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
                self.wait.poll(cx)
            }
        }

        impl<T: AsFd> fmt::Debug for $name<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).field("fd", &self.wait.of.fd).finish_non_exhaustive()
            }
        }
    )*};
}

waits! {
    /// The future of [`AsyncFd::readable`].
    Readable;
    /// The future of [`AsyncFd::writable`].
    Writable;
}

impl<T: AsFd> AsFd for AsyncFd<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.as_fd()
    }
}

impl<T: AsFd> AsRawFd for AsyncFd<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.io.as_fd().as_raw_fd()
    }
}

impl<T: AsFd> fmt::Debug for AsyncFd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFd").field("fd", &self.fd).finish_non_exhaustive()
    }
}
