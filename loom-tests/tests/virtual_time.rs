//! Who moves a virtual clock: workers that park, a thread outside that pushes, a blocking call that ends, a worker that is
//! started, an event, an advance by hand.
//!
//! A worker here is `scheduler/turn.rs` with `virtual_park.rs`: take from the injector and run it, or park. Its [`Bell`] is
//! its epoll: it remembers events and unparks until they are fetched, shows them to whoever looks, and ends its owner's
//! sleep without fetching them. A wheel is a list. What is asserted in each model is that a timer fires at its deadline, and
//! that what happens happens at the time at which it was caused.

extern crate raddle_loom_tests as crossbeam_deque;
extern crate raddle_loom_tests as raddle_io;

use std::sync::Arc;

use loom::sync::{Condvar, Mutex};
use loom::thread;
use raddle_loom_tests::virtual_clock::VirtualClock;
use raddle_loom_tests::{TestWaker, bounded, check, shim};

use scheduler::idle::{Claimed, Idle, Left};
use scheduler::injector::Injector;
use scheduler::virtual_time;
use shim::atomic::{AtomicUsize, Ordering};
use task::header::TaskRef;

#[path = "../src/scheduler/with_virtual_time.rs"]
mod scheduler;
#[path = "../src/task/mod.rs"]
mod task;

/// A worker's epoll, with its eventfd and the sockets in it.
#[derive(Default)]
struct Bell {
    rung: Mutex<Option<Event>>,
    changed: Condvar,
}

/// An unpark, with what a socket has to tell, if it is one's event.
#[derive(Clone, Copy, Default)]
struct Event {
    /// The time at which it came about.
    at: Option<u64>,
}

impl Bell {
    fn ring(&self, at: Option<u64>) {
        let mut rung = self.rung.lock().unwrap();
        *rung = Some(Event { at: at.or(rung.and_then(|event| event.at)) });
        self.changed.notify_one();
    }

    fn wait(&self) {
        let mut rung = self.rung.lock().unwrap();
        while rung.is_none() {
            rung = self.changed.wait(rung).unwrap();
        }
    }

    fn has_rung(&self) -> bool {
        self.rung.lock().unwrap().is_some()
    }

    fn fetch(&self) -> Event {
        self.rung.lock().unwrap().take().unwrap_or_default()
    }
}

/// A timer in a wheel. One that is far away is placed anew before its deadline, and the wheel asks to be looked at then.
#[derive(Clone, Copy)]
struct Timer {
    deadline: u64,
    near: bool,
}

impl Timer {
    fn next(self) -> u64 {
        if self.near { self.deadline } else { self.deadline - 1 }
    }
}

/// Something that a worker does.
type Job = fn(&House, usize);

/// A runtime.
struct House {
    clock: VirtualClock,
    idle: Idle,
    injector: Injector,
    jobs: AtomicUsize,
    bells: Vec<Bell>,
    /// By worker.
    wheels: Vec<Mutex<Vec<Timer>>>,
    /// What a task does.
    task: Job,
    /// What is done about an event.
    on_event: Job,
    /// Tasks run, timers fired and events handled.
    done: AtomicUsize,
    /// At this many, workers leave.
    enough: usize,
    /// The time at which the last task ran.
    ran_at: AtomicUsize,
}

// SAFETY: the injector's tasks are leaked; all else is loom's.
unsafe impl Sync for House {}
// SAFETY: as above.
unsafe impl Send for House {}

impl House {
    fn new(workers: usize, jumps: bool, enough: usize) -> House {
        House {
            clock: VirtualClock::new(0, jumps),
            idle: Idle::new(workers),
            injector: Injector::default(),
            jobs: AtomicUsize::new(0),
            bells: (0..workers).map(|_| Bell::default()).collect(),
            wheels: (0..workers).map(|_| Mutex::new(Vec::new())).collect(),
            task: |_, _| (),
            on_event: |_, _| (),
            done: AtomicUsize::new(0),
            enough,
            ran_at: AtomicUsize::new(0),
        }
    }

    fn with_timer(self, worker: usize, deadline: u64, near: bool) -> House {
        self.wheels[worker].lock().unwrap().push(Timer { deadline, near });
        self
    }

    /// Worker 1, which `Idle::new` takes for unstarted, is being started.
    fn claim_worker_1(&self) {
        assert_eq!(self.idle.claim_any().map(|claimed| claimed.worker), Some(1));
    }

    fn push(&self) -> Option<Claimed> {
        self.injector.push(TaskRef::leaked(0)).unwrap();
        self.idle.claim_after_push()
    }

