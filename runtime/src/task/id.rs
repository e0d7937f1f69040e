//! Task numbers, dealt to workers in blocks so that no spawn touches a shared counter.

use std::cell::Cell;
use std::fmt;

use crate::shim::atomic::{AtomicU64, Ordering};

/// A task's number: unique within its runtime, and in creation order on one worker.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId(pub(crate) u64);

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskId({})", self.0)
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// How many numbers a worker takes at a time.
const BLOCK: u64 = 256;

/// The runtime's source of numbers.
#[derive(Debug)]
pub(crate) struct Numbers(AtomicU64);

impl Numbers {
    pub(crate) fn new() -> Numbers {
        Numbers(AtomicU64::new(1))
    }
}

/// One owner's share of the numbers.
#[derive(Debug, Default)]
pub(crate) struct Dealer {
    next: Cell<u64>,
    end: Cell<u64>,
}

impl Dealer {
    #[inline]
    pub(crate) fn deal(&self, numbers: &Numbers) -> TaskId {
        let mut id = self.next.get();
        if id == self.end.get() {
            // Relaxed: a number means nothing but itself.
            id = numbers.0.fetch_add(BLOCK, Ordering::Relaxed);
            self.end.set(id + BLOCK);
        }
        self.next.set(id + 1);
        TaskId(id)
    }
}
