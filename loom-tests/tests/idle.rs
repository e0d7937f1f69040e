//! Who sleeps and who is woken: the idle word, the injector and the phase, with workers that park as the real ones do.
//!
//! A worker here is `scheduler/turn.rs` without a deque and a reactor: take from the injector; leave the searching
//! state; out of work, start searching, announce the park, look at the queues once more, park, leave. Its parker
//! remembers an unpark as the reactor's eventfd does. Workers that nobody wakes are a deadlock, which loom reports.

extern crate raddle_loom_tests as crossbeam_deque;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use loom::cell::UnsafeCell;
use loom::thread;
use raddle_loom_tests::{Parker, bounded, bounded_for_good, check, shim, unbounded};

use scheduler::idle::{Claimed, Idle, Left};
use scheduler::injector::Injector;
use scheduler::phase::{Phase, PhaseCell};
use shim::Mutex;
use task::header::TaskRef;

#[path = "../src/scheduler/mod.rs"]
mod scheduler;
#[path = "../src/task/mod.rs"]
mod task;

/// A runtime.
struct House {
    idle: Idle,
    injector: Injector,
    phase: PhaseCell,
    workers: Vec<Remote>,
    watchdog: Parker,
    /// Done before the phase changes.
    work_of_main: UnsafeCell<u32>,
    taken: AtomicUsize,
    /// The thread of the worker that is started when it is needed.
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

/// What others see of a worker.
struct Remote {
    parker: Parker,
    inbox: Injector,
}

// SAFETY: what the models are about.
unsafe impl Sync for House {}
// SAFETY: as above.
unsafe impl Send for House {}

impl House {
    fn new(workers: usize) -> Arc<House> {
        let phase = PhaseCell::new();
        phase.set(Phase::Running);
        Arc::new(House {
            idle: Idle::new(workers),
            injector: Injector::default(),
            phase,
            workers: (0..workers).map(|_| Remote { parker: Parker::new(), inbox: Injector::default() }).collect(),
            watchdog: Parker::new(),
            work_of_main: UnsafeCell::new(0),
            taken: AtomicUsize::new(0),
            thread: Mutex::new(None),
        })
    }

    fn push(&self) {
        self.injector.push(TaskRef::leaked(0)).unwrap();
        self.unpark(self.idle.claim_after_push());
    }

    fn push_pinned(&self, home: usize) {
        self.workers[home].inbox.push(TaskRef::leaked(1)).unwrap();
        match self.idle.claim_worker(home) {
            Some(claimed) => self.unpark(Some(claimed)),
            None if self.injector.len() > 0 => self.wake_one(),
            None => {}
        }
    }

    fn wake_one(&self) {
        self.unpark(self.idle.claim_one());
    }

    fn unpark(&self, claimed: Option<Claimed>) {
        let Some(claimed) = claimed else { return };
        if claimed.wake_watchdog {
            self.watchdog.unpark();
        }
        self.workers[claimed.worker].parker.unpark();
    }

    fn stop(&self) {
        self.phase.set(Phase::Stopped);
        self.workers.iter().for_each(|worker| worker.parker.unpark());
    }

    /// One worker, until it has taken so many tasks (it then is in a long poll, and looks at nothing any more) or the
    /// runtime stops.
    fn work(&self, index: usize, searching: bool, most: usize) {
        let mut worker = Worker { house: self, index, searching, taken: 0 };
        while worker.taken < most && self.phase.get() == Phase::Running {
            worker.turn();
        }
    }

    /// A worker that begins parked.
    fn work_from_park(&self, index: usize, most: usize) {
        self.workers[index].parker.park();
        let left = self.idle.leave(index);
        self.work(index, left.searching, most);
    }

    fn taken(&self) -> usize {
        self.taken.load(Relaxed)
    }
}

struct Worker<'h> {
    house: &'h House,
    index: usize,
    searching: bool,
    taken: usize,
}

