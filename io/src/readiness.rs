//! One word per file descriptor: what the kernel said about it, and how often it said something.
//!
//! ```text
//!   63 ........................ 8 | 7  6  5           4          3             2            1         0
//!   number of events              | -  -  registered  shut-down  write-closed  read-closed  writable  readable
//! ```
//!
//! epoll is edge-triggered: each event is told once, so somebody must remember it. An operation tries its syscall when
//! this word says ready; on would-block it clears the bit, and waits for the event that sets it.
//!
//! # The feared interleaving
//!
//! ```text
//!   operation                     reactor
//!   read(2) -> would block
//!                                 data comes; event: set readable, wake (nobody waits yet)
//!   clear readable                                                        <- the event is lost
//!   wait for ever
//! ```
//!
//! So an operation takes a snapshot of the word before its syscall, and clears only if no event was counted since. The
//! counter has 56 bits and does not wrap.
//!
//! # Sticky bits
//!
//! A short transfer clears neither the closed bits (the peer hung up, or half of it) nor shut-down (the reactor is
//! gone). A direction with such a bit counts as ready: the next operation makes its syscall and sees the end of the
//! stream or the error. Otherwise a reader that cleared readiness after a short read would never learn of a FIN that
//! came in the same event as the data.
//!
//! Would-block is another matter. A socket whose stream has ended never says it, but there are ends that are none: the
//! error that a datagram socket reports once, the last writer of a FIFO that another one follows. There would-block
//! takes the closed bit away as well. If it stayed, the operation would try its syscall for ever.
//!
//! # Transitions
//!
//! | transition      | made by                       | from -> to                                                  |
//! |-----------------|-------------------------------|-------------------------------------------------------------|
//! | `register`      | an operation, before epoll ADD| any -> registered, nothing ready, not shut down, counter+1   |
//! | `event`         | the reactor                   | + the event's bits, counter+1                                |
//! | `clear`         | ... after a short transfer    | - readable or writable, unless the counter has moved         |
//! | `would_block`   | ... after would-block         | the same, and - the closed bit of that direction             |
//! | `shut_down`     | the reactor, at its end; or   | + shut-down, counter+1                                       |
//! |                 | an operation, if ADD failed   |                                                             |
//!
//! Not registered is "ready": the first attempt is made without asking epoll, and short connections never meet it.

use crate::shim::atomic::{AtomicU64, Ordering};

const READABLE: u64 = 1;
const WRITABLE: u64 = 1 << 1;
const READ_CLOSED: u64 = 1 << 2;
const WRITE_CLOSED: u64 = 1 << 3;
const SHUT_DOWN: u64 = 1 << 4;
const REGISTERED: u64 = 1 << 5;
const FLAGS: u64 = 0xff;
const ONE_EVENT: u64 = 1 << 8;

/// Which half of a file descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Reading, accepting.
    Read,
    /// Writing, connecting.
    Write,
}

impl Direction {
    fn ready_bit(self) -> u64 {
        match self {
            Direction::Read => READABLE,
            Direction::Write => WRITABLE,
        }
    }

    fn closed_bit(self) -> u64 {
        match self {
            Direction::Read => READ_CLOSED,
            Direction::Write => WRITE_CLOSED,
        }
    }
}

/// What one event says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// There is something to read or accept.
    pub readable: bool,
    /// There is room to write.
    pub writable: bool,
    /// Nothing more will come than what is there (RDHUP, HUP or ERR).
    pub read_closed: bool,
    /// Nothing can be written any more (HUP or ERR).
    pub write_closed: bool,
}

impl Event {
    /// Whether an operation of this direction has a reason to try again.
    #[must_use]
    pub fn concerns(self, direction: Direction) -> bool {
        match direction {
            Direction::Read => self.readable || self.read_closed,
            Direction::Write => self.writable || self.write_closed,
        }
    }

    /// Whether this direction has come to its end.
    #[must_use]
    pub fn closes(self, direction: Direction) -> bool {
        match direction {
            Direction::Read => self.read_closed,
            Direction::Write => self.write_closed,
        }
    }

    fn bits(self) -> u64 {
        let bit = |said: bool, bit: u64| if said { bit } else { 0 };
        bit(self.readable, READABLE)
            | bit(self.writable, WRITABLE)
            | bit(self.read_closed, READ_CLOSED)
            | bit(self.write_closed, WRITE_CLOSED)
    }
}

/// The word as it was at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot(u64);

impl Snapshot {
    /// Whether an operation of this direction should make its syscall.
    #[inline]
    #[must_use]
    pub fn is_ready(self, direction: Direction) -> bool {
        let reasons = direction.ready_bit() | direction.closed_bit() | SHUT_DOWN;
        // Any of these, or not registered.
        (self.0 ^ REGISTERED) & (reasons | REGISTERED) != 0
    }

    /// Whether no reactor will tell of this source: never registered, or its reactor has shut down.
    #[must_use]
    pub fn needs_registration(self) -> bool {
        self.0 & (REGISTERED | SHUT_DOWN) != REGISTERED
    }
}

/// What came of an attempt to clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "only a cleared direction may be waited for"]
pub enum Cleared {
    /// The direction is not ready now: the next event will say so.
    Cleared,
    /// Something has happened since the snapshot, or a sticky bit is set: the direction counts as ready.
    StillReady,
}

/// The word.
#[derive(Debug)]
pub struct Readiness(AtomicU64);

