//! The reactor's side of one file descriptor: its readiness word, and who waits for it.
//!
//! Several tasks may wait for one direction: eight tasks that accept on one listener, or two that read one socket. An
//! event wakes ONE of them, the one that has waited longest, and with that gives it the **turn**. Waking all would be a
//! stampede; waking one and forgetting about it would lose wake-ups. So the turn has to be passed on:
//!
//! ```text
//!           event: pop the first              completes, direction still ready: pop the next
//!   waits ------------------------> has the turn ------------------------------------------> (done)
//!     |                                  |   \  would-block, direction cleared: back to its place
//!     | dropped: removed from the list   |    `-------------------------------------------> waits
//!     v                                  v dropped: as if it had completed
//!   (gone)                             (gone, the next has the turn)
//! ```
//!
//! The list is in the order of the operations' numbers, which they keep until they complete: one whose turn brought
//! nothing, because somebody else was quicker, has still waited longest and comes first again.
//!
//! Invariant: if a task waits in the list and the direction is ready, then somebody has the turn or is about to look at
//! the word again. Whoever gives a turn up looks at the word first; if it is not ready, the next event will pop the
//! next waiter by itself. The number on an operation's [`Ticket`] tells "still in the list" from "has the turn".
//!
//! Beside the list each direction has one place for `poll_*` functions. These have no future that could be dropped and
//! pass a turn on, so they get none: an event wakes that place in addition.
//!
//! An event that finds a direction ready already wakes nobody there, and takes no lock: whoever may be in the list, the
//! turn is given, and who has left a waker in the place looks at the word once more. Only the end of a direction wakes in
//! any case, and all of them. That spares most events the lock of the direction that is not waited for, since epoll says
//! "writable" with every event that says "readable".
//!
//! An operation puts its waker in and looks at the word AGAIN before it says `Pending`. The reactor changes the word
//! and then takes the lock. So either the reactor finds the waker, or its lock came first and the second look sees the
//! event.
//!
//! Wakers are user code: they are cloned before, and woken or dropped after the lock, never under it. Functions here
//! hand out what is to be woken, through `wake` or as a value.

use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::task::Waker;

use super::readiness::{Direction, Event, Readiness};
use crate::shim::Mutex;
use crate::shim::atomic::{AtomicUsize, Ordering};

/// An operation's number in the list of waiters; none before it has to wait.
#[derive(Debug, Default)]
pub struct Ticket(Option<NonZeroU64>);

impl Ticket {
    /// Whether the operation has had to wait, and has not left since.
    #[inline]
    #[must_use]
    pub fn has_waited(&self) -> bool {
        self.0.is_some()
    }
}

/// The reactor's side of one file descriptor.
#[derive(Debug, Default)]
pub struct Source {
    /// What the kernel said.
    pub readiness: Readiness,
    read: Side,
    write: Side,
}

/// One direction.
#[derive(Debug, Default)]
struct Side {
    waiters: Mutex<Waiters>,
    /// The length of the list: written under the lock, and a copy for `leave`, which reads it without.
    listed: AtomicUsize,
}

#[derive(Debug)]
struct Waiter {
    number: NonZeroU64,
    waker: Waker,
}

impl Side {
    fn with<R>(&self, f: impl FnOnce(&mut Waiters) -> R) -> R {
        let mut waiters = self.waiters.lock();
        let result = f(&mut waiters);
        // Relaxed: see `nobody_is_listed`.
        self.listed.store(waiters.len(), Ordering::Relaxed);
        result
    }

    /// Asked by an operation that was in the list. It counted itself before, so a 0 that it reads was written when it had
    /// been popped. Then whoever waits by now was put in after that pop, and has seen in the second look that the
    /// direction is ready, or was popped or will be by a later event: nobody depends on this one's turn.
    fn nobody_is_listed(&self) -> bool {
        // Relaxed: the order of the writes to this one number is all that is needed, as told above.
        self.listed.load(Ordering::Relaxed) == 0
    }
}

/// Who waits for one direction.
#[derive(Debug, Default)]
struct Waiters {
    /// The place for `poll_*` functions.
    polled: Option<Waker>,
    /// The operation that has waited longest. Kept inline, since there is seldom another.
    first: Option<Waiter>,
    /// The others. Not empty only if there is a first.
    more: VecDeque<Waiter>,
    /// The highest number given out.
    numbers: u64,
}

