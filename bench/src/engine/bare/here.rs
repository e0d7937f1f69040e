//! What stays on the executor's thread, and may say that it doesn't.

use std::ops::Deref;

/// The trait of the engines asks for `Send` and `Sync`, as runtimes with several threads must; all that this executor
/// runs stays on one. What is shared between its tasks is in here, so that it needs no locks and no atomics.
#[derive(Default)]
pub(super) struct Here<T>(T);

// SAFETY: nobody checks this: a workload must use what it has of the bare executor in that executor's own tasks only,
// and they are polled and dropped on one thread. A value that goes through another thread on its way to them, as with a
// task that is spawned from outside, is handed over by a lock.
unsafe impl<T> Send for Here<T> {}

// SAFETY: as above.
unsafe impl<T> Sync for Here<T> {}

impl<T> Here<T> {
    pub(super) fn new(value: T) -> Here<T> {
        Here(value)
    }
}

impl<T: Clone> Clone for Here<T> {
    fn clone(&self) -> Here<T> {
        Here(self.0.clone())
    }
}

impl<T> Deref for Here<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
