//! Numbers with one writer each, and how many tasks are alive by them.
//!
//! A worker counts its births before the newborn is queued, and an end after everything else. So of two sums that are
//! taken at different moments the ends have to come first: whatever ended by then was born by then, and if the two are
//! equal, nothing was alive in between. The feared reading: an end is seen and the birth that the ended task had caused
//! is not, so that the sums agree while its child lives. Hence the pairing of [`Counter::add_one`] and [`Counter::get`].

use crate::shim::atomic::{AtomicU64, Ordering};

/// A number that one thread raises (a load and a store, no read-modify-write) and anybody reads.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub(crate) fn add_one(&self) {
        // Release: pairs with the Acquire of `get`. On shutdown, a reader that has seen a completion counted must
        // also see the births that the completed task had caused.
        self.0.store(self.0.load(Ordering::Relaxed) + 1, Ordering::Release);
    }

    pub(crate) fn set(&self, number: u64) {
        // Relaxed: nothing is read by it.
        self.0.store(number, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// How many tasks have been born and have not ended. Exact once nothing can create any.
pub(crate) fn alive<'c>(born: impl Iterator<Item = &'c Counter>, ended: impl Iterator<Item = &'c Counter>) -> u64 {
    let ended: u64 = ended.map(Counter::get).sum();
    let born: u64 = born.map(Counter::get).sum();
    born.saturating_sub(ended)
}
