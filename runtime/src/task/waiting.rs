//! What a task waits for, as its last poll has noted it.
//!
//! Written by the worker that polled the task, before it gives up OWNED, and looked at by anybody: each part is an atomic of
//! its own, so a look may mix two waits of a task that runs meanwhile. Hence [`Waiting::look`] believes what it has
//! read twice, of a task that was idle before and afterwards. A task that stands still is always read right.

use std::panic::Location;

use raddle_io::waiting::{BITS, Note};

use super::state::State;
use crate::location::AtomicLocation;
use crate::shim::atomic::{AtomicU64, Ordering};

/// One tick of the time in a record, as a power of two of nanoseconds: 67 ms.
const TICK: u32 = 26;

/// The record: the line, and in one word kind and object of the wait and when it began.
pub(crate) struct Waiting {
    at: AtomicLocation,
    what: AtomicU64,
}

/// A moment as the records hold it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Moment(u64);

impl Moment {
    /// Of a clock's nanoseconds; what does not fit into 24 bits of ticks, 13 days, is dropped.
    #[inline]
    pub(crate) fn of(now_ns: u64) -> Moment {
        Moment((now_ns >> TICK) << BITS)
    }
}

/// A wait that was looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Waited {
    pub(crate) note: Note,
}

impl Waited {
    /// When it began, in nanoseconds, if it is looked at `now`; exact to a tick.
    pub(crate) fn since_ns(&self, now_ns: u64) -> u64 {
        let then = self.note.what >> BITS;
        let passed = ((now_ns >> TICK).wrapping_sub(then)) & (u64::MAX >> BITS);
        ((now_ns >> TICK).saturating_sub(passed)) << TICK
    }
}

impl Waiting {
    pub(crate) const fn none() -> Waiting {
        Waiting { at: AtomicLocation::none(), what: AtomicU64::new(0) }
    }

    /// By the holder of OWNED, who gives it up afterwards.
    #[inline]
    pub(crate) fn set(&self, note: Option<Note>, since: Moment) {
        match note {
            Some(Note { at, what }) => {
                self.at.set(at);
                // Relaxed: giving OWNED up publishes both.
                self.what.store(what | since.0, Ordering::Relaxed);
            }
            None => self.at.clear(),
        }
    }

    /// What the task waits for, if it is idle and has said so.
    pub(crate) fn look(&self, state: &State) -> Option<Waited> {
        // Acquire inside: pairs with the transition that gave OWNED up.
        if !state.is_idle() {
            return None;
        }
        let (at, what) = self.read()?;
        let again = self.read()?;
        let same = std::ptr::eq(at, again.0) && what == again.1;
        (same && state.is_idle()).then_some(Waited { note: Note { at, what } })
    }

    fn read(&self) -> Option<(&'static Location<'static>, u64)> {
        // Acquire, here and in `get`: what is read next is no older.
        Some((self.at.get()?, self.what.load(Ordering::Acquire)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raddle_io::waiting::NOWHERE;

    #[test]
    fn a_moment_survives_the_end_of_its_bits() {
        let tick = 1_u64 << TICK;
        for began in [0, 5 * tick, (1 << 24) * tick - tick, (1 << 30) * tick + 7 * tick] {
            for passed in [0, tick, 1_000_000 * tick] {
                let Moment(bits) = Moment::of(began);
                let waited = Waited { note: Note { at: NOWHERE, what: bits } };
                assert_eq!(waited.since_ns(began + passed), began, "{began} {passed}");
            }
        }
    }
}
