//! Who fetches the exit status of processes that nobody waits for.
//!
//! A process that has ended stays in the system's table until its parent fetches its status. The pidfds of children whose
//! handle is gone come here. A thread waits for all of them, by no means of a runtime, since runtimes end before their
//! children do; it leaves when there are none. The feared interleaving: an orphan that comes while the thread leaves. But
//! the thread decides to leave under the lock under which orphans arrive. And an orphan that ends before the thread looks
//! is seen all the same, since a pidfd stays ready.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::{Errno, read, write};
use rustix::process::{WaitId, WaitIdOptions, waitid};

use crate::shim::{Mutex, OnceLock};

/// How long the thread waits where nothing can tell it of arrivals, or the system refuses to wait: from thin air.
const LOOK_EVERY: Duration = Duration::from_millis(100);

static STATE: Mutex<State> = Mutex::new(State { arrivals: Vec::new(), is_thread_started: false });
/// Tells the thread of arrivals. None: there was no file descriptor to be had.
static WAKE: OnceLock<Option<OwnedFd>> = OnceLock::new();

struct State {
    arrivals: Vec<OwnedFd>,
    is_thread_started: bool,
}

/// Takes a process that nobody waits for any more.
pub(super) fn adopt(orphan: OwnedFd) {
    if !is_running(&orphan) {
        return;
    }
    let wake = WAKE.get_or_init(|| eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).ok());
    let mut state = STATE.lock();
    state.arrivals.push(orphan);
    if state.is_thread_started {
        drop(state);
        if let Some(wake) = wake {
            // It fails only if the number is full, and then the thread is awake.
            let _ = write(wake, &1u64.to_ne_bytes());
        }
        return;
    }
    let thread = std::thread::Builder::new().name("raddle-reaper".to_owned());
    // Without a thread they wait here for the next orphan, which tries again.
    state.is_thread_started = thread.spawn(|| serve(wake.as_ref())).is_ok();
}

/// The life of the thread.
fn serve(wake: Option<&OwnedFd>) {
    let mut orphans = Vec::new();
    loop {
        orphans.retain(is_running);
        let mut state = STATE.lock();
        if state.arrivals.is_empty() && orphans.is_empty() {
            state.is_thread_started = false;
            return;
        }
        let arrivals = std::mem::take(&mut state.arrivals);
        drop(state);
        orphans.extend(arrivals);
        wait(&orphans, wake);
    }
}

/// Until one of them has ended, or another arrives.
fn wait(orphans: &[OwnedFd], wake: Option<&OwnedFd>) {
    let watched = wake.into_iter().chain(orphans).map(|fd| PollFd::new(fd, PollFlags::IN));
    let mut watched: Vec<_> = watched.collect();
    let limit = Timespec { tv_sec: 0, tv_nsec: LOOK_EVERY.as_nanos() as _ };
    match poll(&mut watched, wake.is_none().then_some(&limit)) {
        Ok(_) | Err(Errno::INTR) => {}
        // More than there may be open files, or no memory.
        Err(_) => std::thread::sleep(LOOK_EVERY),
    }
    if let Some(wake) = wake {
        // Would-block if nothing has come.
        let _ = read(wake, &mut [0; 8]);
    }
}

/// Whether the process runs; if it does not, it has left the system's table.
fn is_running(orphan: &OwnedFd) -> bool {
    let ended = waitid(WaitId::PidFd(orphan.as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
    matches!(ended, Ok(None) | Err(Errno::INTR))
}
