//! Task groups: tasks that do not outlive the place they were started in.
//!
//! A group is a list of children behind a lock, and a run that polls the body in place and then waits for the
//! children. What can happen, and who acts:
//!
//! * A child fails: its own poll records the failure, closes the group to new work, cancels the siblings and wakes the
//!   run, which cancels the body (and awaits its cleanup) and waits for the children.
//! * The body fails: the run does the same for the children.
//! * The run is dropped half way: it cancels the children and hands over their ends, so that whoever dropped it waits
//!   for them. From then on failures have nobody to go to but `on_exception`.
//! * A child is created beside all that: it is added to the list under the lock that decides whether the group still
//!   takes work. A group that does not gives a task that is cancelled.
//!
//! A child that has not ended is always in the list, and the group is closed only in a moment in which the list has
//! none of those: no child outlives the group.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;

use super::frame::Frame;
use super::group_child::{GroupChild, GroupOutput, watched};
use super::group_error::{Failure, GroupError};
use super::group_start::{Start, Started, handshake};
use super::spawn::{NO_RUNTIME, create_on};
use super::task::Task;
use crate::BoxError;
use crate::harness::adopt::{hand_over, when_done};
use crate::harness::collector::Item;
use crate::harness::create;
use crate::harness::join::Counted;
use crate::scheduler::context;
use crate::scheduler::report::{ExceptionContext, report};
use crate::scheduler::shared::Shared;
use crate::shim::Mutex;
use crate::task::error::Panic;
use crate::task::status::TaskInfo;
use crate::waiting::{self, Kind};

/// Runs `body` with a group to start tasks in, and returns when all of them have ended: asyncio's `TaskGroup`, Trio's
/// nursery.
///
/// The first error or panic, of a child or of the body, cancels the body and all children. All are awaited, with
/// their async cleanup, and every failure is kept: also a panic of that cleanup. A child that is cancelled by itself
/// disturbs nobody.
///
/// The closure is called at once, its future polled in place: it may borrow. Children are tasks, hence `'static`.
///
/// # Errors
/// [`GroupError`] with every failure, first first; without any if [`TaskGroup::cancel`] cut the body short.
///
/// # Cancel safety
/// Dropping it cancels the children, and whoever drops it waits for them. Errors that nobody can be given any more go
/// to `on_exception`.
///
/// # Examples
/// ```
/// use raddle::{BoxError, TaskGroup, task_group};
///
/// async fn fetch(n: u32) -> Result<u32, BoxError> {
///     Ok(n)
/// }
///
/// let sum = raddle::run(task_group(async |g: TaskGroup| {
///     let (a, b) = (g.create_task(fetch(1)), g.create_task(fetch(2)));
///     Ok(a.await? + b.await?)
/// }));
/// assert_eq!(sum.unwrap(), 3);
/// ```
#[track_caller]
pub fn task_group<T, E, B, Fut>(body: B) -> TaskGroupRun<T, E, Fut>
where
    B: FnOnce(TaskGroup<E>) -> Fut,
    Fut: Future<Output = Result<T, E>>,
    E: Send + 'static,
{
    let group = TaskGroup::new();
    let body = Frame::new(body(group.clone()));
    TaskGroupRun { body, value: None, guard: Guard(group, Location::caller()) }
}

/// A group of tasks, to start more in. Clones are the same group. Given to the body of [`task_group`].
pub struct TaskGroup<E = BoxError> {
    inner: Arc<Inner<E>>,
}

struct Inner<E> {
    state: Mutex<State<E>>,
    home: Option<Arc<Shared>>,
}

struct State<E> {
    /// Those that have not ended, and some that have.
    children: Vec<Counted>,
    /// How many are being created, and not in the list yet.
    expected: usize,
    /// When `children` is this long, those that have ended are removed.
    prune_at: usize,
    failures: Vec<Failure<E>>,
    phase: Phase,
    /// Whom to wake when the group is aborted.
    run: Option<Waker>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// Everything in the group is being cancelled.
    Aborting,
    /// The run was dropped: nobody takes failures any more.
    Orphaned,
    /// All have ended.
    Closed,
}

