//! The one FIFO of waiting futures: whose turn is next, and who must be woken.
//!
//! It is plain data inside the lock of the primitive that owns it; every transition happens under that lock.
//!
//! ```text
//!             wait (1)              grant_first (2)             turn, leave (3)
//!   no key ------------> Waiting ---------------------> Granted -----------------> no key
//!                           |                                                        ^
//!                           |  release (4)                        turn, leave (5)    |
//!                           +------------------------> Released ---------------------+
//!                           |  leave (6)                                             |
//!                           +--------------------------------------------------------+
//! ```
//!
//! (1) A future that cannot go on stores its waker and keeps a [`Key`]. (2) What it waits for is handed to it: from
//! here on the turn is its own, whoever comes meanwhile, and its waker is on the way out to be woken. (3) It takes
//! its turn; or it is dropped first, and then the caller of `leave` *must* pass the turn on. (4) Everybody who waits
//! at this moment may go, by number: tickets are dealt in ascending order, so one store decides for all of them, and
//! their wakers are taken out afterwards, a batch at a time, by [`wake_released`]. (5) A released waiter takes nothing
//! with it and leaves its entry to that function. (6) A waiter that gives up leaves from the middle in O(1).
//!
//! Who is released moves to a second list at once, so that [`grant_first`](Waiters::grant_first) never hands a turn to
//! somebody who goes anyway (a turn that another one then waits for in vain), and `len` counts who really waits.
//!
//! An entry may carry a **note** of type `W`: how much its waiter asks for, or what it was given with its turn.
//!
//! Entries live in a slab (`Vec` plus links by index), so a wait allocates nothing once the slab has grown, and
//! nothing here is unsafe. A ticket is never dealt twice, so a key can be told from the next tenant of its entry.
//! When the last waiter has left a slab that a crowd made large, the memory is given back.
//!
//! **No foreign code under the lock** (`Waker::{clone, wake, drop}` are foreign). Nothing here clones or wakes, and
//! each waker that must go leaves through a return value or through `fresh`, the slot by which the caller brings a
//! clone made before it took the lock and takes home, to be dropped after it, the one that was replaced.

use std::any::Any;
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task::Waker;

use crate::shim::Mutex;

/// The end of a list of entries.
const NONE: u32 = u32::MAX;
/// A slab that had to grow beyond this is given back when it is empty (2 KiB; picked from thin air).
const KEEP_ENTRIES: usize = 64;
/// So many wakers leave the lock at a time (half a KiB of stack; picked from thin air).
const BATCH: usize = 32;

/// A waiter's place: which entry, and which tenant of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    index: u32,
    ticket: NonZeroU64,
}

/// What a waiter finds when it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Turn {
    /// It has not queued up yet.
    New,
    /// It waits.
    Waiting,
    /// It was handed what it waited for; its key is gone.
    Granted,
    /// It was let go together with everybody else; its key is gone.
    Released,
}

/// What a waiter that gives up leaves behind.
#[derive(Debug)]
#[must_use]
pub(super) enum Left {
    /// It waited. Drop its waker after the lock.
    Waiting { _waker: Option<Waker> },
    /// It had been granted a turn, which must be passed on.
    Granted,
    /// It had been released: nothing to do.
    Released,
}

/// Who was let go by [`Waiters::release_all`], and must be woken after the lock.
#[derive(Debug)]
#[must_use = "who was released must be woken"]
pub(super) enum Released {
    Nobody,
    One(Waker),
    Crowd,
}

impl Released {
    /// Wakes them.
    #[inline]
    pub(super) fn wake<S>(self, shared: &Mutex<S>, waiters: impl Fn(&mut S) -> &mut Waiters) {
        match self {
            Released::Nobody => {}
            Released::One(waker) => waker.wake(),
            Released::Crowd => wake_released(shared, waiters),
        }
    }
}

/// `ticket` 0: vacant, `next` links the vacant ones. With a waker: in the list of those who wait, or of those who were
/// released. Without: granted, in no list.
#[derive(Debug)]
struct Entry<W> {
    waker: Option<Waker>,
    note: W,
    ticket: u64,
    previous: u32,
    next: u32,
}

