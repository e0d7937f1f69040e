//! The tasks of a server: its connections, and the streams of those that speak HTTP/2.
//!
//! A task is entered before its end can be noted, and its end takes it out: so the table is empty only when all have
//! ended, cleanup included. Whoever cancels says so under the lock that new ones are entered under; one that comes later
//! is cancelled as it is entered. Panics are no business of the table: the tasks are detached, so the runtime reports
//! them, and the server goes on.

use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::Arc;

use ::hyper::rt::Executor;

use crate::api::spawn::create_task_at;
use crate::api::task::Canceller;
use crate::shim::Mutex;
use crate::sync::Event;
use crate::task::id::TaskId;

#[derive(Default)]
pub(super) struct ServerTasks {
    table: Mutex<Table>,
    /// Set whenever the table becomes empty.
    emptied: Event,
}

#[derive(Default)]
struct Table {
    alive: BTreeMap<TaskId, Canceller>,
    cancelled: bool,
}

impl ServerTasks {
    /// Starts a task, which is told to be of that line.
    pub(super) fn create<F>(self: &Arc<Self>, at: &'static Location<'static>, future: F)
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let task = create_task_at(future, at);
        let id = task.id();
        let cancelled = {
            let mut table = self.table.lock();
            table.alive.insert(id, task.canceller());
            table.cancelled
        };
        if cancelled {
            task.cancel();
        }
        let tasks = self.clone();
        task.on_done(move |_status| tasks.remove(id));
        task.detach();
    }

    fn remove(&self, id: TaskId) {
        let (removed, is_empty) = {
            let mut table = self.table.lock();
            (table.alive.remove(&id), table.alive.is_empty())
        };
        drop(removed);
        if is_empty {
            self.emptied.set();
        }
    }

    /// Cancels what is there and what comes.
    pub(super) fn cancel_all(&self) {
        let cancellers: Vec<Canceller> = {
            let mut table = self.table.lock();
            table.cancelled = true;
            table.alive.values().cloned().collect()
        };
        for canceller in cancellers {
            canceller.cancel();
        }
    }

    /// Waits until there are none.
    pub(super) async fn all_ended(&self) {
        loop {
            // Before the look: whoever empties the table after it sets the event again.
            self.emptied.clear();
            if self.table.lock().alive.is_empty() {
                return;
            }
            self.emptied.wait().await;
        }
    }
}

/// Lets hyper start its tasks among those of the server.
#[derive(Clone)]
pub(super) struct ServerExecutor(pub(super) Arc<ServerTasks>, pub(super) &'static Location<'static>);

impl<F> Executor<F> for ServerExecutor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.create(self.1, future);
    }
}
