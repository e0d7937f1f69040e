//! All keys, in shards: two clients meet at a lock only when their keys lie in the same one.
//!
//! A command on several keys sees and changes them at once, as in redis: it holds the locks of all their shards, taken
//! in ascending order, so that no two commands wait for each other in a circle.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::shard::Shard;

/// As many as a mask has bits.
const SHARDS: usize = u64::BITS as usize;

/// How many keys are swept up under one lock, and then how many while others wait for the sweeper.
const BATCH: usize = 64;

/// All keys.
#[derive(Debug)]
pub(crate) struct Store {
    shards: [Mutex<Shard>; SHARDS],
}

/// The shards of some keys, locked.
#[derive(Debug)]
pub(crate) struct Locked<'a> {
    shards: Vec<(usize, MutexGuard<'a, Shard>)>,
}

impl Store {
    pub(crate) fn new() -> Store {
        Store { shards: std::array::from_fn(|_| Mutex::default()) }
    }

    /// The shard of one key.
    pub(crate) fn shard(&self, key: &[u8]) -> MutexGuard<'_, Shard> {
        self.lock(place(key))
    }

    /// The shards of several keys.
    pub(crate) fn shards<'k>(&self, keys: impl Iterator<Item = &'k [u8]>) -> Locked<'_> {
        let mask = keys.fold(0_u64, |mask, key| mask | 1 << place(key));
        let places = (0..SHARDS).filter(|place| mask & 1 << place != 0);
        Locked { shards: places.map(|place| (place, self.lock(place))).collect() }
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        (0..SHARDS).map(|place| self.lock(place).len()).sum()
    }

    /// Forgets everything at one moment. The memory is given back after the locks.
    pub(crate) fn clear(&self) {
        let mut all: Vec<_> = (0..SHARDS).map(|place| self.lock(place)).collect();
        let emptied: Vec<_> = all.iter_mut().map(|shard| std::mem::take(&mut **shard)).collect();
        drop(all);
        drop(emptied);
    }

    /// Removes some of the keys that are due, of each shard; true if it is worth coming back soon.
    pub(crate) fn sweep(&self) -> bool {
        let now = Instant::now();
        (0..SHARDS).fold(false, |more, place| self.lock(place).sweep(now, BATCH) | more)
    }

    fn lock(&self, place: usize) -> MutexGuard<'_, Shard> {
        // No code panics half-way through a change of a shard.
        self.shards[place].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Locked<'_> {
    /// The shard of one of the keys that these shards were locked for.
    pub(crate) fn of(&mut self, key: &[u8]) -> &mut Shard {
        let place = place(key);
        let index = self.shards.binary_search_by_key(&place, |(place, _)| *place).expect("a key that was asked for");
        &mut self.shards[index].1
    }
}

/// FNV-1a (Fowler, Noll, Vo), the upper bits. Who finds keys that all fall into one shard gains contention with itself,
/// and nothing more: the maps in the shards use std's keyed hash.
pub(crate) fn place(key: &[u8]) -> usize {
    let hash = key
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    (hash >> 32) as usize % SHARDS
}
