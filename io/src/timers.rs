//! The timers of one worker: a wheel behind a lock, and who must be woken for what.
//!
//! # The protocol
//!
//! The owner parks until the earliest deadline. Others may insert an earlier one meanwhile (a rescued task, a thread
//! outside), and then it must get up. The owner therefore publishes in `armed_until`, under the wheel's lock, until
//! when it will sleep; an inserter looks at it under the same lock:
//!
//! ```text
//!   owner                                   inserter
//!   lock; arm: armed_until = next; unlock   lock; insert; look at armed_until; unlock
//!   epoll_wait                              deadline < armed_until? -> unpark the owner
//!   disarm: armed_until = 0
//! ```
//!
//! Feared: the owner computes its sleep, then a shorter timer comes in, and nobody tells the owner. It cannot happen:
//! one of the two has the lock first. Inserter first: the owner's computation sees the entry. Owner first: the inserter
//! sees `armed_until`, and its unpark stays in the eventfd until the owner's epoll_wait returns.
//!
//! The lock is never held across a syscall, nor while a waker is cloned, woken or dropped: that code is the user's,
//! and may come back here. Cancelling never unparks; the owner then gets up once for nothing at most.
//!
//! Rejected: a lock-free insert queue per wheel (the lock is the owner's own and free in practice; remote inserts and
//! remote cancels are the rare case), and an unpark without looking at `armed_until` (a syscall per insert).

use std::task::Waker;

use super::wheel::{Expired, Key, Wheel};
use crate::shim::Mutex;
use crate::shim::atomic::{AtomicU64, AtomicUsize, Ordering};

/// How many wakers are taken out under one hold of the lock.
const BATCH: usize = 256;

/// The owner is awake: it looks at the wheel by itself before it parks.
const AWAKE: u64 = 0;

/// The timers of one worker.
#[derive(Debug)]
pub struct Timers {
    wheel: Mutex<Guarded>,
    /// Until when the parked owner sleeps. Raised only under the lock of `wheel`.
    armed_until: AtomicU64,
    /// How many entries there are: a copy for readers without the lock.
    len: AtomicUsize,
}

#[derive(Debug)]
struct Guarded {
    wheel: Wheel,
    closed: bool,
    expired_until: u64,
    /// The batch of the last expiry, empty, kept for the next one.
    spare: Vec<Expired>,
}

/// An inserted timer.
#[derive(Debug)]
#[must_use = "the owner may have to be unparked"]
pub struct Inserted {
    /// Names the timer.
    pub key: Key,
    /// The owner sleeps past this deadline: unpark it.
    pub unpark: bool,
}

/// The timers have been closed; the waker that was to be inserted comes back.
#[derive(Debug)]
pub struct Closed(pub Waker);

/// What became of a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It will wake the waker that asks.
    Waiting,
    /// It would wake another waker.
    OtherWaker,
    /// It has fired, or was cancelled.
    Gone,
    /// It was woken before its time, since the timers were closed.
    Closed,
}

impl Timers {
    /// No timers, at this time.
    #[must_use]
    pub fn new(now_ns: u64) -> Timers {
        let guarded = Guarded { wheel: Wheel::new(now_ns), closed: false, expired_until: now_ns, spare: Vec::new() };
        Timers { wheel: Mutex::new(guarded), armed_until: AtomicU64::new(AWAKE), len: AtomicUsize::new(0) }
    }

    /// How many timers there are, roughly.
    #[must_use]
    pub fn len(&self) -> usize {
        // Relaxed: a hint. The owner sees its own inserts, and `armed_until` covers those of others.
        self.len.load(Ordering::Relaxed)
    }

    /// Whether there are none, roughly.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a timer.
    ///
    /// # Errors
    /// The timers are closed: register with those of the current worker.
    pub fn insert(&self, now_ns: u64, when_ns: u64, waker: Waker) -> Result<Inserted, Closed> {
        let mut guarded = self.wheel.lock();
        if guarded.closed {
            return Err(Closed(waker));
        }
        guarded.wheel.skip_to(now_ns);
        let key = guarded.wheel.insert(when_ns, waker);
        self.count(&guarded);
        // Relaxed: the value was stored under the lock that is held here. A `disarm` that is not seen yet costs one
        // needless unpark.
        let unpark = when_ns < self.armed_until.load(Ordering::Relaxed);
        Ok(Inserted { key, unpark })
    }

    /// Reserves entries for timers to come; none if the timers are closed.
    pub fn reserve(&self, n: usize, mut take: impl FnMut(Key)) {
        let mut guarded = self.wheel.lock();
        if !guarded.closed {
            (0..n).for_each(|_| take(guarded.wheel.reserve()));
        }
    }

    /// Gives reserved entries back.
    pub fn release(&self, keys: impl Iterator<Item = Key>) {
        let mut guarded = self.wheel.lock();
        for key in keys {
            // A reserved entry's waker is none of anybody's.
            drop(guarded.wheel.cancel(key));
        }
    }

    /// Turns reserved entries into timers, by their owner, who is awake. Wakers that are not needed stay in the list.
    pub fn settle(&self, now_ns: u64, timers: &mut [(Key, u64, Option<Waker>)]) {
        let mut guarded = self.wheel.lock();
        // After closing, whoever polls such a timer finds that out by itself.
        if guarded.closed {
            return;
        }
        guarded.wheel.skip_to(now_ns);
        for (key, when_ns, waker) in timers {
            if let Some(taken) = waker.take() {
                *waker = guarded.wheel.settle(*key, *when_ns, taken).err();
            }
        }
        self.count(&guarded);
    }

