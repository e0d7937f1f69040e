//! Blocking calls on threads of their own.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::spawn::NO_RUNTIME;
use crate::harness::ambient;
use crate::scheduler::context;
use crate::scheduler::report::catch;
use crate::sync::{Pending, promise};
use crate::task::error::TaskError;
use crate::waiting::{self, Kind};

/// Calls `f` on a thread made for blocking, and gives its value.
///
/// The call starts at once, or as soon as one of the runtime's blocking threads is free. Whoever awaits it may leave:
/// the call goes on, and the end of the run waits for it, up to the grace period. It sees the context variables of the
/// place that calls this.
///
/// # Errors
/// [`TaskError::Panicked`] when `f` panicked; [`TaskError::Cancelled`] when the runtime ended before it could run.
///
/// # Panics
/// Outside a runtime, and when the system gives no thread at all.
///
/// # Cancel safety
/// The value is dropped when nobody waits for it any more.
///
/// # Examples
/// ```
/// raddle::run(async {
///     let text = raddle::to_thread(|| std::fs::read_to_string("Cargo.toml")).await.unwrap();
///     assert!(text.is_ok());
/// });
/// ```
#[track_caller]
pub fn to_thread<T, F>(f: F) -> ToThread<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let Some(worker) = context::current() else { panic!("to_thread: {NO_RUNTIME}") };
    let (value, pending) = promise();
    let (shared, context) = (worker.shared.clone(), ambient::for_child());
    let job = move || {
        let called = context::in_job(&shared, || catch(|| ambient::run_in(context, f)));
        let _ = value.set(called.map_err(TaskError::Panicked));
    };
    if let Err(error) = worker.shared.blocking.start(Box::new(job)) {
        panic!("to_thread: {error}");
    }
    ToThread { pending, at: Location::caller() }
}

/// A blocking call's value. Made by [`to_thread`].
#[must_use = "the call has started, but its value is lost unless this is awaited"]
pub struct ToThread<T> {
    pending: Pending<Result<T, TaskError>>,
    at: &'static Location<'static>,
}

impl<T> Future for ToThread<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let given = Pin::new(&mut self.pending).poll(cx);
        if given.is_pending() {
            waiting::note(Kind::ToThread, 0, self.at);
        }
        given.map(|value| value.unwrap_or(Err(TaskError::Cancelled)))
    }
}

impl<T> fmt::Debug for ToThread<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<ToThread>")
    }
}
