//! Timers that are younger than the poll that made them.
//!
//! Most timers are cancelled soon: a timeout around something that is nearly always ready, or that another branch
//! overtakes. One that is dropped in the poll that made it need not have been in a wheel at all. So a relative sleep
//! that a task polls with its own waker goes into a list of its thread, the nursery; at the end of the poll the runtime
//! calls [`settle`], which puts the survivors into the wheel under one hold of its lock, with one reading of the clock.
//! A timeout that does not survive costs no lock, no clock, no waker and no reference count: 64 ns became 20.
//!
//! # Tickets
//!
//! A sleep must know at once by which key it is cancelled, from wherever. Keys are therefore reserved in advance, in
//! batches: a ticket is a reserved entry of the wheel and a counted pointer to the wheel's reactor. It moves into the
//! sleep, and back into the nursery when the sleep is dropped young. A reserved entry is in no list of the wheel; it
//! turns into a timer when it is given a deadline and a waker, once.
//!
//! # Time
//!
//! A sleep counts from its first poll, and must never end early. The end of the poll is no earlier, and as a rule
//! microseconds later, so that is where its time begins. A poll that lasts is the exception: there the watchdog, which
//! looks at a worker that makes no progress, notes how many sleeps had been registered by then and what time it was
//! then ([`Reactor::bound_young`]). Those are no younger than that, and count from there. So a sleep is late by no more
//! than the watchdog's look, and only where its own poll lasts as long. The count is written before the sleep is
//! registered for good and read before the clock is: what it covers has happened by that time.
//!
//! (A coarse clock, read at each registration, would bound it as well, and end sleeps early: it was seen 14 ms behind
//! where its resolution is said to be 4. The time stamp counter costs 11 ns, half of the precise clock.)
//!
//! # What may happen meanwhile
//!
//! * *The sleep is dropped on its thread*: out of the list, the ticket back.
//! * *It was sent elsewhere in the same poll, and is dropped there*: it is not in that thread's nursery, so the
//!   reserved entry is cancelled in the wheel; settling finds no entry and goes on.
//! * *It is polled elsewhere, or with another waker*: the reserved entry gets a deadline and that waker there and then;
//!   settling finds that it is not reserved any more and leaves it alone. Without that, a sleep whose maker is stuck in
//!   its poll would not end.
//! * *The timers are closed*: nothing can be reserved, and what is reserved says so when it is polled.
//! * *The poll panics*: the harness settles all the same.
//!
//! All of this is decided under the wheel's lock, by whether the entry is there and reserved.

use std::cell::RefCell;
use std::ptr;
use std::task::{RawWakerVTable, Waker};

use crate::context;
use crate::reactor::Reactor;
use crate::shim::Arc;
use crate::wheel::Key;

/// How many entries are reserved at once.
const BATCH: usize = 8;

/// More young timers than this go into the wheel directly: whoever makes so many keeps them.
const CAPACITY: usize = 32;

/// A reserved entry of a wheel.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) home: Arc<Reactor>,
    pub(crate) key: Key,
}

impl Ticket {
    /// Whether the entry lies where nearly all others are gone from, so that a timer there would keep their memory.
    fn is_far_out(&self) -> bool {
        let index = self.key.index as usize;
        index >= FEW && index / 2 >= self.home.timers.len()
    }
}

/// Entries below this take no memory worth giving back.
const FEW: usize = 64;

#[derive(Clone, Copy)]
struct Young {
    key: Key,
    duration_ns: u64,
    /// How many this thread had registered, this one among them.
    number: u64,
    /// When it begins, if somebody has asked.
    start_ns: Option<u64>,
}

struct Nursery {
    tickets: Vec<Ticket>,
    young: Vec<Young>,
    /// The own waker of the task being polled, if the runtime has said that it will settle.
    open_to: (*const (), *const RawWakerVTable),
    registered: u64,
    /// The latest start so far: starts increase, so that equal durations end in the order of their making.
    last_start_ns: u64,
    /// Empty between calls.
    settled: Vec<(Key, u64, Option<Waker>)>,
}

thread_local! {
    static NURSERY: RefCell<Nursery> = const {
        RefCell::new(Nursery {
            tickets: Vec::new(),
            young: Vec::new(),
            open_to: (ptr::null(), ptr::null()),
            registered: 0,
            last_start_ns: 0,
            settled: Vec::new(),
        })
    };
}

/// Takes a sleep in. None: it goes into the wheel directly.
pub(crate) fn admit(waker: &Waker, duration_ns: u64) -> Option<Ticket> {
    let admitted = NURSERY.try_with(|nursery| {
        let nursery = &mut *nursery.borrow_mut();
        if !(nursery.is_open_to(waker) || nursery.open(waker)) || nursery.young.len() >= CAPACITY {
            return None;
        }
        if nursery.tickets.last().is_none_or(Ticket::is_far_out) {
            nursery.give_back();
            nursery.reserve();
        }
        let ticket = nursery.tickets.pop()?;
        nursery.registered += 1;
        ticket.home.count_young(nursery.registered);
        nursery.young.push(Young { key: ticket.key, duration_ns, number: nursery.registered, start_ns: None });
        Some(ticket)
    });
    admitted.ok().flatten()
}

