//! Items handed from many putters to many getters: asyncio's `Queue`.
//!
//! One lock guards the items and two lines of waiters. Items never travel through the waiters: an item that is put
//! lies in the store until a getter takes it, and the item of a waiting put lies in its future. What is handed over is
//! a **promise**, and promises are counted:
//!
//! * A put that finds a getter waiting grants the first of them *one item*. Free for others are only
//!   `items - granted getters`, so a getter that comes later cannot overtake, and a granted one that is polled late
//!   finds its item for certain.
//! * A get that makes room while a putter waits grants the first of them *one slot*. Free for others are only
//!   `capacity - items - granted putters`.
//!
//! Two invariants follow, and each function restores them before it unlocks: *getters wait only while every item is
//! promised; putters wait only while every slot is taken or promised.*
//!
//! **Cancelled after the grant.** The promise returns and goes to the next who waits, else the item (or slot) is free
//! again. The item has not moved: it still is at the front. So nothing can be lost or reordered, by construction, and a
//! cancelled put leaves nothing behind, since its item never left the future.
//!
//! **Why not hand the item itself over** (into the waiter's entry)? It saves the woken getter one lock, but a getter
//! that is dropped must put its item back in front of others that were taken since, a store that orders its items
//! (PriorityQueue: a getter takes what is smallest *when its turn comes*) would have to be asked twice, and a
//! cancelled put would have to fish its item out of the store. Promising is the simpler half of the same fairness.
//!
//! **Wake-ups are what costs**, so a put wakes only if somebody waits who has not been woken yet. A consumer that
//! drains 100 items grants one slot on the first get, to the one producer that waits; that producer, once it runs,
//! fills all 100. So 1:1 traffic costs two wake-ups per 100 items, not two per item.
//!
//! **Shutdown.** Everybody who waits is released. A released getter looks again as if it had just come (free items
//! first, then `QueueShutDown`), putters give their item back. Promises made to getters stand, unless `shutdown_now`
//! took the items away; a getter that finds nothing in spite of its promise knows that this is why.
//!
//! Under the lock runs no foreign code: items are moved, never dropped or looked at there (but for the `Ord` of a
//! [`PriorityQueue`](super::PriorityQueue)'s items), and wakers are woken after it.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::task::Waker;

use super::queue_error::{TryGetError, TryPutError};
use super::waiters::{Waiters, WakeBatch, wake_in_batches, wake_released};
use crate::shim::Mutex;

/// Where the items of a queue lie, and which comes out first: a `VecDeque` is first in, first out.
///
/// Only this crate implements it.
pub trait Store<T>: private::Store<T> {}

mod private {
    use std::collections::VecDeque;

    /// A buffer that had to grow beyond this is given back when it is empty (picked from thin air).
    const KEEP_ITEMS: usize = 1024;

    pub trait Store<T> {
        fn push(&mut self, item: T);
        fn pop(&mut self) -> Option<T>;
        fn len(&self) -> usize;
        /// All items, in the order in which they would have come out.
        fn take_all(&mut self) -> Vec<T>;
    }

    impl<T> Store<T> for VecDeque<T> {
        #[inline]
        fn push(&mut self, item: T) {
            self.push_back(item);
        }

        #[inline]
        fn pop(&mut self) -> Option<T> {
            let item = self.pop_front();
            if self.is_empty() && self.capacity() > KEEP_ITEMS {
                *self = VecDeque::new();
            }
            item
        }

        #[inline]
        fn len(&self) -> usize {
            VecDeque::len(self)
        }

        fn take_all(&mut self) -> Vec<T> {
            std::mem::take(self).into()
        }
    }
}

pub(super) use private::Store as StoreOps;

impl<T> Store<T> for VecDeque<T> {}

pub(super) struct Shared<T, S> {
    /// `usize::MAX`: no bound.
    pub(super) capacity: usize,
    pub(super) state: Mutex<State<S>>,
    item: PhantomData<fn(T) -> T>,
}

pub(super) struct State<S> {
    pub(super) items: S,
    pub(super) getters: Waiters,
    pub(super) putters: Waiters,
    pub(super) joiners: Waiters,
    /// Items put and not yet marked as done.
    pub(super) unfinished: usize,
    pub(super) is_shut_down: bool,
}

