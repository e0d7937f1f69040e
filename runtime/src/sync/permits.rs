//! A count of permits and a line of futures that want some of them: the protocol under
//! [`Semaphore`](super::Semaphore) and [`RwLock`](super::RwLock) (whose reader takes one permit, whose writer all).
//!
//! One word holds the number of free permits and a bit that says whether anybody waits; the line, under its own short
//! lock, says who is next and how many each of them wants.
//!
//! | state word           | means                                        | changed by                                   |
//! |----------------------|----------------------------------------------|----------------------------------------------|
//! | free                 | nobody waits; free permits are for whoever   | `try_take`, `give` (one CAS each); `enqueue` |
//! |                      | comes                                        |                                              |
//! | free \| HAS_WAITERS  | the line is not empty, and its first wants   | `serve` under the line's lock, and nobody    |
//! |                      | more than is free                            | else                                         |
//!
//! HAS_WAITERS changes only under the line's lock, and while it is set the whole word does. So a newcomer finds either
//! nobody waiting and takes its permits with one CAS, or queues up behind everybody.
//!
//! **Hand-over.** Permits that come back while somebody waits are dealt out by `serve`, from the front of the line, as
//! long as they suffice for the first. Whoever is first and wants more than is free keeps those behind it waiting,
//! though they might go: that is what keeps a large demand from being starved by small ones. Nothing is set aside for
//! it before it can be served whole, so one that gives up has nothing to give back, and those behind it go at once.
//!
//! **The feared interleaving** is a waiter that queues up while the last permit comes back: the CAS of `give` sees no
//! HAS_WAITERS and adds its permit, the waiter sleeps beside it. `enqueue` sets the bit by an RMW on that same word,
//! under the line's lock, *before* it pushes: if `give` came first, the RMW finds the permit and takes it; if the RMW
//! came first, the CAS fails, and the giver goes to the line, whose lock it gets only after the push.
//!
//! **Cancelled after the grant**: the waiter gives its permits back, exactly as a holder would. **Cancelled before**:
//! it may have been the large demand at the front, so the line is served again.

use std::panic::Location;
use std::task::{Context, Poll, Waker, ready};

use super::coop;
use super::waiters::{Key, Left, Turn, Waiters, WakeBatch, wake_in_batches};
use crate::shim::atomic::{AtomicUsize, Ordering};
use crate::shim::{Mutex, MutexGuard, const_unless_loom};
use crate::waiting::{self, Kind};

const HAS_WAITERS: usize = 1;
/// The count stands above the bit.
const ONE: usize = 2;

/// So many permits fit into the word.
pub(super) const MAX: usize = usize::MAX / ONE;

pub(super) struct Permits {
    state: AtomicUsize,
    /// The note is how many permits the waiter wants.
    line: Mutex<Waiters<usize>>,
}

impl Permits {
    const_unless_loom! {
        /// At most `MAX`.
        pub(super) fn new(free: usize) -> Permits {
            Permits { state: AtomicUsize::new(free * ONE), line: Mutex::new(Waiters::new()) }
        }
    }

    /// How many nobody holds. (While anybody waits they are not to be had.)
    pub(super) fn free(&self) -> usize {
        self.state.load(Ordering::Relaxed) / ONE
    }

    /// Could a newcomer take so many at this moment?
    pub(super) fn could_take(&self, count: usize) -> bool {
        may_take(self.state.load(Ordering::Relaxed), count)
    }

    /// How many futures wait.
    pub(super) fn waiting(&self) -> usize {
        self.line.lock().len()
    }

