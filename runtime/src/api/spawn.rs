//! Creating tasks.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::task::{Task, debug};
use super::task_context::TaskContext;
use crate::harness::ambient;
use crate::harness::create::{self, Birth};
use crate::harness::join::Join;
use crate::scheduler::context;
use crate::scheduler::shared::Shared;
use crate::scheduler::worker::Worker;
use crate::task::error::TaskError;
use crate::task::header::TaskRef;
use crate::task::held_context::HeldContext;
use crate::task::id::TaskId;
use crate::task::status::name_of;

/// What the functions that need a runtime say where there is none.
pub(super) const NO_RUNTIME: &str =
    "no raddle runtime on this thread: call this inside `raddle::run`, or use a `Handle`";

/// Starts a task: it runs beside its creator, on whichever worker is free.
///
/// The task is queued at once. With `workers(1)` it runs when its creator next suspends; with more it may start on
/// another core before this call returns. See [`Task`] for what becomes of it when the handle is dropped.
///
/// # Panics
/// On a thread that is no worker of a runtime: use [`Handle::create_task`](crate::Handle::create_task) there.
///
/// # Examples
/// ```
/// raddle::run(async {
///     let task = raddle::create_task(async { 6 * 7 });
///     assert_eq!(task.await.unwrap(), 42);
/// });
/// ```
#[track_caller]
#[inline]
pub fn create_task<F>(future: F) -> Task<F::Output>
where
    F: IntoFuture,
    F::IntoFuture: Send + 'static,
    F::Output: Send + 'static,
{
    let birth = Birth::at(Location::caller());
    let worker = context::current().unwrap_or_else(|| no_runtime("create_task"));
    // SAFETY: the future is `Send` and `'static`, and so is its output.
    unsafe { Task(Join::new(create::create_here(worker, future.into_future(), birth))) }
}

/// Starts a task that stays on this worker, so that its future need not be `Send`.
///
/// Nobody can take such a task over while its worker is stuck in another one, neither another worker nor a spare: it waits
/// until that poll is over. It is dropped on this worker, too. One that is created on a spare worker keeps that.
///
/// # Panics
/// On a thread that is no worker of a runtime.
///
/// # Examples
/// ```
/// use std::rc::Rc;
/// raddle::run(async {
///     let shared = Rc::new(1);
///     let task = raddle::create_local_task(async move { *shared + 1 });
///     assert_eq!(task.await.unwrap(), 2);
/// });
/// ```
#[track_caller]
pub fn create_local_task<F>(future: F) -> LocalTask<F::Output>
where
    F: IntoFuture,
    F::IntoFuture: 'static,
    F::Output: 'static,
{
    TaskBuilder::new().create_local(future)
}

#[cold]
#[track_caller]
fn no_runtime(what: &str) -> ! {
    panic!("{what}: {NO_RUNTIME}")
}

/// As [`create_task`], for a task that is told to be of another line.
#[cfg(feature = "tower")]
pub(crate) fn create_task_at<F>(future: F, spawned_at: &'static Location<'static>) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let worker = context::current().unwrap_or_else(|| no_runtime("create_task"));
    create_on(&worker.shared, future, spawned_at)
}

/// From a thread that may or may not be a worker of `shared`.
pub(crate) fn create_on<F>(shared: &Shared, future: F, spawned_at: &'static Location<'static>) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let birth = Birth::at(spawned_at);
    // SAFETY: the future is `Send` and `'static`, and so is its output.
    unsafe {
        let task = match worker_of(shared) {
            Some(worker) => create::create_here(worker, future, birth),
            None => create::create_outside(shared, future, birth),
        };
        Task(Join::new(task))
    }
}

/// This thread as a worker of that runtime.
fn worker_of<'a>(shared: &Shared) -> Option<&'a Worker> {
    context::current().filter(|worker| std::ptr::eq(Arc::as_ptr(&worker.shared), shared))
}

