//! Which worker this thread is.

use std::cell::{Cell, RefCell};
use std::io;
use std::ptr;

use super::shared::Shared;
use super::worker::Worker;
use crate::shim::Arc;

thread_local! {
    static CURRENT: Cell<*const Worker> = const { Cell::new(ptr::null()) };
    static HOME: RefCell<Option<Home>> = const { RefCell::new(None) };
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

/// This thread, the only one of a forked child, is no worker there.
pub(super) fn forget() {
    CURRENT.with(|current| current.set(ptr::null()));
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

/// A runtime that a thread works for without being its worker.
#[derive(Clone)]
struct Home {
    shared: Arc<Shared>,
    /// The thread runs one of the runtime's blocking calls; else it waits for a future there.
    job: bool,
}

/// The runtime that this thread works for without being its worker: it runs a blocking call, or waits for a future.
pub(crate) fn home() -> Option<Arc<Shared>> {
    HOME.try_with(|home| home.borrow().as_ref().map(|home| home.shared.clone())).ok().flatten()
}

/// The runtime that this thread belongs to, be it as a worker or otherwise.
pub(crate) fn runtime() -> Option<Arc<Shared>> {
    current().map_or_else(home, |worker| Some(worker.shared.clone()))
}

/// What an operation returns that needs a runtime on a thread without one.
#[cold]
pub(crate) fn no_runtime() -> io::Error {
    io::Error::other("no raddle runtime on this thread: await this inside raddle::run, or in a task")
}

/// The runtime that this thread runs a blocking call of.
pub(crate) fn home_of_job() -> Option<Arc<Shared>> {
    let job =
        |home: &RefCell<Option<Home>>| home.borrow().as_ref().filter(|home| home.job).map(|home| home.shared.clone());
    HOME.try_with(job).ok().flatten()
}

/// Makes a runtime this thread's home for the length of `f`, which waits for a future there.
pub(crate) fn with_home<R>(shared: &Arc<Shared>, f: impl FnOnce() -> R) -> R {
    // A blocking call that waits stays one.
    let job = home_of_job().is_some_and(|home| Arc::ptr_eq(&home, shared));
    at_home(Home { shared: shared.clone(), job }, f)
}

/// Makes a runtime this thread's home for the length of `f`, one of its blocking calls.
pub(crate) fn in_job<R>(shared: &Arc<Shared>, f: impl FnOnce() -> R) -> R {
    at_home(Home { shared: shared.clone(), job: true }, f)
}

fn at_home<R>(home: Home, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<Home>);
    impl Drop for Restore {
        fn drop(&mut self) {
            let before = self.0.take();
            drop(HOME.with(|home| home.replace(before)));
        }
    }
    let _restore = Restore(HOME.with(|before| before.replace(Some(home))));
    f()
}
