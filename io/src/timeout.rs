//! Deadlines around futures.
//!
//! The inner future is polled before the clock is looked at: a result that is there when the deadline has passed wins,
//! and a future that is ready at once costs no clock read and no timer. At the deadline the inner future is dropped
//! first, and only then does the outer one return: what it held is released when the caller goes on.

use std::error::Error;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;

use crate::budget;
use crate::clock::Instant;
use crate::sleep::{Sleep, sleep, sleep_until};

/// Gives a future `duration` to complete, counted from its first poll.
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
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct Timeout<F> {
        // `None` once this was ready.
        #[pin]
        future: Option<F>,
        sleep: Sleep,
        after: Option<Duration>,
    }
}

impl<F> Timeout<F> {
    fn new(future: F, sleep: Sleep, after: Option<Duration>) -> Timeout<F> {
        Timeout { future: Some(future), sleep, after }
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, TimeoutError>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let had_budget = budget::has_remaining();
        let inner = this.future.as_mut().as_pin_mut().expect("a Timeout is not polled after it was ready");
        if let Poll::Ready(output) = inner.poll(cx) {
            this.future.set(None);
            return Poll::Ready(Ok(output));
        }
        let sleep = Pin::new(this.sleep);
        // A future that uses up the whole budget each time must not keep its deadline from being seen.
        let starved = had_budget && !budget::has_remaining();
        ready!(if starved { budget::with_unlimited(|| sleep.poll(cx)) } else { sleep.poll(cx) });
        this.future.set(None);
        Poll::Ready(Err(TimeoutError { after: *this.after }))
    }
}

pin_project! {
    /// The future of [`move_on_after`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct MoveOn<F> {
        #[pin]
        timeout: Timeout<F>,
    }
}

impl<F: Future> Future for MoveOn<F> {
    type Output = Option<F::Output>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().timeout.poll(cx).map(Result::ok)
    }
}

/// A future did not complete in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeoutError {
    after: Option<Duration>,
}

impl TimeoutError {
    /// An error that names how long was waited, if that is known.
    #[doc(hidden)]
    #[must_use]
    pub fn new(after: Option<Duration>) -> TimeoutError {
        TimeoutError { after }
    }
}

impl fmt::Display for TimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.after {
            Some(duration) => write!(f, "timed out after {duration:?}"),
            None => f.write_str("timed out: the deadline has passed"),
        }
    }
}

impl Error for TimeoutError {}

impl From<TimeoutError> for io::Error {
    fn from(error: TimeoutError) -> io::Error {
        io::Error::new(io::ErrorKind::TimedOut, error)
    }
}
