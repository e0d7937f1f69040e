//! The futures of a queue: each looks under the lock, and waits in its line if it must.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::coop;
use super::queue_error::{PutError, QueueShutDown};
use super::queue_state::{Shared, Store, wake};
use super::waiters::{Key, Left, Turn};
use crate::waiting::{self, Kind};

/// The future of [`Queue::put`](super::Queue::put).
#[must_use = "nothing is put until this is awaited"]
pub struct Put<'a, T, S: Store<T> = VecDeque<T>> {
    shared: &'a Shared<T, S>,
    item: Option<T>,
    key: Option<Key>,
    kind: Kind,
    pub(super) caller: &'static Location<'static>,
}

impl<'a, T, S: Store<T>> Put<'a, T, S> {
    pub(super) fn new(
        shared: &'a Shared<T, S>,
        item: T,
        kind: Kind,
        caller: &'static Location<'static>,
    ) -> Put<'a, T, S> {
        Put { shared, item: Some(item), key: None, kind, caller }
    }
}

/// The item is moved, never pinned.
impl<T, S: Store<T>> Unpin for Put<'_, T, S> {}

impl<T, S: Store<T>> Future for Put<'_, T, S> {
    type Output = Result<(), PutError<T>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.key.is_none() {
            ready!(coop::poll_proceed(cx));
        }
        let polled_again = "the future of Queue::put was polled again after it had put its item";
        let mut fresh = None;
        loop {
            let mut state = this.shared.state.lock();
            let turn = state.putters.turn(&mut this.key);
            if state.is_shut_down {
                drop(state);
                return Poll::Ready(Err(PutError(this.item.take().expect(polled_again))));
            }
            if turn == Turn::Granted || (turn == Turn::New && state.has_room(this.shared.capacity)) {
                let getter = state.push(this.item.take().expect(polled_again));
                drop(state);
                wake(getter);
                return Poll::Ready(Ok(()));
            }
            if state.putters.wait(&mut this.key, cx.waker(), &mut fresh) {
                waiting::note(this.kind, waiting::object(this.shared), this.caller);
                return Poll::Pending;
            }
            drop(state);
            fresh = Some(cx.waker().clone());
        }
    }
}

impl<T, S: Store<T>> Put<'_, T, S> {
    #[cold]
    fn give_up(&self, key: Key) {
        let mut state = self.shared.state.lock();
        let left = state.putters.leave(key);
        let next = if let Left::Granted = left { state.offer_slot(self.shared.capacity) } else { None };
        drop(state);
        drop(left);
        wake(next);
    }
}

impl<T, S: Store<T>> Drop for Put<'_, T, S> {
    #[inline]
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.give_up(key);
        }
    }
}

impl<T, S: Store<T>> fmt::Debug for Put<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Queue::put at {}>", self.caller)
    }
}

/// The future of [`Queue::get`](super::Queue::get).
#[must_use = "nothing is taken until this is awaited"]
pub struct Get<'a, T, S: Store<T> = VecDeque<T>> {
    shared: &'a Shared<T, S>,
    key: Option<Key>,
    kind: Kind,
    pub(super) caller: &'static Location<'static>,
}

impl<'a, T, S: Store<T>> Get<'a, T, S> {
    pub(super) fn new(shared: &'a Shared<T, S>, kind: Kind, caller: &'static Location<'static>) -> Get<'a, T, S> {
        Get { shared, key: None, kind, caller }
    }
}

impl<T, S: Store<T>> Future for Get<'_, T, S> {
    type Output = Result<T, QueueShutDown>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.key.is_none() {
            ready!(coop::poll_proceed(cx));
        }
        let mut fresh = None;
        loop {
            let mut state = this.shared.state.lock();
            let taken = match state.getters.turn(&mut this.key) {
                Turn::Granted => state.pop(this.shared.capacity),
                Turn::New | Turn::Released => state.pop_free(this.shared.capacity),
                Turn::Waiting => None,
            };
            if let Some((item, putter)) = taken {
                drop(state);
                wake(putter);
                return Poll::Ready(Ok(item));
            }
            if state.is_shut_down {
                return Poll::Ready(Err(QueueShutDown));
            }
            if state.getters.wait(&mut this.key, cx.waker(), &mut fresh) {
                waiting::note(this.kind, waiting::object(this.shared), this.caller);
                return Poll::Pending;
            }
            drop(state);
            fresh = Some(cx.waker().clone());
        }
    }
}

impl<T, S: Store<T>> Get<'_, T, S> {
    #[cold]
    fn give_up(&self, key: Key) {
        let mut state = self.shared.state.lock();
        let left = state.getters.leave(key);
        let next = if let Left::Granted = left { state.offer_item() } else { None };
        drop(state);
        drop(left);
        wake(next);
    }
}

impl<T, S: Store<T>> Drop for Get<'_, T, S> {
    #[inline]
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.give_up(key);
        }
    }
}

impl<T, S: Store<T>> fmt::Debug for Get<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Queue::get at {}>", self.caller)
    }
}

/// The future of [`Queue::join`](super::Queue::join).
#[must_use = "a join does nothing until it is awaited"]
pub struct Join<'a, T, S: Store<T> = VecDeque<T>> {
    shared: &'a Shared<T, S>,
    key: Option<Key>,
    caller: &'static Location<'static>,
}

impl<'a, T, S: Store<T>> Join<'a, T, S> {
    pub(super) fn new(shared: &'a Shared<T, S>, caller: &'static Location<'static>) -> Join<'a, T, S> {
        Join { shared, key: None, caller }
    }
}

impl<T, S: Store<T>> Future for Join<'_, T, S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.key.is_none() {
            ready!(coop::poll_proceed(cx));
        }
        let mut fresh = None;
        loop {
            let mut state = this.shared.state.lock();
            let turn = state.joiners.turn(&mut this.key);
            if turn == Turn::Released || (turn == Turn::New && state.unfinished == 0) {
                return Poll::Ready(());
            }
            if state.joiners.wait(&mut this.key, cx.waker(), &mut fresh) {
                waiting::note(Kind::QueueJoin, waiting::object(this.shared), this.caller);
                return Poll::Pending;
            }
            drop(state);
            fresh = Some(cx.waker().clone());
        }
    }
}

impl<T, S: Store<T>> Drop for Join<'_, T, S> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            // Two statements: the lock first, the waker after it.
            let left = self.shared.state.lock().joiners.leave(key);
            drop(left);
        }
    }
}

impl<T, S: Store<T>> fmt::Debug for Join<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Queue::join at {}>", self.caller)
    }
}