const PRUNE_AT_FIRST: usize = 32;

impl<E: Send + 'static> TaskGroup<E> {
    fn new() -> TaskGroup<E> {
        let home = context::current().map(|worker| worker.shared.clone());
        let state = State {
            children: Vec::new(),
            expected: 0,
            prune_at: PRUNE_AT_FIRST,
            failures: Vec::new(),
            phase: Phase::Open,
            run: None,
        };
        TaskGroup { inner: Arc::new(Inner { state: Mutex::new(state), home }) }
    }

    /// Starts a task in the group. Its future gives `()` or a `Result`, whose error goes to the group.
    ///
    /// The handle gives the value; it may be dropped. Awaiting a task that failed gives
    /// [`TaskError::Failed`](crate::TaskError::Failed). A group that is being cancelled, or is over, gives a task that
    /// is cancelled before it begins.
    ///
    /// # Panics
    /// When the group was made outside of a runtime and this thread is no worker.
    #[track_caller]
    pub fn create_task<F>(&self, future: F) -> Task<<F::Output as GroupOutput<E>>::Value>
    where
        F: IntoFuture,
        F::IntoFuture: Send + 'static,
        F::Output: GroupOutput<E>,
        <F::Output as GroupOutput<E>>::Value: Send + 'static,
    {
        let Some(shared) = self.runtime() else { panic!("TaskGroup::create_task: {NO_RUNTIME}") };
        let expected = self.inner.expect_child();
        let child = GroupChild::new(future.into_future(), self.clone(), expected);
        let task = create_on(&shared, child, Location::caller());
        self.inner.add(Counted::of(task.task()), expected);
        task
    }

    /// Starts a task in the group, and gives a future of what it reports when it is ready: Trio's `start`.
    ///
    /// The task goes on after that. The future gives an error if the task ends before it has reported.
    ///
    /// # Panics
    /// As [`create_task`](TaskGroup::create_task).
    ///
    /// # Examples
    /// ```
    /// use raddle::{BoxError, TaskGroup, task_group};
    ///
    /// let port = raddle::run(task_group(async |g: TaskGroup| {
    ///     let port = g
    ///         .start(async |started| {
    ///             started.set(8080);
    ///             // serves from here on
    ///         })
    ///         .await?;
    ///     Ok::<u16, BoxError>(port)
    /// }));
    /// assert_eq!(port.unwrap(), 8080);
    /// ```
    #[track_caller]
    pub fn start<V, F, Fut>(&self, f: F) -> Start<V>
    where
        F: FnOnce(Started<V>) -> Fut,
        Fut: Future + Send + 'static,
        Fut::Output: GroupOutput<E>,
        <Fut::Output as GroupOutput<E>>::Value: Send + 'static,
        V: Send + 'static,
    {
        let (started, pending) = handshake();
        let task = self.create_task(f(started));
        Start::new(pending, Counted::of(task.task()))
    }

    fn runtime(&self) -> Option<Arc<Shared>> {
        self.inner.home.clone().or_else(|| context::current().map(|worker| worker.shared.clone()))
    }

    /// Records a failure and cancels everything else in the group.
    pub(super) fn fail(&self, failure: Failure<E>) {
        let mut state = self.inner.state.lock();
        if matches!(state.phase, Phase::Orphaned | Phase::Closed) {
            drop(state);
            return report_lost(failure);
        }
        state.failures.push(failure);
        self.inner.abort(state);
    }
}

impl<E> TaskGroup<E> {
    /// Ends the group early, without an error: cancels the body and all children.
    ///
    /// If the body has given its value, or gives it in its present poll, [`task_group`] returns that; else a
    /// [`GroupError`] that says [`is_cancelled`](GroupError::is_cancelled).
    pub fn cancel(&self) {
        self.inner.abort(self.inner.state.lock());
    }
}

