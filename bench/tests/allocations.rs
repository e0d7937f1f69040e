//! What raddle allocates for an operation is within the budget, in a debug build as in a release build.
//!
//! The allocator of this program alone counts: one that counts is another than the one under which `compare` measures
//! times. It counts those of all threads.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex, MutexGuard, PoisonError};

use raddle_bench::budget::{self, Figure};
use raddle_bench::engine::{Engine, Raddle};
use raddle_bench::rows::{self, Row};
use raddle_bench::sample::Scale;

/// The system's, counting.
struct Counting;

/// How often something was allocated, or moved to a place of another size.
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// The same on the threads that run tasks.
static OF_WORKERS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static IS_WORKER: Cell<bool> = const { Cell::new(false) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every method is the system allocator's, which keeps the contract; beside it a number goes up.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise.
        unsafe { System.realloc(place, layout, size) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(place, layout) }
    }
}

fn count() {
    // Relaxed: a number; who reads it has been told by what it waited for that the others are done.
    ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    if IS_WORKER.get() {
        OF_WORKERS.fetch_add(1, Ordering::Relaxed);
    }
}

fn counted(counter: &AtomicU64, f: impl FnOnce()) -> u64 {
    let before = counter.load(Ordering::Relaxed);
    f();
    counter.load(Ordering::Relaxed) - before
}

/// One test at a time: they all count the same.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// For an operation, by a runtime that has done the same before: what a large run takes more than a small one.
fn per_operation(row: &Row) -> f64 {
    let mut raddle = Raddle::build(1);
    (row.raddle)(&mut raddle, Scale { quick: true });
    let run = |quick| {
        let mut operations = 0;
        let allocations =
            counted(&ALLOCATIONS, || operations = (row.raddle)(&mut raddle, Scale { quick }).operations as u64);
        Ok((allocations, operations))
    };
    budget::per_operation(row.name, run).unwrap()
}

#[test]
fn no_operation_allocates_more_than_its_budget() {
    let _alone = alone();
    let rows = rows::all();
    let mut excesses = Vec::new();
    for budget in budget::ALL {
        let Some(allowed) = budget.allocations else { continue };
        let row = rows.iter().find(|row| row.name == budget.row).expect("it is a row that runs in a process");
        let allocations = per_operation(row);
        println!("{:16} {allocations:8.3} of {allowed:.3}", row.name);
        excesses.extend(budget::excess(row.name, Figure::Allocations, allocations, allowed));
    }
    assert!(excesses.is_empty(), "\n{}", excesses.join("\n"));
}

/// A runtime of so many workers, each of which knows that it is one.
fn of_known_workers(workers: usize) -> Raddle {
    let mut raddle = Raddle::build(workers);
    let all = Arc::new(Barrier::new(workers));
    let introduce = move || {
        IS_WORKER.set(true);
        all.wait();
    };
    raddle.in_main(async move {
        let introductions: Vec<_> = (0..workers)
            .map(|_| {
                let introduce = introduce.clone();
                Raddle::spawn(async move { introduce() })
            })
            .collect();
        for introduction in introductions {
            introduction.await;
        }
    });
    raddle
}

/// What the workers allocate in each of some runs, after one that warms up, until that is no more than `own`: how many polls
/// are timed at a time is random, so it takes some runs until there are envelopes enough for all. (The watchdog is no
/// worker, and allocates where it looks into a long poll.)
fn runs_until(own: u64, row: &Row, workers: usize) -> Vec<u64> {
    let mut raddle = of_known_workers(workers);
    let mut run = || counted(&OF_WORKERS, || _ = (row.raddle)(&mut raddle, Scale { quick: false }));
    run();
    let mut all = Vec::new();
    while all.len() < 20 && all.last().is_none_or(|last| *last > own) {
        all.push(run());
    }
    all
}

#[test]
fn a_spawn_allocates_nothing() {
    let _alone = alone();
    // With several workers that holds over the ring: crossbeam's deque grows with a crowd and shrinks when it has gone.
    let workers = if cfg!(raddle_ring) { 1..=2 } else { 1..=1 };
    // What a run allocates for itself: its main, and for each burst or chain what its end is told by.
    let rows_and_own = [("spawn_local", 21), ("spawn_main", 21), ("spawn_join", 1), ("chained_spawn", 51), ("fib", 1)];
    let rows = rows::all();
    for (workers, (name, own)) in workers.flat_map(|workers| rows_and_own.map(|row| (workers, row))) {
        let row = rows.iter().find(|row| row.name == name).expect("it is a row that runs in a process");
        let runs = runs_until(own, row, workers);
        println!("{name:16} {workers} {runs:?}");
        assert_eq!(runs.last(), Some(&own), "{name}, workers {workers}: {runs:?} allocations");
    }
}

#[test]
fn what_is_allocated_is_counted_on_every_thread() {
    let _alone = alone();
    let many = || (0..1000).for_each(|number| drop(black_box(Box::new(number))));
    let here = counted(&ALLOCATIONS, many);
    let elsewhere = counted(&ALLOCATIONS, || std::thread::spawn(many).join().unwrap());
    assert!((1000..1100).contains(&here), "{here}");
    assert!((1000..1100).contains(&elsewhere), "{elsewhere}");
    let grown = counted(&ALLOCATIONS, || {
        drop(black_box((0..1000).fold(Vec::new(), |mut grown, number| {
            grown.push(number);
            grown
        })))
    });
    assert!((5..100).contains(&grown), "{grown}");
}
