//! The queue for tasks from elsewhere: an intrusive list under a lock, with its length readable without it.
//!
//! An exact length, no allocation, nothing half-published, and takers that take a batch per lock; under the load
//! this queue is made for (threads outside the runtime, wakes from other runtimes) the lock is held for a few
//! instructions. One of these serves all workers; each worker has one more for tasks that only it may run.

use crate::shim::Mutex;
use crate::shim::atomic::{AtomicUsize, Ordering};
use crate::task::header::TaskRef;

#[derive(Debug, Default)]
struct List {
    head: Option<TaskRef>,
    tail: Option<TaskRef>,
    closed: bool,
    /// How many pushes there are to the next that is timed; whoever pushes knows the rest.
    to_timed: u32,
}

/// A list of tasks that any thread may push to.
#[derive(Debug, Default)]
pub(crate) struct Injector {
    list: Mutex<List>,
    len: AtomicUsize,
}

fn set_next(task: TaskRef, next: Option<TaskRef>) {
    // SAFETY: a task in a list is OWNED by it, so its link is the list's, whose lock the caller holds (or the task
    // is in no list yet).
    task.header().next.with_mut(|link| unsafe { *link = next });
}

fn next_of(task: TaskRef) -> Option<TaskRef> {
    // SAFETY: as in `set_next`.
    task.header().next.with(|link| unsafe { *link })
}

impl Injector {
    /// Appends a task. Err: the runtime has ended, and nobody will run it.
    pub(crate) fn push(&self, task: TaskRef) -> Result<(), TaskRef> {
        self.push_counted(task, |_| task)
    }

    /// As [`push`](Injector::push), for a task that no worker has counted: `count` tells what to queue in its place.
    pub(crate) fn push_counted(&self, task: TaskRef, count: impl FnOnce(&mut u32) -> TaskRef) -> Result<(), TaskRef> {
        let mut list = self.list.lock();
        if list.closed {
            return Err(task);
        }
        let task = count(&mut list.to_timed);
        set_next(task, None);
        match list.tail.replace(task) {
            Some(last) => set_next(last, Some(task)),
            None => list.head = Some(task),
        }
        // Relaxed: the pusher's read-modify-write of the idle word, which follows, orders it before a parker's look.
        self.len.store(self.len.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        Ok(())
    }

    /// How many tasks wait here.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Takes up to `most` tasks, oldest first, and gives each to `sink`.
    pub(crate) fn take(&self, most: usize, mut sink: impl FnMut(TaskRef)) -> usize {
        if self.len() == 0 {
            return 0;
        }
        let (mut task, taken) = self.split_off(most);
        while let Some(first) = task {
            task = next_of(first);
            sink(first);
        }
        taken
    }

    /// Cuts a chain of up to `most` tasks off the front.
    fn split_off(&self, most: usize) -> (Option<TaskRef>, usize) {
        let mut list = self.list.lock();
        let len = self.len.load(Ordering::Relaxed);
        let taken = len.min(most);
        if taken == 0 {
            return (None, 0);
        }
        let first = list.head;
        if taken == len {
            (list.head, list.tail) = (None, None);
        } else {
            let mut last = first;
            for _ in 1..taken {
                last = last.and_then(next_of);
            }
            if let Some(last) = last {
                list.head = next_of(last);
                set_next(last, None);
            }
        }
        self.len.store(len - taken, Ordering::Relaxed);
        (first, taken)
    }

    /// Lets nothing in any more.
    pub(crate) fn close(&self) {
        self.list.lock().closed = true;
    }
}