impl<E> Clone for TaskGroup<E> {
    fn clone(&self) -> TaskGroup<E> {
        TaskGroup { inner: self.inner.clone() }
    }
}

impl<E> fmt::Debug for TaskGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.inner.state.lock();
        let tasks = state.children.iter().filter(|child| is_alive(child)).count();
        let (errors, phase) = (state.failures.len(), state.phase);
        drop(state);
        write!(f, "<TaskGroup tasks={tasks} errors={errors}")?;
        f.write_str(match phase {
            Phase::Open => ">",
            Phase::Aborting | Phase::Orphaned => " cancelling>",
            Phase::Closed => " closed>",
        })
    }
}

fn is_alive(child: &Counted) -> bool {
    !child.task().state().is_complete()
}

type Locked<'a, E> = crate::shim::MutexGuard<'a, State<E>>;

impl<E> Inner<E> {
    /// Announces a child that is about to be created. False: the group takes no more.
    fn expect_child(&self) -> bool {
        let mut state = self.state.lock();
        let open = state.phase == Phase::Open;
        state.expected += usize::from(open);
        open
    }

    /// Takes a child that was created into the list.
    fn add(&self, child: Counted, expected: bool) {
        let mut state = self.state.lock();
        let ended: Vec<Counted> = if state.children.len() >= state.prune_at {
            let (alive, ended) = std::mem::take(&mut state.children).into_iter().partition(is_alive);
            state.children = alive;
            state.prune_at = (state.children.len() * 2).max(PRUNE_AT_FIRST);
            ended
        } else {
            Vec::new()
        };
        state.expected -= usize::from(expected);
        let phase = state.phase;
        let run = if phase == Phase::Open {
            state.children.push(child);
            None
        } else {
            let run = state.run.take();
            if phase == Phase::Aborting {
                state.children.push(child.clone());
            }
            drop(state);
            create::cancel(child.task());
            if phase == Phase::Orphaned {
                // Whoever creates it while the group is being dropped does not end before it.
                hand_over(Item::End(child));
            }
            run
        };
        drop(ended);
        if let Some(run) = run {
            run.wake();
        }
    }

    /// Cancels the children and has the run cancel the body.
    fn abort(&self, mut state: Locked<'_, E>) {
        if state.phase != Phase::Open {
            return;
        }
        state.phase = Phase::Aborting;
        let (children, run) = (state.children.clone(), state.run.take());
        drop(state);
        for child in children {
            create::cancel(child.task());
        }
        if let Some(run) = run {
            run.wake();
        }
    }

    fn is_aborting(&self) -> bool {
        self.state.lock().phase != Phase::Open
    }

    /// Whether everything in the group is to end. If not, `cx` is woken when that changes.
    fn poll_aborting(&self, cx: &Context<'_>) -> bool {
        let state = self.state.lock();
        if state.phase != Phase::Open || state.run.as_ref().is_some_and(|run| run.will_wake(cx.waker())) {
            return state.phase != Phase::Open;
        }
        drop(state);
        let waker = cx.waker().clone();
        let mut state = self.state.lock();
        let before = state.run.replace(waker);
        let aborting = state.phase != Phase::Open;
        drop(state);
        drop(before);
        aborting
    }

    /// Whether every child has ended; then the group is closed. If not, `cx` is woken when one has.
    fn poll_ended(&self, cx: &Context<'_>) -> bool {
        loop {
            let waker = cx.waker().clone();
            let mut state = self.state.lock();
            let alive = state.children.iter().rfind(|child| is_alive(child)).cloned();
            let before = match &alive {
                // One is being created beside this.
                None if state.expected > 0 => state.run.replace(waker),
                None => {
                    state.phase = Phase::Closed;
                    let ended = (std::mem::take(&mut state.children), state.run.take());
                    drop(state);
                    drop(ended);
                    return true;
                }
                Some(_) => Some(waker),
            };
            drop(state);
            let (Some(child), Some(waker)) = (alive, before) else { return false };
            when_done(child.task(), Box::new(move |_| waker.wake()));
            if is_alive(&child) {
                return false;
            }
        }
    }
}

