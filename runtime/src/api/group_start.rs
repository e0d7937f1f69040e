//! The handshake between a group's task and whoever waits until it is ready.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::harness::join::Counted;
use crate::sync::{Pending, Promise, promise};
use crate::task::error::TaskError;
use crate::waiting::{self, Kind};

/// By which a task says that it is ready. Given to the closure of [`TaskGroup::start`](crate::TaskGroup::start).
#[derive(Debug)]
#[must_use = "whoever waits for the task is told that it failed if this is dropped"]
pub struct Started<V>(Promise<V>);

impl<V> Started<V> {
    /// Says that the task is ready.
    pub fn set(self, value: V) {
        // Nobody may be waiting any more; the task goes on in any case.
        drop(self.0.set(value));
    }
}

/// What a task reports when it is ready. Made by [`TaskGroup::start`](crate::TaskGroup::start).
///
/// # Errors
/// [`TaskError::Cancelled`] if the task was cancelled before that, [`TaskError::Failed`] if it ended; an error of its
/// own goes to the group.
///
/// # Cancel safety
/// Dropping it loses the report; the task goes on.
#[must_use = "the task has started, but when it is ready is not known unless this is awaited"]
pub struct Start<V> {
    pending: Pending<V>,
    task: Counted,
}

pub(super) fn handshake<V>() -> (Started<V>, Pending<V>) {
    let (promise, pending) = promise();
    (Started(promise), pending)
}

impl<V> Start<V> {
    pub(super) fn new(pending: Pending<V>, task: Counted) -> Start<V> {
        Start { pending, task }
    }
}

impl<V> Future for Start<V> {
    type Output = Result<V, TaskError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = Pin::new(&mut self.pending).poll(cx);
        if polled.is_pending() {
            waiting::note(Kind::GroupStart, 0, Location::caller());
        }
        polled.map(|reported| {
            reported.map_err(|_| {
                let seen = self.task.task().state().snapshot();
                let cancelled = seen.is_cancelling() || seen.is_cancelled();
                if cancelled { TaskError::Cancelled } else { TaskError::Failed }
            })
        })
    }
}

impl<V> fmt::Debug for Start<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<Start>")
    }
}