impl Worker<'_> {
    fn turn(&mut self) {
        let house = self.house;
        let mut taken = house.workers[self.index].inbox.take(usize::MAX, |_| ());
        taken += house.injector.take(1, |_| ());
        if taken > 0 {
            self.taken += taken;
            house.taken.fetch_add(taken, Relaxed);
            if std::mem::take(&mut self.searching) && house.idle.stop_searching() && house.injector.len() > 0 {
                house.wake_one();
            }
            return;
        }
        self.searching = self.searching || house.idle.start_searching();
        self.park();
    }

    fn park(&mut self) {
        let house = self.house;
        house.idle.announce(self.index, std::mem::take(&mut self.searching));
        let remote = &house.workers[self.index];
        let something_came = house.injector.len() > 0 || remote.inbox.len() > 0 || house.phase.get() != Phase::Running;
        if !something_came {
            remote.parker.park();
        }
        let Left { searching, wake_watchdog } = house.idle.leave(self.index);
        self.searching = searching;
        if wake_watchdog {
            house.watchdog.unpark();
        }
    }
}

/// A worker looks for work, finds none and parks, while a thread outside pushes a task: it gets it.
#[test]
fn push_against_park() {
    check("push_against_park", unbounded(), || {
        let house = House::new(1);
        let house2 = house.clone();
        let pusher = thread::spawn(move || house2.push());
        house.work(0, false, 1);
        pusher.join().unwrap();
        assert_eq!(house.taken(), 1);
    });
}

/// The park ends by itself, since its time is over, while a push claims the worker: the task is taken, and the unpark
/// that came too late does no harm. The counts agree afterwards.
#[test]
fn time_out_against_push() {
    check("time_out_against_push", bounded(3), || {
        let house = House::new(1);
        let (house2, house3) = (house.clone(), house.clone());
        let pusher = thread::spawn(move || house2.push());
        let timer = thread::spawn(move || house3.workers[0].parker.unpark());
        house.work(0, false, 1);
        pusher.join().unwrap();
        timer.join().unwrap();
        assert_eq!(house.taken(), 1);
        assert!(!house.idle.is_parked(0));
        house.idle.announce(0, false);
        assert!(house.idle.all_parked(), "a token was lost, or made up");
    });
}

/// The same with two tasks, the second of which may come while the first is taken.
#[test]
fn two_pushes_against_park() {
    check("two_pushes_against_park", bounded(4), || {
        let house = House::new(1);
        let house2 = house.clone();
        let pusher = thread::spawn(move || {
            house2.push();
            house2.push();
        });
        house.work(0, false, 2);
        pusher.join().unwrap();
        assert_eq!(house.taken(), 2);
    });
}

/// Two threads push a task each: one worker gets both.
#[test]
fn two_pushers_against_park() {
    check("two_pushers_against_park", bounded(3), || {
        let house = House::new(1);
        let pushers = [0, 1].map(|_| {
            let house = house.clone();
            thread::spawn(move || house.push())
        });
        house.work(0, false, 2);
        pushers.into_iter().for_each(|pusher| pusher.join().unwrap());
        assert_eq!(house.taken(), 2);
    });
}

/// A push meets one worker that sleeps and one that is about to: one of them takes the task, and the runtime can stop.
#[test]
fn push_against_two_workers() {
    check("push_against_two_workers", bounded(2), || {
        let house = House::new(2);
        let workers = [0, 1].map(|index| {
            let house = house.clone();
            thread::spawn(move || {
                match index {
                    0 => house.work(0, false, 1),
                    _ => house.work_from_park(1, 1),
                }
                house.stop();
            })
        });
        house.push();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        assert_eq!(house.taken(), 1);
    });
}

/// Two threads push while the only worker to be had has not been started: it is started once, and runs both tasks.
#[test]
fn unstarted_worker() {
    check("unstarted_worker", bounded(3), || {
        /// Starts a claimed worker the first time.
        fn push(house: &Arc<House>) {
            house.injector.push(TaskRef::leaked(0)).unwrap();
            let Some(claimed) = house.idle.claim_after_push() else { return };
            assert_eq!(claimed.worker, 1, "worker 0 is awake");
            let mut thread = house.thread.lock();
            if thread.is_some() {
                return house.unpark(Some(claimed));
            }
            let worker = house.clone();
            // Born searching.
            *thread = Some(thread::spawn(move || worker.work(1, true, 2)));
        }
        let house = House::new(2);
        let house2 = house.clone();
        let pusher = thread::spawn(move || push(&house2));
        push(&house);
        pusher.join().unwrap();
        let thread = house.thread.lock().take();
        thread.expect("nobody was started").join().unwrap();
        assert_eq!(house.taken(), 2);
    });
}

