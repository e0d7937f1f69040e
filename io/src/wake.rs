//! Waking others' tasks: collected under locks, called without, and never trusted not to panic.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

use smallvec::SmallVec;

/// How many wakers a batch holds without allocating. Picked from thin air: most turns of a reactor wake fewer.
const INLINE: usize = 16;

/// Wakers taken out under a lock, to be woken after it.
#[derive(Debug)]
pub(crate) struct Batch(SmallVec<[Waker; INLINE]>);

impl Batch {
    pub(crate) fn new() -> Batch {
        Batch(SmallVec::new())
    }

    #[inline]
    pub(crate) fn push(&mut self, waker: Waker) {
        self.0.push(waker);
    }

    /// Wakes all, first in first out, with no lock held. Returns how many there were.
    pub(crate) fn wake(mut self, report: fn(&str)) -> usize {
        self.wake_all(report)
    }

    /// As [`Batch::wake`], for one that is too large to be moved about in every turn.
    pub(crate) fn wake_all(&mut self, report: fn(&str)) -> usize {
        let len = self.0.len();
        self.0.drain(..).for_each(|waker| wake(waker, report));
        len
    }
}

/// Wakes one task. A panic in the waker is caught and reported: its task's fault must not end the worker's turn.
pub(crate) fn wake(waker: Waker, report: fn(&str)) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
        report_panic(payload, report);
    }
}

#[cold]
fn report_panic(payload: Box<dyn Any + Send>, report: fn(&str)) {
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    report(&format!("a waker panicked: {}", text.unwrap_or("(not a text)")));
    if text.is_none() {
        // Dropping a payload of unknown type may panic again.
        std::mem::forget(payload);
    }
}
