//! The next slot: its owner puts tasks in and takes them out, rescuers take them from a stuck owner.

extern crate raddle_loom_tests as crossbeam_deque;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use loom::cell::UnsafeCell;
use loom::thread;
use raddle_loom_tests::{bounded, check, shim, unbounded};

use scheduler::next_slot::NextSlot;

#[path = "../src/scheduler/mod.rs"]
mod scheduler;
#[path = "../src/task/mod.rs"]
mod task;

/// A task: what its creator wrote into it, and how often it was run.
struct Job {
    written: UnsafeCell<u32>,
    runs: AtomicUsize,
}

struct House {
    slot: NextSlot<Job>,
    jobs: Vec<Job>,
}

// SAFETY: what the models are about.
unsafe impl Sync for House {}
// SAFETY: as above.
unsafe impl Send for House {}

impl House {
    fn new(jobs: usize) -> Arc<House> {
        let job = |_| Job { written: UnsafeCell::new(0), runs: AtomicUsize::new(0) };
        Arc::new(House { slot: NextSlot::new(), jobs: (0..jobs).map(job).collect() })
    }

    /// The owner creates all tasks, and runs those that it gets back.
    fn own(&self) {
        for job in &self.jobs {
            // SAFETY: nobody knows of it yet; loom watches.
            job.written.with_mut(|written| unsafe { *written = 7 });
            run(self.slot.put(std::ptr::from_ref(job).cast_mut()));
        }
        run(self.slot.take());
    }

    fn assert_each_ran_once(&self) {
        for (number, job) in self.jobs.iter().enumerate() {
            assert_eq!(job.runs.load(Relaxed), 1, "runs of task {number}");
        }
    }
}

fn run(job: *mut Job) {
    // SAFETY: jobs live as long as the house.
    if let Some(job) = unsafe { job.as_ref() } {
        // Written to, as by a poll: two who have the same task are found out.
        // SAFETY: loom watches.
        job.written.with_mut(|written| unsafe { assert_eq!(*written, 7, "taken before it was written") });
        job.runs.fetch_add(1, Relaxed);
    }
}

fn model(jobs: usize, rescuers: usize) -> impl Fn() + Send + Sync + 'static {
    move || {
        let house = House::new(jobs);
        let rescuers: Vec<_> = (0..rescuers)
            .map(|_| {
                let house = house.clone();
                thread::spawn(move || run(house.slot.take()))
            })
            .collect();
        house.own();
        for rescuer in rescuers {
            rescuer.join().unwrap();
        }
        house.assert_each_ran_once();
    }
}

/// An owner puts three tasks in a row, a rescuer takes one: each runs once, as it was written.
#[test]
fn owner_against_rescuer() {
    check("owner_against_rescuer", unbounded(), model(3, 1));
}

/// The same with two rescuers, who must not get the same task either.
#[test]
fn owner_against_two_rescuers() {
    check("owner_against_two_rescuers", bounded(3), model(3, 2));
}
