//! Tasks in every way of living and dying, on runtimes that start and stop under them.
//!
//! Promises under test: a task's future is dropped exactly once, and so is its output; every task that is not
//! forgotten ends, once, in the way it was asked to; a panic is seen by exactly one party, the awaiter or
//! `on_exception`; what goes into a queue comes out of it, whatever is cancelled; what is pinned stays on its thread;
//! nobody hangs, also not those who talk to a runtime that is just ending; and wakers may be kept for ever.

#[path = "scheduler/exchanges.rs"]
mod exchanges;
#[path = "scheduler/jobs.rs"]
mod jobs;
#[path = "scheduler/locals.rs"]
mod locals;
#[path = "scheduler/outside.rs"]
mod outside;
#[path = "scheduler/tasks.rs"]
mod tasks;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use raddle::{
    ExceptionContext, Handle, Promise, Queue, Runner, TaskError, create_local_task, promise, sleep, to_thread,
    yield_now,
};

use self::jobs::{Spawner, mix};
use self::locals::Homebody;
use self::outside::{outsider, stir};
use super::stress_support::{
    Count, Deliberate, Ledger, Part, Rng, Settings, Token, announce, check, deliberate_panic, join_all, same, stage,
};

static FUTURES: Ledger = Ledger::new("future");
static OUTPUTS: Ledger = Ledger::new("output");
static CALLBACKS: Ledger = Ledger::new("callback");
static ITEMS: Ledger = Ledger::new("queue item");

static TASKS: Count = Count::new();
static RUNS: Count = Count::new();
static CANCELLED: Count = Count::new();
static MIGRATED: Count = Count::new();
static CALLED: Count = Count::new();
/// Panics in polls, drops and callbacks: thrown, seen by whoever awaited the task, told to `on_exception`.
static THROWN: Count = Count::new();
static SEEN: Count = Count::new();
static TOLD: Count = Count::new();

/// Wakers that somebody keeps: woken, cloned and dropped at any time by a thread that knows no runtime.
static KEPT: Mutex<Vec<Waker>> = Mutex::new(Vec::new());
/// Promises that any task of any runtime may keep.
static EXCHANGE: Mutex<Vec<Promise<Token>>> = Mutex::new(Vec::new());

/// At most so many of either, so that memory goes back while the program runs.
const KEPT_AT_MOST: usize = 200;

pub(crate) const PART: Part = Part { name: "scheduler", round, counts };

fn round(settings: Settings) {
    let stop = Arc::new(AtomicBool::new(false));
    let stirrer = thread::spawn({
        let (stop, rng) = (stop.clone(), Rng::new(settings.seed ^ 0x5717));
        move || stir(&stop, rng)
    });
    stage("two lines of runtimes");
    let lines = (0..2).map(|line| thread::spawn(move || runtimes(settings, line))).collect();
    join_all(lines);
    stage("parking");
    parking(settings);
    stage("short lives");
    short_lives(settings);
    stage("the end");
    stop.store(true, Ordering::Release);
    join_all(vec![stirrer]);
    drop(std::mem::take(&mut *KEPT.lock()));
    drop(std::mem::take(&mut *EXCHANGE.lock()));
    for ledger in [&FUTURES, &OUTPUTS, &CALLBACKS, &ITEMS] {
        ledger.settle();
    }
    same(THROWN.get(), SEEN.get() + TOLD.get(), "panics thrown, and seen or told");
}

fn counts() -> Vec<(&'static str, u64)> {
    vec![
        ("tasks", TASKS.get()),
        ("runs", RUNS.get()),
        ("cancellations", CANCELLED.get()),
        ("migrations", MIGRATED.get()),
        ("panics", THROWN.get()),
        ("callbacks", CALLED.get()),
    ]
}