/// Takes a sleep out that is dropped on its thread. The ticket comes back if it is not in this nursery.
pub(crate) fn withdraw(ticket: Ticket) -> Result<(), Ticket> {
    let mut ticket = Some(ticket);
    let _ = NURSERY.try_with(|nursery| {
        let nursery = &mut *nursery.borrow_mut();
        if let Some(place) = ticket.as_ref().and_then(|ticket| nursery.find(&ticket.home, ticket.key)) {
            nursery.young.remove(place);
            nursery.tickets.extend(ticket.take());
        }
    });
    ticket.map_or(Ok(()), Err)
}

/// The deadline of a sleep, if it is in this nursery. From here on it is settled, but for the wheel.
pub(crate) fn deadline(home: &Arc<Reactor>, key: Key) -> Option<u64> {
    let deadline = NURSERY.try_with(|nursery| {
        let nursery = &mut *nursery.borrow_mut();
        let place = nursery.find(home, key)?;
        let now_ns = home.clock().now().as_nanos();
        let start_ns = match nursery.young[place].start_ns {
            Some(start_ns) => start_ns,
            None => nursery.next_start(now_ns),
        };
        let young = &mut nursery.young[place];
        young.start_ns = Some(start_ns);
        Some(start_ns.saturating_add(young.duration_ns))
    });
    deadline.ok().flatten()
}

/// Whether a sleep is in this nursery, and this waker is the one that it will be settled with.
pub(crate) fn has(home: &Arc<Reactor>, key: Key, waker: &Waker) -> bool {
    let has = NURSERY.try_with(|nursery| {
        let nursery = nursery.borrow();
        nursery.is_open_to(waker) && nursery.find(home, key).is_some()
    });
    has.unwrap_or(false)
}

/// Puts what has survived the poll of a task into the wheel. The runtime calls it with the task's own waker after each
/// poll in which [`context::Context::young`] was answered with yes.
pub fn settle(waker: &Waker) {
    let settled = NURSERY.try_with(|nursery| {
        let nursery = &mut *nursery.borrow_mut();
        nursery.open_to = (ptr::null(), ptr::null());
        if nursery.young.is_empty() {
            // Bounds are of use to this poll alone.
            drop(nursery.tickets.first().map(|ticket| ticket.home.take_bounds()));
            return Vec::new();
        }
        context::with_current(|context| nursery.settle(&context.reactor, waker)).unwrap_or_default()
    });
    let Ok(mut settled) = settled else { return };
    // What is left are wakers that nobody needed; they are dropped with nothing held.
    settled.clear();
    if settled.capacity() > 0 {
        let _ = NURSERY.try_with(|nursery| nursery.borrow_mut().settled = settled);
    }
}

/// Gives reserved entries back where they may keep memory: before the thread sleeps.
pub fn rest() {
    let _ = NURSERY.try_with(|nursery| {
        let nursery = &mut *nursery.borrow_mut();
        if nursery.tickets.first().is_some_and(|ticket| ticket.home.timers.is_big()) {
            nursery.give_back();
        }
    });
}

/// Gives all reserved entries back: the thread enters or leaves a reactor.
pub(crate) fn close() {
    let _ = NURSERY.try_with(|nursery| nursery.borrow_mut().give_back());
}

impl Nursery {
    fn is_open_to(&self, waker: &Waker) -> bool {
        ptr::eq(self.open_to.0, waker.data()) && ptr::eq(self.open_to.1, waker.vtable())
    }

    /// Asks the runtime whether this is the own waker of the task being polled.
    fn open(&mut self, waker: &Waker) -> bool {
        let answer = context::with_current(|context| context.young.is_some_and(|ask| ask(waker)));
        if answer == Some(true) {
            self.open_to = (waker.data(), ptr::from_ref(waker.vtable()));
        }
        answer == Some(true)
    }

    fn reserve(&mut self) {
        context::with_current(|context| {
            let home = &context.reactor;
            home.timers.reserve(BATCH, |key| self.tickets.push(Ticket { home: home.clone(), key }));
        });
    }

    fn find(&self, home: &Arc<Reactor>, key: Key) -> Option<usize> {
        let place = self.young.iter().rposition(|young| young.key == key)?;
        // Keys are unique in one wheel only; the young of a thread are all of its present reactor.
        context::with_current(|context| Arc::ptr_eq(&context.reactor, home)).unwrap_or(false).then_some(place)
    }

    /// A start that is not before `no_earlier_ns`, nor before any other.
    fn next_start(&mut self, no_earlier_ns: u64) -> u64 {
        self.last_start_ns = no_earlier_ns.max(self.last_start_ns + 1);
        self.last_start_ns
    }

    fn settle(&mut self, home: &Arc<Reactor>, waker: &Waker) -> Vec<(Key, u64, Option<Waker>)> {
        let now_ns = home.clock().now().as_nanos();
        let bounds = home.take_bounds();
        let mut settled = std::mem::take(&mut self.settled);
        for place in 0..self.young.len() {
            let Young { key, duration_ns, number, start_ns } = self.young[place];
            let start_ns = start_ns.unwrap_or_else(|| {
                let bound = bounds.iter().find(|bound| number <= bound.registered);
                self.next_start(bound.map_or(now_ns, |bound| bound.at_ns.min(now_ns)))
            });
            settled.push((key, start_ns.saturating_add(duration_ns), Some(waker.clone())));
        }
        self.young.clear();
        home.timers.settle(now_ns, &mut settled);
        settled
    }

    fn give_back(&mut self) {
        let Some(home) = self.tickets.first().map(|ticket| ticket.home.clone()) else { return };
        home.timers.release(self.tickets.drain(..).map(|ticket| ticket.key));
        self.tickets = Vec::new();
    }
}
