//! How much time the end of a runtime leaves to cleanup.

use raddle_io::Instant;

use crate::shim::atomic::{AtomicBool, AtomicU64, Ordering};

/// Set while a runtime ends; read by cleanup that is being awaited.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    /// In nanoseconds of the runtime's clock; 0 for none.
    deadline: AtomicU64,
    grace_over: AtomicBool,
    cut_short: AtomicBool,
    stopping: AtomicBool,
}

impl Ending {
    /// When the runtime's end stops waiting for cleanup.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        // Relaxed: a number that stands for itself; whoever set it wakes all whom it concerns.
        match self.deadline.load(Ordering::Relaxed) {
            0 => None,
            nanos => Some(Instant::from_nanos(nanos)),
        }
    }

    pub(crate) fn set_deadline(&self, deadline: Instant) {
        // Relaxed: as above.
        self.deadline.store(deadline.as_nanos().max(1), Ordering::Relaxed);
    }

    /// Whether every task was asked to stop, also those that are yet to be created.
    pub(crate) fn is_stopping(&self) -> bool {
        // Acquire: pairs with `stop`.
        self.stopping.load(Ordering::Acquire)
    }

    /// The same, once a task is published that was born without having been asked. See `State::is_stopping_after_birth`.
    pub(crate) fn is_stopping_after_birth(&self) -> bool {
        // AcqRel: either this comes after `stop` and sees it, or `stop` acquires the birth from here, for its walk.
        self.stopping.fetch_or(false, Ordering::AcqRel)
    }

    pub(crate) fn stop(&self) {
        // AcqRel: pairs with `is_stopping` and `is_stopping_after_birth`.
        self.stopping.swap(true, Ordering::AcqRel);
    }

    /// Whether what still cleans up is to be cut.
    pub(crate) fn is_grace_over(&self) -> bool {
        // Relaxed: as above.
        self.grace_over.load(Ordering::Relaxed)
    }

    /// Another run begins.
    pub(crate) fn renew(&self) {
        // Relaxed: as above; nothing runs yet.
        self.grace_over.store(false, Ordering::Relaxed);
        self.cut_short.store(false, Ordering::Relaxed);
        self.stopping.store(false, Ordering::Relaxed);
    }

    pub(crate) fn end_grace(&self) {
        // Relaxed: as above.
        self.grace_over.store(true, Ordering::Relaxed);
    }

    /// Whether somebody does not want to wait any longer, for cleanup or anything else.
    pub(crate) fn is_cut_short(&self) -> bool {
        // Relaxed: as above.
        self.cut_short.load(Ordering::Relaxed)
    }

    pub(crate) fn cut_short(&self) {
        // Relaxed: as above.
        self.cut_short.store(true, Ordering::Relaxed);
        self.end_grace();
    }
}