/// One runtime after another on this thread.
fn runtimes(settings: Settings, line: u64) {
    let mut rng = Rng::new(settings.seed.wrapping_mul(31).wrapping_add(line));
    for cycle in 0..settings.times(20) {
        let mut runner = runner(settings.workers(cycle + line as usize, [1, 2, 4, 8]));
        let _announced = announce(&mut runner);
        let handle = runner.handle();
        // Asked for before the first run: it waits for it.
        let early = Spawner::There(handle.clone()).spawn(&mut rng);
        let outsiders = (0..rng.below(3)).map(|_| {
            let (handle, rng) = (handle.clone(), rng.fork());
            thread::spawn(move || outsider(&handle, rng))
        });
        let outsiders: Vec<_> = outsiders.collect();
        for _ in 0..=rng.below(3) {
            RUNS.add(1);
            let (of_run, panics) = (rng.fork(), rng.one_in(8));
            // Main borrows from this stack.
            let length = 150;
            let ran = catch_unwind(AssertUnwindSafe(|| {
                runner.run(async {
                    mix(of_run, &length).await;
                    if panics {
                        deliberate_panic();
                    }
                });
            }));
            match ran {
                Ok(()) => check(!panics, "main panicked and run returned"),
                Err(payload) => check(panics && payload.is::<Deliberate>(), "main panicked by itself"),
            }
        }
        drop(early);
        if rng.one_in(2) {
            // Outsiders cross the end of the runtime.
            drop(runner);
            join_all(outsiders);
        } else {
            let outsiders_done = thread::spawn(move || join_all(outsiders));
            runner.run(async move {
                let waiting = to_thread(move || join_all(vec![outsiders_done]));
                check(waiting.await.is_ok(), "to_thread gave no value");
            });
            drop(runner);
        }
        same(handle.metrics().tasks_alive, 0, "tasks alive after the end");
        check(handle.call_soon(|| {}).is_err(), "call_soon after the end");
        let late = handle.create_task(async { OUTPUTS.token() });
        check(matches!(late.join_blocking(), Err(TaskError::Cancelled)), "a task after the end");
    }
}

/// Workers that have next to nothing to do: they park, and are woken by threads outside, by timers and by each other,
/// also several of these at once.
fn parking(settings: Settings) {
    let mut rng = Rng::new(settings.seed ^ 0xbed);
    for cycle in 0..settings.times(8) {
        // A listener on worker 0, and another worker to wake it.
        let mut runner = runner(settings.workers(cycle, [2, 4, 3, 8]));
        let _announced = announce(&mut runner);
        let handle = runner.handle();
        RUNS.add(1);
        runner.run(async {
            let bell = Queue::unbounded();
            let callers = (0..3).map(|_| {
                let (handle, bell, rng) = (handle.clone(), bell.clone(), rng.fork());
                thread::spawn(move || call(&handle, &bell, rng))
            });
            let callers = callers.collect();
            // Woken on worker 0 only, from everywhere.
            let listener = create_local_task(answer(bell.clone()));
            TASKS.add(1);
            check(to_thread(move || join_all(callers)).await.is_ok(), "to_thread gave no value");
            bell.shutdown();
            same(listener.await.ok(), Some(3 * CALLS), "calls answered");
        });
    }
}

const CALLS: u64 = 300;

/// A thread that calls and waits for the answer, each time in another way.
fn call(handle: &Handle, bell: &Queue<Promise<()>>, mut rng: Rng) {
    for _ in 0..CALLS {
        let (ring, heard) = promise();
        check(bell.try_put(ring).is_ok(), "an unbounded queue is full");
        let pause = rng.micros(100);
        match rng.below(4) {
            0 => thread::sleep(pause),
            1 => handle.block_on(sleep(pause)),
            2 => {
                TASKS.add(1);
                let task = handle.create_task(async move { sleep(pause).await });
                check(task.join_blocking().is_ok(), "a task from outside failed");
            }
            _ => {}
        }
        check(handle.block_on(heard).is_ok(), "a call was not answered");
    }
}

async fn answer(bell: Queue<Promise<()>>) -> u64 {
    let (body, mut answers) = (Homebody::new(), 0);
    while let Ok(ring) = bell.get().await {
        body.look();
        check(ring.set(()).is_ok(), "a caller has left");
        answers += 1;
    }
    answers
}

/// Runtimes that end as soon as they begin, while others begin to use them.
fn short_lives(settings: Settings) {
    let mut rng = Rng::new(settings.seed ^ 0xface);
    for cycle in 0..settings.times(100) {
        let mut runner = runner(settings.workers(cycle, [2, 1, 4, 8]));
        let _announced = announce(&mut runner);
        let handle = runner.handle();
        let outsider = thread::spawn({
            let mut rng = rng.fork();
            move || {
                for _ in 0..rng.below(20) {
                    let mut job = Spawner::There(handle.clone()).spawn(&mut rng);
                    job.cancel();
                    job.join_outside();
                }
            }
        });
        RUNS.add(1);
        let spawned = rng.below(20);
        runner.run(async {
            let _jobs: Vec<_> = (0..spawned).map(|_| Spawner::Here.spawn(&mut rng)).collect();
            if rng.one_in(2) {
                yield_now().await;
            }
        });
        drop(runner);
        join_all(vec![outsider]);
    }
}

fn runner(workers: usize) -> Runner {
    // A task that is stuck is a failure, on the slowest machine too.
    // On a machine this busy any poll may take long: nothing to complain of.
    let runner = Runner::new().workers(workers).name("stress").grace(Duration::from_secs(600));
    runner.debug(false).on_exception(on_exception)
}

fn on_exception(context: &ExceptionContext) {
    check(context.panic.is_some(), format_args!("the runtime complained: {}", context.message));
    TOLD.add(1);
}