/// A task that only one worker may run comes while that worker parks: it gets it.
#[test]
fn pinned_push_against_park() {
    check("pinned_push_against_park", unbounded(), || {
        let house = House::new(1);
        let house2 = house.clone();
        let pusher = thread::spawn(move || house2.push_pinned(0));
        house.work(0, false, 1);
        pusher.join().unwrap();
        assert_eq!(house.taken(), 1);
    });
}

/// A pinned and an ordinary task come from two threads while the worker parks: the two claims do not undo each other.
#[test]
fn pinned_push_beside_push() {
    check("pinned_push_beside_push", bounded_for_good(2), || {
        let house = House::new(1);
        let (house2, house3) = (house.clone(), house.clone());
        let pushers = [thread::spawn(move || house2.push_pinned(0)), thread::spawn(move || house3.push())];
        house.work(0, false, 2);
        pushers.into_iter().for_each(|pusher| pusher.join().unwrap());
        assert_eq!(house.taken(), 2);
    });
}

/// A claim for a pinned task fails, since its worker leaves by itself at that moment, and for a moment it looks as if
/// somebody searched: a push that relied on that is not forgotten. The worker that left is in a long poll.
#[test]
fn failed_pinned_claim_beside_push() {
    check("failed_pinned_claim_beside_push", bounded(2), || {
        let house = House::new(2);
        house.idle.announce(0, false);
        let threads = [0, 1, 2].map(|who| {
            let house = house.clone();
            thread::spawn(move || match who {
                0 => {
                    let left = house.idle.leave(0);
                    // It runs a task of its own.
                    if left.searching && house.idle.stop_searching() && house.injector.len() > 0 {
                        house.wake_one();
                    }
                }
                1 => house.push_pinned(0),
                _ => house.push(),
            })
        });
        house.work_from_park(1, 1);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(house.taken(), 1);
    });
}

/// A worker leaves its park because of an event of its own while others claim: counts and mask agree afterwards, so that
/// each worker can be claimed again, once.
#[test]
fn own_event_against_claim() {
    check("own_event_against_claim", bounded(3), || {
        let house = House::new(2);
        // Worker 1 is parked from the start; worker 0 joins it and leaves.
        let house2 = house.clone();
        let claimer = thread::spawn(move || house2.idle.claim_any().map(|claimed| claimed.worker));
        let house3 = house.clone();
        let other = thread::spawn(move || {
            house3.idle.announce(0, false);
            let left = house3.idle.leave(0);
            if left.searching {
                let _ = house3.idle.stop_searching();
            }
            left.searching
        });
        let left = house.idle.leave(1);
        if left.searching {
            let _ = house.idle.stop_searching();
        }
        let was_claimed = [other.join().unwrap(), left.searching];
        let claimed = claimer.join().unwrap();
        for worker in [0, 1] {
            assert_eq!(was_claimed[worker], claimed == Some(worker), "who was claimed knows it, and nobody else");
            assert!(!house.idle.is_parked(worker));
            house.idle.announce(worker, false);
        }
        assert!(house.idle.all_parked(), "a token was lost, or made up");
        let mut again = [house.idle.claim_one(), house.idle.claim_any()].map(|claimed| claimed.unwrap().worker);
        again.sort_unstable();
        assert_eq!(again, [0, 1]);
        assert_eq!(house.idle.claim_any(), None);
    });
}

/// A pinned task's worker stays parked while its neighbour leaves on its own and somebody claims: whoever pushed the
/// task claims that worker, or finds that it was claimed already. PARKED may read zero in between.
#[test]
fn pinned_claim_beside_leave_and_claim() {
    check("pinned_claim_beside_leave_and_claim", bounded(3), || {
        let house = House::new(2);
        house.idle.announce(0, false);
        let house2 = house.clone();
        let claimer = thread::spawn(move || house2.idle.claim_any().map(|claimed| claimed.worker));
        let house3 = house.clone();
        let leaver = thread::spawn(move || house3.idle.leave(0).searching);
        let pinned = house.idle.claim_worker(1).map(|claimed| claimed.worker);
        leaver.join().unwrap();
        let any = claimer.join().unwrap();
        assert!(pinned == Some(1) || any == Some(1), "the worker with the pinned task sleeps on");
        assert!(pinned.is_none() || any != Some(1), "claimed twice");
    });
}

