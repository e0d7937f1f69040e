//! The queues of a worker and of a runtime: each task that is put in comes out once, whoever takes it.
//!
//! The run queue is compiled against a model of crossbeam's deque (`src/deque.rs`). A task's link stands for the task:
//! it is written by whoever creates it and by whoever runs it, so loom finds who has a task too early or beside
//! somebody else.

extern crate raddle_loom_tests as crossbeam_deque;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use loom::thread;
use raddle_loom_tests::{bounded, check, shim, unbounded};

use scheduler::injector::Injector;
use scheduler::run_queue::{LocalQueue, RemoteQueue, pair};
use task::header::TaskRef;

#[path = "../src/scheduler/mod.rs"]
mod scheduler;
#[path = "../src/task/mod.rs"]
mod task;

/// How often each task was run.
#[derive(Default)]
struct Runs([AtomicUsize; 4]);

impl Runs {
    fn run(&self, task: TaskRef) {
        task.header().next.with_mut(|_| ());
        self.0[task.header().number].fetch_add(1, Relaxed);
    }

    fn run_all(&self, queue: &LocalQueue, remote: &RemoteQueue) {
        while let Some(task) = queue.pop(remote) {
            self.run(task);
        }
    }

    /// The first so many tasks were run once, and no other.
    fn assert_once(&self, tasks: usize) {
        for (number, runs) in self.0.iter().enumerate() {
            assert_eq!(runs.load(Relaxed), usize::from(number < tasks), "runs of task {number}");
        }
    }
}

/// A worker's queue, and the tasks of the model.
struct House {
    remote: RemoteQueue,
    runs: Runs,
}

impl House {
    fn new() -> (Arc<House>, LocalQueue) {
        let (queue, remote) = pair();
        (Arc::new(House { remote, runs: Runs::default() }), queue)
    }

    /// What a worker does with a neighbour that is stuck, until it finds nothing more: see `scheduler/rescue.rs`.
    fn rescue(&self) {
        let (queue, remote) = pair();
        if let Some(task) = self.remote.take_next() {
            queue.push_back(task);
        }
        if let Some(task) = self.remote.steal_into(&queue) {
            queue.push_back(task);
        }
        self.runs.run_all(&queue, &remote);
    }

    /// Steals until there is nothing more.
    fn steal_all(&self) {
        let (queue, remote) = pair();
        while let Some(task) = self.remote.steal_into(&queue) {
            self.runs.run(task);
            self.runs.run_all(&queue, &remote);
        }
    }
}

fn born(number: usize) -> TaskRef {
    let task = TaskRef::leaked(number);
    task.header().next.with_mut(|_| ());
    task
}

/// An owner takes one of three tasks and is stuck in it, while two thieves steal: between them they run the others,
/// though each of the three may be in the other's way.
#[test]
fn stuck_owner_against_two_thieves() {
    check("stuck_owner_against_two_thieves", bounded(3), || {
        let (house, queue) = House::new();
        (0..3).for_each(|number| queue.push_back(born(number)));
        let thieves = [0, 1].map(|_| {
            let house = house.clone();
            thread::spawn(move || house.steal_all())
        });
        if let Some(task) = queue.pop(&house.remote) {
            house.runs.run(task);
        }
        thieves.into_iter().for_each(|thief| thief.join().unwrap());
        house.runs.assert_once(3);
    });
}

/// An owner pushes while a thief steals, and runs what is left: nothing is lost, and nothing is run before it is there.
#[test]
fn push_against_thief() {
    check("push_against_thief", unbounded(), || {
        let (house, queue) = House::new();
        let house2 = house.clone();
        let thief = thread::spawn(move || house2.steal_all());
        (0..3).for_each(|number| queue.push_back(born(number)));
        house.runs.run_all(&queue, &house.remote);
        thief.join().unwrap();
        house.runs.assert_once(3);
    });
}

/// A task moves from the next slot to the deque, to make room for another, while a rescuer empties both.
#[test]
fn evicted_task_against_rescuer() {
    check("evicted_task_against_rescuer", unbounded(), || {
        let (house, queue) = House::new();
        let house2 = house.clone();
        let rescuer = thread::spawn(move || house2.rescue());
        (0..2).for_each(|number| queue.push_next(&house.remote, born(number)));
        rescuer.join().unwrap();
        house.runs.run_all(&queue, &house.remote);
        house.runs.assert_once(2);
    });
}

/// An owner comes back from a long poll and goes on with its tasks while a rescuer takes them.
#[test]
fn rescue_against_owners_return() {
    check("rescue_against_owners_return", bounded(4), || {
        let (house, queue) = House::new();
        queue.push_back(born(0));
        queue.push_next(&house.remote, born(1));
        let house2 = house.clone();
        let rescuer = thread::spawn(move || house2.rescue());
        queue.push_next(&house.remote, born(2));
        house.runs.run_all(&queue, &house.remote);
        rescuer.join().unwrap();
        house.runs.assert_once(3);
    });
}

/// Two workers take batches from the injector while a thread outside pushes: each task gets to one of them, and each
/// of them gets its tasks in order.
#[test]
fn pushes_against_two_takers() {
    check("pushes_against_two_takers", bounded(3), || {
        let house = Arc::new((Injector::default(), Runs::default()));
        house.0.push(born(0)).unwrap();
        let take = |house: &(Injector, Runs), most: usize| {
            let (mut last, mut given) = (None, 0);
            let taken = house.0.take(most, |task| {
                given += 1;
                assert!(last.replace(task.header().number) < Some(task.header().number), "out of order");
                house.1.run(task);
            });
            assert_eq!(taken, given, "miscounted");
        };
        let (house2, house3) = (house.clone(), house.clone());
        let pusher = thread::spawn(move || (1..3).for_each(|number| house2.0.push(born(number)).unwrap()));
        let taker = thread::spawn(move || take(&house3, 2));
        take(&house, usize::MAX);
        pusher.join().unwrap();
        taker.join().unwrap();
        take(&house, usize::MAX);
        assert_eq!(house.0.len(), 0);
        house.1.assert_once(3);
    });
}

/// A task is pushed from outside while the runtime closes its injector and runs what is in it: it is run, or comes back
/// to whoever pushed it.
#[test]
fn push_against_close() {
    check("push_against_close", unbounded(), || {
        let house = Arc::new((Injector::default(), Runs::default()));
        let house2 = house.clone();
        let pusher = thread::spawn(move || {
            if let Err(task) = house2.0.push(born(0)) {
                house2.1.run(task);
            }
        });
        house.0.close();
        house.0.take(usize::MAX, |task| house.1.run(task));
        pusher.join().unwrap();
        house.1.assert_once(1);
    });
}
