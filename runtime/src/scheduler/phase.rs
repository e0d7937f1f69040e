//! What a runtime is doing as a whole.

use crate::shim::atomic::{AtomicU8, Ordering};

/// A runtime's phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Phase {
    /// Before, between and after runs: nothing makes progress.
    Frozen,
    /// Main runs.
    Running,
    /// Everything is being cancelled; what is created now is cancelled at birth.
    Closing,
    /// All tasks have ended, or were given up; workers leave.
    Stopped,
}

/// The phase, changed by worker 0's thread alone.
#[derive(Debug)]
pub(crate) struct PhaseCell(AtomicU8);

impl PhaseCell {
    pub(crate) fn new() -> PhaseCell {
        PhaseCell(AtomicU8::new(Phase::Frozen as u8))
    }

    #[inline]
    pub(crate) fn get(&self) -> Phase {
        // Acquire: pairs with `set`; a worker that sees a phase sees what was done before it began.
        match self.0.load(Ordering::Acquire) {
            0 => Phase::Frozen,
            1 => Phase::Running,
            2 => Phase::Closing,
            _ => Phase::Stopped,
        }
    }

    /// The caller unparks all workers afterwards.
    pub(crate) fn set(&self, phase: Phase) {
        // Release: pairs with `get`. A worker about to park is reached by the unpark that follows, which its reactor
        // remembers.
        self.0.store(phase as u8, Ordering::Release);
    }
}
