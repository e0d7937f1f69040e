//! A process that is forked while it has a runtime: what the child, which has a copy of it, must not do.
//!
//! The copy has no threads, and its epolls and eventfds are the parent's; see `fork.rs` of raddle-io. So a runtime is
//! dead in any process but its own: handles and runners say so, nothing is started, and the end waits for nobody. A
//! child that was forked in a task is no worker: what asks for a runtime there finds none. If it returns into the
//! worker's loop, where its parent's other tasks lie ready, it is ended.

use std::process::abort;
use std::sync::Once;

use raddle_io::fork::{FOREIGN, note_child};

use super::context;
use super::shared::Shared;

/// Sees to it that forks are noticed from here on.
pub(super) fn watch() {
    static WATCHING: Once = Once::new();
    WATCHING.call_once(|| {
        // SAFETY: the handler takes no lock and allocates nothing, as befits the child of a process with threads.
        let _ = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        // An error means that there is no memory for it: forks go unnoticed, which harms those who fork.
    });
}

/// Called by the C library in each child, before the fork returns there.
unsafe extern "C" fn in_child() {
    note_child();
    context::forget();
}

/// The worker's loop, in a process that is not the worker's.
#[cold]
pub(super) fn end_child() -> ! {
    eprintln!("raddle: a process that was forked in a task must end in that poll, by exec or _exit; it is aborted");
    abort();
}

impl Shared {
    /// # Panics
    /// In any other process than the runtime's.
    #[inline]
    #[track_caller]
    pub(crate) fn check_process(&self) {
        assert!(self.process.is_current(), "{FOREIGN}");
    }
}
