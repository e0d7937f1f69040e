//! Plain functions called by the runtime: soon, later, or at a time.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use raddle_io::{Instant, sleep_until};

use super::spawn::{create_on, create_task};
use super::task::{Canceller, Task};
use crate::scheduler::shared::Shared;

/// A callback that was asked for; dropping this changes nothing.
#[derive(Clone)]
pub struct CallHandle(Canceller);

impl CallHandle {
    /// Takes the callback back. False: it was called, or is being called.
    pub fn cancel(&self) -> bool {
        self.0.cancel()
    }
}

impl fmt::Debug for CallHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_done() { "<CallHandle done>" } else { "<CallHandle pending>" })
    }
}

fn handle_of(task: Task<()>) -> CallHandle {
    let handle = CallHandle(task.canceller());
    task.detach();
    handle
}

/// Calls `f` in one of the runtime's next turns. A panic in `f` is reported through `on_exception`. `f` sees the
/// context variables of the place that calls this, as do the callbacks of [`call_later`] and [`call_at`].
///
/// # Panics
/// Outside a runtime; threads outside use [`Handle::call_soon`](crate::Handle::call_soon).
///
/// # Examples
/// ```
/// raddle::run(async {
///     let (said, heard) = raddle::promise();
///     raddle::call_soon(move || drop(said.set("hello")));
///     assert_eq!(heard.await.unwrap(), "hello");
/// });
/// ```
#[track_caller]
pub fn call_soon(f: impl FnOnce() + Send + 'static) -> CallHandle {
    handle_of(create_task(async move { f() }))
}

/// Calls `f` after `delay`. With one worker, callbacks with the same deadline are called in the order of asking, whether
/// it was by this or by [`call_at`]; one without a delay comes behind what [`call_soon`] was asked for in the same turn.
///
/// # Panics
/// Outside a runtime.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// raddle::run(async {
///     let later = raddle::call_later(Duration::from_secs(3600), || println!("never"));
///     assert!(later.cancel());
/// });
/// ```
#[track_caller]
pub fn call_later(delay: Duration, f: impl FnOnce() + Send + 'static) -> CallHandle {
    call_at(Instant::now() + delay, f)
}

/// Calls `f` at `when`; in one of the next turns if that is past.
///
/// # Panics
/// Outside a runtime.
#[track_caller]
pub fn call_at(when: Instant, f: impl FnOnce() + Send + 'static) -> CallHandle {
    handle_of(create_task(async move {
        sleep_until(when).await;
        f();
    }))
}

/// Calls `f` on a runtime, from whatever thread.
#[track_caller]
pub(super) fn soon(shared: &Shared, f: impl FnOnce() + Send + 'static) -> CallHandle {
    handle_of(create_on(shared, async move { f() }, Location::caller()))
}
