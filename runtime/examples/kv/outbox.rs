//! Messages on their way to a subscriber: written by publishers, emptied by the subscriber's own task.
//!
//! Feared is the subscriber that never reads. Its outbox takes messages until `LIMIT` bytes wait, then it is closed for
//! good, what waits is thrown away, and its task ends the connection. No publisher ever waits.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// How many bytes may wait before another message is one too many.
const LIMIT: usize = 8 * 1024 * 1024;

/// Messages that wait for one subscriber.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    is_overfull: bool,
    waker: Option<Waker>,
}

/// The subscriber does not keep up.
#[derive(Debug)]
pub(crate) struct Overfull;

impl Outbox {
    /// Takes a message. The waker, if any, is to be woken once the caller's locks are dropped.
    pub(crate) fn push(&self, message: &[u8]) -> Option<Waker> {
        let mut state = self.lock();
        if state.is_overfull {
            return None;
        }
        if state.bytes.len() < LIMIT {
            state.bytes.extend_from_slice(message);
        } else {
            state.is_overfull = true;
            state.bytes = Vec::new();
        }
        state.waker.take()
    }

    /// Moves what waits to `out`; ready if that was something.
    pub(crate) fn poll_take(&self, cx: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<Result<(), Overfull>> {
        let mut state = self.lock();
        match () {
            () if state.is_overfull => Poll::Ready(Err(Overfull)),
            () if state.bytes.is_empty() => state.wait(cx),
            () => {
                out.append(&mut state.bytes);
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Moves what waits to `out`.
    pub(crate) fn take(&self, out: &mut Vec<u8>) {
        out.append(&mut self.lock().bytes);
    }

    /// Ready when the outbox overflows.
    pub(crate) fn poll_overfull(&self, cx: &mut Context<'_>) -> Poll<Overfull> {
        let mut state = self.lock();
        if state.is_overfull { Poll::Ready(Overfull) } else { state.wait(cx) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wait<T>(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        if !self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            self.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}