/// Creates a task with a name, or in a context, of its own.
///
/// # Examples
/// ```
/// use raddle::TaskBuilder;
/// raddle::run(async {
///     let task = TaskBuilder::new().name("adder").create(async { 1 + 1 });
///     assert_eq!(&*task.name(), "adder");
///     assert_eq!(task.await.unwrap(), 2);
/// });
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until `create`"]
pub struct TaskBuilder {
    name: Option<Arc<str>>,
    context: Option<TaskContext>,
}

impl TaskBuilder {
    /// A builder that asks for nothing special.
    pub fn new() -> TaskBuilder {
        TaskBuilder::default()
    }

    /// The task's name.
    pub fn name(mut self, name: &str) -> TaskBuilder {
        self.name = Some(name.into());
        self
    }

    /// The context that the task runs in, instead of a copy of its creator's. It is used as it is: what the task
    /// sets is seen by whoever else has it.
    pub fn context(mut self, context: TaskContext) -> TaskBuilder {
        self.context = Some(context);
        self
    }

    /// Creates the task, as [`create_task`] does.
    ///
    /// # Panics
    /// As [`create_task`].
    #[track_caller]
    pub fn create<F>(self, future: F) -> Task<F::Output>
    where
        F: IntoFuture,
        F::IntoFuture: Send + 'static,
        F::Output: Send + 'static,
    {
        let birth = Birth::at(Location::caller());
        // SAFETY: the future is `Send` and `'static`, and so is its output.
        unsafe { Task(Join::new(self.create_named(future.into_future(), birth))) }
    }

    /// Creates a task that stays on this worker, as [`create_local_task`] does.
    ///
    /// # Panics
    /// As [`create_local_task`].
    #[track_caller]
    pub fn create_local<F>(self, future: F) -> LocalTask<F::Output>
    where
        F: IntoFuture,
        F::IntoFuture: 'static,
        F::Output: 'static,
    {
        let birth = Birth::at(Location::caller()).pinned();
        // SAFETY: the task is pinned to this worker, and so is its handle, which is not `Send`.
        let join = unsafe { Join::new(self.create_named(future.into_future(), birth)) };
        LocalTask { task: Task(join), _local: PhantomData }
    }

    /// # Safety
    /// As [`create::create_here`].
    #[track_caller]
    unsafe fn create_named<F: Future>(self, future: F, birth: Birth) -> TaskRef {
        let worker = context::current().unwrap_or_else(|| no_runtime("create"));
        // SAFETY: passed on.
        let task = unsafe { create::create_unqueued(worker, future, birth, self.name.as_deref()) };
        match self.context {
            Some(context) => ambient::begin_with(task, HeldContext::shared(context.0)),
            None => create::hand_down(worker, task),
        }
        if let Some(name) = self.name {
            // Before it is queued: nobody ever sees it under another name.
            task.side_or_make().set_name(name);
        }
        worker.push(task);
        task
    }
}

/// The handle of a task that stays on its worker. Like [`Task`], but it stays there, too.
pub struct LocalTask<T> {
    task: Task<T>,
    _local: PhantomData<Rc<()>>,
}

impl<T> LocalTask<T> {
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
        name_of(self.task.task())
    }

    /// As [`Task::set_name`].
    pub fn set_name(&self, name: &str) {
        self.task.set_name(name);
    }

    /// As [`Task::context`].
    pub fn context(&self) -> TaskContext {
        self.task.context()
    }

    /// As [`Task::id`].
    pub fn id(&self) -> TaskId {
        self.task.id()
    }

    /// As [`Task::detach`].
    pub fn detach(self) {
        self.task.detach();
    }

    /// As [`Task::try_result`].
    pub fn try_result(&mut self) -> Option<Result<T, TaskError>> {
        self.task.try_result()
    }
}

impl<T> Future for LocalTask<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.task).poll(cx)
    }
}

impl<T> fmt::Debug for LocalTask<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug(f, self.task.task())
    }
}
