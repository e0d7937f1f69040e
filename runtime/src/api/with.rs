//! `async with`: a resource that is closed, with awaits, however its use ends.

use std::future::Future;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use super::finally::{Crash, Ended, Exit, Running, hand_over_made, poll_caught, take_left};

/// A resource whose closing takes awaits. Python's `__aexit__`.
pub trait AsyncClose: Send + 'static {
    /// Closes it. `exit` says how its use ended.
    fn async_close(self, exit: Exit) -> impl Future<Output = ()> + Send;
}

/// Gives `body` the use of `resource`, and closes the resource afterwards: Python's `async with`.
///
/// The resource is closed when the body gives its value or panics, before this returns; and when this is dropped half
/// way, or before it was ever polled. Then the closing is handed to whoever dropped it: `timeout`, `race`, a task
/// group, the task itself. They return only when it has ended, or when its grace has run out.
///
/// # Cancel safety
/// A closing that has begun goes on elsewhere when this is dropped.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use raddle::{AsyncClose, Exit, sleep, with};
///
/// struct Connection;
///
/// impl AsyncClose for Connection {
///     async fn async_close(self, exit: Exit) {
///         sleep(Duration::from_millis(1)).await;
///         println!("closed: {exit:?}");
///     }
/// }
///
/// raddle::run(async {
///     let answer = with(Connection, async |_connection| 42).await;
///     assert_eq!(answer, 42);
/// });
/// ```
#[track_caller]
pub fn with<R, T, B>(resource: R, body: B) -> impl Future<Output = T>
where
    R: AsyncClose,
    B: AsyncFnOnce(&mut R) -> T,
{
    let at = Location::caller();
    let guard = Closing { resource: Some(resource), at };
    async move {
        // Declared before the body's future, hence dropped after it.
        let mut guard = guard;
        let mut ended = {
            let Some(resource) = guard.resource.as_mut() else { unreachable!("taken below") };
            Caught(pin!(body(resource))).await
        };
        let exit = Exit::of(&ended);
        let mut closing = Running::new(at);
        closing.start(take_left(&mut ended), guard.resource.take().map(|resource| resource.async_close(exit)));
        InPlace(closing).await;
        ended.unwrap_or_else(Crash::resume)
    }
}

/// A resource in use; dropped, its closing is handed over.
struct Closing<R: AsyncClose> {
    resource: Option<R>,
    at: &'static Location<'static>,
}

impl<R: AsyncClose> Drop for Closing<R> {
    fn drop(&mut self) {
        if let Some(resource) = self.resource.take() {
            hand_over_made(|| resource.async_close(Exit::Cancelled), self.at);
        }
    }
}

struct Caught<'a, F>(Pin<&'a mut F>);

impl<F: Future> Future for Caught<'_, F> {
    type Output = Ended<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        poll_caught(self.0.as_mut(), cx)
    }
}

struct InPlace(Running);

impl Future for InPlace {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll(cx)
    }
}