    fn unpark(&self, claimed: Option<Claimed>) {
        if let Some(claimed) = claimed {
            self.bells[claimed.worker].ring(None);
        }
    }

    fn is_over(&self) -> bool {
        self.done.load(Ordering::Acquire) >= self.enough
    }

    fn did_one(&self) {
        if self.done.fetch_add(1, Ordering::AcqRel) + 1 == self.enough {
            self.bells.iter().for_each(|bell| bell.ring(None));
        }
    }

    /// One worker, until there was enough.
    fn work(&self, worker: usize) {
        while !self.is_over() {
            if self.injector.take(1, |_| ()) > 0 {
                (self.task)(self, worker);
                self.did_one();
            } else {
                self.park(worker);
            }
        }
    }

    /// A worker that begins asleep.
    fn work_from_sleep(&self, worker: usize) {
        self.bells[worker].wait();
        let left = virtual_time::get_up(&self.clock, &self.idle, worker);
        self.wake_up(worker, left);
        self.work(worker);
    }

    /// A worker that is being started.
    fn work_from_start(&self, worker: usize) {
        virtual_time::start(&self.clock);
        let _ = self.idle.stop_searching();
        self.work(worker);
    }

    fn park(&self, worker: usize) {
        self.idle.announce(worker, false);
        let (mut look, mut arrived) = (Look { house: self, due: Vec::new() }, Vec::new());
        if self.injector.len() > 0 || self.is_over() {
            self.stop_searching(virtual_time::get_up(&self.clock, &self.idle, worker));
        } else if let Some(left) = virtual_time::move_on(&self.clock, (&self.idle, worker), &mut look, &mut arrived) {
            self.stop_searching(left);
        } else {
            self.bells[worker].wait();
            let left = virtual_time::get_up(&self.clock, &self.idle, worker);
            self.wake_up(worker, left);
        }
        for deadline in look.due {
            assert_eq!(deadline, self.clock.now(), "a timer fires when it is due");
            self.did_one();
        }
        arrived.into_iter().for_each(std::task::Waker::wake);
    }

    fn wake_up(&self, worker: usize, left: Left) {
        self.stop_searching(left);
        if let Some(at) = self.bells[worker].fetch().at {
            assert_eq!(at, self.clock.now(), "time has moved over an event");
            (self.on_event)(self, worker);
            self.did_one();
        }
    }

    fn stop_searching(&self, left: Left) {
        if left.searching {
            let _ = self.idle.stop_searching();
        }
    }
}

struct Look<'h> {
    house: &'h House,
    due: Vec<u64>,
}

impl virtual_time::House for Look<'_> {
    fn unstartable(&mut self) -> usize {
        0
    }

    fn has_jobs(&mut self) -> bool {
        self.house.jobs.load(Ordering::Acquire) > 0
    }

    fn has_news(&mut self) -> bool {
        self.house.bells.iter().any(Bell::has_rung)
    }

    fn has_queued(&mut self) -> bool {
        self.house.injector.len() > 0
    }

    fn next_deadline(&mut self) -> Option<u64> {
        let earliest = |wheel: &Mutex<Vec<Timer>>| wheel.lock().unwrap().iter().map(|timer| timer.next()).min();
        self.house.wheels.iter().filter_map(earliest).min()
    }

    fn take_due(&mut self, now_ns: u64) -> bool {
        for wheel in &self.house.wheels {
            let mut wheel = wheel.lock().unwrap();
            wheel.iter_mut().for_each(|timer| timer.near |= timer.next() <= now_ns);
            let (due, left): (Vec<_>, _) = wheel.iter().partition(|timer| timer.deadline <= now_ns);
            *wheel = left;
            self.due.extend(due.into_iter().map(|timer| timer.deadline));
        }
        !self.due.is_empty()
    }
}

/// Notes when it ran.
fn note_the_time(house: &House, _worker: usize) {
    house.ran_at.store(house.clock.now() as usize, Ordering::Release);
}

/// Inserts a timer into the wheel of its worker.
fn sleep(house: &House, worker: usize) {
    let deadline = house.clock.now() + 1;
    house.wheels[worker].lock().unwrap().push(Timer { deadline, near: true });
}

/// Writes to a socket of worker 1's.
fn write_to_worker_1(house: &House, _worker: usize) {
    house.bells[1].ring(Some(house.clock.now()));
}

/// A thread outside pushes a task and looks at the clock while the worker is about to move the time: the task runs no later
/// than at the time that the thread has seen.
#[test]
fn push_against_jump() {
    check("push_against_jump", bounded(3), || {
        let house = House { task: note_the_time, ..House::new(1, true, 2) };
        let house = Arc::new(house.with_timer(0, 1, true));
        let house2 = house.clone();
        let pusher = thread::spawn(move || {
            let claimed = house2.push();
            house2.unpark(claimed);
            house2.clock.now()
        });
        house.work(0);
        let seen = pusher.join().unwrap();
        assert!(house.ran_at.load(Ordering::Acquire) as u64 <= seen, "time has moved over a task");
    });
}

