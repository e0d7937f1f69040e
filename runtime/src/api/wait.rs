//! Looking at several tasks until enough of them have ended.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use raddle_io::{Sleep, budget, sleep};

use super::ends::Ends;
use super::task::Task;
use crate::waiting::{self, Kind};

/// Waits until tasks have ended: all of them, unless [`until`](Wait::until) says otherwise. asyncio's `wait`.
///
/// It only looks. No result is fetched, nothing is cancelled, not even when the time is up or this is dropped, and a
/// task that was waited for does not count as awaited: dropping its handle detaches it still. An empty slice is ready
/// at once.
///
/// # Cancel safety
/// Dropping it loses nothing.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use raddle::{When, create_task, sleep, wait};
///
/// raddle::run(async {
///     let mut tasks = [50, 1].map(|ms| create_task(async move { sleep(Duration::from_millis(ms)).await; ms }));
///     let seen = wait(&mut tasks).until(When::FirstDone).timeout(Duration::from_secs(5)).await;
///     assert_eq!((seen.done, seen.pending), (vec![1], vec![0]));
///     assert_eq!(tasks[1].try_result().unwrap().unwrap(), 1);
/// });
/// ```
#[track_caller]
pub fn wait<T>(tasks: &mut [Task<T>]) -> Wait<'_, T> {
    Wait { tasks, when: When::All, limit: None, watch: None }
}

/// What [`wait`] waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// One task has ended, with a value or without. One that had ended before counts.
    FirstDone,
    /// One task has ended in an error, or all have ended. A panic is an error, and so is what a task's group was
    /// told; that a task was cancelled is none, nor is what was fetched before.
    FirstError,
    /// All tasks have ended.
    All,
}

/// What [`wait`] has seen: places in the slice, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WaitResult {
    /// The tasks that have ended.
    pub done: Vec<usize>,
    /// The tasks that have not.
    pub pending: Vec<usize>,
}

/// Waits for tasks. Made by [`wait`].
#[must_use = "futures do nothing unless awaited"]
pub struct Wait<'a, T> {
    tasks: &'a mut [Task<T>],
    when: When,
    limit: Option<Sleep>,
    watch: Option<Watch>,
}

/// From the first poll that has to wait.
struct Watch {
    ends: Arc<Ends>,
    /// How many of the tasks have not been seen to end.
    running: usize,
}

impl<T> Wait<'_, T> {
    /// Returns when `duration` has passed, counted from the first poll, with what is done by then.
    pub fn timeout(mut self, duration: Duration) -> Self {
        self.limit = Some(sleep(duration));
        self
    }

    /// What to wait for.
    pub fn until(mut self, when: When) -> Self {
        self.when = when;
        self
    }

    /// Whether what all tasks are by now is enough.
    fn is_over_at_once(&self) -> bool {
        match self.when {
            When::FirstDone => self.tasks.is_empty() || self.tasks.iter().any(Task::is_done),
            When::FirstError => {
                self.tasks.iter().any(|task| task.0.has_failed()) || self.tasks.iter().all(Task::is_done)
            }
            When::All => self.tasks.iter().all(Task::is_done),
        }
    }

    fn begin_watch(&mut self) {
        let mut watch = Watch { ends: Ends::new(), running: 0 };
        for (index, task) in self.tasks.iter().enumerate().filter(|(_, task)| !task.is_done()) {
            watch.ends.watch(task.task(), index);
            watch.running += 1;
        }
        self.watch = Some(watch);
    }

    /// Takes note of those that have ended since. True: it is enough.
    fn look(&mut self, cx: &Context<'_>) -> bool {
        if self.watch.is_none() {
            if self.is_over_at_once() {
                return true;
            }
            self.begin_watch();
        }
        let Some(watch) = &mut self.watch else { unreachable!("begun above") };
        loop {
            if watch.running == 0 {
                // One may have ended between the first look and the watch.
                return true;
            }
            let enough = if self.when == When::All { watch.running } else { 1 };
            let ended = watch.ends.take(cx, enough);
            if ended.is_empty() {
                return false;
            }
            watch.running -= ended.len();
            match self.when {
                When::FirstDone => return true,
                When::FirstError if ended.iter().any(|&index| self.tasks[index].0.has_failed()) => return true,
                When::FirstError | When::All => {}
            }
        }
    }

    fn end_watch(&mut self) {
        let Some(watch) = self.watch.take() else { return };
        for task in self.tasks.iter().filter(|task| !task.is_done()) {
            watch.ends.unwatch(task.task());
        }
    }
}

impl<T> Future for Wait<'_, T> {
    type Output = WaitResult;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<WaitResult> {
        let at = Location::caller();
        if self.look(cx) {
            // Polled again for want of budget, it finds the same tasks ended.
            self.end_watch();
            ready!(budget::poll_proceed(cx));
        } else {
            let is_late = self.limit.as_mut().is_some_and(|limit| Pin::new(limit).poll(cx).is_ready());
            if !is_late {
                waiting::note(Kind::Wait, 0, at);
                return Poll::Pending;
            }
        }
        self.end_watch();
        let (done, pending) = (0..self.tasks.len()).partition(|&index| self.tasks[index].is_done());
        Poll::Ready(WaitResult { done, pending })
    }
}

impl<T> Drop for Wait<'_, T> {
    fn drop(&mut self) {
        self.end_watch();
    }
}

impl<T> fmt::Debug for Wait<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").field("tasks", &self.tasks).field("when", &self.when).finish_non_exhaustive()
    }
}
