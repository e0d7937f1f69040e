//! A semaphore and a mutex: whoever comes takes a number, and waits until it is served.

use std::cell::{Cell, UnsafeCell};
use std::ops::{Deref, DerefMut};
use std::task::Poll;
use std::{future, mem};

use super::here::Here;
use super::waiters::Waiters;

pub struct Semaphore(Here<Turns>);

struct Turns {
    /// The number that the next one takes.
    next: Cell<u64>,
    /// All below it are served.
    served: Cell<u64>,
    waiters: Waiters,
}

impl Semaphore {
    pub(super) fn new(permits: usize) -> Semaphore {
        let (next, served) = (Cell::new(0), Cell::new(permits as u64));
        Semaphore(Here::new(Turns { next, served, waiters: Waiters::default() }))
    }

    /// Waits for a permit, which goes from hand to hand in the order of coming.
    pub(super) async fn acquire(&self) -> Permit<'_> {
        let number = self.0.next.replace(self.0.next.get() + 1);
        if number >= self.0.served.get() {
            let mut waits = false;
            future::poll_fn(|context| {
                if number < self.0.served.get() {
                    return Poll::Ready(());
                }
                if !mem::replace(&mut waits, true) {
                    self.0.waiters.add(context);
                }
                Poll::Pending
            })
            .await;
        }
        Permit(self)
    }
}

pub(super) struct Permit<'a>(&'a Semaphore);

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let turns = &self.0.0;
        turns.served.set(turns.served.get() + 1);
        turns.waiters.wake_one();
    }
}

/// One permit, and what it is for.
pub struct Mutex<T> {
    turn: Semaphore,
    value: Here<UnsafeCell<T>>,
}

impl<T> Mutex<T> {
    pub(super) fn new(value: T) -> Mutex<T> {
        Mutex { turn: Semaphore::new(1), value: Here::new(UnsafeCell::new(value)) }
    }

    pub(super) async fn lock(&self) -> Guard<'_, T> {
        Guard { _permit: self.turn.acquire().await, value: &self.value }
    }
}

pub(super) struct Guard<'a, T> {
    _permit: Permit<'a>,
    value: &'a Here<UnsafeCell<T>>,
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: there is one permit, and this guard has it.
        unsafe { &*self.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: there is one permit, and this guard has it.
        unsafe { &mut *self.value.get() }
    }
}
