//! However many tasks are pushed or woken in one go for a worker that is parked, it is unparked once: by one write to
//! the eventfd of its reactor. A write costs as much as a thousand tasks, so this is counted, by strace.
//!
//! Each test runs itself once more under strace. What is done in one go stands between two marks in the log, and writes
//! count that the same thread made between them. The first task that the worker then runs waits for the second mark:
//! a worker that parked again in between would rightly be unparked again.

mod support;

use std::env;
use std::process::{self, Command};
use std::sync::{Arc, RwLock, mpsc};
use std::thread;
use std::time::Duration;

use raddle::{Handle, Promise, Runner, create_local_task, create_task, gather, promise, yield_now};
use raddle_bench::strace::{self, Traced};

use self::support::skip;

/// Says to this program that it is the one that is looked at.
const LOOKED_AT: &str = "RADDLE_BENCH_UNPARKS";
/// In the log, before and after.
const MARKS: [&str; 2] = ["in one go", "that was it"];
const ROUNDS: usize = 20;
const TASKS: usize = 64;

/// Runs `part` under strace, in the test of that name. Returns how many writes to an eventfd there were between each
/// pair of marks; `None`: this is the process that was looked at, or strace can't.
fn unparks(test: &str, part: fn()) -> Option<Vec<usize>> {
    if env::var_os(LOOKED_AT).is_some() {
        end_if_stuck();
        part();
        return None;
    }
    if let Some(why) = strace::is_missing() {
        skip(test, &why);
        return None;
    }
    let mut again = Command::new(env::current_exe().unwrap());
    again.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(LOOKED_AT, "yes");
    let calls = Traced::start(&["-y", "-e", "trace=write"], &again).unwrap().finish().unwrap();
    let mut rounds = Vec::new();
    let mut marked = None;
    for (thread, call) in calls.all() {
        if call.contains(MARKS[0]) {
            marked = Some(thread);
            rounds.push(0);
        } else if call.contains(MARKS[1]) {
            marked = None;
        } else if marked == Some(thread) && call.contains("[eventfd]") {
            *rounds.last_mut().expect("one for each mark") += 1;
        }
    }
    assert_eq!(rounds.len(), ROUNDS, "not all rounds are in the log");
    Some(rounds)
}

/// What hangs would hang for ever: it is a process of its own.
fn end_if_stuck() {
    thread::spawn(|| {
        thread::sleep(Duration::from_secs(60));
        eprintln!("this takes too long");
        process::exit(1);
    });
}

fn in_one_go(f: impl FnOnce()) {
    println!("{}", MARKS[0]);
    f();
    println!("{}", MARKS[1]);
}

fn parks(handle: &Handle) -> u64 {
    handle.metrics().workers[0].parks
}

/// Waits, on another thread than the worker, until the first worker has parked.
fn wait_for_a_park(handle: &Handle, before: u64) {
    while parks(handle) == before {
        thread::sleep(Duration::from_micros(100));
    }
}

/// As many tasks of the first worker, each of which waits for a promise; the first of them, when it is woken, for the
/// channel as well. Returns when they wait.
async fn waiting_here(gate: mpsc::Receiver<()>) -> (Vec<Promise<()>>, Vec<raddle::LocalTask<()>>) {
    let mut gate = Some(gate);
    let (promises, tasks) = (0..TASKS)
        .map(|_| {
            let (promise, pending) = promise();
            let gate = gate.take();
            let task = create_local_task(async move {
                pending.await.unwrap();
                if let Some(gate) = gate {
                    gate.recv().unwrap();
                }
            });
            (promise, task)
        })
        .unzip();
    // They were queued before this one yielded.
    yield_now().await;
    yield_now().await;
    (promises, tasks)
}

fn keep(promises: Vec<Promise<()>>) {
    promises.into_iter().for_each(|promise| promise.set(()).unwrap());
}

#[track_caller]
fn assert_one_each(unparks: Option<Vec<usize>>) {
    let Some(unparks) = unparks else { return };
    assert_eq!(unparks, [1; ROUNDS], "writes to the eventfd in each round");
}

