//! Which worker this thread is.

use std::cell::Cell;
use std::ptr;

use super::worker::Worker;

thread_local! {
    static CURRENT: Cell<*const Worker> = const { Cell::new(ptr::null()) };
}

/// The worker that this thread is at present.
///
/// The lifetime is the caller's affair: it ends before the worker's loop does. Everything that calls this runs
/// inside that loop (a poll, a wake, a drop) and keeps the reference no longer than its own call.
#[inline]
pub(crate) fn current<'a>() -> Option<&'a Worker> {
    let worker = CURRENT.with(Cell::get);
    // SAFETY: set by `enter` only, which takes it back before the worker can go away.
    unsafe { worker.as_ref() }
}

/// Makes this thread the worker for the length of `f`.
pub(crate) fn enter<R>(worker: &Worker, f: impl FnOnce() -> R) -> R {
    struct Restore(*const Worker);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.with(|current| current.set(self.0));
        }
    }
    let _restore = Restore(CURRENT.with(|current| current.replace(worker)));
    f()
}
