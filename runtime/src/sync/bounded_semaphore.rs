//! A semaphore that notices when more is released than was acquired: asyncio's `BoundedSemaphore`.
//!
//! Each permit is free, held by a [`BoundedPermit`], or **forgotten**; the three always add up to the bound. A bare
//! `release` gives a forgotten permit back, and nothing else, so one `release` too many is caught in the very call
//! that is wrong, and not in the drop of some innocent permit that finds the semaphore full.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::permits::PermitsWait;
use super::semaphore::{Semaphore, fmt_as};
use crate::shim::atomic::{AtomicUsize, Ordering};
use crate::shim::const_unless_loom;
use crate::waiting::Kind;

/// A [`Semaphore`] that never has more permits than it began with.
///
/// There is no `add_permits`. A permit gives itself back when it is dropped; ported code that acquires in one place
/// and releases in another [forgets](BoundedPermit::forget) the permit there and calls
/// [`release`](BoundedSemaphore::release) here, which panics if nothing was forgotten.
///
/// # Examples
///
/// ```
/// static POOL: raddle::BoundedSemaphore = raddle::BoundedSemaphore::new(2);
///
/// raddle::run(async {
///     POOL.acquire().await.forget();
///     assert_eq!(POOL.available_permits(), 1);
///     POOL.release();
///     assert_eq!(POOL.available_permits(), 2);
/// });
/// ```
pub struct BoundedSemaphore {
    semaphore: Semaphore,
    bound: usize,
    forgotten: AtomicUsize,
}

impl BoundedSemaphore {
    const_unless_loom! {
        /// Makes a semaphore with so many permits, and never more.
        ///
        /// # Panics
        ///
        /// If there are more than [`Semaphore::MAX_PERMITS`].
        ///
        /// # Examples
        ///
        /// ```
        /// assert_eq!(raddle::BoundedSemaphore::new(2).bound(), 2);
        /// ```
        pub fn new(permits: usize) -> BoundedSemaphore {
            BoundedSemaphore { semaphore: Semaphore::new(permits), bound: permits, forgotten: AtomicUsize::new(0) }
        }
    }

    /// Waits for one permit, which is given back when it is dropped.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped: it leaves its place in the line, and passes the permit on if it had
    /// just been handed it.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = raddle::BoundedSemaphore::new(1);
    /// raddle::run(async {
    ///     let _permit = semaphore.acquire().await;
    ///     assert!(semaphore.is_locked());
    /// });
    /// ```
    #[track_caller]
    pub fn acquire(&self) -> BoundedSemaphoreAcquire<'_> {
        BoundedSemaphoreAcquire { semaphore: self, wait: PermitsWait::new(1), caller: Location::caller() }
    }

    /// Takes one permit if one is free (while anybody waits none is).
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = raddle::BoundedSemaphore::new(1);
    /// let permit = semaphore.try_acquire().unwrap();
    /// assert!(semaphore.try_acquire().is_none());
    /// # drop(permit);
    /// ```
    pub fn try_acquire(&self) -> Option<BoundedPermit<'_>> {
        self.semaphore.permits.try_take(1).then(|| BoundedPermit { semaphore: self, is_forgotten: false })
    }

    /// Gives one forgotten permit back: asyncio's `release()`.
    ///
    /// # Panics
    ///
    /// If no permit is [forgotten](BoundedPermit::forget): then it is called more often than permits were acquired, or
    /// for one that its holder gives back by itself.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = raddle::BoundedSemaphore::new(1);
    /// semaphore.try_acquire().unwrap().forget();
    /// semaphore.release();
    /// assert!(semaphore.try_acquire().is_some());
    /// ```
    #[track_caller]
    pub fn release(&self) {
        // Relaxed: a mere count; what the holder did is ordered by the permit itself, which is given after this.
        let less = self.forgotten.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_sub(1));
        assert!(
            less.is_ok(),
            "BoundedSemaphore::release was called more often than permits were forgotten ({} of {} are free, 0 are \
             forgotten); call it once for each permit that forget() kept, and not for those that are dropped",
            self.available_permits(),
            self.bound
        );
        self.semaphore.permits.give(1);
    }

    /// How many permits nobody holds at this moment.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(raddle::BoundedSemaphore::new(2).available_permits(), 2);
    /// ```
    pub fn available_permits(&self) -> usize {
        self.semaphore.available_permits()
    }

    /// How many permits there are at most, which is how many it was made with.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(raddle::BoundedSemaphore::new(2).bound(), 2);
    /// ```
    pub fn bound(&self) -> usize {
        self.bound
    }

    /// Would [`acquire`](BoundedSemaphore::acquire) have to wait at this moment?
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(!raddle::BoundedSemaphore::new(1).is_locked());
    /// ```
    pub fn is_locked(&self) -> bool {
        self.semaphore.is_locked()
    }
}

impl fmt::Debug for BoundedSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_as("BoundedSemaphore", &self.semaphore.permits, f)
    }
}

/// The future of [`BoundedSemaphore::acquire`].
#[must_use = "no permit is taken until this is awaited"]
pub struct BoundedSemaphoreAcquire<'a> {
    semaphore: &'a BoundedSemaphore,
    wait: PermitsWait,
    caller: &'static Location<'static>,
}

impl<'a> Future for BoundedSemaphoreAcquire<'a> {
    type Output = BoundedPermit<'a>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<BoundedPermit<'a>> {
        let this = self.get_mut();
        ready!(this.wait.poll(&this.semaphore.semaphore.permits, cx, Kind::Semaphore, this.caller));
        Poll::Ready(BoundedPermit { semaphore: this.semaphore, is_forgotten: false })
    }
}

impl Drop for BoundedSemaphoreAcquire<'_> {
    fn drop(&mut self) {
        self.wait.cancel(&self.semaphore.semaphore.permits);
    }
}

impl fmt::Debug for BoundedSemaphoreAcquire<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<BoundedSemaphore::acquire at {}>", self.caller)
    }
}

/// One permit of a [`BoundedSemaphore`]; dropping it gives it back.
#[must_use = "a permit is given back as soon as it is dropped"]
#[derive(Debug)]
pub struct BoundedPermit<'a> {
    semaphore: &'a BoundedSemaphore,
    is_forgotten: bool,
}

impl BoundedPermit<'_> {
    /// Keeps the permit from the semaphore until somebody calls [`BoundedSemaphore::release`].
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = raddle::BoundedSemaphore::new(1);
    /// semaphore.try_acquire().unwrap().forget();
    /// assert!(semaphore.is_locked());
    /// ```
    pub fn forget(mut self) {
        self.is_forgotten = true;
        // Relaxed: a mere count, as in `release`.
        self.semaphore.forgotten.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for BoundedPermit<'_> {
    fn drop(&mut self) {
        if !self.is_forgotten {
            self.semaphore.semaphore.permits.give(1);
        }
    }
}
