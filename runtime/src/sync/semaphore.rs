//! A number of permits that tasks share: asyncio's `Semaphore`. The protocol is told in `permits`.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::permits::{MAX, Permits, PermitsWait};
#[cfg(not(raddle_loom))]
use super::semaphore_owned::{OwnedPermit, SemaphoreAcquireOwned};
#[cfg(not(raddle_loom))]
use crate::shim::Arc;
use crate::shim::const_unless_loom;
use crate::waiting::Kind;

/// A number of permits: who wants one while all are taken waits until one is given back.
///
/// Fair: whoever waits longest is served first, and [`try_acquire`](Semaphore::try_acquire) fails while anybody waits.
/// Who waits for many permits at once ([`acquire_many`](Semaphore::acquire_many)) is not overtaken by those who came
/// later and want fewer, even if those could go: they wait behind it.
///
/// A [`Permit`] gives itself back when it is dropped, so a task that fails or is cancelled keeps none. An uncontended
/// acquire and release cost one atomic operation each.
///
/// # Examples
///
/// ```
/// static LIMIT: raddle::Semaphore = raddle::Semaphore::new(3);
///
/// raddle::run(async {
///     let tasks = (0..10).map(|n| {
///         raddle::create_task(async move {
///             let _permit = LIMIT.acquire().await; // at most three tasks are beyond this line
///             raddle::yield_now().await;
///             n
///         })
///     });
///     raddle::gather(tasks).await;
///     assert_eq!(LIMIT.available_permits(), 3);
/// });
/// ```
pub struct Semaphore {
    pub(super) permits: Permits,
}

impl Semaphore {
    /// The largest number of permits that a semaphore can have.
    pub const MAX_PERMITS: usize = MAX;

    const_unless_loom! {
        /// Makes a semaphore with so many permits. It may have none at first: [`add_permits`](Semaphore::add_permits).
        ///
        /// # Panics
        ///
        /// If there are more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS).
        ///
        /// # Examples
        ///
        /// ```
        /// static LIMIT: raddle::Semaphore = raddle::Semaphore::new(3);
        /// assert_eq!(LIMIT.available_permits(), 3);
        /// ```
        pub fn new(permits: usize) -> Semaphore {
            assert!(permits <= MAX, "Semaphore::new: a semaphore has at most Semaphore::MAX_PERMITS permits");
            Semaphore { permits: Permits::new(permits) }
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
    /// let semaphore = raddle::Semaphore::new(1);
    /// raddle::run(async {
    ///     let _permit = semaphore.acquire().await;
    ///     assert_eq!(semaphore.available_permits(), 0);
    /// });
    /// assert_eq!(semaphore.available_permits(), 1);
    /// ```
    #[track_caller]
    pub fn acquire(&self) -> SemaphoreAcquire<'_> {
        self.acquire_many(1)
    }

    /// Waits for so many permits at once.
    ///
    /// It gets all of them or none: until they are free together nothing is set aside, and those who came later wait
    /// behind it. If there never are so many, it waits for ever. Of 0 permits it only waits for those who came before.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Semaphore::acquire): nothing is lost, and those who waited behind it go on if they can.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = raddle::Semaphore::new(3);
    /// raddle::run(async {
    ///     let permits = semaphore.acquire_many(2).await;
    ///     assert_eq!((permits.count(), semaphore.available_permits()), (2, 1));
    /// });
    /// ```
    #[track_caller]
    pub fn acquire_many(&self, count: usize) -> SemaphoreAcquire<'_> {
        SemaphoreAcquire { semaphore: self, wait: PermitsWait::new(count), caller: Location::caller() }
    }

