//! Asking a task to come to an end by itself.
//!
//! A stop is a bit in the task's state word. It is inherited at birth; for tasks that are there already, whoever asks
//! walks the live ones and marks the descendants (`harness/stop.rs`). A [`StopRequested`] leaves its waker in the task's side record and
//! then looks at the bit; whoever asks sets the bit and then takes the wakers: one of the two sees the other.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::frame::Frame;
use crate::harness::create;
use crate::harness::join::Counted;
use crate::waiting::{self, Kind};

/// Waits until this task is asked to stop: by [`Task::stop`](crate::Task::stop), or because the program is ending
/// gracefully ([`Runner::graceful`](crate::Runner::graceful)). Never ready outside of a task.
///
/// A request is inherited by the tasks that the task has created and will create. It does nothing by itself: where it
/// is not looked at, it is not noticed.
///
/// # Cancel safety
/// There is nothing to lose.
///
/// # Examples
/// ```
/// raddle::run(async {
///     let task = raddle::create_task(async {
///         raddle::stop_requested().await;
///         "saved"
///     });
///     task.stop();
///     assert_eq!(task.await.unwrap(), "saved");
/// });
/// ```
pub fn stop_requested() -> StopRequested {
    StopRequested { registered: None }
}

/// Whether this task was asked to stop. False outside of a task.
pub fn is_stopping() -> bool {
    create::current_task().is_some_and(|task| task.state().is_stopping())
}

/// Runs a future until it ends or this task is asked to stop, which gives `None` after the future's async cleanup.
///
/// # Cancel safety
/// As that of the future, which is dropped with it.
///
/// # Examples
/// ```
/// raddle::run(async {
///     let task = raddle::create_task(async {
///         while let Some(()) = raddle::run_until_stopped(raddle::yield_now()).await {}
///         "finished the last round"
///     });
///     task.stop();
///     assert_eq!(task.await.unwrap(), "finished the last round");
/// });
/// ```
pub fn run_until_stopped<F: IntoFuture>(future: F) -> RunUntilStopped<F::IntoFuture> {
    RunUntilStopped { frame: Frame::new(future.into_future()), stop: stop_requested() }
}

/// A request to stop. Made by [`stop_requested`].
#[must_use = "futures do nothing unless awaited"]
pub struct StopRequested {
    /// The task that it waits with, and its number in that task's list.
    registered: Option<(Counted, u64)>,
}

impl Future for StopRequested {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let at = Location::caller();
        let Some(task) = create::current_task() else { return Poll::Pending };
        if !task.state().is_stopping() {
            let known = self.registered.as_ref().filter(|(known, _)| known.task() == task).map(|(_, number)| *number);
            let number = task.side_or_make().wait_for_stop(known, cx.waker().clone());
            if known.is_none() {
                self.leave();
                self.registered = Some((Counted::of(task), number));
            }
        }
        if task.state().is_stopping() {
            return Poll::Ready(());
        }
        // As a timer, it mostly is beside something else.
        waiting::note_if_none(Kind::Stop, 0, at);
        Poll::Pending
    }
}

impl StopRequested {
    fn leave(&mut self) {
        if let Some((task, number)) = self.registered.take() {
            task.task().side_or_make().leave_stop(number);
        }
    }
}

impl Drop for StopRequested {
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for StopRequested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<StopRequested>")
    }
}

pin_project! {
    /// A future that gives way to a stop. Made by [`run_until_stopped`].
    #[must_use = "futures do nothing unless awaited"]
    pub struct RunUntilStopped<F> {
        #[pin]
        frame: Frame<F>,
        stop: StopRequested,
    }
}

impl<F: Future> Future for RunUntilStopped<F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        let mut this = self.project();
        if this.frame.is_running() {
            if let Poll::Ready(output) = this.frame.as_mut().poll_future(cx) {
                return Poll::Ready(Some(output));
            }
            ready!(Pin::new(this.stop).poll(cx));
            this.frame.as_mut().cancel();
        }
        ready!(this.frame.poll_cleanup(cx));
        Poll::Ready(None)
    }
}

impl<F> fmt::Debug for RunUntilStopped<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<RunUntilStopped>")
    }
}
