//! Permits that keep their semaphore alive.
#![cfg(not(raddle_loom))]

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::permits::PermitsWait;
use super::semaphore::Semaphore;
use crate::shim::Arc;
use crate::waiting::Kind;

/// The future of [`Semaphore::acquire_owned`] and [`Semaphore::acquire_many_owned`].
#[must_use = "no permit is taken until this is awaited"]
pub struct SemaphoreAcquireOwned {
    /// There until the permit has been given.
    semaphore: Option<Arc<Semaphore>>,
    wait: PermitsWait,
    caller: &'static Location<'static>,
}

impl SemaphoreAcquireOwned {
    pub(super) fn new(
        semaphore: Arc<Semaphore>,
        count: usize,
        caller: &'static Location<'static>,
    ) -> SemaphoreAcquireOwned {
        SemaphoreAcquireOwned { semaphore: Some(semaphore), wait: PermitsWait::new(count), caller }
    }
}

impl Future for SemaphoreAcquireOwned {
    type Output = OwnedPermit;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<OwnedPermit> {
        let this = self.get_mut();
        let polled_again = "the future of Semaphore::acquire_owned was polled again after it had given its permit";
        ready!(this.wait.poll(&this.semaphore.as_ref().expect(polled_again).permits, cx, Kind::Semaphore, this.caller));
        let semaphore = this.semaphore.take().expect(polled_again);
        Poll::Ready(OwnedPermit::new(semaphore, this.wait.count()))
    }
}

impl Drop for SemaphoreAcquireOwned {
    fn drop(&mut self) {
        if let Some(semaphore) = &self.semaphore {
            self.wait.cancel(&semaphore.permits);
        }
    }
}

impl fmt::Debug for SemaphoreAcquireOwned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Semaphore::acquire_owned of {} at {}>", self.wait.count(), self.caller)
    }
}

/// One permit of a [`Semaphore`], or several, that keeps it alive; dropping it gives them back.
#[must_use = "a permit is given back as soon as it is dropped"]
#[derive(Debug)]
pub struct OwnedPermit {
    semaphore: Arc<Semaphore>,
    count: usize,
}

impl OwnedPermit {
    pub(super) fn new(semaphore: Arc<Semaphore>, count: usize) -> OwnedPermit {
        OwnedPermit { semaphore, count }
    }

    /// How many permits these are.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = std::sync::Arc::new(raddle::Semaphore::new(3));
    /// assert_eq!(raddle::run(semaphore.acquire_many_owned(2)).count(), 2);
    /// ```
    pub fn count(&self) -> usize {
        self.count
    }

    /// Keeps the permits from the semaphore for good, or until somebody calls [`Semaphore::add_permits`].
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = std::sync::Arc::new(raddle::Semaphore::new(1));
    /// semaphore.clone().try_acquire_owned().unwrap().forget();
    /// assert_eq!(semaphore.available_permits(), 0);
    /// ```
    pub fn forget(mut self) {
        self.count = 0;
    }
}

impl Drop for OwnedPermit {
    fn drop(&mut self) {
        if self.count > 0 {
            self.semaphore.permits.give(self.count);
        }
    }
}