/// The FIFO.
#[derive(Debug)]
pub(super) struct Waiters<W = ()> {
    entries: Vec<Entry<W>>,
    first: u32,
    last: u32,
    /// Those who were released and whose wakers have not been taken out yet, linked by `next` alone.
    released_first: u32,
    released_last: u32,
    vacant: u32,
    waiting: u32,
    granted: u32,
    next_ticket: NonZeroU64,
    released_below: u64,
}

impl<W> Waiters<W> {
    /// Nobody waits.
    pub(super) const fn new() -> Waiters<W> {
        Waiters {
            entries: Vec::new(),
            first: NONE,
            last: NONE,
            released_first: NONE,
            released_last: NONE,
            vacant: NONE,
            waiting: 0,
            granted: 0,
            next_ticket: NonZeroU64::MIN,
            released_below: 0,
        }
    }

    /// Does nobody wait? (Who was granted a turn does not wait.)
    pub(super) fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting as usize
    }

    /// How many have been granted a turn that they have not taken yet.
    pub(super) fn granted(&self) -> usize {
        self.granted as usize
    }

    /// Takes the turn of the waiter behind `key`, if it has come.
    #[inline]
    pub(super) fn turn(&mut self, key: &mut Option<Key>) -> Turn {
        match *key {
            None => Turn::New,
            Some(place) => self.turn_of(place, key),
        }
    }

    fn turn_of(&mut self, place: Key, key: &mut Option<Key>) -> Turn {
        let turn = self.find(place);
        match turn {
            Turn::Granted => self.take_grant(place),
            Turn::Released => {}
            Turn::New | Turn::Waiting => return turn,
        }
        *key = None;
        turn
    }

    /// Queues up, or renews the waker of a waiter. `false`: this needs a clone of `waker` in `fresh`; unlock, clone,
    /// come again. What is in `fresh` afterwards is to be dropped after the lock.
    #[must_use]
    pub(super) fn wait(&mut self, key: &mut Option<Key>, waker: &Waker, fresh: &mut Option<Waker>) -> bool
    where
        W: Default,
    {
        let entry = key.map(|place| &mut self.entries[place.index as usize].waker);
        if let Some(Some(current)) = &entry
            && current.will_wake(waker)
        {
            return true;
        }
        let Some(clone) = fresh.take() else { return false };
        match entry {
            Some(current) => *fresh = current.replace(clone),
            None => *key = Some(self.push(clone, W::default())),
        }
        true
    }

    /// Queues up behind everybody.
    #[inline]
    pub(super) fn push(&mut self, waker: Waker, note: W) -> Key {
        let ticket = self.next_ticket;
        self.next_ticket = ticket.checked_add(1).expect("2^64 waits on one primitive");
        let entry = Entry { waker: Some(waker), note, ticket: ticket.get(), previous: self.last, next: NONE };
        let index = match self.vacant {
            NONE => {
                let index = u32::try_from(self.entries.len()).ok().filter(|index| *index != NONE);
                self.entries.push(entry);
                index.expect("2^32 futures wait on one primitive")
            }
            index => {
                self.vacant = self.entries[index as usize].next;
                self.entries[index as usize] = entry;
                index
            }
        };
        match self.last {
            NONE => self.first = index,
            last => self.entries[last as usize].next = index,
        }
        self.last = index;
        self.waiting += 1;
        Key { index, ticket }
    }

    /// Hands the turn to the first who waits; the caller wakes it after the lock.
    #[inline]
    #[must_use]
    pub(super) fn grant_first(&mut self) -> Option<Waker> {
        if self.first == NONE { None } else { self.grant() }
    }

    fn grant(&mut self) -> Option<Waker> {
        let waker = self.unlink(self.first);
        self.granted += 1;
        waker
    }

    /// The note of the first who waits.
    pub(super) fn first_note(&mut self) -> Option<&mut W> {
        match self.first {
            NONE => None,
            first => Some(&mut self.entries[first as usize].note),
        }
    }

    /// The note of the waiter behind `key`, while it has an entry; ask before [`turn`](Waiters::turn) takes that away.
    pub(super) fn note(&self, key: Key) -> Option<&W> {
        let entry = self.entries.get(key.index as usize).filter(|entry| entry.ticket == key.ticket.get());
        entry.map(|entry| &entry.note)
    }

    /// Lets everybody go who waits at this moment. `true`: the caller calls [`wake_released`] after the lock.
    #[must_use]
    pub(super) fn release(&mut self) -> bool {
        self.released_below = self.next_ticket.get();
        if self.first == NONE {
            return false;
        }
        match self.released_last {
            NONE => self.released_first = self.first,
            last => self.entries[last as usize].next = self.first,
        }
        self.released_last = self.last;
        (self.first, self.last, self.waiting) = (NONE, NONE, 0);
        true
    }

    /// Lets everybody go who waits at this moment, and takes the waker along if that is one: a crowd's wakers are fetched
    /// after the lock, which costs a second one.
    #[inline]
    pub(super) fn release_all(&mut self) -> Released {
        if self.waiting != 1 {
            return if self.release() { Released::Crowd } else { Released::Nobody };
        }
        self.released_below = self.next_ticket.get();
        let index = self.first;
        let waker = self.unlink(index);
        self.vacate(index);
        waker.map_or(Released::Nobody, Released::One)
    }

    /// A waiter gives up, or is done with a turn it never looked at.
    pub(super) fn leave(&mut self, key: Key) -> Left {
        match self.find(key) {
            Turn::Granted => {
                self.take_grant(key);
                Left::Granted
            }
            Turn::Released => Left::Released,
            Turn::New | Turn::Waiting => {
                let waker = self.unlink(key.index);
                self.vacate(key.index);
                Left::Waiting { _waker: waker }
            }
        }
    }

    /// Granted goes first: who was granted a turn before everybody was released has that turn, and must pass it on.
    fn find(&self, key: Key) -> Turn {
        let ticket = key.ticket.get();
        let entry = self.entries.get(key.index as usize).filter(|entry| entry.ticket == ticket);
        match entry {
            Some(Entry { waker: None, .. }) => Turn::Granted,
            _ if ticket < self.released_below => Turn::Released,
            Some(_) => Turn::Waiting,
            None => unreachable!("a waiter's entry went away under it"),
        }
    }

    fn take_grant(&mut self, key: Key) {
        self.granted -= 1;
        self.vacate(key.index);
    }

    /// Takes a waiting entry out of the list, and its waker out of the entry.
    #[inline]
    fn unlink(&mut self, index: u32) -> Option<Waker> {
        let entry = &mut self.entries[index as usize];
        let (waker, previous, next) = (entry.waker.take(), entry.previous, entry.next);
        match previous {
            NONE => self.first = next,
            previous => self.entries[previous as usize].next = next,
        }
        match next {
            NONE => self.last = previous,
            next => self.entries[next as usize].previous = previous,
        }
        self.waiting -= 1;
        waker
    }

    /// Gives an entry that is in no list back.
    #[inline]
    fn vacate(&mut self, index: u32) {
        let entry = &mut self.entries[index as usize];
        entry.ticket = 0;
        entry.next = self.vacant;
        self.vacant = index;
        let is_empty = self.waiting + self.granted == 0 && self.released_first == NONE;
        if is_empty && self.entries.capacity() > KEEP_ENTRIES {
            self.entries = Vec::new();
            self.vacant = NONE;
        }
    }

    /// Moves wakers of released waiters into the batch until it is full. Are there more?
    pub(super) fn take_released(&mut self, batch: &mut WakeBatch) -> bool {
        while self.released_first != NONE && !batch.is_full() {
            let index = self.released_first;
            let entry = &mut self.entries[index as usize];
            batch.push(entry.waker.take());
            self.released_first = entry.next;
            if entry.next == NONE {
                self.released_last = NONE;
            }
            self.vacate(index);
        }
        self.released_first != NONE
    }
}

