//! A worker's own tasks: a stealing deque, and the next slot in front of it.
//!
//! The deque is crossbeam's in its FIFO flavour, or under cfg `raddle_ring` our own (`ring.rs`), named only here. A
//! task that was just woken or created goes into the next slot (it is warm, and often what its creator waits for);
//! the one that was there moves to the back of the deque. A run of [`NEXT_RUN`] tasks out of the slot, and the deque
//! gets its turn, so that two tasks that wake each other starve nobody.

use std::cell::Cell;
use std::ptr::NonNull;

#[cfg(not(raddle_ring))]
use crossbeam_deque::Steal;

use super::next_slot::NextSlot;
#[cfg(raddle_ring)]
use super::ring::{Steal, Stealer, Worker as Deque};
use crate::shim::spin_loop;
use crate::task::header::{Header, TaskRef};

#[cfg(not(raddle_ring))]
type Deque = crossbeam_deque::Worker<TaskRef>;
#[cfg(not(raddle_ring))]
type Stealer = crossbeam_deque::Stealer<TaskRef>;

/// Tasks run out of the next slot in a row. 3 and 16 measured the same.
const NEXT_RUN: u32 = 16;

/// The owner's end.
pub(crate) struct LocalQueue {
    deque: Deque,
    next_run: Cell<u32>,
}

/// Everybody else's end.
pub(crate) struct RemoteQueue {
    stealer: Stealer,
    next: NextSlot<Header>,
}

/// Makes the two ends of a queue.
pub(crate) fn pair() -> (LocalQueue, RemoteQueue) {
    let deque = Deque::new_fifo();
    let stealer = deque.stealer();
    (LocalQueue { deque, next_run: Cell::new(0) }, RemoteQueue { stealer, next: NextSlot::new() })
}

impl LocalQueue {
    /// Appends a task.
    #[inline]
    pub(crate) fn push_back(&self, task: TaskRef) {
        self.deque.push(task);
    }

    /// Puts a task first.
    #[inline]
    pub(crate) fn push_next(&self, remote: &RemoteQueue, task: TaskRef) {
        let evicted = remote.next.put(task.pointer().as_ptr());
        if let Some(evicted) = NonNull::new(evicted) {
            self.deque.push(TaskRef::new(evicted));
        }
    }

    /// Takes the task to run next.
    #[inline]
    pub(crate) fn pop(&self, remote: &RemoteQueue) -> Option<TaskRef> {
        if self.next_run.get() < NEXT_RUN
            && let Some(task) = remote.take_next()
        {
            self.next_run.set(self.next_run.get() + 1);
            return Some(task);
        }
        self.next_run.set(0);
        self.deque.pop().or_else(|| remote.take_next())
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.deque.len()
    }

    /// Whether [`LocalQueue::trim`] would give memory back.
    #[cfg(raddle_ring)]
    pub(crate) fn is_trimmable(&self) -> bool {
        self.deque.is_trimmable()
    }

    /// Gives back what the deque needed for a peak.
    #[cfg(raddle_ring)]
    pub(crate) fn trim(&self) {
        self.deque.trim();
    }

    /// crossbeam's deque shrinks by itself.
    #[cfg(not(raddle_ring))]
    pub(crate) fn is_trimmable(&self) -> bool {
        false
    }

    #[cfg(not(raddle_ring))]
    pub(crate) fn trim(&self) {}
}

impl RemoteQueue {
    /// Takes the task in the next slot: the owner's right, and a rescuer's.
    #[inline]
    pub(crate) fn take_next(&self) -> Option<TaskRef> {
        NonNull::new(self.next.take()).map(TaskRef::new)
    }

    /// Moves about half of the tasks to `thief` and returns one of them.
    pub(crate) fn steal_into(&self, thief: &LocalQueue) -> Option<TaskRef> {
        loop {
            match self.stealer.steal_batch_and_pop(&thief.deque) {
                Steal::Success(task) => return Some(task),
                Steal::Empty => return None,
                Steal::Retry => spin_loop(),
            }
        }
    }

    /// Tasks in the deque; the next slot is not counted.
    pub(crate) fn len(&self) -> usize {
        self.stealer.len()
    }

    pub(crate) fn has_next(&self) -> bool {
        !self.next.is_empty()
    }
}