pin_project! {
    /// A group being run. Made by [`task_group`].
    #[must_use = "futures do nothing unless awaited"]
    pub struct TaskGroupRun<T, E, Fut>
    where
        E: Send,
        E: 'static,
    {
        // Dropped before the guard: the body's cleanup comes before the children's.
        #[pin]
        body: Frame<Fut>,
        value: Option<T>,
        guard: Guard<E>,
    }
}

impl<T, E, Fut> Future for TaskGroupRun<T, E, Fut>
where
    Fut: Future<Output = Result<T, E>>,
    E: Send + 'static,
{
    type Output = Result<T, GroupError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let group = &this.guard.0;
        if this.body.is_running() {
            if group.inner.is_aborting() {
                this.body.as_mut().cancel_and(|item| watched(item, group));
            } else {
                match this.body.as_mut().poll_caught(cx) {
                    Poll::Ready(Ok(Ok(value))) => *this.value = Some(value),
                    Poll::Ready(Ok(Err(error))) => group.fail(Failure::Error { error, task: this_task() }),
                    Poll::Ready(Err(crash)) => {
                        group.fail(Failure::Panicked { panic: Panic::new(crash.payload), task: this_task() });
                    }
                    // It may have cancelled its own group.
                    Poll::Pending if group.inner.poll_aborting(cx) => {
                        this.body.as_mut().cancel_and(|item| watched(item, group));
                    }
                    Poll::Pending => return Poll::Pending,
                }
            }
        }
        if this.body.as_mut().poll_cleanup(cx).is_pending() || !group.inner.poll_ended(cx) {
            waiting::note(Kind::Group, waiting::object(&*group.inner), this.guard.1);
            return Poll::Pending;
        }
        let failures = std::mem::take(&mut group.inner.state.lock().failures);
        Poll::Ready(match this.value.take() {
            Some(value) if failures.is_empty() => Ok(value),
            _ => Err(GroupError::new(failures)),
        })
    }
}

/// The task that a body runs in.
fn this_task() -> TaskInfo {
    match create::current_task() {
        Some(task) => TaskInfo::of(task, Some(task)),
        None => TaskInfo::of_no_task(),
    }
}

impl<T, E: Send + 'static, Fut> fmt::Debug for TaskGroupRun<T, E, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.guard.0.fmt(f)
    }
}

/// Sees to it that children do not outlive a run that is dropped.
struct Guard<E: Send + 'static>(TaskGroup<E>, &'static Location<'static>);

impl<E: Send + 'static> Drop for Guard<E> {
    fn drop(&mut self) {
        let mut state = self.0.inner.state.lock();
        if state.phase == Phase::Closed {
            return;
        }
        state.phase = Phase::Orphaned;
        let (children, failures, run) =
            (std::mem::take(&mut state.children), std::mem::take(&mut state.failures), state.run.take());
        drop(state);
        drop(run);
        for child in children.into_iter().filter(is_alive) {
            create::cancel(child.task());
            hand_over(Item::End(child));
        }
        failures.into_iter().for_each(report_lost);
    }
}

/// The group was cancelled with whoever awaited it: there is nobody else to tell.
fn report_lost<E: Send + 'static>(failure: Failure<E>) {
    let text =
        ExceptionContext::new("a task group is over or was cancelled, and nobody is left to be told of this failure");
    let text = match failure {
        Failure::Error { error, task } => text.with_value(error).in_task(task),
        Failure::Panicked { panic, task } => text.with_panic(panic.message()).in_task(task),
    };
    let worker = context::current();
    report(worker.and_then(|worker| worker.shared.config.on_exception.as_ref()), &text);
}