/// Wakes everybody whom [`Waiters::release`] let go, outside the lock.
pub(super) fn wake_released<S, W>(shared: &Mutex<S>, waiters: impl Fn(&mut S) -> &mut Waiters<W>) {
    wake_in_batches(shared, WakeBatch::new(), |state, batch| waiters(state).take_released(batch));
}

/// Fills the batch under the lock and wakes it outside, until `fill` says that there is no more. A waker that panics
/// does not keep the others from being woken: its panic goes on when all of them have been.
pub(super) fn wake_in_batches<S>(
    shared: &Mutex<S>,
    mut batch: WakeBatch,
    mut fill: impl FnMut(&mut S, &mut WakeBatch) -> bool,
) {
    loop {
        let more = fill(&mut shared.lock(), &mut batch);
        batch.wake();
        if !more {
            break;
        }
    }
    if let Some(panic) = batch.panic {
        resume_unwind(panic);
    }
}

/// Wakes them all, as [`wake_in_batches`] does, where they had to leave the lock together.
pub(super) fn wake_all(wakers: Vec<Waker>) {
    let mut first_panic = None;
    for waker in wakers {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
            first_panic.get_or_insert(panic);
        }
    }
    if let Some(panic) = first_panic {
        resume_unwind(panic);
    }
}

