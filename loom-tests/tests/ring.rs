//! The ring that may stand in for crossbeam's deque: each task comes out once, whatever the owner does to its buffer.
//!
//! Its smallest buffer has two places here, so that three tasks make it grow, and it is trimmed when it has grown. A
//! task's link stands for the task, as in `queues.rs`.

extern crate raddle_loom_tests as crossbeam_deque;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use loom::thread;
use raddle_loom_tests::{bounded, check, shim};

use scheduler::ring::{Steal, Stealer, Worker};
use task::header::TaskRef;

#[path = "../src/scheduler/mod.rs"]
mod scheduler;
#[path = "../src/task/mod.rs"]
mod task;

/// A worker's ring as others see it, and how often each task was run.
struct House {
    stealer: Stealer,
    runs: [AtomicUsize; 4],
}

impl House {
    fn new() -> (Arc<House>, Worker) {
        let ring = Worker::new_fifo();
        (Arc::new(House { stealer: ring.stealer(), runs: Default::default() }), ring)
    }

    fn run(&self, task: TaskRef) {
        task.header().next.with_mut(|_| ());
        self.runs[task.header().number].fetch_add(1, Relaxed);
    }

    fn run_all(&self, ring: &Worker) {
        while let Some(task) = ring.pop() {
            self.run(task);
        }
    }

    /// One theft, and what came with it.
    fn steal_once(&self) {
        let ring = Worker::new_fifo();
        if let Steal::Success(task) = self.stealer.steal_batch_and_pop(&ring) {
            self.run(task);
        }
        self.run_all(&ring);
    }

    /// The first so many tasks were run once, and no other.
    fn assert_once(&self, tasks: usize) {
        for (number, runs) in self.runs.iter().enumerate() {
            assert_eq!(runs.load(Relaxed), usize::from(number < tasks), "runs of task {number}");
        }
    }
}

fn born(number: usize) -> TaskRef {
    let task = TaskRef::leaked(number);
    task.header().next.with_mut(|_| ());
    task
}

/// An owner pushes three tasks, the third into a larger buffer, and runs what is left, while a thief steals.
#[test]
fn ring_growth_against_thief() {
    check("ring_growth_against_thief", bounded(3), || {
        let (house, ring) = House::new();
        let house2 = house.clone();
        let thief = thread::spawn(move || house2.steal_once());
        (0..3).for_each(|number| ring.push(born(number)));
        house.run_all(&ring);
        thief.join().unwrap();
        house.run_all(&ring);
        house.assert_once(3);
    });
}

/// Places are used again: an owner takes a task, and puts another one where it was, while a thief steals.
#[test]
fn ring_place_used_again_against_thief() {
    check("ring_place_used_again_against_thief", bounded(4), || {
        let (house, ring) = House::new();
        (0..2).for_each(|number| ring.push(born(number)));
        let house2 = house.clone();
        let thief = thread::spawn(move || house2.steal_once());
        ring.pop().into_iter().for_each(|task| house.run(task));
        ring.push(born(2));
        house.run_all(&ring);
        thief.join().unwrap();
        house.assert_once(3);
    });
}

/// Two thieves and an owner that makes room, each in the others' way.
#[test]
fn ring_growth_against_two_thieves() {
    check("ring_growth_against_two_thieves", bounded(2), || {
        let (house, ring) = House::new();
        (0..2).for_each(|number| ring.push(born(number)));
        let thieves = [0, 1].map(|_| {
            let house = house.clone();
            thread::spawn(move || house.steal_once())
        });
        ring.push(born(2));
        house.run_all(&ring);
        thieves.into_iter().for_each(|thief| thief.join().unwrap());
        house.run_all(&ring);
        house.assert_once(3);
    });
}

/// An owner gives a buffer back that it no longer needs, and goes on in a small one, while a thief looks into either.
#[test]
fn ring_trim_against_thief() {
    check("ring_trim_against_thief", bounded(3), || {
        let (house, ring) = House::new();
        (0..3).for_each(|number| ring.push(born(number)));
        let house2 = house.clone();
        let thief = thread::spawn(move || house2.steal_once());
        house.run_all(&ring);
        if ring.is_trimmable() {
            ring.trim();
        }
        ring.push(born(3));
        house.run_all(&ring);
        thief.join().unwrap();
        house.assert_once(4);
    });
}
