//! `Task`: the handle of a task.

use std::fmt;
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use raddle_io::{Instant, Sleep, sleep};

use super::block_on::block_on_thread;
use super::callbacks;
use super::task_context::TaskContext;
use crate::harness::join::{Counted, Join};
use crate::harness::stop::stop_tree;
use crate::harness::{ambient, create, runtime_of};
use crate::scheduler::context;
use crate::task::error::TaskError;
use crate::task::header::TaskRef;
use crate::task::id::TaskId;
use crate::task::status::{TaskStatus, name_of, shorten, write_task};
use crate::task::wait_info::WaitInfo;

/// A task's handle: await it for the task's value, ask it to end, look at it.
///
/// A `Task` that was never awaited and is dropped is detached: the task goes on. A `Task` that has been polled and is
/// dropped unfinished, because the one awaiting it was cancelled or timed out, is cancelled with it, as in asyncio;
/// [`detach`](Task::detach) says otherwise.
///
/// # Cancel safety
/// Awaiting `&mut task` may be given up and taken up again; nothing is lost.
///
/// # Examples
/// ```
/// raddle::run(async {
///     let mut task = raddle::create_task(async { 20 + 1 });
///     task.set_name("sum");
///     assert_eq!((&mut task).await.unwrap(), 21);
///     assert!(task.is_done());
/// });
/// ```
pub struct Task<T>(pub(super) Join<T>);

// SAFETY: the handle may go anywhere its output may.
#[expect(unsafe_code, reason = "the pointer inside hides that the handle is as sendable as its output")]
unsafe impl<T: Send> Send for Task<T> {}
// SAFETY: through `&Task` only the header is reached; the output needs `&mut`.
#[expect(unsafe_code, reason = "as above")]
unsafe impl<T: Send> Sync for Task<T> {}
impl<T> Unpin for Task<T> {}
impl<T> UnwindSafe for Task<T> {}
impl<T> RefUnwindSafe for Task<T> {}

impl<T> Task<T> {
    /// Asks the task to end. False: it has ended already.
    ///
    /// Returns at once and runs no code of the task: a worker drops the task's future, at its present await, soon
    /// after. A task that is just being polled ends after that poll; if the poll gives the value, the value wins.
    pub fn cancel(&self) -> bool {
        create::cancel(self.task())
    }

    /// Asks the task, and the tasks that it has created and will create, to come to an end by themselves. False: it has
    /// ended already.
    ///
    /// Nothing happens unless they look: see [`stop_requested`](crate::stop_requested),
    /// [`is_stopping`](crate::is_stopping) and [`run_until_stopped`](crate::run_until_stopped).
    pub fn stop(&self) -> bool {
        stop_tree(self.task())
    }

    /// [`stop`](Task::stop), and [`cancel`](Task::cancel) if the task has not ended after `grace`.
    ///
    /// # Errors
    /// As awaiting the task.
    ///
    /// # Cancel safety
    /// Dropping it drops the handle, which cancels the task.
    pub fn cancel_after_stop(self, grace: Duration) -> CancelAfterStop<T> {
        CancelAfterStop { task: self, sleep: sleep(grace), stage: StopStage::Fresh }
    }

    /// Whether the task has ended, with a value or without.
    pub fn is_done(&self) -> bool {
        self.task().state().is_complete()
    }

    /// Whether the task has ended by cancellation. False right after [`cancel`](Task::cancel), which only asks.
    pub fn is_cancelled(&self) -> bool {
        self.task().state().snapshot().is_cancelled()
    }

    /// The task's name: `Task-7` unless it was given one.
    pub fn name(&self) -> Arc<str> {
        name_of(self.task())
    }

    /// Gives the task a name.
    pub fn set_name(&self, name: &str) {
        self.task().side_or_make().set_name(name.into());
    }

    /// The task's number, unique in its runtime.
    pub fn id(&self) -> TaskId {
        self.task().header().id
    }

    /// The context that the task runs in, itself and no copy. Empty once the task has ended, unless it was given one
    /// by [`TaskBuilder::context`](crate::TaskBuilder::context), which whoever made it still has.
    pub fn context(&self) -> TaskContext {
        TaskContext(self.task().side_or_make().share_context())
    }

    /// Where the task is in its life.
    pub fn status(&self) -> TaskStatus {
        TaskStatus::of(self.task(), create::current_task())
    }

    /// Something that can cancel the task and may be cloned and sent about. It does not keep the output alive.
    pub fn canceller(&self) -> Canceller {
        Canceller(Counted::of(self.task()))
    }

    /// Lets the task run on and drops the handle, also when it has been awaited before.
    pub fn detach(mut self) {
        self.0.detach();
    }

