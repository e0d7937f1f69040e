//! What few tasks need: a name of their own, a context, callbacks at the end, cleanup to wait for. Made on first use,
//! freed with the task.
//!
//! Callbacks and completion meet like this. Registering: push under the lock, then set ON_DONE in the state word;
//! complete already? then take the callback back out and run it elsewhere, unless the completer has taken it. The
//! completer looks here if its completing transition found ON_DONE. Both sides write the one word, so at least one of
//! them sees the other; the lock decides who takes the callback.
//!
//! Who registered a callback under a key may take it off again before the end; if the completer was faster, it is called.
//!
//! Adopted tasks: `adopted` counts the tasks that this one must outlive. It goes up in a poll of this task, by the
//! holder of OWNED; it goes down when such a task has ended, and then this one is woken. The feared interleaving, the
//! last one ending between the drain's look at the count and its going idle, is that of any wake: the count goes
//! down before the wake's read-modify-write of the state word, and the drain's look comes before its own.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;

use super::held_context::{HeldContext, SharedContext};
use super::state::Outcome;
use super::status::TaskStatus;
use crate::shim::Mutex;
use crate::shim::atomic::{AtomicUsize, Ordering};

pub(crate) type Callback = Box<dyn FnOnce(TaskStatus) + Send>;

/// What stands between a task's output and its completion.
pub(crate) struct Drain {
    pub(crate) outcome: Outcome,
    pub(crate) rest: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// Those who wait until the task is asked to stop, by number.
#[derive(Default)]
struct StopWaiters {
    wakers: Vec<(u64, Waker)>,
    numbered: u64,
}

/// The record.
#[derive(Default)]
pub(crate) struct Side {
    name: Mutex<Option<Arc<str>>>,
    /// With the key that takes it off again; 0 for those that stay.
    on_done: Mutex<Vec<(usize, Callback)>>,
    adopted: AtomicUsize,
    stop_waiters: Mutex<StopWaiters>,
    /// Touched by the holder of OWNED alone; the lock is for the compiler.
    drain: Mutex<Option<Drain>>,
    context: Mutex<HeldContext>,
}

impl Side {
    pub(crate) fn name(&self) -> Option<Arc<str>> {
        self.name.lock().clone()
    }

    pub(crate) fn set_name(&self, name: Arc<str>) {
        let old = self.name.lock().replace(name);
        drop(old);
    }

    /// Calls `f` under the lock: it moves values about and drops none.
    pub(crate) fn with_context<R>(&self, f: impl FnOnce(&mut HeldContext) -> R) -> R {
        f(&mut self.context.lock())
    }

    pub(crate) fn with(context: HeldContext) -> Side {
        Side { context: Mutex::new(context), ..Side::default() }
    }

    pub(crate) fn into_context(self) -> HeldContext {
        self.context.into_inner()
    }

    /// Leaves an empty context behind.
    pub(crate) fn take_context(&self) -> HeldContext {
        std::mem::take(&mut *self.context.lock())
    }

    pub(crate) fn share_context(&self) -> Arc<SharedContext> {
        self.context.lock().share()
    }

    pub(crate) fn push_callback(&self, key: usize, callback: Callback) {
        self.on_done.lock().push((key, callback));
    }

    pub(crate) fn take_callbacks(&self) -> impl Iterator<Item = Callback> {
        let taken = std::mem::take(&mut *self.on_done.lock());
        taken.into_iter().map(|(_, callback)| callback)
    }

    /// Takes the callback with that key off, unless it is being called.
    pub(crate) fn take_off_callback(&self, key: usize) {
        let mut callbacks = self.on_done.lock();
        // From the back: whoever leaves has mostly come last.
        let place = callbacks.iter().rposition(|(other, _)| *other == key);
        let left = place.map(|place| callbacks.remove(place));
        drop(callbacks);
        drop(left);
    }

    /// One more task to outlive.
    pub(crate) fn adopt(&self) {
        // Relaxed: the caller's task looks itself, later in its own life.
        self.adopted.fetch_add(1, Ordering::Relaxed);
    }

    /// One of them has ended. The caller wakes this side's task afterwards.
    pub(crate) fn adopted_ended(&self) {
        // Release: pairs with `has_adopted`; what the ended task did comes before this one's completion.
        self.adopted.fetch_sub(1, Ordering::Release);
    }

    pub(crate) fn has_adopted(&self) -> bool {
        // Acquire: pairs with `adopted_ended`.
        self.adopted.load(Ordering::Acquire) > 0
    }

    /// Leaves a waker, in place of the one that was left under that number. Returns its number. The caller looks at the
    /// state word afterwards.
    pub(crate) fn wait_for_stop(&self, known: Option<u64>, waker: Waker) -> u64 {
        let mut waiters = self.stop_waiters.lock();
        let place = known.and_then(|number| waiters.wakers.iter().position(|(other, _)| *other == number));
        if let Some(place) = place {
            let (number, before) = std::mem::replace(&mut waiters.wakers[place], (known.unwrap_or(0), waker));
            drop(waiters);
            drop(before);
            return number;
        }
        waiters.numbered += 1;
        let number = known.unwrap_or(waiters.numbered);
        waiters.wakers.push((number, waker));
        number
    }

    pub(crate) fn leave_stop(&self, number: u64) {
        let mut waiters = self.stop_waiters.lock();
        let place = waiters.wakers.iter().position(|(other, _)| *other == number);
        let left = place.map(|place| waiters.wakers.swap_remove(place));
        drop(waiters);
        drop(left);
    }

    pub(crate) fn take_stop_waiters(&self) -> Vec<Waker> {
        let taken = std::mem::take(&mut self.stop_waiters.lock().wakers);
        taken.into_iter().map(|(_, waker)| waker).collect()
    }

    pub(crate) fn put_drain(&self, drain: Drain) {
        *self.drain.lock() = Some(drain);
    }

    pub(crate) fn take_drain(&self) -> Option<Drain> {
        self.drain.lock().take()
    }
}
