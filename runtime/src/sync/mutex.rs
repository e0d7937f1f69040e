//! A value behind a fair lock. The protocol is `lock`'s; this file adds the cell.
//!
//! **Who touches the cell**: whoever holds the lock, by way of a guard; and whoever owns the mutex or has it by
//! `&mut`, since guards borrow the mutex or keep it in an `Arc`, so that there is none then.
#![allow(unsafe_code)]

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::lock::{Lock, LockWait};
#[cfg(not(raddle_loom))]
use crate::shim::Arc;
use crate::shim::{UnsafeCell, const_unless_loom};
use crate::waiting::Kind;

/// A value that one task at a time may touch; the guard may be held across `.await`.
///
/// Fair: the lock is handed to whoever waits longest, and [`try_lock`](Mutex::try_lock) fails while anybody waits.
/// An uncontended lock and unlock cost one atomic operation each.
///
/// There is no poisoning: when a holder panics or is cancelled its guard is dropped, the lock goes on, and the value
/// is as that holder left it, perhaps half-changed. Who locks twice in one task waits for itself.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// raddle::run(async {
///     let total = Arc::new(raddle::Mutex::new(0));
///     let tasks: Vec<_> = (1..=4)
///         .map(|n| {
///             let total = total.clone();
///             raddle::create_task(async move { *total.lock().await += n })
///         })
///         .collect();
///     for task in tasks {
///         task.await.unwrap();
///     }
///     assert_eq!(*total.lock().await, 10);
/// });
/// ```
pub struct Mutex<T> {
    lock: Lock,
    value: UnsafeCell<T>,
}

// SAFETY: a shared mutex gives out the value to one thread at a time (`&mut T`, or `T` itself by `mem::replace`), and
// the lock's Acquire and Release order those threads. So sending the value must be allowed; sharing it need not be.
unsafe impl<T: Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    const_unless_loom! {
        /// Wraps a value; the lock is free.
        ///
        /// # Examples
        ///
        /// ```
        /// static NAMES: raddle::Mutex<Vec<String>> = raddle::Mutex::new(Vec::new());
        /// assert!(!NAMES.is_locked());
        /// ```
        pub fn new(value: T) -> Mutex<T> {
            Mutex { lock: Lock::new(), value: UnsafeCell::new(value) }
        }
    }

    /// Waits for the lock.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped: it leaves its place in the line, and passes the lock on if it had
    /// just been handed it.
    ///
    /// # Examples
    ///
    /// ```
    /// let mutex = raddle::Mutex::new(1);
    /// raddle::run(async { *mutex.lock().await += 1 });
    /// assert_eq!(mutex.into_inner(), 2);
    /// ```
    #[track_caller]
    pub fn lock(&self) -> MutexLock<'_, T> {
        MutexLock { mutex: self, wait: LockWait::new(), caller: Location::caller() }
    }

    /// Waits for the lock, for a guard that keeps the mutex alive by itself and borrows nothing.
    ///
    /// # Cancel safety
    ///
    /// As [`lock`](Mutex::lock): nothing is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// let mutex = Arc::new(raddle::Mutex::new(1));
    /// raddle::run(async {
    ///     let mut guard = mutex.clone().lock_owned().await;
    ///     raddle::create_task(async move { *guard += 1 }).await.unwrap();
    ///     assert_eq!(*mutex.lock().await, 2);
    /// });
    /// ```
    #[cfg(not(raddle_loom))] // loom's Arc cannot be a receiver
    #[track_caller]
    pub fn lock_owned(self: Arc<Self>) -> MutexLockOwned<T> {
        MutexLockOwned { mutex: Some(self), wait: LockWait::new(), caller: Location::caller() }
    }

    /// Takes the lock if it is free (while anybody waits it is not).
    ///
    /// # Examples
    ///
    /// ```
    /// let mutex = raddle::Mutex::new(1);
    /// let guard = mutex.try_lock().unwrap();
    /// assert!(mutex.try_lock().is_none());
    /// # drop(guard);
    /// ```
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.lock.try_acquire().then(|| MutexGuard { mutex: self, value: PhantomData })
    }

    /// Is it held at this moment?
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(!raddle::Mutex::new(1).is_locked());
    /// ```
    pub fn is_locked(&self) -> bool {
        self.lock.is_locked()
    }

    /// The value, without locking: `&mut` says that nobody else is there.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut mutex = raddle::Mutex::new(1);
    /// *mutex.get_mut() += 1;
    /// assert_eq!(mutex.into_inner(), 2);
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
    /// assert_eq!(raddle::Mutex::new(1).into_inner(), 1);
    /// ```
    pub fn into_inner(self) -> T {
        let this = ManuallyDrop::new(self);
        // SAFETY: the fields of a mutex that is never dropped or used again; each is moved out once.
        drop(unsafe { std::ptr::read(&this.lock) });
        // SAFETY: as above; nobody else is there, since the mutex was passed by value.
        this.value.with(|value| unsafe { std::ptr::read(value) })
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Mutex<T> {
        Mutex::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Mutex<T> {
        Mutex::new(value)
    }
}

impl<T: fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut mutex = f.debug_struct("Mutex");
        match self.try_lock() {
            Some(value) => mutex.field("locked", &false).field("value", &*value),
            None => mutex.field("locked", &true).field("value", &format_args!("<locked>")),
        };
        mutex.field("waiters", &self.lock.waiting()).finish()
    }
}

/// The future of [`Mutex::lock`].
#[must_use = "a lock is not taken until this is awaited"]
pub struct MutexLock<'a, T> {
    mutex: &'a Mutex<T>,
    wait: LockWait,
    caller: &'static Location<'static>,
}

