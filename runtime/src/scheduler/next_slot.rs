//! The next slot: one task that its worker runs next, and that a rescuer may take from a stuck worker.
//!
//! Only the owner makes the slot non-null; owner and rescuers both make it null, by swap. So the owner may store into
//! a slot that it has seen empty: between its load and its store nobody but itself can fill it, and a swap by a
//! rescuer in between takes nothing. Whoever gets the pointer out of a swap owns the task; nobody dereferences before.

use std::ptr;

use crate::shim::atomic::{AtomicPtr, Ordering};

/// The slot. `T` is the task header; the queue never looks inside.
#[derive(Debug)]
pub(crate) struct NextSlot<T>(AtomicPtr<T>);

impl<T> NextSlot<T> {
    pub(crate) fn new() -> NextSlot<T> {
        NextSlot(AtomicPtr::new(ptr::null_mut()))
    }

    /// Puts a task in and returns the one that was there, or null. Only the owner calls this.
    #[inline]
    pub(crate) fn put(&self, task: *mut T) -> *mut T {
        // Relaxed: a non-null value is the owner's own.
        if self.0.load(Ordering::Relaxed).is_null() {
            // Release: pairs with the Acquire of a rescuer's `take`, which goes on to the task.
            self.0.store(task, Ordering::Release);
            return ptr::null_mut();
        }
        // AcqRel: Release as above; Acquire pairs with nothing (the old task was put by this thread) and costs
        // nothing beside it.
        self.0.swap(task, Ordering::AcqRel)
    }

    /// Takes the task out, or null. Anybody may call this.
    #[inline]
    pub(crate) fn take(&self) -> *mut T {
        // Relaxed: an empty slot is left alone, and what a rescuer misses it finds a millisecond later.
        if self.0.load(Ordering::Relaxed).is_null() {
            return ptr::null_mut();
        }
        // Acquire: pairs with the Release in `put`.
        self.0.swap(ptr::null_mut(), Ordering::Acquire)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.load(Ordering::Relaxed).is_null()
    }
}
