//! Waiting for something that is told elsewhere: an atomic number changes, then the bell rings.
//!
//! Whoever waits leaves its waker and then, under the same lock, looks whether it is due already. Whoever tells changes
//! what is looked at and then rings: it either comes after the look and finds the waker, or before it and is seen.

use std::task::{Context, Poll};

use super::waiters::{Key, Waiters, wake_released};
use crate::shim::Mutex;

/// Wakes everybody who waits when it rings, and remembers nothing.
pub(crate) struct Bell {
    waiters: Mutex<Waiters>,
}

impl Bell {
    pub(crate) const fn new() -> Bell {
        Bell { waiters: Mutex::new(Waiters::new()) }
    }

    /// Wakes everybody.
    ///
    /// # Panics
    /// Only if a foreign waker panics; the others have been woken by then.
    pub(crate) fn ring(&self) {
        // Two statements: the lock first, the wakes after it.
        let released = self.waiters.lock().release();
        if released {
            wake_released(&self.waiters, |waiters| waiters);
        }
    }
}

/// A place among those who wait for a bell.
pub(crate) struct BellWait<'a> {
    bell: &'a Bell,
    key: Option<Key>,
}

impl<'a> BellWait<'a> {
    pub(crate) fn new(bell: &'a Bell) -> BellWait<'a> {
        BellWait { bell, key: None }
    }

    /// Ready when `is_due` says so; else the bell's next ring wakes the caller, who comes again.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, is_due: impl Fn() -> bool) -> Poll<()> {
        let mut fresh = None;
        loop {
            let mut waiters = self.bell.waiters.lock();
            // It may have rung. Whether for this one is not the bell's business.
            let _ = waiters.turn(&mut self.key);
            if is_due() {
                return Poll::Ready(());
            }
            if waiters.wait(&mut self.key, cx.waker(), &mut fresh) {
                return Poll::Pending;
            }
            drop(waiters);
            fresh = Some(cx.waker().clone());
        }
    }
}

impl Drop for BellWait<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            // Two statements: the lock first, the waker after it.
            let left = self.bell.waiters.lock().leave(key);
            drop(left);
        }
    }
}