#[test]
fn many_tasks_from_a_thread_outside_unpark_a_worker_once() {
    assert_one_each(unparks("many_tasks_from_a_thread_outside_unpark_a_worker_once", || {
        Runner::new().workers(1).run(async {
            let handle = Handle::current();
            for _ in 0..ROUNDS {
                let (over, all_over) = promise();
                let (handle, before) = (handle.clone(), parks(&handle));
                let outside = thread::spawn(move || {
                    wait_for_a_park(&handle, before);
                    let (open, gate) = mpsc::channel();
                    in_one_go(|| {
                        handle.create_task(async move { gate.recv().unwrap() }).detach();
                        (2..TASKS).for_each(|_| handle.create_task(async {}).detach());
                        handle.create_task(async move { over.set(()).unwrap() }).detach();
                    });
                    open.send(()).unwrap();
                });
                all_over.await.unwrap();
                outside.join().unwrap();
            }
        });
    }));
}

#[test]
fn many_wakes_by_a_thread_outside_unpark_a_worker_once() {
    assert_one_each(unparks("many_wakes_by_a_thread_outside_unpark_a_worker_once", || {
        Runner::new().workers(1).run(async {
            let handle = Handle::current();
            for _ in 0..ROUNDS {
                let (open, gate) = mpsc::channel();
                let (promises, tasks) = waiting_here(gate).await;
                let (handle, before) = (handle.clone(), parks(&handle));
                let outside = thread::spawn(move || {
                    wait_for_a_park(&handle, before);
                    in_one_go(|| keep(promises));
                    open.send(()).unwrap();
                });
                gather(tasks).await.into_iter().for_each(Result::unwrap);
                outside.join().unwrap();
            }
        });
    }));
}

#[test]
fn many_wakes_in_one_poll_unpark_another_worker_once() {
    assert_one_each(unparks("many_wakes_in_one_poll_unpark_another_worker_once", || {
        Runner::new().workers(2).run(async {
            let handle = Handle::current();
            for _ in 0..ROUNDS {
                let (open, gate) = mpsc::channel();
                let (promises, tasks) = waiting_here(gate).await;
                let (away, is_away) = mpsc::channel();
                let (handle, before, here) = (handle.clone(), parks(&handle), thread::current().id());
                let waker = create_task(async move {
                    assert_ne!(thread::current().id(), here, "it is taken to another worker");
                    away.send(()).unwrap();
                    wait_for_a_park(&handle, before);
                    in_one_go(|| keep(promises));
                    open.send(()).unwrap();
                });
                // A worker that is blocked has its tasks taken by another.
                is_away.recv().unwrap();
                gather(tasks).await.into_iter().for_each(Result::unwrap);
                waker.await.unwrap();
            }
        });
    }));
}

#[test]
fn many_tasks_in_one_poll_unpark_another_worker_once() {
    let unparks = unparks("many_tasks_in_one_poll_unpark_another_worker_once", || {
        Runner::new().workers(2).run(async {
            let handle = Handle::current();
            for _ in 0..ROUNDS {
                while handle.metrics().workers_parked == 0 {
                    yield_now().await;
                }
                let gate = Arc::new(RwLock::new(()));
                let closed = gate.write().unwrap();
                let mut tasks = Vec::new();
                in_one_go(|| {
                    for _ in 0..20 * TASKS {
                        let gate = gate.clone();
                        tasks.push(create_task(async move { drop(gate.read().unwrap()) }));
                    }
                });
                drop(closed);
                gather(tasks).await.into_iter().for_each(Result::unwrap);
            }
        });
    });
    let Some(unparks) = unparks else { return };
    assert!(unparks.iter().all(|count| *count <= 1), "{unparks:?}");
    // The first time the other worker was started. On one core there is nobody to share with.
    let shares = thread::available_parallelism().is_ok_and(|cores| cores.get() > 1);
    assert!(!shares || unparks.iter().sum::<usize>() > 0, "nothing was seen: {unparks:?}");
}