/// Wakers on their way out, and the first panic of one of them.
pub(super) struct WakeBatch {
    wakers: [Option<Waker>; BATCH],
    len: usize,
    panic: Option<Box<dyn Any + Send>>,
}

impl WakeBatch {
    pub(super) const fn new() -> WakeBatch {
        WakeBatch { wakers: [const { None }; BATCH], len: 0, panic: None }
    }

    pub(super) fn is_full(&self) -> bool {
        self.len == BATCH
    }

    pub(super) fn push(&mut self, waker: Option<Waker>) {
        self.wakers[self.len] = waker;
        self.len += 1;
    }

    fn wake(&mut self) {
        let wakers = self.wakers[..std::mem::take(&mut self.len)].iter_mut();
        for waker in wakers.filter_map(Option::take) {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
                self.panic.get_or_insert(panic);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_given_back_after_a_crowd() {
        let mut waiters = Waiters::<()>::new();
        for round in 0..3 {
            let keys: Vec<_> = (0..1000).map(|_| waiters.push(Waker::noop().clone(), ())).collect();
            for _ in 0..500 {
                assert!(waiters.grant_first().is_some());
            }
            assert_eq!((waiters.len(), waiters.granted()), (500, 500));
            for (n, key) in keys.into_iter().enumerate() {
                assert_eq!(matches!(waiters.leave(key), Left::Granted), n < 500);
            }
            assert_eq!(waiters.entries.capacity(), 0, "round {round}");
        }
    }

    #[test]
    fn a_key_is_not_taken_for_the_next_tenant_of_its_entry() {
        let mut waiters = Waiters::<()>::new();
        let mut old = Some(waiters.push(Waker::noop().clone(), ()));
        assert!(waiters.release());
        let shared = Mutex::new(waiters);
        wake_released(&shared, |waiters| waiters);
        let mut waiters = shared.into_inner();
        let new = waiters.push(Waker::noop().clone(), ());
        assert_eq!(old.map(|key| key.index), Some(new.index));
        assert_eq!(waiters.turn(&mut old), Turn::Released);
        assert_eq!(waiters.turn(&mut Some(new)), Turn::Waiting);
    }

    #[test]
    fn a_turn_is_not_handed_to_who_was_released_and_not_woken_yet() {
        let mut waiters = Waiters::<()>::new();
        let mut early: Vec<_> = (0..100).map(|_| Some(waiters.push(Waker::noop().clone(), ()))).collect();
        assert!(waiters.release());
        assert_eq!(waiters.len(), 0);
        let mut late = Some(waiters.push(Waker::noop().clone(), ()));
        assert!(waiters.grant_first().is_some());
        assert_eq!(waiters.turn(&mut late), Turn::Granted);
        let mut later = Some(waiters.push(Waker::noop().clone(), ()));
        assert!(waiters.release(), "a second crowd joins the first one, whose wakers are still to come");
        let shared = Mutex::new(waiters);
        wake_released(&shared, |waiters| waiters);
        let mut waiters = shared.into_inner();
        for key in early.iter_mut().chain([&mut later]) {
            assert_eq!(waiters.turn(key), Turn::Released);
        }
        assert_eq!(waiters.entries.capacity(), 0, "nobody has an entry left");
    }
}
