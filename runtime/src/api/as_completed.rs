//! Several tasks' results in the order in which the tasks end.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use raddle_io::{Sleep, TimeoutError, budget, sleep};

use super::ends::Ends;
use super::task::Task;
use crate::task::error::TaskError;
use crate::waiting::{self, Kind};

/// Gives the results of tasks in the order in which the tasks end, each with its place in `tasks`.
///
/// The order is noted from the call on; tasks that had ended before come first. An error comes in its place, and the
/// others can still be taken.
///
/// Dropping it before the last result cancels the tasks that are left, and whoever drops it waits for their end as for
/// any cleanup; [`detach_rest`](AsCompleted::detach_rest) and [`into_rest`](AsCompleted::into_rest) say otherwise.
///
/// With the feature `stream`, it is a `futures_core::Stream`, too.
///
/// # Panics
/// When the result of one of the tasks was fetched before.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use raddle::{as_completed, create_task, sleep};
///
/// raddle::run(async {
///     let job = |ms| create_task(async move { sleep(Duration::from_millis(ms)).await; ms });
///     let mut results = as_completed([job(30), job(1)]);
///     while let Some((index, result)) = results.next().await {
///         println!("task {index} gave {}", result.unwrap()); // task 1 first
///     }
/// });
/// ```
#[track_caller]
pub fn as_completed<T>(tasks: impl IntoIterator<Item = Task<T>>) -> AsCompleted<T> {
    let tasks: Vec<_> = tasks.into_iter().map(Some).collect();
    let ends = Ends::new();
    let fetched = tasks.iter().flatten().position(|task| task.0.is_taken());
    if let Some(index) = fetched {
        panic!("as_completed: the result of task {index} was fetched before; leave that task out");
    }
    for (index, task) in tasks.iter().flatten().enumerate() {
        ends.watch(task.task(), index);
    }
    AsCompleted { left: tasks.len(), tasks, ends, detach: false, at: Location::caller() }
}

/// Results in order of completion. Made by [`as_completed`].
#[must_use = "dropping this cancels the tasks"]
pub struct AsCompleted<T> {
    /// None once its result was given.
    tasks: Vec<Option<Task<T>>>,
    ends: Arc<Ends>,
    left: usize,
    detach: bool,
    at: &'static Location<'static>,
}

impl<T> AsCompleted<T> {
    /// The next result, with the place of its task. None: there were no more.
    ///
    /// # Cancel safety
    /// Dropping it loses nothing.
    #[expect(clippy::should_implement_trait, reason = "the name of what it does")]
    pub fn next(&mut self) -> NextCompleted<'_, T> {
        NextCompleted(self)
    }

    /// Gives the tasks `duration` to end, counted from the first poll of a `next`.
    pub fn timeout(self, duration: Duration) -> AsCompletedInTime<T> {
        AsCompletedInTime { results: self, limit: Some(sleep(duration)), after: duration }
    }

    /// Lets the tasks that are left run on when this is dropped.
    pub fn detach_rest(mut self) -> AsCompleted<T> {
        self.detach = true;
        self
    }

    /// The tasks whose results were not given, with their places.
    pub fn into_rest(mut self) -> Vec<(usize, Task<T>)> {
        self.take_rest().collect()
    }

    fn take_rest(&mut self) -> impl Iterator<Item = (usize, Task<T>)> {
        let ends = self.ends.clone();
        let tasks = std::mem::take(&mut self.tasks).into_iter().enumerate();
        tasks.filter_map(|(index, task)| Some((index, task?))).inspect(move |(_, task)| ends.unwatch(task.task()))
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<(usize, Result<T, TaskError>)>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        ready!(budget::poll_remaining(cx));
        let Some(index) = self.ends.pop(cx) else {
            waiting::note(Kind::AsCompleted, 0, self.at);
            return Poll::Pending;
        };
        budget::take(1);
        self.left -= 1;
        let mut task = self.tasks[index].take().expect("a task ends once");
        let result = task.try_result().expect("ended, and not fetched before");
        Poll::Ready(Some((index, result)))
    }
}

#[cfg(feature = "stream")]
impl<T> futures_core::Stream for AsCompleted<T> {
    type Item = (usize, Result<T, TaskError>);

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        AsCompleted::poll_next(self.get_mut(), cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T> Drop for AsCompleted<T> {
    fn drop(&mut self) {
        let detach = self.detach;
        for (_, mut task) in self.take_rest() {
            if detach {
                task.detach();
            } else {
                task.0.cancel_handle();
            }
        }
    }
}

impl<T> fmt::Debug for AsCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.tasks.iter().flatten()).finish()
    }
}

/// The next result. Made by [`AsCompleted::next`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct NextCompleted<'a, T>(&'a mut AsCompleted<T>);

impl<T> Future for NextCompleted<'_, T> {
    type Output = Option<(usize, Result<T, TaskError>)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_next(cx)
    }
}

/// Results in order of completion, for so long. Made by [`AsCompleted::timeout`].
#[must_use = "dropping this cancels the tasks"]
pub struct AsCompletedInTime<T> {
    results: AsCompleted<T>,
    /// None once it was said that the time is up.
    limit: Option<Sleep>,
    after: Duration,
}

impl<T> AsCompletedInTime<T> {
    /// The next result, with the place of its task, or once, where the next result would be, that the time is up.
    /// None: there were no more.
    ///
    /// The tasks that are left run on when the time is up, and `next` gives their results still, without a limit.
    ///
    /// # Cancel safety
    /// Dropping it loses nothing.
    #[expect(clippy::should_implement_trait, reason = "the name of what it does")]
    pub fn next(&mut self) -> NextInTime<'_, T> {
        NextInTime(self)
    }

    /// As [`AsCompleted::detach_rest`].
    pub fn detach_rest(mut self) -> AsCompletedInTime<T> {
        self.results.detach = true;
        self
    }

    /// As [`AsCompleted::into_rest`].
    pub fn into_rest(self) -> Vec<(usize, Task<T>)> {
        self.results.into_rest()
    }

    #[track_caller]
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<ResultInTime<T>>> {
        if let Poll::Ready(result) = self.results.poll_next(cx) {
            return Poll::Ready(result.map(Ok));
        }
        let Some(limit) = &mut self.limit else { return Poll::Pending };
        // Results that use up the whole budget each time must not keep the end of the time from being seen.
        ready!(budget::with_unlimited(|| Pin::new(limit).poll(cx)));
        self.limit = None;
        Poll::Ready(Some(Err(TimeoutError::new(Some(self.after)))))
    }
}

#[cfg(feature = "stream")]
impl<T> futures_core::Stream for AsCompletedInTime<T> {
    type Item = ResultInTime<T>;

    #[track_caller]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ResultInTime<T>>> {
        AsCompletedInTime::poll_next(self.get_mut(), cx)
    }
}

/// A result and the place of its task, unless the time is up.
type ResultInTime<T> = Result<(usize, Result<T, TaskError>), TimeoutError>;

impl<T> fmt::Debug for AsCompletedInTime<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompletedInTime").field("results", &self.results).field("limit", &self.limit).finish()
    }
}

/// The next result in time. Made by [`AsCompletedInTime::next`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct NextInTime<'a, T>(&'a mut AsCompletedInTime<T>);

impl<T> Future for NextInTime<'_, T> {
    type Output = Option<ResultInTime<T>>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_next(cx)
    }
}
