//! The futures of a watch's receiver.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::channel_error::WatchClosed;
use super::coop;
use super::waiters::{Key, Turn};
use super::watch::{WatchReceiver, WatchRef};
use super::watch_state::Shared;
use crate::waiting::{self, Kind};

/// Waits for a version that is not `seen`, and gives it.
#[inline]
fn poll_newer<T>(
    shared: &Shared<T>,
    seen: u64,
    key: &mut Option<Key>,
    cx: &mut Context<'_>,
    at: &'static Location<'static>,
) -> Poll<Result<u64, WatchClosed>> {
    if key.is_none() {
        ready!(coop::poll_proceed(cx));
    }
    let version = shared.version();
    if version != seen {
        // The send that let it go takes its entry out, or has done so.
        *key = None;
        return Poll::Ready(Ok(version));
    }
    // To wait is likely now, and takes a clone that must be made before the lock.
    let mut fresh = Some(cx.waker().clone());
    let mut state = shared.state.lock();
    let turn = state.waiters.turn(key);
    let version = state.version;
    if version != seen {
        debug_assert_ne!(turn, Turn::Waiting, "whoever has something to see is released");
        return Poll::Ready(Ok(version));
    }
    if state.is_closed {
        return Poll::Ready(Err(WatchClosed));
    }
    let waits = state.waiters.wait(key, cx.waker(), &mut fresh);
    debug_assert!(waits, "a clone was there");
    waiting::note(Kind::Watch, waiting::object(shared), at);
    Poll::Pending
}

fn leave<T>(shared: &Shared<T>, key: &mut Option<Key>) {
    if let Some(key) = key.take() {
        // Two statements: the lock first, the waker after it.
        let left = shared.state.lock().waiters.leave(key);
        drop(left);
    }
}

/// The future of [`WatchReceiver::changed`].
#[must_use = "a wait does nothing until it is awaited"]
pub struct WatchChanged<'a, T> {
    receiver: &'a mut WatchReceiver<T>,
    key: Option<Key>,
    caller: &'static Location<'static>,
}

impl<'a, T> WatchChanged<'a, T> {
    pub(super) fn new(receiver: &'a mut WatchReceiver<T>, caller: &'static Location<'static>) -> WatchChanged<'a, T> {
        WatchChanged { receiver, key: None, caller }
    }
}

impl<T> Future for WatchChanged<'_, T> {
    type Output = Result<(), WatchClosed>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let WatchChanged { receiver, key, caller } = self.get_mut();
        let newer = poll_newer(&receiver.shared, receiver.seen, key, cx, caller);
        Poll::Ready(ready!(newer).map(|version| receiver.seen = version))
    }
}

impl<T> Drop for WatchChanged<'_, T> {
    fn drop(&mut self) {
        leave(&self.receiver.shared, &mut self.key);
    }
}

impl<T> fmt::Debug for WatchChanged<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<WatchReceiver::changed at {}>", self.caller)
    }
}

/// The future of [`WatchReceiver::wait_for`].
#[must_use = "a wait does nothing until it is awaited"]
pub struct WatchWaitFor<'a, T, F> {
    receiver: &'a mut WatchReceiver<T>,
    predicate: F,
    /// The number of the value that the predicate turned down last.
    refused: Option<u64>,
    key: Option<Key>,
    caller: &'static Location<'static>,
}

impl<'a, T, F> WatchWaitFor<'a, T, F> {
    pub(super) fn new(
        receiver: &'a mut WatchReceiver<T>,
        predicate: F,
        caller: &'static Location<'static>,
    ) -> WatchWaitFor<'a, T, F> {
        WatchWaitFor { receiver, predicate, refused: None, key: None, caller }
    }
}

/// The predicate is called by reference, never pinned.
impl<T, F> Unpin for WatchWaitFor<'_, T, F> {}

impl<T, F: FnMut(&T) -> bool> Future for WatchWaitFor<'_, T, F> {
    type Output = Result<WatchRef<T>, WatchClosed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            match this.refused {
                None => ready!(coop::poll_proceed(cx)),
                Some(refused) => {
                    if let Err(closed) =
                        ready!(poll_newer(&this.receiver.shared, refused, &mut this.key, cx, this.caller))
                    {
                        return Poll::Ready(Err(closed));
                    }
                }
            }
            let (value, version) = this.receiver.look();
            if (this.predicate)(&value) {
                this.receiver.seen = version;
                return Poll::Ready(Ok(value));
            }
            this.refused = Some(version);
        }
    }
}

impl<T, F> Drop for WatchWaitFor<'_, T, F> {
    fn drop(&mut self) {
        leave(&self.receiver.shared, &mut self.key);
    }
}

impl<T, F> fmt::Debug for WatchWaitFor<'_, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<WatchReceiver::wait_for at {}>", self.caller)
    }
}