/// The watchdog goes to sleep for good while the worker leaves its park: it stays up, or the worker wakes it.
#[test]
fn watchdog_sleep_against_leave() {
    check("watchdog_sleep_against_leave", unbounded(), || {
        let house = House::new(1);
        house.idle.announce(0, false);
        let house2 = house.clone();
        let watchdog = thread::spawn(move || {
            if house2.idle.watchdog_may_sleep() {
                house2.watchdog.park();
            }
        });
        if house.idle.leave(0).wake_watchdog {
            house.watchdog.unpark();
        }
        watchdog.join().unwrap();
    });
}

/// The watchdog goes to sleep while a push claims the worker and the worker leaves: one of the two wakes it.
#[test]
fn watchdog_sleep_against_push() {
    check("watchdog_sleep_against_push", bounded(3), || {
        let house = House::new(1);
        house.idle.announce(0, false);
        let (house2, house3) = (house.clone(), house.clone());
        let watchdog = thread::spawn(move || {
            if house2.idle.watchdog_may_sleep() {
                house2.watchdog.park();
            }
        });
        let pusher = thread::spawn(move || house3.push());
        if house.idle.leave(0).wake_watchdog {
            house.watchdog.unpark();
        }
        pusher.join().unwrap();
        watchdog.join().unwrap();
    });
}

/// A spare that rests until it is needed goes on, since a task of its own is ready, while the watchdog goes to sleep for
/// good: it stays up, or the spare wakes it.
#[test]
fn watchdog_sleep_against_spare() {
    check("watchdog_sleep_against_spare", unbounded(), || {
        let house = House::new(1);
        house.idle.announce(0, false);
        let house2 = house.clone();
        let watchdog = thread::spawn(move || {
            if house2.idle.watchdog_may_sleep() {
                house2.watchdog.park();
            }
        });
        if house.idle.spare_comes() {
            house.watchdog.unpark();
        }
        watchdog.join().unwrap();
    });
}

/// A spare hands its task over and leaves while the worker, which was stuck, parks: the worker gets the task, and the
/// watchdog, which waited for the spare to go, finds everybody at rest.
#[test]
fn spare_that_leaves_against_park() {
    check("spare_that_leaves_against_park", bounded(3), || {
        let house = House::new(1);
        let _ = house.idle.spare_comes();
        let house2 = house.clone();
        let spare = thread::spawn(move || {
            house2.push();
            house2.idle.spare_goes();
        });
        house.work(0, false, 1);
        assert!(!house.idle.watchdog_may_sleep());
        spare.join().unwrap();
        assert_eq!(house.taken(), 1);
        house.idle.announce(0, false);
        assert!(house.idle.all_parked() && house.idle.watchdog_may_sleep(), "somebody was miscounted");
    });
}

/// A worker that searches takes a task and goes into a long poll, while a push relies on that search: the other worker,
/// which sleeps, gets the second task.
#[test]
fn last_searcher_against_push() {
    check("last_searcher_against_push", bounded(3), || {
        let house = House::new(2);
        house.injector.push(TaskRef::leaked(0)).unwrap();
        assert!(house.idle.start_searching());
        let (house2, house3) = (house.clone(), house.clone());
        let searcher = thread::spawn(move || house2.work(0, true, 1));
        let pusher = thread::spawn(move || house3.push());
        house.work_from_park(1, 1);
        searcher.join().unwrap();
        pusher.join().unwrap();
        assert_eq!(house.taken(), 2);
    });
}

/// Two workers search, find nothing and park at the same time: one of them is told that nobody else answers for the deques.
#[test]
fn two_searchers_that_park() {
    check("two_searchers_that_park", unbounded(), || {
        let house = House::new(4);
        let _ = house.idle.leave(1);
        assert!(house.idle.start_searching() && house.idle.start_searching());
        let house2 = house.clone();
        let other = thread::spawn(move || house2.idle.announce(1, true));
        let told = house.idle.announce(0, true);
        assert!(other.join().unwrap() || told, "each relies on the other");
    });
}

/// The runtime stops while a worker parks: it sees so, and what was done before.
#[test]
fn stop_against_park() {
    check("stop_against_park", unbounded(), || {
        let house = House::new(1);
        let house2 = house.clone();
        let worker = thread::spawn(move || {
            house2.work(0, false, 1);
            // SAFETY: loom watches.
            house2.work_of_main.with(|work| unsafe { assert_eq!(*work, 7) });
        });
        // SAFETY: loom watches.
        house.work_of_main.with_mut(|work| unsafe { *work = 7 });
        house.stop();
        worker.join().unwrap();
    });
}
