//! One word says everything about a task's life: whether it is in somebody's hands, whether it has ended, and how many
//! refer to it.
//!
//! * OWNED: the queue has it, or it is being polled. Whoever sets it puts the task into the queue; so it is there once.
//! * NOTIFIED: woken while OWNED, so the poll that ends as pending is followed by another one.
//! * DONE: never taken back. It excludes the other two.
//! * References: OWNED is one, the handle is one, each waker is one.
//!
//! A waker may be cloned, woken and dropped on any thread, so each transition is atomic: that is what a runtime can't
//! do without either. They are AcqRel, since the one that hands a task over is met by the one that takes it; raising
//! the count is Relaxed, since whoever does it has a reference already.

use std::sync::atomic::{AtomicUsize, Ordering};

const OWNED: usize = 1;
const NOTIFIED: usize = 1 << 1;
const DONE: usize = 1 << 2;
const REFERENCE: usize = 1 << 3;

pub(super) struct State(AtomicUsize);

/// What to do after a wake.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Woken {
    /// Put the task into the queue, which has a reference now.
    Queue,
    Nothing,
    /// That was the last reference.
    Free,
}

/// What to do after a poll that left the task pending.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// It was woken meanwhile: put it back into the queue.
    Queue,
    /// Somebody may wake it.
    Idle,
    /// Nobody can wake it, and nobody waits for it.
    Free,
}

impl State {
    /// In the queue, and with a handle.
    pub(super) fn new() -> State {
        State(AtomicUsize::new(OWNED | (2 * REFERENCE)))
    }

    /// Acquire: pairs with `complete`, so that the output is there to be read.
    pub(super) fn is_done(&self) -> bool {
        self.0.load(Ordering::Acquire) & DONE != 0
    }

    pub(super) fn retain(&self) {
        self.0.fetch_add(REFERENCE, Ordering::Relaxed);
    }

    /// Whether that was the last reference.
    #[must_use]
    pub(super) fn release(&self) -> bool {
        self.0.fetch_sub(REFERENCE, Ordering::AcqRel) < 2 * REFERENCE
    }

    /// By a waker that goes on to exist.
    pub(super) fn wake_by_ref(&self) -> Woken {
        let before = self.change(|state| match state {
            done if done & DONE != 0 => done,
            owned if owned & OWNED != 0 => owned | NOTIFIED,
            idle => (idle | OWNED) + REFERENCE,
        });
        if before & (OWNED | DONE) == 0 { Woken::Queue } else { Woken::Nothing }
    }

    /// By a waker that gives its reference away.
    pub(super) fn wake(&self) -> Woken {
        let before = self.change(|state| match state {
            done if done & DONE != 0 => done - REFERENCE,
            owned if owned & OWNED != 0 => (owned | NOTIFIED) - REFERENCE,
            idle => idle | OWNED,
        });
        if before & (OWNED | DONE) == 0 {
            Woken::Queue
        } else if before < 2 * REFERENCE {
            Woken::Free
        } else {
            Woken::Nothing
        }
    }

    /// After a poll. An idle task keeps no reference to itself.
    pub(super) fn rest(&self) -> Rest {
        let before = self.change(|state| match state {
            notified if notified & NOTIFIED != 0 => notified & !NOTIFIED,
            owned => (owned & !OWNED) - REFERENCE,
        });
        if before & NOTIFIED != 0 {
            Rest::Queue
        } else if before < 2 * REFERENCE {
            Rest::Free
        } else {
            Rest::Idle
        }
    }

    /// After the last poll. Whether that was the last reference.
    #[must_use]
    pub(super) fn complete(&self) -> bool {
        self.change(|state| ((state & !(OWNED | NOTIFIED)) | DONE) - REFERENCE) < 2 * REFERENCE
    }

    /// Whoever polls this task must not do so again. References stay as they are.
    pub(super) fn abandon(&self) {
        self.0.fetch_or(DONE, Ordering::AcqRel);
    }

    /// Returns what was before.
    fn change(&self, next: impl Fn(usize) -> usize) -> usize {
        let mut state = self.0.load(Ordering::Relaxed);
        loop {
            match self.0.compare_exchange_weak(state, next(state), Ordering::AcqRel, Ordering::Relaxed) {
                Ok(before) => return before,
                Err(now) => state = now,
            }
        }
    }
}