impl Waiters {
    fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.more.len()
    }

    fn find(&mut self, number: NonZeroU64) -> Option<&mut Waiter> {
        self.first.iter_mut().chain(self.more.iter_mut()).find(|waiter| waiter.number == number)
    }

    /// Puts a waiter in its place: numbers rise from first to last.
    fn insert(&mut self, mut waiter: Waiter) {
        let Some(first) = &mut self.first else {
            self.first = Some(waiter);
            return;
        };
        if waiter.number < first.number {
            std::mem::swap(first, &mut waiter);
        }
        let at = self.more.partition_point(|other| other.number < waiter.number);
        self.more.insert(at, waiter);
    }

    fn pop(&mut self) -> Option<Waker> {
        let waiter = std::mem::replace(&mut self.first, self.more.pop_front())?;
        self.shrink();
        Some(waiter.waker)
    }

    fn remove(&mut self, number: NonZeroU64) -> Option<Waker> {
        if self.first.as_ref()?.number == number {
            return self.pop();
        }
        let at = self.more.iter().position(|waiter| waiter.number == number)?;
        let waiter = self.more.remove(at)?;
        self.shrink();
        Some(waiter.waker)
    }

    /// A crowd that has gone must not leave its room behind.
    fn shrink(&mut self) {
        if self.more.is_empty() && self.more.capacity() > 0 {
            self.more = VecDeque::new();
        }
    }
}

impl Source {
    /// A source that is not registered yet.
    #[must_use]
    pub fn new() -> Source {
        Source::default()
    }

    fn side(&self, direction: Direction) -> &Side {
        match direction {
            Direction::Read => &self.read,
            Direction::Write => &self.write,
        }
    }

    /// Puts an operation in the list, or, if it is there, sees to it that the right task is woken. The caller must
    /// look at the readiness word again before it says `Pending`.
    pub fn wait(&self, direction: Direction, ticket: &mut Ticket, waker: &Waker) {
        let side = self.side(direction);
        if let Some(number) = ticket.0
            && let Some(waiter) = side.waiters.lock().find(number)
            && waiter.waker.will_wake(waker)
        {
            return;
        }
        let fresh = waker.clone();
        let replaced = side.with(|waiters| {
            let number = *ticket.0.get_or_insert_with(|| {
                waiters.numbers += 1;
                NonZeroU64::new(waiters.numbers).expect("counts from 1")
            });
            match waiters.find(number) {
                Some(waiter) => Some(std::mem::replace(&mut waiter.waker, fresh)),
                None => {
                    waiters.insert(Waiter { number, waker: fresh });
                    None
                }
            }
        });
        drop(replaced);
    }

    /// Puts a waker in the place of `poll_*` functions. The caller must look at the readiness word again.
    pub fn wait_polled(&self, direction: Direction, waker: &Waker) {
        if self.side(direction).waiters.lock().polled.as_ref().is_some_and(|known| known.will_wake(waker)) {
            return;
        }
        let fresh = waker.clone();
        let replaced = self.side(direction).waiters.lock().polled.replace(fresh);
        drop(replaced);
    }

    /// An operation has completed or is dropped: takes it off the list, or passes its turn on. Returns who is to be
    /// woken with no lock held.
    #[must_use = "the turn is lost if the next one is not woken"]
    pub fn leave(&self, direction: Direction, ticket: &mut Ticket) -> Option<Waker> {
        let number = ticket.0.take()?;
        let side = self.side(direction);
        if side.nobody_is_listed() {
            return None;
        }
        let (own, next) = side.with(|waiters| {
            let own = waiters.remove(number);
            let passes_on = own.is_none() && self.readiness.snapshot().is_ready(direction);
            (own, if passes_on { waiters.pop() } else { None })
        });
        drop(own);
        next
    }

    /// The kernel has spoken: calls `wake`, with no lock of this source held, for the first waiter of each direction
    /// that became ready, or for all if the direction has come to its end.
    pub fn event(&self, event: Event, wake: &mut impl FnMut(Waker)) {
        let before = self.readiness.event(event);
        for direction in [Direction::Read, Direction::Write] {
            if event.closes(direction) {
                self.wake_all(direction, wake);
            } else if event.concerns(direction) && !before.is_ready(direction) {
                self.wake_one(direction, wake);
            }
        }
    }

    /// The reactor has ended: everybody looks for another.
    pub fn shut_down(&self, wake: &mut impl FnMut(Waker)) {
        self.readiness.shut_down();
        self.wake_all(Direction::Read, wake);
        self.wake_all(Direction::Write, wake);
    }

    fn wake_one(&self, direction: Direction, wake: &mut impl FnMut(Waker)) {
        let (polled, first) = self.side(direction).with(|waiters| (waiters.polled.take(), waiters.pop()));
        polled.into_iter().chain(first).for_each(wake);
    }

    fn wake_all(&self, direction: Direction, wake: &mut impl FnMut(Waker)) {
        let (polled, first, more) = self
            .side(direction)
            .with(|waiters| (waiters.polled.take(), waiters.first.take(), std::mem::take(&mut waiters.more)));
        polled.into_iter().for_each(&mut *wake);
        first.into_iter().chain(more).map(|waiter| waiter.waker).for_each(wake);
    }
}
