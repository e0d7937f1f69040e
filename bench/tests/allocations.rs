//! What raddle allocates for an operation is within the budget, in a debug build as in a release build.
//!
//! The allocator of this program alone counts: one that counts is another than the one under which `compare` measures
//! times. It counts those of all threads.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use raddle_bench::budget::{self, Figure};
use raddle_bench::engine::{Engine, Raddle};
use raddle_bench::rows::{self, Row};
use raddle_bench::sample::Scale;

/// The system's, counting.
struct Counting;

/// How often something was allocated, or moved to a place of another size.
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

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
}

fn counted(f: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    f();
    ALLOCATIONS.load(Ordering::Relaxed) - before
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
        let allocations = counted(|| operations = (row.raddle)(&mut raddle, Scale { quick }).operations as u64);
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

#[test]
fn what_is_allocated_is_counted_on_every_thread() {
    let _alone = alone();
    let many = || (0..1000).for_each(|number| drop(black_box(Box::new(number))));
    let here = counted(many);
    let elsewhere = counted(|| std::thread::spawn(many).join().unwrap());
    assert!((1000..1100).contains(&here), "{here}");
    assert!((1000..1100).contains(&elsewhere), "{elsewhere}");
    let grown = counted(|| {
        drop(black_box((0..1000).fold(Vec::new(), |mut grown, number| {
            grown.push(number);
            grown
        })))
    });
    assert!((5..100).contains(&grown), "{grown}");
}
