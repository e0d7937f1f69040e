//! Tasks whose errors are not lost with their handles.
//!
//! The error, and not the handle, knows whether it was fetched: the task's output is a wrapper around the result, which
//! reports an error that it is dropped with. So it does not matter who lets go of it: the handle, the task that ends
//! after its handle, or whoever keeps the handle beyond the end of the runtime.
//!
//! There is a handle, since such work, too, wants to be named, looked at and cancelled; nothing asks for it to be used,
//! since to leave it is what this is for; and it is not a plain `Task`, which would hand the wrapper out.

use std::fmt::{self, Display};
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::spawn::create_task;
use super::task::{Canceller, Task};
use crate::scheduler::context;
use crate::scheduler::report::{ExceptionContext, report};
use crate::scheduler::shared::Shared;
use crate::task::error::TaskError;
use crate::task::id::TaskId;
use crate::task::status::{TaskInfo, TaskStatus};

/// Starts a task whose error, if nobody fetches it, goes to
/// [`Runner::on_exception`](crate::Runner::on_exception): for work that is started and left alone.
///
/// The handle may be dropped, awaited, or asked, as that of [`create_task`]. An error that is not fetched by one of
/// these is reported with its text, itself and the task, whoever lets go of it; a panic is reported as that of any
/// task. That the task was cancelled is no error.
///
/// # Panics
/// On a thread that is no worker of a runtime.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use raddle::{Runner, sleep, spawn_reported};
///
/// let mut runner = Runner::new().on_exception(|context| {
///     assert_eq!(context.error.as_deref(), Some("disk full"));
/// });
/// runner.run(async {
///     spawn_reported(async { Err::<(), _>("disk full") });
///     assert_eq!(spawn_reported(async { Ok::<_, String>(1) }).await.unwrap(), Ok(1));
///     sleep(Duration::from_millis(1)).await;
/// });
/// ```
#[track_caller]
pub fn spawn_reported<F, T, E>(future: F) -> ReportedTask<T, E>
where
    F: IntoFuture<Output = Result<T, E>>,
    F::IntoFuture: Send + 'static,
    T: Send + 'static,
    E: Display + Send + 'static,
{
    ReportedTask { task: create_task(Reporting { future: future.into_future() }) }
}

/// The handle of a task whose error is reported if nobody fetches it. Made by [`spawn_reported`].
///
/// Dropping it is as dropping a [`Task`]: it detaches a task that was never awaited.
pub struct ReportedTask<T, E: Display + Send + 'static> {
    task: Task<Unfetched<T, E>>,
}

impl<T, E: Display + Send + 'static> ReportedTask<T, E> {
    /// As [`Task::cancel`].
    pub fn cancel(&self) -> bool {
        self.task.cancel()
    }

    /// As [`Task::is_done`].
    pub fn is_done(&self) -> bool {
        self.task.is_done()
    }

    /// As [`Task::is_cancelled`].
    pub fn is_cancelled(&self) -> bool {
        self.task.is_cancelled()
    }

    /// As [`Task::name`].
    pub fn name(&self) -> Arc<str> {
        self.task.name()
    }

    /// As [`Task::set_name`].
    pub fn set_name(&self, name: &str) {
        self.task.set_name(name);
    }

    /// As [`Task::id`].
    pub fn id(&self) -> TaskId {
        self.task.id()
    }

    /// As [`Task::status`].
    pub fn status(&self) -> TaskStatus {
        self.task.status()
    }

    /// As [`Task::canceller`].
    pub fn canceller(&self) -> Canceller {
        self.task.canceller()
    }

    /// As [`Task::on_done`].
    pub fn on_done(&self, f: impl FnOnce(TaskStatus) + Send + 'static) {
        self.task.on_done(f);
    }

    /// As [`Task::detach`].
    pub fn detach(self) {
        self.task.detach();
    }

    /// As [`Task::try_result`]. An error is fetched by this.
    pub fn try_result(&mut self) -> Option<Result<Result<T, E>, TaskError>> {
        self.task.try_result().map(|ended| ended.map(Unfetched::fetch))
    }
}

impl<T, E: Display + Send + 'static> Future for ReportedTask<T, E> {
    type Output = Result<Result<T, E>, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let ended = ready!(Pin::new(&mut self.task).poll(cx));
        Poll::Ready(ended.map(Unfetched::fetch))
    }
}

impl<T, E: Display + Send + 'static> fmt::Debug for ReportedTask<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.task.fmt(f)
    }
}

/// A task's result until somebody fetches it.
struct Unfetched<T, E: Display + Send + 'static>(Option<Result<T, Box<Unseen<E>>>>);

/// An error, and what is told with it.
struct Unseen<E> {
    error: E,
    task: Option<TaskInfo>,
    shared: Option<Arc<Shared>>,
}

impl<T, E: Display + Send + 'static> Unfetched<T, E> {
    fn of(result: Result<T, E>) -> Unfetched<T, E> {
        Unfetched(Some(result.map_err(|error| {
            let worker = context::current();
            let task = worker.and_then(|worker| worker.current_task()).map(|task| TaskInfo::of(task, None));
            // It is asked for when the task is over.
            let task = task.map(|task| TaskInfo { status: TaskStatus::Finished, ..task });
            Box::new(Unseen { error, task, shared: worker.map(|worker| worker.shared.clone()) })
        })))
    }

    fn fetch(mut self) -> Result<T, E> {
        let result = self.0.take().expect("an output is fetched once");
        result.map_err(|unseen| unseen.error)
    }
}

impl<T, E: Display + Send + 'static> Drop for Unfetched<T, E> {
    fn drop(&mut self) {
        let Some(Err(unseen)) = self.0.take() else { return };
        let Unseen { error, task, shared } = *unseen;
        let text = error.to_string();
        let mut context = ExceptionContext::new("a task failed, and nobody fetched its error");
        context = context.with_value(error).with_error(text);
        context.task = task;
        match shared {
            Some(shared) => shared.report(&context),
            None => report(None, &context),
        }
    }
}

pin_project! {
    /// The future of a task whose error is reported.
    struct Reporting<F> {
        #[pin]
        future: F,
    }
}

impl<F, T, E> Future for Reporting<F>
where
    F: Future<Output = Result<T, E>>,
    E: Display + Send + 'static,
{
    type Output = Unfetched<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Unfetched<T, E>> {
        self.project().future.poll(cx).map(Unfetched::of)
    }
}
