//! The end of a runtime: it finds every task, cancels it, and knows when the last one has ended.

extern crate raddle_loom_tests as crossbeam_deque;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use loom::cell::UnsafeCell;
use loom::thread;
use raddle_loom_tests::{Parker, check, shim, unbounded};

use scheduler::counter::{Counter, alive};
use scheduler::injector::Injector;
use task::header::TaskRef;
use task::state::{AfterPending, Cancel, Complete, JoinDropped, Outcome, Start, State, Traits, Unjoined, Wake};

#[path = "../src/scheduler/mod.rs"]
mod scheduler;
#[path = "../src/task/mod.rs"]
mod task;

/// Births and ends, as two workers count them.
#[derive(Default)]
struct Counters {
    born: [Counter; 2],
    ended: [Counter; 2],
}

impl Counters {
    fn alive(&self) -> u64 {
        alive(self.born.iter(), self.ended.iter())
    }
}

/// A task creates another and ends, while the runtime counts who is alive: there is no moment at which nobody seems to
/// be.
#[test]
fn birth_against_count() {
    check("birth_against_count", unbounded(), || {
        let counters = Arc::new(Counters::default());
        counters.born[0].add_one();
        let counters2 = counters.clone();
        let worker = thread::spawn(move || {
            counters2.born[1].add_one();
            counters2.ended[1].add_one();
        });
        assert_ne!(counters.alive(), 0, "the child was overlooked");
        worker.join().unwrap();
        assert_eq!(counters.alive(), 1);
        counters.ended[0].add_one();
        assert_eq!(counters.alive(), 0);
    });
}

/// A detached task that waits for a waker, and the runtime that it belongs to.
struct House {
    state: State,
    future: UnsafeCell<()>,
    injector: Injector,
    parker: Parker,
    cancelled: AtomicUsize,
    freed: AtomicUsize,
}

// SAFETY: what the model is about.
unsafe impl Sync for House {}
// SAFETY: as above.
unsafe impl Send for House {}

impl House {
    fn new() -> Arc<House> {
        let state = State::born(Traits::default());
        state.retain();
        assert_eq!(state.drop_join(), JoinDropped::Detached);
        assert_eq!(state.after_pending(), AfterPending::Idle);
        let (cancelled, freed) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (injector, parker) = (Injector::default(), Parker::new());
        Arc::new(House { state, future: UnsafeCell::new(()), injector, parker, cancelled, freed })
    }

    fn free(&self) {
        self.future.with_mut(|_| assert_eq!(self.freed.fetch_add(1, Relaxed), 0, "freed twice"));
    }

    fn release(&self) {
        if self.state.release() {
            self.free();
        }
    }

    fn schedule(&self) {
        assert!(self.injector.push(TaskRef::leaked(0)).is_ok(), "a task that lives is scheduled before the close");
        self.parker.unpark();
    }

    /// Runs the task once.
    fn run(&self) {
        if self.state.start() == Start::Cancel {
            return self.cancel();
        }
        self.future.with_mut(|_| ());
        match self.state.after_pending() {
            AfterPending::Idle => {}
            AfterPending::Reschedule => self.schedule(),
            AfterPending::Cancel => self.cancel(),
        }
    }

    fn cancel(&self) {
        self.future.with_mut(|_| ());
        self.cancelled.fetch_add(1, Relaxed);
        assert_eq!(self.state.complete(Outcome::Cancelled), Complete::JoinGone);
        match self.state.complete_unjoined(Outcome::Cancelled) {
            Unjoined::Done => {}
            Unjoined::Free => self.free(),
            Unjoined::Tell(_) => unreachable!("nobody waits for the end"),
        }
    }
}

/// The runtime's end finds a task in a walk and cancels it while a thread outside wakes it: it is queued once, ends
/// once, and nothing comes after the queues are closed.
#[test]
fn cancel_at_the_end_against_remote_wake() {
    check("cancel_at_the_end_against_remote_wake", unbounded(), || {
        let house = House::new();
        let house2 = house.clone();
        let waker = thread::spawn(move || match house2.state.wake_by_value() {
            Wake::Nothing => {}
            Wake::Schedule => house2.schedule(),
            Wake::Free => house2.free(),
        });
        assert!(house.state.try_pin());
        if house.state.cancel() == Cancel::Schedule {
            house.schedule();
        }
        house.release();
        while house.cancelled.load(Relaxed) == 0 {
            if house.injector.take(1, |_| house.run()) == 0 {
                house.parker.park();
            }
        }
        house.injector.close();
        waker.join().unwrap();
        assert_eq!(house.injector.len(), 0, "queued twice");
        assert_eq!((house.cancelled.load(Relaxed), house.freed.load(Relaxed)), (1, 1));
    });
}
