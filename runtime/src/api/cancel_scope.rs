//! A scope that can be cancelled: Trio's `CancelScope`.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use raddle_io::Instant;

use super::bounds::{Bounded, Bounds};

/// Futures that can be cancelled together, from wherever, and by a deadline that can be moved.
///
/// Clones are the same scope. Scopes nest: cancelling one drops what runs in it, other scopes included. What must not
/// be cut goes into [`protect`](crate::protect).
///
/// # Examples
/// ```
/// use raddle::{CancelScope, create_task};
///
/// raddle::run(async {
///     let scope = CancelScope::new();
///     let task = create_task(scope.run(std::future::pending::<()>()));
///     scope.cancel();
///     assert_eq!(task.await.unwrap(), None);
/// });
/// ```
#[derive(Clone)]
pub struct CancelScope(Bounds);

impl CancelScope {
    /// A scope without a deadline.
    pub fn new() -> CancelScope {
        CancelScope(Bounds::new(None))
    }

    /// A scope that is cancelled at `deadline`.
    pub fn with_deadline(deadline: Instant) -> CancelScope {
        CancelScope(Bounds::new(Some(deadline)))
    }

    /// Runs a future in the scope, in place; there may be several at a time. `None` if the scope was cancelled before
    /// it had its value; its async cleanup has been awaited then.
    ///
    /// The future is polled before the scope is looked at: what is ready at once gives its value in a cancelled scope,
    /// too.
    ///
    /// # Cancel safety
    /// As that of the future, which is dropped with it.
    pub fn run<F: IntoFuture>(&self, future: F) -> ScopeRun<F::IntoFuture> {
        ScopeRun { run: self.0.run(future.into_future()) }
    }

    /// Cancels what runs in the scope, and what will.
    pub fn cancel(&self) {
        self.0.reach();
    }

    /// Whether it was cancelled, by [`cancel`](CancelScope::cancel) or by its deadline.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_reached()
    }

    /// When it is cancelled by itself; `None` for never.
    pub fn deadline(&self) -> Option<Instant> {
        self.0.when()
    }

    /// Moves the deadline; `None` takes it away. Of no consequence once the scope is cancelled.
    pub fn reschedule(&self, deadline: impl Into<Option<Instant>>) {
        self.0.reschedule(deadline.into());
    }
}

impl Default for CancelScope {
    fn default() -> CancelScope {
        CancelScope::new()
    }
}

impl fmt::Debug for CancelScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (deadline, cancelled) = (self.deadline(), self.is_cancelled());
        f.debug_struct("CancelScope").field("deadline", &deadline).field("cancelled", &cancelled).finish()
    }
}

pin_project! {
    /// A future in a scope. Made by [`CancelScope::run`].
    #[must_use = "futures do nothing unless awaited"]
    pub struct ScopeRun<F> {
        #[pin]
        run: Bounded<F>,
    }
}

impl<F: Future> Future for ScopeRun<F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().run.poll(cx)
    }
}

impl<F> fmt::Debug for ScopeRun<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ScopeRun").field(&CancelScope(self.run.bounds().clone())).finish()
    }
}
