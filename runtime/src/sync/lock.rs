//! The lock without a value, and the protocol under [`Mutex`](super::Mutex).
//!
//! One word says who may take the lock; the waiters' list, under its own short lock, says who is next.
//!
//! | state word             | means                              | leaves it by                                       |
//! |------------------------|------------------------------------|----------------------------------------------------|
//! | 0                      | free, nobody waits                 | `try_acquire` (one CAS)                            |
//! | LOCKED                 | held, nobody waits                 | `release` (one CAS); `enqueue`                     |
//! | LOCKED \| HAS_WAITERS  | held, the list is not empty        | `hand_over`, `cancel`, both under the list's lock  |
//!
//! HAS_WAITERS changes only under the list's lock, and while it is set nobody else changes the word at all: the two
//! CASes of the fast paths expect exactly 0 and exactly LOCKED. (A lock found free by `enqueue` shows both bits for a
//! moment with an empty list; the same holds.) So the slow paths may simply store.
//!
//! **Hand-over.** A release that finds waiters does not free the lock: it grants the turn to the first of them, and
//! LOCKED stays set throughout. So nobody can barge in between, a releaser that asks again goes to the end, and a
//! `try_lock` fails while anybody waits. What this costs is a convoy: a contended lock changes hands at the pace of
//! wake-ups. It is asyncio's order, and it is the one that starves nobody.
//!
//! **The feared interleaving** is a waiter that queues up while the holder leaves: the holder's CAS sees LOCKED alone
//! and frees the lock, the waiter sleeps for ever. `enqueue` sets its bit by an RMW on that same word, under the
//! list's lock, *before* it pushes: if the CAS came first, the RMW finds LOCKED gone and has taken the lock; if the
//! RMW came first, the CAS fails and the holder goes to the list, whose lock it gets only after the push.
//!
//! **Cancelled after the grant**: the waiter leaves and hands the lock on, exactly as a holder would.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use super::coop;
use super::holder::{Holder, Record};
use super::waiters::{Key, Left, Turn, Waiters};
use crate::shim::atomic::{AtomicU8, Ordering};
use crate::shim::{Mutex, const_unless_loom};
use crate::waiting::{self, Kind};

const LOCKED: u8 = 1;
const HAS_WAITERS: u8 = 2;

/// A lock that guards no value: asyncio's `Lock`.
///
/// Fair: it is handed to whoever waits longest. It has no owner, so the guard may be dropped by another task than the
/// one that locked, and whoever locks twice waits for itself. For a lock around a value see [`Mutex`](super::Mutex).
///
/// # Examples
///
/// ```
/// static ONE_AT_A_TIME: raddle::Lock = raddle::Lock::new();
///
/// raddle::run(async {
///     let guard = ONE_AT_A_TIME.lock().await;
///     assert!(ONE_AT_A_TIME.is_locked());
///     drop(guard);
///     assert!(!ONE_AT_A_TIME.is_locked());
/// });
/// ```
pub struct Lock {
    state: AtomicU8,
    holder: Holder,
    line: Mutex<Line>,
}

struct Line {
    waiters: Waiters,
    record: Record,
}

impl Lock {
    const_unless_loom! {
        /// Makes a lock that is free.
        ///
        /// # Examples
        ///
        /// ```
        /// assert!(!raddle::Lock::new().is_locked());
        /// ```
        pub fn new() -> Lock {
            let line = Line { waiters: Waiters::new(), record: Record::none() };
            Lock { state: AtomicU8::new(0), holder: Holder::nobody(), line: Mutex::new(line) }
        }
    }

    /// Waits for the lock; it is free again when the guard is dropped.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped: it leaves its place in the line, and passes the lock on if it had
    /// just been handed it.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = raddle::Lock::new();
    /// raddle::run(async {
    ///     let _guard = lock.lock().await;
    /// });
    /// ```
    #[track_caller]
    pub fn lock(&self) -> LockAcquire<'_> {
        LockAcquire { lock: self, wait: LockWait::new(), caller: Location::caller() }
    }

    /// Waits for the lock: [`lock`](Lock::lock) under asyncio's name.
    ///
    /// # Cancel safety
    ///
    /// As [`lock`](Lock::lock): nothing is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = raddle::Lock::new();
    /// raddle::run(async {
    ///     let _guard = lock.acquire().await;
    /// });
    /// ```
    #[track_caller]
    pub fn acquire(&self) -> LockAcquire<'_> {
        self.lock()
    }

    /// Takes the lock if it is free (while anybody waits it is not).
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = raddle::Lock::new();
    /// let guard = lock.try_lock().unwrap();
    /// assert!(lock.try_lock().is_none());
    /// # drop(guard);
    /// ```
    pub fn try_lock(&self) -> Option<LockGuard<'_>> {
        self.try_acquire().then(|| LockGuard { lock: self })
    }

    /// Is it held at this moment?
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(!raddle::Lock::new().is_locked());
    /// ```
    pub fn is_locked(&self) -> bool {
        self.state.load(Ordering::Relaxed) & LOCKED != 0
    }

    /// How many futures wait for it.
    pub(super) fn waiting(&self) -> usize {
        self.line.lock().waiters.len()
    }

    #[inline]
    pub(super) fn try_acquire(&self) -> bool {
        // Acquire: pairs with the Release in `release` and `hand_over`, so that the next holder sees what the last did.
        self.state.compare_exchange(0, LOCKED, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// The holder leaves. Only guards call this, each once.
    #[inline]
    pub(super) fn release(&self) {
        // Release: pairs with the Acquire in `try_acquire` and `enqueue`.
        self.holder.wipe();
        if self.state.compare_exchange(LOCKED, 0, Ordering::Release, Ordering::Relaxed).is_err() {
            self.release_slow();
        }
    }

    #[cold]
    fn release_slow(&self) {
        let next = self.hand_over(&mut self.line.lock());
        if let Some(waker) = next {
            waker.wake();
        }
    }

    /// Passes the lock to the first waiter, or frees it. (Who is granted reads it under the list's lock, which orders
    /// the two holders; the Release is for whoever finds the lock free later.)
    fn hand_over(&self, line: &mut Line) -> Option<Waker> {
        debug_assert!(self.is_locked(), "a free lock was released");
        let next = line.waiters.grant_first();
        if let Some(next) = &next {
            line.record.grant(next);
        }
        if line.waiters.is_empty() {
            let held = if next.is_some() { LOCKED } else { 0 };
            self.state.store(held, Ordering::Release);
        }
        next
    }
}

impl Default for Lock {
    fn default() -> Lock {
        Lock::new()
    }
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock").field("locked", &self.is_locked()).field("waiters", &self.waiting()).finish()
    }
}