    /// Takes so many if they are free and nobody waits.
    #[inline]
    pub(super) fn try_take(&self, count: usize) -> bool {
        let mut state = self.state.load(Ordering::Relaxed);
        while may_take(state, count) {
            let rest = state - count * ONE;
            // Acquire: pairs with the Release in `give`, `add` and `serve`, so that the next holder sees what the last
            // did.
            match self.state.compare_exchange_weak(state, rest, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    /// Gives so many back (or adds them, up to `MAX`).
    #[inline]
    pub(super) fn give(&self, count: usize) {
        let mut state = self.state.load(Ordering::Relaxed);
        while state & HAS_WAITERS == 0 {
            // Release: pairs with the Acquire in `try_take` and `enqueue`.
            match self.state.compare_exchange_weak(state, plus(state, count), Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => state = now,
            }
        }
        self.give_slow(count);
    }

    #[cold]
    fn give_slow(&self, count: usize) {
        let line = self.line.lock();
        self.add(count);
        self.serve_and_wake(line, None);
    }

    /// Adds, whoever else changes the word. Under the line's lock.
    fn add(&self, count: usize) {
        // Release: pairs with the Acquire in `try_take` and `enqueue`.
        let sum = self.state.fetch_update(Ordering::Release, Ordering::Relaxed, |state| Some(plus(state, count)));
        debug_assert!(sum.is_ok(), "the closure never says None");
    }

    /// Hands a turn to the first of the line, if it can be served. (Who is granted reads it under the line's lock,
    /// which orders it after those who gave; the Release is for whoever finds permits free later.)
    fn serve(&self, line: &mut Waiters<usize>) -> Option<Waker> {
        let state = self.state.load(Ordering::Relaxed);
        if state & HAS_WAITERS == 0 {
            return None;
        }
        let mut free = state / ONE;
        let mut waker = None;
        if let Some(wanted) = line.first_note().map(|wanted| *wanted)
            && wanted <= free
        {
            free -= wanted;
            waker = line.grant_first();
        }
        let bit = if line.is_empty() { 0 } else { HAS_WAITERS };
        self.state.store((free * ONE) | bit, Ordering::Release);
        waker
    }

    /// Can the first of the line be served? Under the line's lock.
    fn can_serve(&self, line: &mut Waiters<usize>) -> bool {
        let free = self.free();
        line.first_note().is_some_and(|wanted| *wanted <= free)
    }

    /// Serves all that can be served, and wakes them. What a waiter left behind is dropped after the lock.
    fn serve_and_wake(&self, mut line: MutexGuard<'_, Waiters<usize>>, left: Option<Left>) {
        let first = self.serve(&mut line);
        let more = self.can_serve(&mut line);
        drop(line);
        drop(left);
        if more {
            self.wake_crowd(first);
        } else if let Some(waker) = first {
            waker.wake();
        }
    }

    #[cold]
    fn wake_crowd(&self, first: Option<Waker>) {
        let mut batch = WakeBatch::new();
        batch.push(first);
        wake_in_batches(&self.line, batch, |line, batch| {
            while !batch.is_full() && self.can_serve(line) {
                batch.push(self.serve(line));
            }
            self.can_serve(line)
        });
    }
}

/// Are so many free, and nobody waits for them?
#[inline]
fn may_take(state: usize, count: usize) -> bool {
    state & HAS_WAITERS == 0 && state / ONE >= count
}

/// The word with so many more, and with the bit as it is. A count that is full stays full.
#[inline]
fn plus(state: usize, count: usize) -> usize {
    let sum = (state / ONE).saturating_add(count).min(MAX);
    (sum * ONE) | (state & HAS_WAITERS)
}

/// A future's side of the protocol.
#[derive(Debug)]
pub(super) struct PermitsWait {
    count: usize,
    key: Option<Key>,
}

impl PermitsWait {
    pub(super) const fn new(count: usize) -> PermitsWait {
        PermitsWait { count, key: None }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Ready: the permits are taken, and the caller must make the guard.
    #[inline]
    pub(super) fn poll(
        &mut self,
        permits: &Permits,
        cx: &mut Context<'_>,
        kind: Kind,
        at: &'static Location<'static>,
    ) -> Poll<()> {
        let polled = self.poll_permits(permits, cx);
        if polled.is_pending() {
            waiting::note(kind, waiting::object(permits), at);
        }
        polled
    }

    #[inline]
    fn poll_permits(&mut self, permits: &Permits, cx: &mut Context<'_>) -> Poll<()> {
        if self.key.is_some() {
            return self.poll_queued(permits, cx.waker());
        }
        ready!(coop::poll_proceed(cx));
        if permits.try_take(self.count) {
            return Poll::Ready(());
        }
        self.enqueue(permits, cx.waker().clone())
    }

    #[cold]
    fn enqueue(&mut self, permits: &Permits, waker: Waker) -> Poll<()> {
        let mut line = permits.line.lock();
        let mut state = permits.state.load(Ordering::Relaxed);
        loop {
            let taken = may_take(state, self.count);
            let next = if taken { state - self.count * ONE } else { state | HAS_WAITERS };
            // Acquire: pairs with the Release in `give`, for the case that permits have become free; and so that what was
            // given before the bit was set is seen by whoever is served under this lock.
            match permits.state.compare_exchange(state, next, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) if taken => return Poll::Ready(()),
                Ok(_) => break,
                Err(now) => state = now,
            }
        }
        self.key = Some(line.push(waker, self.count));
        Poll::Pending
    }

    fn poll_queued(&mut self, permits: &Permits, waker: &Waker) -> Poll<()> {
        let mut fresh = None;
        loop {
            let mut line = permits.line.lock();
            if line.turn(&mut self.key) == Turn::Granted {
                return Poll::Ready(());
            }
            if line.wait(&mut self.key, waker, &mut fresh) {
                return Poll::Pending;
            }
            drop(line);
            fresh = Some(waker.clone());
        }
    }

    /// The future is dropped: it gives up its place, or gives back the permits that it was handed and never saw.
    #[inline]
    pub(super) fn cancel(&mut self, permits: &Permits) {
        if let Some(key) = self.key.take() {
            cancel_queued(permits, key, self.count);
        }
    }
}

#[cold]
fn cancel_queued(permits: &Permits, key: Key, count: usize) {
    let mut line = permits.line.lock();
    let left = line.leave(key);
    if let Left::Granted = left {
        permits.add(count);
    }
    permits.serve_and_wake(line, Some(left));
}
