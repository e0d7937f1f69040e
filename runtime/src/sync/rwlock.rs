//! A value that many may read or one may write. The protocol is that of `permits`: a reader takes one permit, a writer
//! all of them, in one line, so neither can starve the other.
//!
//! **Who touches the cell**: who holds a permit reads it, who holds all permits writes it; and whoever owns the lock or
//! has it by `&mut`, since guards borrow the lock, so that there is none then.
#![allow(unsafe_code)]

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::permits::{MAX, Permits, PermitsWait};
use crate::shim::{UnsafeCell, const_unless_loom};
use crate::waiting::Kind;

const READ: usize = 1;
const WRITE: usize = MAX;

/// A value that many tasks may read at the same time, or one may write; guards may be held across `.await`.
///
/// Fair: readers and writers stand in one line and are served in the order in which they came. A writer waits for the
/// readers that are there, and readers that come after it wait behind it; so a stream of readers does not starve it.
/// Readers that stand next to each other in the line go together. The other side of this: a task that holds a read
/// guard and asks for a second one waits for itself if a writer has come in between.
///
/// An uncontended lock and unlock cost one atomic operation each. There is no poisoning: when a writer panics or is
/// cancelled the value is as it left it. Where reads are short a [`Mutex`](super::Mutex) is as good.
///
/// # Examples
///
/// ```
/// static PRICES: raddle::RwLock<Vec<u32>> = raddle::RwLock::new(Vec::new());
///
/// raddle::run(async {
///     PRICES.write().await.push(3);
///     let (one, other) = (PRICES.read().await, PRICES.read().await);
///     assert_eq!((one[0], other[0]), (3, 3));
///     assert!(PRICES.try_write().is_none());
/// });
/// ```
pub struct RwLock<T> {
    permits: Permits,
    value: UnsafeCell<T>,
}

// SAFETY: a shared lock gives out the value by `&T` to several threads at once, which needs `Sync`, and by `&mut T` (or
// `T` itself, by `mem::replace`) to one at a time, which needs `Send`. The permits' Acquire and Release order them.
unsafe impl<T: Send + Sync> Sync for RwLock<T> {}

impl<T> RwLock<T> {
    const_unless_loom! {
        /// Wraps a value; the lock is free.
        ///
        /// # Examples
        ///
        /// ```
        /// static NAMES: raddle::RwLock<Vec<String>> = raddle::RwLock::new(Vec::new());
        /// assert!(NAMES.try_read().is_some());
        /// ```
        pub fn new(value: T) -> RwLock<T> {
            RwLock { permits: Permits::new(MAX), value: UnsafeCell::new(value) }
        }
    }

    /// Waits until the value may be read.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped: it leaves its place in the line, and passes its turn on if it had
    /// just come.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = raddle::RwLock::new(1);
    /// raddle::run(async { assert_eq!(*lock.read().await, 1) });
    /// ```
    #[track_caller]
    pub fn read(&self) -> RwLockRead<'_, T> {
        RwLockRead { lock: self, wait: PermitsWait::new(READ), caller: Location::caller() }
    }

    /// Waits until the value may be written.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped: it leaves its place in the line, those who waited behind it go on if
    /// they can, and if its turn had just come it passes it on.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = raddle::RwLock::new(1);
    /// raddle::run(async { *lock.write().await += 1 });
    /// assert_eq!(lock.into_inner(), 2);
    /// ```
    #[track_caller]
    pub fn write(&self) -> RwLockWrite<'_, T> {
        RwLockWrite { lock: self, wait: PermitsWait::new(WRITE), caller: Location::caller() }
    }

    /// Locks for reading if that is possible now (while anybody waits it is not).
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = raddle::RwLock::new(1);
    /// let guard = lock.try_write().unwrap();
    /// assert!(lock.try_read().is_none());
    /// # drop(guard);
    /// ```
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        self.permits.try_take(READ).then(|| RwLockReadGuard { lock: self, value: PhantomData })
    }

    /// Locks for writing if that is possible now (while anybody waits it is not).
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = raddle::RwLock::new(1);
    /// let guard = lock.try_read().unwrap();
    /// assert!(lock.try_write().is_none());
    /// # drop(guard);
    /// ```
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        self.permits.try_take(WRITE).then(|| RwLockWriteGuard { lock: self, value: PhantomData })
    }

    /// The value, without locking: `&mut` says that nobody else is there.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut lock = raddle::RwLock::new(1);
    /// *lock.get_mut() += 1;
    /// assert_eq!(lock.into_inner(), 2);
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        // SAFETY: `&mut self`, so no guard exists, and none can be made while the result lives.
        self.value.with_mut(|value| unsafe { &mut *value })
    }

    /// Gives the value back.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(raddle::RwLock::new(1).into_inner(), 1);
    /// ```
    pub fn into_inner(self) -> T {
        let this = ManuallyDrop::new(self);
        // SAFETY: the fields of a lock that is never dropped or used again; each is moved out once.
        drop(unsafe { std::ptr::read(&this.permits) });
        // SAFETY: as above; nobody else is there, since the lock was passed by value.
        this.value.with(|value| unsafe { std::ptr::read(value) })
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> RwLock<T> {
        RwLock::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> RwLock<T> {
        RwLock::new(value)
    }
}

impl<T: fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (readers, is_written) = match MAX - self.permits.free() {
            WRITE => (0, true),
            readers => (readers, false),
        };
        let mut lock = f.debug_struct("RwLock");
        lock.field("readers", &readers).field("written", &is_written);
        match self.try_read() {
            Some(value) => lock.field("value", &*value),
            None => lock.field("value", &format_args!("<locked>")),
        };
        lock.field("waiters", &self.permits.waiting()).finish()
    }
}

