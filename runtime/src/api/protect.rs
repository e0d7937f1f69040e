//! A section that is finished even where its awaiter is cancelled.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::timeout::move_on_after;
use crate::harness::adopt::hand_over;
use crate::harness::collector::{Cleanup, Item};

/// Runs a future to its end even where its awaiter is cancelled: Trio's shielded scope.
///
/// Nothing happens before the first poll. If it is dropped half way after that, the future goes on in the scope that
/// dropped it, which waits for it. [`shield`](crate::shield) is for work that nobody has to wait for.
///
/// # Cancel safety
/// Dropping it loses the value, and nothing else.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use raddle::{protect, sleep, timeout};
///
/// # raddle::Runner::new().workers(1).clock(raddle::Clock::auto()).run(async {
/// let transfer = protect(async {
///     sleep(Duration::from_millis(5)).await;
///     println!("all of it written");
/// });
/// // Says that it timed out, after all of it was written.
/// assert!(timeout(Duration::from_millis(1), transfer).await.is_err());
/// # });
/// ```
#[track_caller]
pub fn protect<F>(future: F) -> Protect<F::Output>
where
    F: IntoFuture,
    F::IntoFuture: Send + 'static,
    F::Output: Send + 'static,
{
    Protect { future: Some(Box::pin(future.into_future())), begun: false, bound: None, at: Location::caller() }
}

/// A protected section. Made by [`protect`].
#[must_use = "futures do nothing unless awaited"]
pub struct Protect<T: Send + 'static> {
    future: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    begun: bool,
    bound: Option<Duration>,
    at: &'static Location<'static>,
}

impl<T: Send + 'static> Protect<T> {
    /// Bounds how long the section may go on after its awaiter was cancelled; then it is dropped.
    pub fn for_at_most(mut self, bound: Duration) -> Protect<T> {
        self.bound = Some(bound);
        self
    }
}

impl<T: Send + 'static> Future for Protect<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        self.begun = true;
        // Taken out for the poll: one that panics has ended.
        let mut future = self.future.take().expect("polled again after it was ready");
        let polled = future.as_mut().poll(cx);
        if polled.is_pending() {
            self.future = Some(future);
        }
        polled
    }
}

impl<T: Send + 'static> Drop for Protect<T> {
    fn drop(&mut self) {
        let Some(future) = self.future.take().filter(|_| self.begun) else { return };
        let bound = self.bound;
        let rest = async move {
            match bound {
                Some(bound) => drop(move_on_after(bound, future).await),
                None => drop(future.await),
            }
        };
        hand_over(Item::Cleanup(Cleanup { future: Box::pin(rest), at: self.at }));
    }
}

impl<T: Send + 'static> fmt::Debug for Protect<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Protect at {}>", self.at)
    }
}
