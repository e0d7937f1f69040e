//! Work that goes on when its awaiter leaves.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::spawn::create_task;
use super::task::Task;
use crate::task::error::TaskError;

/// Starts work that goes on, detached, when its awaiter leaves. asyncio's `shield`.
///
/// The work is a task of its own from the call on. The awaiter gets its value, or its panic; if the awaiter is
/// cancelled or out of time, it leaves at once, and nobody waits for the work, which is cancelled at the end of the
/// runtime with all that is left. [`protect`](crate::protect) is for work that the awaiting scope has to wait for.
///
/// The shield of a [`Task`] gives what awaiting the task gives: cancelling the task itself is an error for the awaiter.
/// Of a task whose handle one keeps, `&mut task` is shield enough.
///
/// # Panics
/// On a thread that is no worker of a runtime.
///
/// # Cancel safety
/// Dropping it loses the value, and nothing else. It may be awaited by `&mut` again and again.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use raddle::{shield, sleep, timeout};
///
/// # raddle::Runner::new().workers(1).clock(raddle::Clock::auto()).run(async {
/// let mut order = shield(async {
///     sleep(Duration::from_millis(5)).await;
///     "delivered"
/// });
/// assert!(timeout(Duration::from_millis(1), &mut order).await.is_err());
/// assert_eq!(order.await, "delivered");
/// # });
/// ```
#[track_caller]
pub fn shield<F>(f: F) -> Shield<F::Output>
where
    F: IntoFuture,
    F::IntoFuture: Send + 'static,
    F::Output: Send + 'static,
{
    Shield { task: Some(create_task(f)) }
}

/// What waits for shielded work. Made by [`shield`].
#[must_use = "the work has started, but its value is lost unless this is awaited"]
pub struct Shield<T> {
    /// None once the work has been cancelled.
    task: Option<Task<T>>,
}

impl<T> Future for Shield<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Some(task) = &mut self.task else { return Poll::Pending };
        match Pin::new(task).poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(value)) => Poll::Ready(value),
            Poll::Ready(Err(TaskError::Panicked(panic))) => panic.resume(),
            Poll::Ready(Err(TaskError::Cancelled | TaskError::Failed)) => {
                // The runtime ends, and its awaiter is about to be cancelled too.
                self.task = None;
                Poll::Pending
            }
        }
    }
}

impl<T> Drop for Shield<T> {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.detach();
        }
    }
}

impl<T> fmt::Debug for Shield<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.task {
            Some(task) => write!(f, "<Shield of {task:?}>"),
            None => f.write_str("<Shield of cancelled work>"),
        }
    }
}
