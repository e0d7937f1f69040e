//! Timers as plain data: a hierarchical wheel that is inserted into, cancelled from and expired. It reads no clock.
//!
//! # How it works
//!
//! Time is cut into ticks of 1 ms; a deadline is rounded UP to its tick, so nothing fires early. There are 7 levels of
//! 64 slots. A slot of level 0 is one tick, of level 1 64 ticks, and so on. An entry lies on the level of the highest
//! base-64 digit in which its tick differs from the `current` tick, in the slot of that digit:
//!
//! ```text
//!   current = 3.17.40      tick 3.17.55 -> level 0, slot 55      tick 3.20.02 -> level 1, slot 20
//! ```
//!
//! So all entries of a lower level come before all of a higher one, and the earliest slot is the lowest bit of the
//! lowest non-zero occupancy word: no scan, no rotation. When time reaches a slot of a higher level, its entries are
//! placed anew (cascade), now on lower levels.
//!
//! Three more lists hold what fits no slot: `DUE`, entries whose time has come, sorted; `FAR`, entries in another
//! epoch of 2^42 ticks (139 years: only a virtual clock gets there); and `NEVER`, the deadlines of `u64::MAX`, which
//! nothing looks at until they are cancelled.
//!
//! # Order
//!
//! Entries keep their exact deadline and a number that is never used twice. A slot whose time has come is sorted by
//! (deadline, number) into `DUE` as a whole and delivered from there in batches, so a batch limit does not disturb the
//! order, and an entry can be cancelled until the moment it is delivered. The next slot is taken only when `DUE` is
//! empty, and ticks are monotonic in the deadline: so of all entries that are in the wheel when an expiry begins, none
//! is delivered after a later one. An entry that is inserted while batches are still being delivered, with a deadline
//! already past, comes after what was due before it was there.
//!
//! # Links
//!
//! Lists are doubly linked by index. The first entry's `prev` names its list (`HEAD` | list), so that an entry can be
//! unlinked without knowing where it is, and needs no field that says it.

use std::task::Waker;

use super::entries::{Entries, Entry, NIL};

/// Nanoseconds per tick.
const TICK_NS: u64 = 1_000_000;

const LEVELS: usize = 7;
const SLOTS: usize = 64;
const BITS_PER_LEVEL: usize = 6;

const DUE: usize = LEVELS * SLOTS;
const FAR: usize = DUE + 1;
const NEVER: usize = DUE + 2;
const LISTS: usize = DUE + 3;

/// Marks a `prev` that names a list. A reserved entry's `prev` is `NIL`, which names none.
const HEAD: u32 = 1 << 31;

/// The deadline of a reserved entry; nothing looks at it.
const RESERVED: u64 = u64::MAX;

/// Names one entry. Stale as soon as the entry has fired or was cancelled, and then harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Where the entry lies.
    pub index: u32,
    /// Its number, never used twice in one wheel.
    pub seq: u64,
}

/// What `expire` delivers: deadline, number, waker.
pub type Expired = (u64, u64, Waker);

/// The wheel.
#[derive(Debug)]
pub struct Wheel {
    /// Every slot of an earlier tick is empty; this tick's slot may hold what was inserted too late.
    current: u64,
    next_seq: u64,
    /// Bit `slot` of word `level` is set exactly if that list is not empty.
    occupied: [u64; LEVELS],
    heads: [u32; LISTS],
    entries: Entries,
    /// How many of them are reserved, hence no timers.
    reserved: usize,
    /// Where a slot is sorted; empty between calls.
    scratch: Vec<u32>,
}