/// A task that is pushed sets a timer which is earlier than the next deadline: both fire when they are due.
#[test]
fn earlier_timer_against_jump() {
    check("earlier_timer_against_jump", bounded(2), || {
        let house = House { task: sleep, ..House::new(2, true, 3) };
        let house = Arc::new(house.with_timer(1, 9, true));
        house.claim_worker_1();
        let (house2, house3) = (house.clone(), house.clone());
        let pusher = thread::spawn(move || {
            let claimed = house2.push();
            house2.unpark(claimed);
        });
        let other = thread::spawn(move || house3.work_from_start(1));
        house.work(0);
        pusher.join().unwrap();
        other.join().unwrap();
    });
}

/// Two workers park at the same time, each with a timer, one of them far away: one of the two moves the time, all the way.
#[test]
fn two_parks_move_time() {
    check("two_parks_move_time", bounded(3), || {
        let house = House::new(2, true, 2).with_timer(0, 4, false).with_timer(1, 8, true);
        house.claim_worker_1();
        let house = Arc::new(house);
        let house2 = house.clone();
        let other = thread::spawn(move || house2.work_from_start(1));
        house.work(0);
        other.join().unwrap();
        assert_eq!(house.clock.now(), 8);
    });
}

/// An event ends the sleep of a worker while its neighbour parks and would move the time: the event is handled at the time
/// at which it came.
#[test]
fn event_against_jump() {
    check("event_against_jump", bounded(3), || {
        let house = House { on_event: sleep, ..House::new(2, true, 3) };
        let house = Arc::new(house.with_timer(0, 9, true));
        house.bells[1].ring(Some(0));
        let house2 = house.clone();
        let other = thread::spawn(move || house2.work_from_sleep(1));
        house.work(0);
        other.join().unwrap();
    });
}

/// A push starts a worker while the other one would move the time. The first one's task writes to a socket of the second:
/// that is seen before time goes on.
#[test]
fn start_against_jump() {
    check("start_against_jump", bounded(2), || {
        let house = House { task: write_to_worker_1, ..House::new(2, true, 3) };
        let house = Arc::new(house.with_timer(1, 1, true));
        house.claim_worker_1();
        let _ = house.idle.stop_searching();
        // It is worker 0 that has not been started: claims take the first that they find.
        house.idle.announce(0, false);
        let house2 = house.clone();
        let pusher = thread::spawn(move || {
            let claimed = house2.push().expect("worker 0 is there, and nobody else searches");
            assert_eq!(claimed.worker, 0);
            house2.work_from_start(0);
        });
        house.work(1);
        pusher.join().unwrap();
    });
}

/// A blocking call wakes a task and ends while the worker would move the time: the task runs before.
#[test]
fn end_of_a_job_against_jump() {
    check("end_of_a_job_against_jump", bounded(3), || {
        let house = House { task: note_the_time, ..House::new(1, true, 2) };
        let house = Arc::new(house.with_timer(0, 1, true));
        house.jobs.store(1, Ordering::Relaxed);
        let house2 = house.clone();
        let job = thread::spawn(move || {
            let claimed = house2.push();
            house2.unpark(claimed);
            house2.jobs.fetch_sub(1, Ordering::AcqRel);
            house2.bells[0].ring(None);
        });
        house.work(0);
        job.join().unwrap();
        assert_eq!(house.ran_at.load(Ordering::Acquire), 0, "time has moved while a call was at work");
    });
}

/// A thread outside has a manual clock moved while the worker parks: the worker is told, and the timers have fired when the
/// thread hears that the clock has been moved.
#[test]
fn advance_against_park() {
    check("advance_against_park", bounded(3), || {
        let house = Arc::new(House::new(1, false, 2).with_timer(0, 2, true));
        let house2 = house.clone();
        let mover = thread::spawn(move || {
            let arrived = TestWaker::new();
            let number = house2.clock.start_advance(2, arrived.waker());
            house2.bells[0].ring(None);
            arrived.wait();
            assert!(house2.clock.await_advance(number, arrived.waker()).is_err(), "it has arrived");
            assert_eq!(house2.clock.now(), 2);
            assert_eq!(house2.done.load(Ordering::Acquire), 1, "the timer has fired");
            house2.did_one();
        });
        house.work(0);
        mover.join().unwrap();
    });
}