/// The future of [`RwLock::read`].
#[must_use = "a lock is not taken until this is awaited"]
pub struct RwLockRead<'a, T> {
    lock: &'a RwLock<T>,
    wait: PermitsWait,
    caller: &'static Location<'static>,
}

impl<'a, T> Future for RwLockRead<'a, T> {
    type Output = RwLockReadGuard<'a, T>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<RwLockReadGuard<'a, T>> {
        let this = self.get_mut();
        ready!(this.wait.poll(&this.lock.permits, cx, Kind::RwLockRead, this.caller));
        Poll::Ready(RwLockReadGuard { lock: this.lock, value: PhantomData })
    }
}

impl<T> Drop for RwLockRead<'_, T> {
    fn drop(&mut self) {
        self.wait.cancel(&self.lock.permits);
    }
}

impl<T> fmt::Debug for RwLockRead<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<RwLock::read at {}>", self.caller)
    }
}

/// The future of [`RwLock::write`].
#[must_use = "a lock is not taken until this is awaited"]
pub struct RwLockWrite<'a, T> {
    lock: &'a RwLock<T>,
    wait: PermitsWait,
    caller: &'static Location<'static>,
}

impl<'a, T> Future for RwLockWrite<'a, T> {
    type Output = RwLockWriteGuard<'a, T>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<RwLockWriteGuard<'a, T>> {
        let this = self.get_mut();
        ready!(this.wait.poll(&this.lock.permits, cx, Kind::RwLockWrite, this.caller));
        Poll::Ready(RwLockWriteGuard { lock: this.lock, value: PhantomData })
    }
}

impl<T> Drop for RwLockWrite<'_, T> {
    fn drop(&mut self) {
        self.wait.cancel(&self.lock.permits);
    }
}

impl<T> fmt::Debug for RwLockWrite<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<RwLock::write at {}>", self.caller)
    }
}

/// The right to read the value; dropping it hands the lock on.
///
/// It may be sent to another thread, and shared, if the value may be both sent and shared.
#[must_use = "the lock is released as soon as its guard is dropped"]
pub struct RwLockReadGuard<'a, T> {
    lock: &'a RwLock<T>,
    value: PhantomData<&'a T>,
}

impl<T> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this guard holds a permit, so nobody holds all of them, and nobody writes.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

impl<T> Drop for RwLockReadGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.permits.give(READ);
    }
}

impl<T: fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Display> fmt::Display for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The right to write the value; dropping it hands the lock on.
///
/// It may be sent to another thread, and shared, if the value may be both sent and shared.
#[must_use = "the lock is released as soon as its guard is dropped"]
pub struct RwLockWriteGuard<'a, T> {
    lock: &'a RwLock<T>,
    value: PhantomData<&'a mut T>,
}

impl<T> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this guard holds all permits, so nobody else touches the value; `&self` lets nobody write through it.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

impl<T> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard holds all permits, and `&mut self` keeps every other use of it away.
        self.lock.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T> Drop for RwLockWriteGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.permits.give(WRITE);
    }
}

impl<T: fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Display> fmt::Display for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// What the types above promise about threads, checked when they are compiled. (What they must not be is checked in
/// tests/sync_rwlock.rs.)
const _: () = {
    const fn send<T: Send>() {}
    const fn sync<T: Sync>() {}
    const fn promises<T: Send, U: Send + Sync>() {
        send::<RwLock<T>>();
        sync::<RwLock<U>>();
        send::<(RwLockReadGuard<'_, U>, RwLockWriteGuard<'_, U>)>();
        sync::<(RwLockReadGuard<'_, U>, RwLockWriteGuard<'_, U>)>();
        send::<(RwLockRead<'_, U>, RwLockWrite<'_, U>)>();
        sync::<(RwLockRead<'_, U>, RwLockWrite<'_, U>)>();
    }
    promises::<std::cell::Cell<u8>, u8>();
};