impl Wheel {
    /// An empty wheel at this time.
    #[must_use]
    pub fn new(now_ns: u64) -> Wheel {
        Wheel {
            current: now_ns / TICK_NS,
            next_seq: 0,
            occupied: [0; LEVELS],
            heads: [NIL; LISTS],
            entries: Entries::new(),
            reserved: 0,
            scratch: Vec::new(),
        }
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len() - self.reserved
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a timer. `u64::MAX` is "never".
    pub fn insert(&mut self, when_ns: u64, waker: Waker) -> Key {
        let seq = self.next_seq;
        self.next_seq += 1;
        let index = self.entries.add(Entry { next: NIL, prev: NIL, seq, when: when_ns, waker: Some(waker) });
        self.link(index, self.list_of(when_ns));
        Key { index, seq }
    }

    /// Makes an entry that is in no list yet, without a deadline, for a timer to come. See `nursery.rs`.
    pub fn reserve(&mut self) -> Key {
        let seq = self.next_seq;
        self.next_seq += 1;
        self.reserved += 1;
        let waker = Some(Waker::noop().clone());
        let index = self.entries.add(Entry { next: NIL, prev: NIL, seq, when: RESERVED, waker });
        Key { index, seq }
    }

    /// Whether an entry is reserved still.
    #[must_use]
    pub fn is_reserved(&self, key: Key) -> bool {
        self.entries.find(key.index, key.seq).is_some_and(|entry| entry.prev == NIL)
    }

    /// Turns a reserved entry into a timer.
    ///
    /// # Errors
    /// It is not reserved any more: the waker comes back.
    pub fn settle(&mut self, key: Key, when_ns: u64, waker: Waker) -> Result<(), Waker> {
        if !self.is_reserved(key) {
            return Err(waker);
        }
        self.reserved -= 1;
        let entry = self.entries.get_mut(key.index);
        entry.when = when_ns;
        // What it had is the waker that does nothing.
        entry.waker = Some(waker);
        self.link(key.index, self.list_of(when_ns));
        Ok(())
    }

    /// The deadline of a timer that has not fired.
    #[must_use]
    pub fn when(&self, key: Key) -> Option<u64> {
        self.entries.find(key.index, key.seq).filter(|entry| entry.prev != NIL).map(|entry| entry.when)
    }

    /// Whether the entries take more memory than the first chunk.
    #[must_use]
    pub fn is_big(&self) -> bool {
        self.entries.is_big()
    }

    /// Removes a timer. `None`: it has fired, or was cancelled before.
    #[must_use = "the waker is dropped by whoever holds no lock"]
    pub fn cancel(&mut self, key: Key) -> Option<Waker> {
        self.entries.find(key.index, key.seq)?;
        if self.is_reserved(key) {
            self.reserved -= 1;
        } else {
            self.unlink(key.index);
        }
        Some(self.entries.remove(key.index).2)
    }

    /// The waker of a timer that has not fired.
    #[must_use]
    pub fn waker(&self, key: Key) -> Option<&Waker> {
        self.entries.find(key.index, key.seq)?.waker.as_ref()
    }

    /// Exchanges the waker of a timer that has not fired, and hands back the one that is not needed any more.
    ///
    /// # Errors
    /// The timer has fired or was cancelled: the new waker comes back.
    pub fn replace_waker(&mut self, key: Key, waker: Waker) -> Result<Waker, Waker> {
        if self.entries.find(key.index, key.seq).is_none() {
            return Err(waker);
        }
        let known = &mut self.entries.get_mut(key.index).waker;
        Ok(known.replace(waker).expect("found entries are live"))
    }

    /// When to call `expire` next: the earliest deadline, rounded up to its tick, or an earlier time at which entries
    /// must be placed anew. `None` if nothing will ever fire.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        if self.heads[DUE] != NIL {
            return Some(self.current * TICK_NS);
        }
        match self.next_slot() {
            Some((_, start)) => Some(start.saturating_mul(TICK_NS)),
            None if self.heads[FAR] != NIL => Some(self.next_epoch().saturating_mul(TICK_NS)),
            None => None,
        }
    }

    /// Lets a wheel that nothing will fire from catch up with the time, so that the next insert finds its level.
    pub fn skip_to(&mut self, now_ns: u64) {
        if self.next_deadline().is_none() {
            self.current = self.current.max(now_ns / TICK_NS);
        }
    }

    /// Delivers timers whose deadline is not after `now_ns`, earliest first, until `batch` holds `limit`. True if
    /// there may be more.
    pub fn expire(&mut self, now_ns: u64, batch: &mut Vec<Expired>, limit: usize) -> bool {
        let now = now_ns / TICK_NS;
        loop {
            while self.heads[DUE] != NIL {
                if batch.len() >= limit {
                    return true;
                }
                let first = self.heads[DUE];
                self.unlink(first);
                batch.push(self.entries.remove(first));
            }
            if !self.collect_next_slot(now) {
                return false;
            }
        }
    }

    /// Takes every waker out, in no order.
    #[must_use = "somebody waits for each of them"]
    pub fn take_all(&mut self) -> Vec<Waker> {
        let mut wakers = Vec::with_capacity(self.len());
        for list in 0..LISTS {
            while self.heads[list] != NIL {
                let first = self.heads[list];
                self.unlink(first);
                wakers.push(self.entries.remove(first).2);
            }
        }
        wakers
    }

    /// Moves the earliest slot that is due into `DUE`, cascading as needed. False if there is none.
    fn collect_next_slot(&mut self, now: u64) -> bool {
        loop {
            match self.next_slot() {
                Some((list, start)) if start <= now => {
                    self.current = start;
                    if list < SLOTS {
                        self.sort_into_due(list);
                        return true;
                    }
                    self.place_anew(list);
                }
                None if self.heads[FAR] != NIL && self.next_epoch() <= now => {
                    self.current = self.next_epoch();
                    self.place_anew(FAR);
                }
                _ => {
                    self.current = self.current.max(now);
                    return false;
                }
            }
        }
    }

    /// The earliest occupied slot and its first tick.
    fn next_slot(&self) -> Option<(usize, u64)> {
        let level = self.occupied.iter().position(|word| *word != 0)?;
        let slot = self.occupied[level].trailing_zeros() as usize;
        let shift = level * BITS_PER_LEVEL;
        let above = self.current >> (shift + BITS_PER_LEVEL) << (shift + BITS_PER_LEVEL);
        Some((level * SLOTS + slot, above | (slot as u64) << shift))
    }

    fn next_epoch(&self) -> u64 {
        ((self.current >> (LEVELS * BITS_PER_LEVEL)) + 1) << (LEVELS * BITS_PER_LEVEL)
    }

    /// Which list an entry with this deadline belongs to now.
    fn list_of(&self, when_ns: u64) -> usize {
        if when_ns == u64::MAX {
            return NEVER;
        }
        let tick = when_ns.div_ceil(TICK_NS).max(self.current);
        let differing = tick ^ self.current;
        let level = differing.checked_ilog2().map_or(0, |bit| bit as usize / BITS_PER_LEVEL);
        if level >= LEVELS {
            return FAR;
        }
        let slot = (tick >> (level * BITS_PER_LEVEL)) as usize % SLOTS;
        level * SLOTS + slot
    }

    fn sort_into_due(&mut self, list: usize) {
        debug_assert_eq!(self.heads[DUE], NIL);
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut index = self.empty_list(list);
        while index != NIL {
            scratch.push(index);
            index = self.entries.get(index).next;
        }
        scratch.sort_unstable_by_key(|index| {
            let entry = self.entries.get(*index);
            (entry.when, entry.seq)
        });
        for index in scratch.drain(..).rev() {
            self.link(index, DUE);
        }
        // A burst must not pin its memory here.
        scratch.shrink_to(SCRATCH_KEPT);
        self.scratch = scratch;
    }

    fn place_anew(&mut self, list: usize) {
        let mut index = self.empty_list(list);
        while index != NIL {
            let entry = self.entries.get(index);
            let (next, when) = (entry.next, entry.when);
            self.link(index, self.list_of(when));
            index = next;
        }
    }

    /// Empties a list and returns its first entry, still linked to the others by `next`.
    fn empty_list(&mut self, list: usize) -> u32 {
        self.mark(list, false);
        std::mem::replace(&mut self.heads[list], NIL)
    }

    fn link(&mut self, index: u32, list: usize) {
        let next = std::mem::replace(&mut self.heads[list], index);
        let entry = self.entries.get_mut(index);
        entry.next = next;
        entry.prev = HEAD | list as u32;
        if next == NIL {
            self.mark(list, true);
        } else {
            self.entries.get_mut(next).prev = index;
        }
    }

    fn unlink(&mut self, index: u32) {
        let entry = self.entries.get(index);
        let (next, prev) = (entry.next, entry.prev);
        if next != NIL {
            self.entries.get_mut(next).prev = prev;
        }
        if prev & HEAD == 0 {
            self.entries.get_mut(prev).next = next;
            return;
        }
        let list = (prev & !HEAD) as usize;
        self.heads[list] = next;
        if next == NIL {
            self.mark(list, false);
        }
    }

    fn mark(&mut self, list: usize, occupied: bool) {
        if list >= DUE {
            return;
        }
        let bit = 1 << (list % SLOTS);
        match occupied {
            true => self.occupied[list / SLOTS] |= bit,
            false => self.occupied[list / SLOTS] &= !bit,
        }
    }
}

/// How many indices the sorting space keeps room for.
const SCRATCH_KEPT: usize = 1024;

#[cfg(test)]
#[path = "wheel_tests.rs"]
mod tests;