/// A future's side of the protocol, shared by all futures that wait for a lock.
#[derive(Debug)]
pub(super) struct LockWait {
    key: Option<Key>,
}

impl LockWait {
    pub(super) const fn new() -> LockWait {
        LockWait { key: None }
    }

    /// Ready: the lock is held, and the caller must make the guard.
    #[inline]
    pub(super) fn poll(
        &mut self,
        lock: &Lock,
        cx: &mut Context<'_>,
        kind: Kind,
        at: &'static Location<'static>,
    ) -> Poll<()> {
        if self.key.is_some() {
            return self.poll_queued(lock, cx.waker(), kind, at);
        }
        ready!(coop::poll_proceed(cx));
        if lock.try_acquire() {
            lock.holder.set(cx.waker(), at);
            return Poll::Ready(());
        }
        self.enqueue(lock, cx.waker().clone(), kind, at)
    }

    #[cold]
    fn enqueue(&mut self, lock: &Lock, waker: Waker, kind: Kind, at: &'static Location<'static>) -> Poll<()> {
        let mut line = lock.line.lock();
        // Acquire: pairs with the Release in `release`, for the case that the lock has become free.
        if lock.state.fetch_or(LOCKED | HAS_WAITERS, Ordering::Acquire) & LOCKED == 0 {
            lock.state.store(LOCKED, Ordering::Relaxed);
            lock.holder.set(&waker, at);
            return Poll::Ready(());
        }
        let is_first = line.waiters.is_empty();
        waiting::note(kind, line.record.wait(&lock.holder, is_first), at);
        self.key = Some(line.waiters.push(waker, ()));
        Poll::Pending
    }

    fn poll_queued(&mut self, lock: &Lock, waker: &Waker, kind: Kind, at: &'static Location<'static>) -> Poll<()> {
        let mut fresh = None;
        loop {
            let mut line = lock.line.lock();
            if line.waiters.turn(&mut self.key) == Turn::Granted {
                lock.holder.set(waker, at);
                line.record.taken(waker, at);
                return Poll::Ready(());
            }
            if line.waiters.wait(&mut self.key, waker, &mut fresh) {
                waiting::note(kind, line.record.number(), at);
                return Poll::Pending;
            }
            drop(line);
            fresh = Some(waker.clone());
        }
    }

    /// The future is dropped: it gives up its place, or passes on the lock that it was handed and never saw.
    #[inline]
    pub(super) fn cancel(&mut self, lock: &Lock) {
        if let Some(key) = self.key.take() {
            cancel_queued(lock, key);
        }
    }
}

#[cold]
fn cancel_queued(lock: &Lock, key: Key) {
    let mut line = lock.line.lock();
    let left = line.waiters.leave(key);
    let next = match left {
        Left::Granted => lock.hand_over(&mut line),
        _ => {
            if line.waiters.is_empty() {
                lock.state.store(LOCKED, Ordering::Relaxed);
            }
            None
        }
    };
    drop(line);
    drop(left);
    if let Some(waker) = next {
        waker.wake();
    }
}

/// The future of [`Lock::lock`].
#[must_use = "a lock is not taken until this is awaited"]
pub struct LockAcquire<'a> {
    lock: &'a Lock,
    wait: LockWait,
    caller: &'static Location<'static>,
}

impl<'a> Future for LockAcquire<'a> {
    type Output = LockGuard<'a>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<LockGuard<'a>> {
        let this = self.get_mut();
        ready!(this.wait.poll(this.lock, cx, Kind::Lock, this.caller));
        Poll::Ready(LockGuard { lock: this.lock })
    }
}

impl Drop for LockAcquire<'_> {
    fn drop(&mut self) {
        self.wait.cancel(self.lock);
    }
}

impl fmt::Debug for LockAcquire<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Lock::lock at {}>", self.caller)
    }
}

/// A lock that is held; dropping this hands it on.
#[must_use = "the lock is released as soon as its guard is dropped"]
#[derive(Debug)]
pub struct LockGuard<'a> {
    lock: &'a Lock,
}

impl<'a> LockGuard<'a> {
    /// The lock that is held.
    pub(super) fn lock_of(&self) -> &'a Lock {
        self.lock
    }
}

impl Drop for LockGuard<'_> {
    fn drop(&mut self) {
        self.lock.release();
    }
}
