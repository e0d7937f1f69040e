//! A deadline that its body may move: `asyncio.timeout()`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use raddle_io::{Instant, TimeoutError};

use super::bounds::{Bounded, Bounds};

/// Gives `body` until `when` to complete, and a [`Deadline`] by which that can be moved. `None` is no deadline yet.
///
/// The body is polled before the clock is looked at: a result that is there when the deadline has passed wins.
///
/// # Errors
/// [`TimeoutError`] if it did not complete; it has been dropped then, and its async cleanup awaited.
///
/// # Cancel safety
/// As that of the body, which is dropped with it.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use raddle::{Instant, deadline, sleep};
///
/// raddle::run(async {
///     let soon = Instant::now() + Duration::from_millis(1);
///     let done = deadline(soon, async |limit| {
///         limit.reschedule(None); // take your time
///         sleep(Duration::from_millis(5)).await;
///         assert!(!limit.expired());
///         "done"
///     });
///     assert_eq!(done.await.unwrap(), "done");
/// });
/// ```
pub fn deadline<B, Fut>(when: impl Into<Option<Instant>>, body: B) -> DeadlineRun<Fut>
where
    B: FnOnce(Deadline) -> Fut,
    Fut: Future,
{
    let bounds = Bounds::new(when.into());
    let body = body(Deadline(bounds.clone()));
    DeadlineRun { run: bounds.run(body) }
}

/// A deadline that can be moved, from wherever. Given to the body of [`deadline`]. Clones are the same one.
#[derive(Clone)]
pub struct Deadline(Bounds);

impl Deadline {
    /// When it strikes; `None` for never.
    pub fn when(&self) -> Option<Instant> {
        self.0.when()
    }

    /// Moves it; `None` takes it away. One that lies in the past strikes when the body next suspends. Once it has
    /// struck, nothing changes any more.
    pub fn reschedule(&self, when: impl Into<Option<Instant>>) {
        self.0.reschedule(when.into());
    }

    /// Whether it has struck.
    pub fn expired(&self) -> bool {
        self.0.is_reached()
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deadline").field("when", &self.when()).field("expired", &self.expired()).finish()
    }
}

pin_project! {
    /// A body with a deadline. Made by [`deadline`].
    #[must_use = "futures do nothing unless awaited"]
    pub struct DeadlineRun<F> {
        #[pin]
        run: Bounded<F>,
    }
}

impl<F: Future> Future for DeadlineRun<F> {
    type Output = Result<F::Output, TimeoutError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().run.poll(cx).map(|ended| ended.ok_or_else(|| TimeoutError::new(None)))
    }
}

impl<F> fmt::Debug for DeadlineRun<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadlineRun").field("when", &self.run.bounds().when()).finish()
    }
}