impl Default for Readiness {
    fn default() -> Readiness {
        Readiness::new()
    }
}

impl Readiness {
    /// Not registered, therefore ready.
    #[must_use]
    pub fn new() -> Readiness {
        Readiness(AtomicU64::new(0))
    }

    /// The word now.
    #[inline]
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        // Acquire: pairs with the AcqRel in `event` and `shut_down`, so that what the kernel or the reactor did before
        // it spoke is seen by the operation that follows.
        Snapshot(self.0.load(Ordering::Acquire))
    }

    /// An operation is about to add the file descriptor to an epoll.
    pub fn register(&self) {
        self.change(|word| (word & !FLAGS) | REGISTERED);
    }

    /// The kernel has spoken. Returns the word as it was before.
    pub fn event(&self, event: Event) -> Snapshot {
        self.change(|word| word | event.bits())
    }

    /// The reactor has ended, or would not have this source: nobody will tell of events.
    pub fn shut_down(&self) {
        self.change(|word| word | SHUT_DOWN);
    }

    /// An operation took all there was, in a syscall that began after `seen` was taken.
    pub fn clear(&self, seen: Snapshot, direction: Direction) -> Cleared {
        self.take_away(direction.ready_bit(), seen, direction)
    }

    /// An operation saw would-block, in a syscall that began after `seen` was taken.
    pub fn would_block(&self, seen: Snapshot, direction: Direction) -> Cleared {
        self.take_away(direction.ready_bit() | direction.closed_bit(), seen, direction)
    }

    fn take_away(&self, bits: u64, seen: Snapshot, direction: Direction) -> Cleared {
        let mut word = seen.0;
        loop {
            let cleared = Snapshot(word & !bits);
            if cleared.is_ready(direction) {
                return Cleared::StillReady;
            }
            // AcqRel and Acquire: pairs with the AcqRel in `event`, which this must not overwrite. On success nothing
            // is handed over, but the waiter's own look at the word comes after.
            match self.0.compare_exchange(word, cleared.0, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Cleared::Cleared,
                // The other direction was cleared meanwhile; that says nothing about this one.
                Err(now) if now / ONE_EVENT == seen.0 / ONE_EVENT => word = now,
                Err(_) => return Cleared::StillReady,
            }
        }
    }

    fn change(&self, flags: impl Fn(u64) -> u64) -> Snapshot {
        let step = |word: u64| Some(flags(word).wrapping_add(ONE_EVENT));
        // AcqRel: the Release half pairs with the Acquire in `snapshot`; the Acquire half keeps changes in a chain, so
        // that a snapshot sees what came before any of them.
        let (Ok(before) | Err(before)) = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, step);
        Snapshot(before)
    }
}

#[cfg(all(test, not(raddle_loom)))]
mod tests {
    use super::*;
    use Direction::{Read, Write};

    fn event(readable: bool, writable: bool, read_closed: bool) -> Event {
        Event { readable, writable, read_closed, write_closed: false }
    }

    #[test]
    fn an_event_after_the_snapshot_is_not_cleared() {
        let word = Readiness::new();
        word.register();
        word.event(event(true, false, false));
        let seen = word.snapshot();
        word.event(event(true, false, false));
        assert_eq!(word.clear(seen, Read), Cleared::StillReady);
        assert!(word.snapshot().is_ready(Read));
        assert_eq!(word.clear(word.snapshot(), Read), Cleared::Cleared);
        assert!(!word.snapshot().is_ready(Read));
    }

    #[test]
    fn clearing_one_direction_does_not_hinder_the_other() {
        let word = Readiness::new();
        word.register();
        word.event(event(true, true, false));
        let seen = word.snapshot();
        assert_eq!(word.clear(seen, Write), Cleared::Cleared);
        assert_eq!(word.clear(seen, Read), Cleared::Cleared);
        assert!(!word.snapshot().is_ready(Read) && !word.snapshot().is_ready(Write));
    }

    #[test]
    fn closed_and_shut_down_bits_are_sticky() {
        let word = Readiness::new();
        word.register();
        word.event(event(true, false, true));
        assert_eq!(word.clear(word.snapshot(), Read), Cleared::StillReady);
        assert!(word.snapshot().is_ready(Read) && !word.snapshot().is_ready(Write));
        word.shut_down();
        assert_eq!(word.clear(word.snapshot(), Write), Cleared::StillReady);
        assert!(word.snapshot().needs_registration());
        word.register();
        assert!(!word.snapshot().is_ready(Read) && !word.snapshot().needs_registration());
    }

    #[test]
    fn would_block_ends_an_end_that_was_none_but_no_later_one() {
        let word = Readiness::new();
        word.register();
        word.event(event(true, true, true));
        let seen = word.snapshot();
        assert_eq!(word.would_block(seen, Read), Cleared::Cleared);
        assert!(!word.snapshot().is_ready(Read) && word.snapshot().is_ready(Write));
        let seen = word.snapshot();
        word.event(event(false, false, true));
        assert_eq!(word.would_block(seen, Read), Cleared::StillReady);
        word.shut_down();
        assert_eq!(word.would_block(word.snapshot(), Read), Cleared::StillReady);
    }

    #[test]
    fn an_unregistered_source_is_always_ready() {
        let word = Readiness::new();
        assert_eq!(word.clear(word.snapshot(), Read), Cleared::StillReady);
        assert!(word.snapshot().is_ready(Read) && word.snapshot().needs_registration());
    }
}