    /// Sees to it that a timer which was reserved, and may be so still, wakes this waker. True: unpark the owner.
    ///
    /// # Errors
    /// The timer is gone, or the timers are closed: the waker comes back.
    pub fn settle_one(
        &self,
        now_ns: u64,
        key: Key,
        when_ns: u64,
        waker: Waker,
    ) -> Result<(bool, Option<Waker>), Waker> {
        let mut guarded = self.wheel.lock();
        if guarded.closed {
            return Err(waker);
        }
        guarded.wheel.skip_to(now_ns);
        match guarded.wheel.settle(key, when_ns, waker) {
            Ok(()) => {
                self.count(&guarded);
                // Relaxed: as in `insert`.
                Ok((when_ns < self.armed_until.load(Ordering::Relaxed), None))
            }
            Err(waker) => guarded.wheel.replace_waker(key, waker).map(|before| (false, Some(before))),
        }
    }

    /// The deadline of a timer that has not fired.
    #[must_use]
    pub fn when(&self, key: Key) -> Option<u64> {
        self.wheel.lock().wheel.when(key)
    }

    /// Until what time timers have fired.
    #[must_use]
    pub fn expired_until(&self) -> u64 {
        self.wheel.lock().expired_until
    }

    /// Whether the entries take more memory than a few timers need.
    #[must_use]
    pub fn is_big(&self) -> bool {
        self.wheel.lock().wheel.is_big()
    }

    /// Removes a timer. The waker is dropped by the caller, who holds no lock.
    #[must_use = "the waker is dropped by whoever holds no lock"]
    pub fn cancel(&self, key: Key) -> Option<Waker> {
        let mut guarded = self.wheel.lock();
        let waker = guarded.wheel.cancel(key);
        self.count(&guarded);
        waker
    }

    /// Whether a timer has fired, and whom it will wake.
    #[must_use]
    pub fn state(&self, key: Key, waker: &Waker) -> State {
        let guarded = self.wheel.lock();
        match guarded.wheel.waker(key) {
            Some(_) if guarded.closed => State::Closed,
            Some(_) if guarded.wheel.is_reserved(key) => State::OtherWaker,
            Some(known) if known.will_wake(waker) => State::Waiting,
            Some(_) => State::OtherWaker,
            None if guarded.closed => State::Closed,
            None => State::Gone,
        }
    }

    /// Exchanges the waker of a timer; hands back the one that is not needed any more.
    ///
    /// # Errors
    /// The timer is gone: the new waker comes back.
    pub fn replace_waker(&self, key: Key, waker: Waker) -> Result<Waker, Waker> {
        self.wheel.lock().wheel.replace_waker(key, waker)
    }

    /// The earliest time at which `expire` has something to do.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        self.wheel.lock().wheel.next_deadline()
    }

    /// Publishes that the owner is going to sleep until the next deadline or until `at_most_ns`, and says which.
    /// `u64::MAX` is for ever.
    #[must_use = "the owner sleeps until then"]
    pub fn arm(&self, at_most_ns: u64) -> u64 {
        let guarded = self.wheel.lock();
        let until = guarded.wheel.next_deadline().unwrap_or(u64::MAX).min(at_most_ns);
        // Relaxed: read under the same lock, in `insert`.
        self.armed_until.store(until, Ordering::Relaxed);
        until
    }

    /// As `arm`, for an owner whose clock is virtual: it sleeps for ever, and every insert unparks it.
    pub fn arm_for_ever(&self) {
        let _guarded = self.wheel.lock();
        // Relaxed: read under the same lock, in `insert`.
        self.armed_until.store(u64::MAX, Ordering::Relaxed);
    }

    /// The owner is awake again.
    pub fn disarm(&self) {
        // Relaxed: see `insert`.
        self.armed_until.store(AWAKE, Ordering::Relaxed);
    }

    /// Calls `wake`, with no lock held, for each timer whose deadline has come, earliest first. `wake` must not
    /// panic. Returns how many there were.
    pub fn expire(&self, now_ns: u64, mut wake: impl FnMut(Waker)) -> usize {
        let mut fired = 0;
        let mut guarded = self.wheel.lock();
        guarded.expired_until = now_ns;
        let mut batch = std::mem::take(&mut guarded.spare);
        loop {
            let more = guarded.wheel.expire(now_ns, &mut batch, BATCH);
            if batch.is_empty() {
                break;
            }
            self.count(&guarded);
            drop(guarded);
            fired += batch.len();
            for (_, _, waker) in batch.drain(..) {
                wake(waker);
            }
            guarded = self.wheel.lock();
            if !more {
                break;
            }
        }
        guarded.spare = batch;
        fired
    }

    /// Takes out every timer whose deadline has come, earliest first, for whoever fires those of several owners in one
    /// order.
    pub fn take_due(&self, now_ns: u64, due: &mut Vec<Expired>) {
        let mut guarded = self.wheel.lock();
        guarded.expired_until = now_ns;
        let _ = guarded.wheel.expire(now_ns, due, usize::MAX);
        self.count(&guarded);
    }

    /// Refuses timers from now on, and calls `wake`, with no lock held, for each that was waiting.
    pub fn close(&self, mut wake: impl FnMut(Waker)) -> usize {
        let wakers = {
            let mut guarded = self.wheel.lock();
            guarded.closed = true;
            let wakers = guarded.wheel.take_all();
            self.count(&guarded);
            wakers
        };
        let woken = wakers.len();
        for waker in wakers {
            wake(waker);
        }
        woken
    }

    fn count(&self, guarded: &Guarded) {
        // Relaxed: see `len`.
        self.len.store(guarded.wheel.len(), Ordering::Relaxed);
    }
}