impl<'a, T> Future for MutexLock<'a, T> {
    type Output = MutexGuard<'a, T>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<MutexGuard<'a, T>> {
        let this = self.get_mut();
        ready!(this.wait.poll(&this.mutex.lock, cx, Kind::Mutex, this.caller));
        Poll::Ready(MutexGuard { mutex: this.mutex, value: PhantomData })
    }
}

impl<T> Drop for MutexLock<'_, T> {
    fn drop(&mut self) {
        self.wait.cancel(&self.mutex.lock);
    }
}

impl<T> fmt::Debug for MutexLock<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Mutex::lock at {}>", self.caller)
    }
}

/// The right to touch the value; dropping it hands the lock on.
///
/// It may be sent to another thread if the value may, and shared if the value may be both sent and shared (a shared
/// guard leads to the mutex, and that to the value itself).
#[must_use = "the lock is released as soon as its guard is dropped"]
pub struct MutexGuard<'a, T> {
    mutex: &'a Mutex<T>,
    /// Makes the guard `Send` and `Sync` no further than `&mut T` is.
    value: PhantomData<&'a mut T>,
}

impl<'a, T> MutexGuard<'a, T> {
    /// The mutex that this guard has locked.
    ///
    /// # Examples
    ///
    /// ```
    /// let mutex = raddle::Mutex::new(1);
    /// let guard = mutex.try_lock().unwrap();
    /// assert!(raddle::MutexGuard::mutex(&guard).is_locked());
    /// # drop(guard);
    /// ```
    pub fn mutex(guard: &MutexGuard<'a, T>) -> &'a Mutex<T> {
        guard.mutex
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this guard holds the lock, so nobody else touches the value; `&self` lets nobody write through it.
        self.mutex.value.with(|value| unsafe { &*value })
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard holds the lock, and `&mut self` keeps every other use of it away.
        self.mutex.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.mutex.lock.release();
    }
}

impl<T: fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The future of [`Mutex::lock_owned`].
#[cfg(not(raddle_loom))]
#[must_use = "a lock is not taken until this is awaited"]
pub struct MutexLockOwned<T> {
    mutex: Option<Arc<Mutex<T>>>,
    wait: LockWait,
    caller: &'static Location<'static>,
}

#[cfg(not(raddle_loom))]
impl<T> Future for MutexLockOwned<T> {
    type Output = OwnedMutexGuard<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<OwnedMutexGuard<T>> {
        let this = self.get_mut();
        let polled_again = "the future of Mutex::lock_owned was polled again after it had given its guard";
        let lock = &this.mutex.as_ref().expect(polled_again).lock;
        ready!(this.wait.poll(lock, cx, Kind::Mutex, this.caller));
        let mutex = this.mutex.take().expect(polled_again);
        Poll::Ready(OwnedMutexGuard { mutex, value: PhantomData })
    }
}

#[cfg(not(raddle_loom))]
impl<T> Drop for MutexLockOwned<T> {
    fn drop(&mut self) {
        if let Some(mutex) = &self.mutex {
            self.wait.cancel(&mutex.lock);
        }
    }
}

#[cfg(not(raddle_loom))]
impl<T> fmt::Debug for MutexLockOwned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Mutex::lock_owned at {}>", self.caller)
    }
}

/// The right to touch the value of a mutex that it keeps alive; dropping it hands the lock on.
#[cfg(not(raddle_loom))]
#[must_use = "the lock is released as soon as its guard is dropped"]
pub struct OwnedMutexGuard<T> {
    mutex: Arc<Mutex<T>>,
    /// Makes the guard `Send` and `Sync` no further than the value is.
    value: PhantomData<T>,
}

#[cfg(not(raddle_loom))]
impl<T> OwnedMutexGuard<T> {
    /// The mutex that this guard has locked.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// let mutex = Arc::new(raddle::Mutex::new(1));
    /// let guard = raddle::run(mutex.clone().lock_owned());
    /// assert!(Arc::ptr_eq(raddle::OwnedMutexGuard::mutex(&guard), &mutex));
    /// ```
    pub fn mutex(guard: &OwnedMutexGuard<T>) -> &Arc<Mutex<T>> {
        &guard.mutex
    }
}

#[cfg(not(raddle_loom))]
impl<T> Deref for OwnedMutexGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this guard holds the lock, so nobody else touches the value; `&self` lets nobody write through it.
        self.mutex.value.with(|value| unsafe { &*value })
    }
}

#[cfg(not(raddle_loom))]
impl<T> DerefMut for OwnedMutexGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard holds the lock, and `&mut self` keeps every other use of it away.
        self.mutex.value.with_mut(|value| unsafe { &mut *value })
    }
}

#[cfg(not(raddle_loom))]
impl<T> Drop for OwnedMutexGuard<T> {
    fn drop(&mut self) {
        self.mutex.lock.release();
    }
}

#[cfg(not(raddle_loom))]
impl<T: fmt::Debug> fmt::Debug for OwnedMutexGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// What the types above promise about threads, checked when they are compiled. (That a guard around a `Cell` is not
/// `Sync` is checked in tests/sync_mutex.rs.)
const _: () = {
    const fn send<T: Send>() {}
    const fn sync<T: Sync>() {}
    const fn promises<T: Send, U: Send + Sync>() {
        send::<Mutex<T>>();
        sync::<Mutex<T>>();
        send::<MutexGuard<'_, T>>();
        sync::<MutexGuard<'_, U>>();
        send::<MutexLock<'_, T>>();
        sync::<MutexLock<'_, T>>();
    }
    promises::<std::cell::Cell<u8>, u8>();
};