pub(super) fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl<S> State<S> {
    /// Is there a slot that is neither taken nor promised?
    pub(super) fn has_room<T>(&self, capacity: usize) -> bool
    where
        S: Store<T>,
    {
        self.items.len() + self.putters.granted() < capacity
    }

    /// Puts an item for which there is room, and promises it to the first getter that waits.
    #[must_use]
    pub(super) fn push<T>(&mut self, item: T) -> Option<Waker>
    where
        S: Store<T>,
    {
        self.items.push(item);
        self.unfinished += 1;
        self.getters.grant_first()
    }

    /// Takes an item that is promised to nobody.
    pub(super) fn pop_free<T>(&mut self, capacity: usize) -> Option<(T, Option<Waker>)>
    where
        S: Store<T>,
    {
        if self.items.len() > self.getters.granted() { self.pop(capacity) } else { None }
    }

    /// Takes an item, and promises its slot to the first putter that waits.
    pub(super) fn pop<T>(&mut self, capacity: usize) -> Option<(T, Option<Waker>)>
    where
        S: Store<T>,
    {
        let item = self.items.pop()?;
        Some((item, self.offer_slot(capacity)))
    }

    /// Promises a free slot, if there is one, to the first putter that waits.
    #[inline]
    #[must_use]
    pub(super) fn offer_slot<T>(&mut self, capacity: usize) -> Option<Waker>
    where
        S: Store<T>,
    {
        if !self.putters.is_empty() && self.has_room(capacity) { self.putters.grant_first() } else { None }
    }

    /// Promises a free item, if there is one, to the first getter that waits.
    #[must_use]
    pub(super) fn offer_item<T>(&mut self) -> Option<Waker>
    where
        S: Store<T>,
    {
        if self.items.len() > self.getters.granted() { self.getters.grant_first() } else { None }
    }
}

impl<T, S: Store<T>> Shared<T, S> {
    pub(super) fn new(items: S, capacity: usize) -> Shared<T, S> {
        let state = State {
            items,
            getters: Waiters::new(),
            putters: Waiters::new(),
            joiners: Waiters::new(),
            unfinished: 0,
            is_shut_down: false,
        };
        Shared { capacity, state: Mutex::new(state), item: PhantomData }
    }

    pub(super) fn try_put(&self, item: T) -> Result<(), TryPutError<T>> {
        let mut state = self.state.lock();
        if state.is_shut_down {
            return Err(TryPutError::ShutDown(item));
        }
        if !state.has_room(self.capacity) {
            return Err(TryPutError::Full(item));
        }
        let getter = state.push(item);
        drop(state);
        wake(getter);
        Ok(())
    }

    pub(super) fn try_get(&self) -> Result<T, TryGetError> {
        let mut state = self.state.lock();
        let Some((item, putter)) = state.pop_free(self.capacity) else {
            return Err(if state.is_shut_down { TryGetError::ShutDown } else { TryGetError::Empty });
        };
        drop(state);
        wake(putter);
        Ok(item)
    }

    pub(super) fn shut_down(&self, take: impl FnOnce(&mut S) -> Vec<T>) -> Vec<T> {
        let mut state = self.state.lock();
        state.is_shut_down = true;
        let left = take(&mut state.items);
        state.unfinished -= left.len();
        let mut released = state.getters.release();
        released |= state.putters.release();
        released |= state.unfinished == 0 && state.joiners.release();
        drop(state);
        if !released {
            return left;
        }
        // All of them in one go: a waker that panics keeps nobody of another kind from being woken either.
        wake_in_batches(&self.state, WakeBatch::new(), |state, batch| {
            state.getters.take_released(batch)
                || state.putters.take_released(batch)
                || state.joiners.take_released(batch)
        });
        left
    }

    /// `false`: not so many items are unfinished.
    #[must_use]
    pub(super) fn mark_done(&self, count: usize) -> bool {
        let mut state = self.state.lock();
        let Some(unfinished) = state.unfinished.checked_sub(count) else { return false };
        state.unfinished = unfinished;
        let joiners = unfinished == 0 && state.joiners.release();
        drop(state);
        if joiners {
            wake_released(&self.state, |state| &mut state.joiners);
        }
        true
    }
}
