//! Cleanup that waits in a guard.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::panic::Location;

use super::finally::hand_over_made;

/// Has a future awaited when the guard goes out of scope: Go's `defer`, with awaits.
///
/// Where the scope ends because it is cancelled, whoever cancelled it awaits the future before it returns. Where it
/// ends normally, nothing can wait at the closing brace: the future then runs beside the task, which is not done
/// before it. To have it awaited in place, use [`finally`](crate::FinallyExt::finally) or [`with`](crate::with()), or
/// await what [`disarm`](Deferred::disarm) gives back.
///
/// # Examples
/// ```
/// raddle::run(async {
///     let task = raddle::create_task(async {
///         let _goodbye = raddle::defer_async(async { println!("goodbye") });
///         "hello"
///     });
///     assert_eq!(task.await.unwrap(), "hello"); // after the goodbye
/// });
/// ```
#[track_caller]
pub fn defer_async<F>(future: F) -> Deferred<F::IntoFuture>
where
    F: IntoFuture<Output = ()>,
    F::IntoFuture: Send + 'static,
{
    Deferred { future: Some(future.into_future()), at: Location::caller() }
}

/// A future that is awaited when this goes out of scope. Made by [`defer_async`].
#[must_use = "dropping the guard at once starts the cleanup at once; bind it to a name, `_guard` say"]
pub struct Deferred<F: Future<Output = ()> + Send + 'static> {
    future: Option<F>,
    at: &'static Location<'static>,
}

impl<F: Future<Output = ()> + Send + 'static> Deferred<F> {
    /// Gives the future back; nothing is deferred any more.
    pub fn disarm(mut self) -> F {
        let Some(future) = self.future.take() else { unreachable!("there until it is disarmed or dropped") };
        future
    }
}

impl<F: Future<Output = ()> + Send + 'static> Drop for Deferred<F> {
    fn drop(&mut self) {
        if let Some(future) = self.future.take() {
            hand_over_made(|| future, self.at);
        }
    }
}

impl<F: Future<Output = ()> + Send + 'static> fmt::Debug for Deferred<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Deferred at {}>", self.at)
    }
}