    /// Calls `f` once the task has ended, on the worker that completes it, in order of registration. It sees the
    /// context variables of the place that registers it.
    ///
    /// On a task that has ended already, `f` is called soon, by the task's runtime, never here; if that runtime has
    /// ended too, `f` is dropped. A panic in `f` is reported through `on_exception`.
    pub fn on_done(&self, f: impl FnOnce(TaskStatus) + Send + 'static) {
        let task = self.task();
        let side = task.side_or_make();
        let context = ambient::for_child();
        side.push_callback(0, Box::new(move |status| ambient::run_in(context, || f(status))));
        if task.state().announce_callback() {
            return;
        }
        let status = self.status();
        for callback in side.take_callbacks() {
            if let Some(shared) = runtime_of(task) {
                callbacks::soon(shared, move || callback(status));
            }
        }
    }

    /// The result, if the task has ended and it was not fetched before.
    pub fn try_result(&mut self) -> Option<Result<T, TaskError>> {
        self.0.try_take()
    }

    /// Waits for the task from a plain thread.
    ///
    /// # Errors
    /// As awaiting it: the task was cancelled or panicked.
    ///
    /// # Panics
    /// On a worker, which would stand still with all its tasks: await the task there instead.
    pub fn join_blocking(self) -> Result<T, TaskError> {
        assert!(
            context::current().is_none(),
            "join_blocking on a worker thread would stop its other tasks: use `task.await`"
        );
        block_on_thread(self)
    }

    pub(super) fn task(&self) -> TaskRef {
        self.0.task()
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx)
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.drop_handle();
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug(f, self.task())
    }
}

/// asyncio's `repr(task)`.
pub(super) fn debug(f: &mut fmt::Formatter<'_>, task: TaskRef) -> fmt::Result {
    let header = task.header();
    let status = TaskStatus::of(task, create::current_task());
    let waiting = WaitInfo::of(task, Instant::now());
    write_task(f, status, &name_of(task), &shorten((header.vtable.type_name)()), header.spawned_at, waiting.as_ref())
}

/// Cancels a task. Made by [`Task::canceller`].
#[derive(Clone)]
pub struct Canceller(Counted);

impl Canceller {
    /// Asks the task to end, as [`Task::cancel`] does. False: it has ended already.
    pub fn cancel(&self) -> bool {
        create::cancel(self.0.task())
    }

    /// Whether the task has ended.
    pub fn is_done(&self) -> bool {
        self.0.task().state().is_complete()
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<Canceller of ")?;
        debug(f, self.0.task())?;
        f.write_str(">")
    }
}

/// A task being asked to stop, then cancelled. Made by [`Task::cancel_after_stop`].
#[must_use = "futures do nothing unless awaited"]
pub struct CancelAfterStop<T> {
    task: Task<T>,
    sleep: Sleep,
    stage: StopStage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StopStage {
    Fresh,
    Stopping,
    Cancelled,
}

impl<T> Future for CancelAfterStop<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.stage == StopStage::Fresh {
            self.task.stop();
            self.stage = StopStage::Stopping;
        }
        if let Poll::Ready(ended) = Pin::new(&mut self.task).poll(cx) {
            return Poll::Ready(ended);
        }
        if self.stage == StopStage::Stopping && Pin::new(&mut self.sleep).poll(cx).is_ready() {
            self.task.cancel();
            self.stage = StopStage::Cancelled;
        }
        Poll::Pending
    }
}

impl<T> fmt::Debug for CancelAfterStop<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelAfterStop").field("task", &self.task).field("stage", &self.stage).finish()
    }
}

impl<T, E: From<TaskError>> Task<Result<T, E>> {
    /// Awaits the task and what it returned as one: no `.await??`.
    ///
    /// # Examples
    /// ```
    /// # use raddle::{BoxError, create_task};
    /// raddle::run(async {
    ///     let n = create_task(async { Ok::<_, BoxError>("7".parse::<u32>()?) }).flatten().await?;
    ///     assert_eq!(n, 7);
    ///     Ok::<_, BoxError>(())
    /// })
    /// .unwrap();
    /// ```
    pub fn flatten(self) -> Flatten<T, E> {
        Flatten(self)
    }
}

/// A task and its result as one. Made by [`Task::flatten`].
#[must_use = "futures do nothing unless awaited"]
pub struct Flatten<T, E>(Task<Result<T, E>>);

impl<T, E: From<TaskError>> Future for Flatten<T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, E>> {
        Pin::new(&mut self.0).poll(cx).map(|ended| ended.unwrap_or_else(|error| Err(error.into())))
    }
}

impl<T, E> fmt::Debug for Flatten<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
