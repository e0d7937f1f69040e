//! The watchdog's search for deadlocks, where debugging was asked for.

use std::time::{Duration, Instant};

use super::shared::Shared;
use crate::task::id::TaskId;

/// How often a program that is busy is searched for deadlocks, where debugging was asked for.
const BETWEEN_DEADLOCKS: Duration = Duration::from_secs(1);

/// Looks for tasks that wait for each other, where debugging was asked for: it costs a walk over all tasks.
pub(super) struct DeadlockWatch {
    /// None: it was not.
    looked: Option<Instant>,
    known: Vec<TaskId>,
}

impl DeadlockWatch {
    pub(super) fn new(shared: &Shared, now: Instant) -> DeadlockWatch {
        DeadlockWatch { looked: shared.config.debug.unwrap_or(false).then_some(now), known: Vec::new() }
    }

    pub(super) fn look_now_and_then(&mut self, shared: &Shared, now: Instant) {
        if self.looked.is_some_and(|looked| now - looked >= BETWEEN_DEADLOCKS) {
            self.looked = Some(now);
            self.look(shared);
        }
    }

    pub(super) fn look(&mut self, shared: &Shared) {
        if self.looked.is_some() {
            (shared.config.report_deadlocks)(shared, &mut self.known);
        }
    }
}
