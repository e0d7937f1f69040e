//! Deadlines around futures.
//!
//! The inner future is polled before the clock is looked at: a result that is there when the deadline has passed wins,
//! and a future that is ready at once costs no clock read and no timer. A deadline that has passed by then strikes as
//! soon as the inner future has to wait: it gets no turn, so a task that has not begun never does. At the deadline the
//! inner future is dropped, the async cleanup that it hands over is awaited, and only then does the outer one return:
//! what it held is released when the caller goes on.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use raddle_io::{Instant, Sleep, TimeoutError, budget, sleep, sleep_until};

use super::frame::Frame;

/// Gives a future `duration` to complete, counted from its first poll.
///
/// # Errors
/// [`TimeoutError`] if it did not; it has been dropped then, and its async cleanup awaited: this may take longer than
/// the duration.
///
/// # Panics
/// If it has to wait on a thread without a raddle runtime.
///
/// # Cancel safety
/// As that of the inner future, which is dropped with it.
#[track_caller]
pub fn timeout<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    Timeout::new(future.into_future(), sleep(duration), Some(duration))
}

/// Gives a future until `deadline` to complete.
///
/// # Errors
/// [`TimeoutError`] if it did not; it has been dropped then.
///
/// # Panics
/// If it has to wait on a thread without a raddle runtime.
///
/// # Cancel safety
/// As that of the inner future, which is dropped with it.
#[track_caller]
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    Timeout::new(future.into_future(), sleep_until(deadline), None)
}

/// [`timeout`] with asyncio's order of arguments.
///
/// # Errors
/// [`TimeoutError`] if the future did not complete in time; it has been dropped then.
///
/// # Panics
/// If it has to wait on a thread without a raddle runtime.
#[track_caller]
pub fn wait_for<F: IntoFuture>(future: F, duration: Duration) -> Timeout<F::IntoFuture> {
    timeout(duration, future)
}

/// [`timeout`] for those who do not mind: `None` if the future did not complete in time.
///
/// # Panics
/// If it has to wait on a thread without a raddle runtime.
#[track_caller]
pub fn move_on_after<F: IntoFuture>(duration: Duration, future: F) -> MoveOn<F::IntoFuture> {
    MoveOn { timeout: timeout(duration, future) }
}

pin_project! {
    /// The future of [`timeout`], [`timeout_at`] and [`wait_for`].
    #[must_use = "futures do nothing unless awaited"]
    pub struct Timeout<F> {
        #[pin]
        frame: Frame<F>,
        sleep: Sleep,
        after: Option<Duration>,
        rule: CleanupRule,
    }
}

/// What becomes of the cleanup of a future that ran out of time.
#[derive(Clone, Copy, Debug)]
enum CleanupRule {
    Await,
    AwaitFor(Duration),
    Detach,
}

impl<F: Future> Timeout<F> {
    #[inline]
    fn new(future: F, sleep: Sleep, after: Option<Duration>) -> Timeout<F> {
        Timeout { frame: Frame::new(future), sleep, after, rule: CleanupRule::Await }
    }

    /// Returns at the deadline even if the future leaves async cleanup behind, which then goes on by itself.
    pub fn detach_cleanup(mut self) -> Timeout<F> {
        self.rule = CleanupRule::Detach;
        self
    }

    /// How long to wait at most for async cleanup after the deadline; what takes longer is dropped and reported.
    pub fn grace(mut self, grace: Duration) -> Timeout<F> {
        self.rule = CleanupRule::AwaitFor(grace);
        self
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, TimeoutError>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if this.frame.is_running() {
            let had_budget = budget::has_remaining();
            if let Poll::Ready(output) = this.frame.as_mut().poll_future(cx) {
                return Poll::Ready(Ok(output));
            }
            // A future that uses up the whole budget each time must not keep its deadline from being seen.
            let starved = had_budget && !budget::has_remaining();
            let sleep = Pin::new(&mut *this.sleep);
            let polled = if starved { budget::with_unlimited(|| sleep.poll(cx)) } else { sleep.poll(cx) };
            // A future that did not come to its work for want of budget has that one turn left.
            let strikes_at_once = this.sleep.is_due() && had_budget && !starved;
            if polled.is_pending() && !strikes_at_once {
                return Poll::Pending;
            }
            this.frame.as_mut().cancel();
            match *this.rule {
                CleanupRule::Await => {}
                CleanupRule::AwaitFor(grace) => this.frame.as_mut().set_grace(grace),
                CleanupRule::Detach => this.frame.as_mut().detach_cleanup(),
            }
        }
        ready!(this.frame.poll_cleanup(cx));
        Poll::Ready(Err(TimeoutError::new(*this.after)))
    }
}

impl<F> fmt::Debug for Timeout<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout").field("sleep", &self.sleep).finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`move_on_after`].
    #[must_use = "futures do nothing unless awaited"]
    pub struct MoveOn<F> {
        #[pin]
        timeout: Timeout<F>,
    }
}

impl<F: Future> MoveOn<F> {
    /// As [`Timeout::detach_cleanup`].
    pub fn detach_cleanup(self) -> MoveOn<F> {
        MoveOn { timeout: self.timeout.detach_cleanup() }
    }

    /// As [`Timeout::grace`].
    pub fn grace(self, grace: Duration) -> MoveOn<F> {
        MoveOn { timeout: self.timeout.grace(grace) }
    }
}

impl<F> fmt::Debug for MoveOn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timeout.fmt(f)
    }
}

impl<F: Future> Future for MoveOn<F> {
    type Output = Option<F::Output>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().timeout.poll(cx).map(Result::ok)
    }
}
