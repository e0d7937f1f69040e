//! Tasks from other threads.

use std::sync::{Mutex, PoisonError};
use std::thread::Thread;

use super::task::Task;

pub(super) struct Inbox {
    tasks: Mutex<Vec<Task>>,
    thread: Thread,
}

impl Inbox {
    pub(super) fn new(thread: Thread) -> Inbox {
        Inbox { tasks: Mutex::default(), thread }
    }

    /// Wakes the executor's thread if it may have found nothing here.
    pub(super) fn put(&self, task: Task) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.push(task);
        let first = tasks.len() == 1;
        drop(tasks);
        if first {
            self.thread.unpark();
        }
    }

    pub(super) fn take(&self) -> Vec<Task> {
        std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
