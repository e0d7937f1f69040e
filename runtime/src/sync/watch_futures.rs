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
use super::watch_state::{Shared, State};

/// Gives what `look` makes of a state that is not the one numbered `seen`, and waits for it.
#[inline]
fn poll_newer<T, R>(
    shared: &Shared<T>,
    seen: Option<u64>,
    key: &mut Option<Key>,
    cx: &mut Context<'_>,
    look: impl FnOnce(&State<T>) -> R,
) -> Poll<Result<R, WatchClosed>> {
    if key.is_none() {
        ready!(coop::poll_proceed(cx));
    }
    let mut fresh = None;
    loop {
        let mut state = shared.state.lock();
        let turn = state.waiters.turn(key);
        if Some(state.version) != seen {
            debug_assert_ne!(turn, Turn::Waiting, "whoever has something to see is released");
            return Poll::Ready(Ok(look(&state)));
        }
        if state.is_closed {
            return Poll::Ready(Err(WatchClosed));
        }
        if state.waiters.wait(key, cx.waker(), &mut fresh) {
            return Poll::Pending;
        }
        drop(state);
        fresh = Some(cx.waker().clone());
    }
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
        let WatchChanged { receiver, key, .. } = self.get_mut();
        let newer = poll_newer(&receiver.shared, Some(receiver.seen), key, cx, |state| state.version);
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
            let look = |state: &State<T>| (state.version, WatchRef { value: state.value.clone() });
            let newer = poll_newer(&this.receiver.shared, this.refused, &mut this.key, cx, look);
            let (version, value) = match ready!(newer) {
                Ok(newer) => newer,
                Err(closed) => return Poll::Ready(Err(closed)),
            };
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
