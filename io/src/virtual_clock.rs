//! Time that moves only when it is told: what it shows, who waits for it to be moved, and the lock under which it moves.
//!
//! # The protocol
//!
//! A runtime moves the time when nothing can run. What "nothing" is, the runtime finds out (`virtual_time.rs` there, which
//! also tells who does it); this file sees to it that the answer still holds at the moment of the move. A mover
//!
//! ```text
//!   mover                                     thread outside
//!   hold: takes the lock                      pushes a task
//!   begin: MOVING = true                      now: looks at MOVING by a read-modify-write;
//!   looks at queues, jobs, sockets                 true? -> waits for the lock
//!   nothing there? -> moves the time               reads the time
//!   MOVING = false; gives the lock back
//! ```
//!
//! Workers get up, and start, under the same lock, so none can run, insert a timer or fetch an event while the mover looks
//! and moves. Threads outside the runtime are not held up by a lock: a push costs them nothing for it.
//!
//! Feared: such a thread pushes a task after the mover has looked at the queue. It cannot be told from a push after the
//! move, but for the thread that reads the clock next. If that showed the time before the move, the task would run later
//! than at the time of its push, and of a program in which nothing took any time. So [`VirtualClock::now`] is a
//! read-modify-write of the word that the mover writes before it looks, and of the two one comes second. The mover: it
//! has acquired the push, and finds it. The reader: it sees that a move is under way, and waits for it.
//!
//! # Advances
//!
//! Who wants the clock moved by hand leaves a goal here, under the lock, and rings the bell of the runtime, whose last
//! worker to park then finds it. Goals add up: each begins where the one before it ends. A clock that jumps by itself takes
//! them for deadlines like those of timers; one that does not goes no further than to the first of them. A goal is
//! reached only when nothing can run at that time any more, timers included: so whoever waited for it finds everything
//! done that was to be done by then.

use std::task::Waker;

use crate::shim::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::shim::{Mutex, MutexGuard};

/// The clock.
#[derive(Debug)]
pub struct VirtualClock {
    now_ns: AtomicU64,
    /// Somebody finds out whether the time may move, or moves it. Changed under the lock.
    moving: AtomicBool,
    /// Time moves to the next deadline by itself when nothing can run.
    jumps: bool,
    advances: Mutex<Advances>,
}

#[derive(Debug, Default)]
struct Advances {
    numbered: u64,
    /// By their goals.
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    until_ns: u64,
    waker: Waker,
}

/// The lock: while it is held nobody gets up, and the time stands still but for what the holder does.
#[derive(Debug)]
#[must_use = "the lock is given back when this is dropped"]
pub struct Held<'c> {
    clock: &'c VirtualClock,
    advances: MutexGuard<'c, Advances>,
    begun: bool,
}

impl VirtualClock {
    /// A clock that stands at this time. `jumps`: it moves to the next deadline by itself.
    #[must_use]
    pub fn new(now_ns: u64, jumps: bool) -> VirtualClock {
        VirtualClock {
            now_ns: AtomicU64::new(now_ns),
            moving: AtomicBool::new(false),
            jumps,
            advances: Mutex::new(Advances::default()),
        }
    }

    /// What it shows. What was pushed before this runs at this time, or later than what a later call shows.
    ///
    /// Not to be called by who holds the lock, nor under one that a mover takes.
    #[must_use]
    pub fn now(&self) -> u64 {
        // AcqRel: the read-modify-write that the essay speaks of; pairs with `begin`.
        if self.moving.fetch_or(false, Ordering::AcqRel) {
            drop(self.advances.lock());
        }
        // Acquire: pairs with the Release in `move_to`, so that what was done before the move is seen after it.
        self.now_ns.load(Ordering::Acquire)
    }

    /// Takes the lock.
    pub fn hold(&self) -> Held<'_> {
        Held { clock: self, advances: self.advances.lock(), begun: false }
    }

    /// Leaves a goal that lies so far behind the last one, or the time now. The caller rings. Returns its number.
    pub fn start_advance(&self, duration_ns: u64, waker: Waker) -> u64 {
        let mut advances = self.advances.lock();
        // Acquire: as in `now`; it stands still under the lock.
        let now_ns = self.now_ns.load(Ordering::Acquire);
        let begin_ns = advances.waiting.last().map_or(now_ns, |last| last.until_ns);
        advances.numbered += 1;
        let number = advances.numbered;
        advances.waiting.push(Waiting { number, until_ns: begin_ns.saturating_add(duration_ns), waker });
        number
    }

    /// Sees to it that a goal that has not been reached wakes this waker; the one that it had comes back.
    ///
    /// # Errors
    /// It was reached: the new one comes back.
    pub fn await_advance(&self, number: u64, waker: Waker) -> Result<Waker, Waker> {
        let mut advances = self.advances.lock();
        match advances.waiting.iter_mut().find(|waiting| waiting.number == number) {
            Some(waiting) => Ok(std::mem::replace(&mut waiting.waker, waker)),
            None => Err(waker),
        }
    }

    /// Takes a goal back. The waker is dropped by the caller, who holds no lock.
    #[must_use = "the waker is dropped by whoever holds no lock"]
    pub fn cancel_advance(&self, number: u64) -> Option<Waker> {
        let mut advances = self.advances.lock();
        let place = advances.waiting.iter().position(|waiting| waiting.number == number)?;
        Some(advances.waiting.remove(place).waker)
    }
}

impl Held<'_> {
    /// To be said before the holder looks whether anything can run. Until it gives the lock back, who asks for the time
    /// waits.
    pub fn begin(&mut self) {
        // AcqRel: pairs with `now`; acquires what those have pushed who were shown the time before.
        self.clock.moving.swap(true, Ordering::AcqRel);
        self.begun = true;
    }

    /// Where the time moves to, if anywhere, given the earliest deadline.
    #[must_use]
    pub fn next(&self, deadline_ns: Option<u64>) -> Option<u64> {
        let goal_ns = self.advances.waiting.first().map(|first| first.until_ns);
        match (goal_ns, deadline_ns) {
            (None, _) if !self.clock.jumps => None,
            (None, other) | (other, None) => other,
            (Some(goal_ns), Some(deadline_ns)) => Some(goal_ns.min(deadline_ns)),
        }
    }

    /// Moves the time forward; never backward. Returns what it is now.
    pub fn move_to(&mut self, to_ns: u64) -> u64 {
        // Release: pairs with the Acquire in `now`. Acquire: a clock that is moved without the lock, by a test of timers
        // alone, is not moved back.
        self.clock.now_ns.fetch_max(to_ns, Ordering::AcqRel).max(to_ns)
    }

    /// Takes out who waited for a goal that is reached.
    pub fn arrive(&mut self, arrived: &mut Vec<Waker>) {
        // Relaxed: it moves under the lock, which is held.
        let now_ns = self.clock.now_ns.load(Ordering::Relaxed);
        let reached = self.advances.waiting.iter().take_while(|waiting| waiting.until_ns <= now_ns).count();
        arrived.extend(self.advances.waiting.drain(..reached).map(|waiting| waiting.waker));
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if self.begun {
            // Release: who sees this sees the move. The lock is given back after it.
            self.clock.moving.store(false, Ordering::Release);
        }
    }
}