    /// Takes one permit if one is free (while anybody waits none is).
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = raddle::Semaphore::new(1);
    /// let permit = semaphore.try_acquire().unwrap();
    /// assert!(semaphore.try_acquire().is_none());
    /// # drop(permit);
    /// ```
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        self.try_acquire_many(1)
    }

    /// Takes so many permits if they are free (while anybody waits none is).
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = raddle::Semaphore::new(2);
    /// assert!(semaphore.try_acquire_many(3).is_none());
    /// assert!(semaphore.try_acquire_many(2).is_some());
    /// ```
    pub fn try_acquire_many(&self, count: usize) -> Option<Permit<'_>> {
        self.permits.try_take(count).then(|| Permit { semaphore: self, count })
    }

    /// Waits for one permit that keeps the semaphore alive by itself and borrows nothing.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Semaphore::acquire): nothing is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// let limit = Arc::new(raddle::Semaphore::new(2));
    /// raddle::run(async {
    ///     for _ in 0..5 {
    ///         let permit = limit.clone().acquire_owned().await; // waits before there is a third task
    ///         raddle::create_task(async move {
    ///             let _permit = permit;
    ///             raddle::yield_now().await;
    ///         });
    ///     }
    /// });
    /// ```
    #[cfg(not(raddle_loom))] // loom's Arc cannot be a receiver
    #[track_caller]
    pub fn acquire_owned(self: Arc<Self>) -> SemaphoreAcquireOwned {
        SemaphoreAcquireOwned::new(self, 1, Location::caller())
    }

    /// Waits for so many permits at once, which keep the semaphore alive by themselves.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire_many`](Semaphore::acquire_many): nothing is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = std::sync::Arc::new(raddle::Semaphore::new(3));
    /// let permits = raddle::run(semaphore.clone().acquire_many_owned(2));
    /// assert_eq!(semaphore.available_permits(), 1);
    /// # drop(permits);
    /// ```
    #[cfg(not(raddle_loom))]
    #[track_caller]
    pub fn acquire_many_owned(self: Arc<Self>, count: usize) -> SemaphoreAcquireOwned {
        SemaphoreAcquireOwned::new(self, count, Location::caller())
    }

    /// Takes one permit if one is free, for as long as its holder likes: it keeps the semaphore alive by itself.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = std::sync::Arc::new(raddle::Semaphore::new(1));
    /// let permit = semaphore.clone().try_acquire_owned().unwrap();
    /// assert!(semaphore.try_acquire().is_none());
    /// # drop(permit);
    /// ```
    #[cfg(not(raddle_loom))]
    pub fn try_acquire_owned(self: Arc<Self>) -> Option<OwnedPermit> {
        self.permits.try_take(1).then(|| OwnedPermit::new(self, 1))
    }

    /// Adds so many permits, which nobody held before; those who wait are served from them.
    ///
    /// With [`Permit::forget`] this is asyncio's bare `release()`.
    ///
    /// # Panics
    ///
    /// If more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS) would be free. And if a foreign waker panics; everybody
    /// who can be served has been by then.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = raddle::Semaphore::new(0);
    /// semaphore.add_permits(2);
    /// assert_eq!(semaphore.available_permits(), 2);
    /// ```
    #[track_caller]
    pub fn add_permits(&self, count: usize) {
        let free = self.available_permits();
        assert!(
            count <= MAX - free,
            "Semaphore::add_permits({count}): {free} permits are free, and a semaphore has at most {MAX}"
        );
        self.permits.give(count);
    }

    /// How many permits nobody holds at this moment.
    ///
    /// While somebody waits for more than are free, these are not to be had, either.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(raddle::Semaphore::new(3).available_permits(), 3);
    /// ```
    pub fn available_permits(&self) -> usize {
        self.permits.free()
    }

    /// Would [`acquire`](Semaphore::acquire) have to wait at this moment? asyncio's `locked()`.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(raddle::Semaphore::new(0).is_locked());
    /// ```
    pub fn is_locked(&self) -> bool {
        !self.permits.could_take(1)
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_as("Semaphore", &self.permits, f)
    }
}

pub(super) fn fmt_as(name: &str, permits: &Permits, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.debug_struct(name).field("permits", &permits.free()).field("waiters", &permits.waiting()).finish()
}

/// The future of [`Semaphore::acquire`] and [`Semaphore::acquire_many`].
#[must_use = "no permit is taken until this is awaited"]
pub struct SemaphoreAcquire<'a> {
    semaphore: &'a Semaphore,
    wait: PermitsWait,
    caller: &'static Location<'static>,
}

impl<'a> Future for SemaphoreAcquire<'a> {
    type Output = Permit<'a>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Permit<'a>> {
        let this = self.get_mut();
        ready!(this.wait.poll(&this.semaphore.permits, cx, Kind::Semaphore, this.caller));
        Poll::Ready(Permit { semaphore: this.semaphore, count: this.wait.count() })
    }
}

impl Drop for SemaphoreAcquire<'_> {
    fn drop(&mut self) {
        self.wait.cancel(&self.semaphore.permits);
    }
}

impl fmt::Debug for SemaphoreAcquire<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Semaphore::acquire of {} at {}>", self.wait.count(), self.caller)
    }
}

/// One permit of a [`Semaphore`], or several; dropping it gives them back.
#[must_use = "a permit is given back as soon as it is dropped"]
#[derive(Debug)]
pub struct Permit<'a> {
    semaphore: &'a Semaphore,
    count: usize,
}

impl Permit<'_> {
    /// How many permits these are.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = raddle::Semaphore::new(3);
    /// assert_eq!(semaphore.try_acquire_many(2).unwrap().count(), 2);
    /// ```
    pub fn count(&self) -> usize {
        self.count
    }

    /// Keeps the permits from the semaphore for good, or until somebody calls [`Semaphore::add_permits`].
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = raddle::Semaphore::new(1);
    /// semaphore.try_acquire().unwrap().forget();
    /// assert_eq!(semaphore.available_permits(), 0);
    /// ```
    pub fn forget(mut self) {
        self.count = 0;
    }
}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.count > 0 {
            self.semaphore.permits.give(self.count);
        }
    }
}
