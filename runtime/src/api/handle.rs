//! A runtime from outside: `Handle`.

use std::error::Error;
use std::fmt;
use std::future::IntoFuture;
use std::panic::Location;
use std::sync::Arc;

use super::block_on::block_on_thread;
use super::call_graph::CallGraph;
use super::callbacks::{self, CallHandle};
use super::deadlock::{self, Deadlocks};
use super::inspect::infos_of;
use super::metrics::Metrics;
use super::spawn::{NO_RUNTIME, create_on};
use super::task::Task;
use crate::scheduler::context;
use crate::scheduler::phase::Phase;
use crate::scheduler::shared::Shared;
use crate::shim::atomic::Ordering;
use crate::task::status::TaskInfo;

/// A runtime, reachable from any thread.
///
/// # Examples
/// ```
/// raddle::run(async {
///     let handle = raddle::Handle::current();
///     let thread = std::thread::spawn(move || handle.create_task(async { 5 }).join_blocking().unwrap());
///     assert_eq!(raddle::to_thread(|| thread.join().unwrap()).await.unwrap(), 5);
/// });
/// ```
pub struct Handle(pub(super) Arc<Shared>);

impl Clone for Handle {
    fn clone(&self) -> Handle {
        Handle::of(self.0.clone())
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // Relaxed: for those who look whether there are any.
        self.0.handles.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Handle {
    pub(super) fn of(shared: Arc<Shared>) -> Handle {
        // Relaxed: as above.
        shared.handles.fetch_add(1, Ordering::Relaxed);
        Handle(shared)
    }

    /// The runtime that this thread is a worker of.
    ///
    /// # Panics
    /// Outside a runtime.
    #[track_caller]
    pub fn current() -> Handle {
        Handle::try_current().unwrap_or_else(|| panic!("Handle::current: {NO_RUNTIME}"))
    }

    /// The runtime that this thread is a worker of, if it is one.
    pub fn try_current() -> Option<Handle> {
        context::current().map(|worker| Handle::of(worker.shared.clone()))
    }

    /// Starts a task on this runtime: asyncio's `run_coroutine_threadsafe`.
    ///
    /// Before the runtime's first `run` the task waits for it. When the runtime has ended, the task is cancelled at
    /// birth and its future dropped here.
    ///
    /// # Panics
    /// In a fork of the process whose runtime this is.
    #[track_caller]
    pub fn create_task<F>(&self, future: F) -> Task<F::Output>
    where
        F: IntoFuture,
        F::IntoFuture: Send + 'static,
        F::Output: Send + 'static,
    {
        create_on(&self.0, future.into_future(), Location::caller())
    }

    /// Waits for a future in this plain thread; its sleeps and sockets are served by this runtime.
    ///
    /// # Panics
    /// On a worker, which would stand still with all its tasks: await the future there. When the runtime ends while
    /// the future sleeps: nobody is left to serve its timers. In a fork of the process whose runtime this is.
    #[track_caller]
    pub fn block_on<F: IntoFuture>(&self, future: F) -> F::Output {
        assert!(
            context::current().is_none(),
            "Handle::block_on on a worker thread would stop its other tasks: use `.await`"
        );
        self.0.check_process();
        // What this thread leaves at a worker's reactor must be served also while that worker is stuck.
        if !self.0.threads.is_watched() {
            self.0.start_watchdog();
        }
        let reactor = self.0.reactor_for_outsider();
        let io = reactor.map(|reactor| raddle_io::context::enter(self.0.io_context(reactor)));
        let output = context::with_home(&self.0, || block_on_thread(future.into_future()));
        drop(io);
        output
    }

    /// Calls `f` on a worker soon: asyncio's `call_soon_threadsafe`.
    ///
    /// # Errors
    /// [`Closed`] when the runtime is ending or has ended; `f` is dropped then.
    ///
    /// # Panics
    /// In a fork of the process whose runtime this is.
    #[track_caller]
    pub fn call_soon(&self, f: impl FnOnce() + Send + 'static) -> Result<CallHandle, Closed> {
        if self.0.phase.get() >= Phase::Closing {
            return Err(Closed(()));
        }
        Ok(callbacks::soon(&self.0, f))
    }

    /// Ends the runtime's present [`Runner::run_forever`](crate::Runner::run_forever), or its next one.
    ///
    /// Callable from tasks, callbacks and threads. Does nothing to a [`run`](crate::Runner::run), which ends with its
    /// main.
    pub fn stop(&self) {
        self.0.ask_to_stop();
    }

    /// Every task of this runtime that has not ended, in order of their numbers, with what each waits for: from any
    /// thread, whatever the workers are doing. See [`all_tasks`](crate::all_tasks).
    pub fn all_tasks(&self) -> Vec<TaskInfo> {
        infos_of(&self.0)
    }

    /// Who awaits whom in this runtime, from any thread, whatever the workers are doing. See
    /// [`capture_call_graph`](crate::capture_call_graph).
    pub fn call_graph(&self) -> CallGraph {
        CallGraph::of(&self.0, 1)
    }

    /// Looks for tasks that wait for each other: over locks, or over awaiting one another.
    ///
    /// It costs a walk over all tasks, and stops nobody.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use raddle::{Handle, Mutex, create_task, yield_now};
    ///
    /// raddle::Runner::new().workers(1).run(async {
    ///     let lock = Arc::new(Mutex::new(1));
    ///     let task = create_task(async move {
    ///         let _first = lock.lock().await;
    ///         let _second = lock.lock().await; // waits for itself
    ///     });
    ///     yield_now().await;
    ///     let found = Handle::current().deadlocks();
    ///     assert_eq!(found.cycles[0].tasks[0].id, task.id());
    ///     assert!(found.cycles[0].is_certain);
    ///     task.cancel();
    /// });
    /// ```
    pub fn deadlocks(&self) -> Deadlocks {
        deadlock::look(&self.0, 1).1
    }

    /// Numbers about the runtime's work so far, from any thread, whatever the workers are doing.
    pub fn metrics(&self) -> Metrics {
        Metrics::of(&self.0)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Handle of {} with {} workers>", self.0.config.name, self.0.config.workers)
    }
}

/// The runtime is ending or has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed(());

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the runtime has ended and takes no more work")
    }
}

impl Error for Closed {}
