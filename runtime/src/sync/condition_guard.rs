//! The guards that a `Condition` gives up for the time of a wait, and how each of them is got back.

use std::future::Future;

use super::lock::{LockAcquire, LockGuard};
use super::mutex::{MutexGuard, MutexLock};
#[cfg(not(raddle_loom))]
use super::mutex::{MutexLockOwned, OwnedMutexGuard};

/// A guard that a [`Condition`](super::Condition) can give up and take back: of a [`Mutex`](super::Mutex), borrowed or
/// owned, or of a [`Lock`](super::Lock).
///
/// Only this crate implements it.
pub trait ConditionGuard: private::Relock {
    /// What the guard gives access to: `()` for a [`LockGuard`].
    type Value;

    /// What [`Condition::wait_for`](super::Condition::wait_for) shows its predicate.
    #[doc(hidden)]
    fn value(&self) -> &Self::Value;
}

mod private {
    use super::Future;

    pub trait Relock: Sized {
        /// The future that takes the lock again.
        type Relocking: Future<Output = Self> + Unpin;

        /// Gives the lock up.
        fn unlock(self) -> Self::Relocking;
    }
}

pub(super) use private::Relock;

impl<T> ConditionGuard for MutexGuard<'_, T> {
    type Value = T;

    fn value(&self) -> &T {
        self
    }
}

impl<'a, T> Relock for MutexGuard<'a, T> {
    type Relocking = MutexLock<'a, T>;

    fn unlock(self) -> MutexLock<'a, T> {
        MutexGuard::mutex(&self).lock()
    }
}

#[cfg(not(raddle_loom))]
impl<T> ConditionGuard for OwnedMutexGuard<T> {
    type Value = T;

    fn value(&self) -> &T {
        self
    }
}

#[cfg(not(raddle_loom))]
impl<T> Relock for OwnedMutexGuard<T> {
    type Relocking = MutexLockOwned<T>;

    fn unlock(self) -> MutexLockOwned<T> {
        OwnedMutexGuard::mutex(&self).clone().lock_owned()
    }
}

impl ConditionGuard for LockGuard<'_> {
    type Value = ();

    fn value(&self) -> &() {
        &()
    }
}

impl<'a> Relock for LockGuard<'a> {
    type Relocking = LockAcquire<'a>;

    fn unlock(self) -> LockAcquire<'a> {
        self.lock_of().lock()
    }
}
