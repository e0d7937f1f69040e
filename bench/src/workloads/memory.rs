//! What a parked task costs, measured in a process of its own: the program `raddle-bench` under a hidden subcommand.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::Countdown;
use crate::engine::Engine;
use crate::sample::{Sample, Scale};

/// The subcommand by which that is asked for: `parked ENGINE WHAT TASKS`.
pub const SUBCOMMAND: &str = "parked";

const HOUR: Duration = Duration::from_secs(3600);
/// Picked from thin air: time for what is freed late to be freed.
const SETTLE: Duration = Duration::from_millis(100);

/// Tasks asleep for an hour: bytes of RSS and ns for each.
pub fn asleep<E: Engine>(_: &mut E, scale: Scale) -> Sample {
    in_this_program::<E>("sleep", scale)
}

/// Tasks that wait on a oneshot: the same, and what is still there per task after all of them have ended.
pub fn on_a_oneshot<E: Engine>(_: &mut E, scale: Scale) -> Sample {
    in_this_program::<E>("oneshot", scale)
}

fn in_this_program<E: Engine>(what: &str, scale: Scale) -> Sample {
    let program = env::current_exe().expect("this program has a path");
    in_a_child::<E>(&program, what, scale.of(1_000_000, 200_000))
}

/// Of `program`, which is `raddle-bench`: tasks that wait for a `sleep` or a `oneshot`.
pub fn in_a_child<E: Engine>(program: &Path, what: &str, tasks: usize) -> Sample {
    let output = Command::new(program)
        .args([SUBCOMMAND, E::NAME, what, &tasks.to_string()])
        .output()
        .expect("the program starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    let values = text.split_whitespace().map(|value| value.parse().expect("the child prints numbers")).collect();
    Sample { values, operations: tasks }
}

/// The child's side: prints the values and leaves at once.
pub fn child<E: Engine>(mut engine: E, what: &str, tasks: usize) -> ! {
    let values = match what {
        "sleep" => engine.in_main(sleepers::<E>(tasks)),
        _ => engine.in_main(waiters::<E>(tasks)),
    };
    println!("{}", values.iter().map(f64::to_string).collect::<Vec<_>>().join(" "));
    // A million sleepers need not be cancelled one by one.
    std::process::exit(0)
}

async fn sleepers<E: Engine>(tasks: usize) -> Vec<f64> {
    let (before, start) = (resident(), Instant::now());
    fall_asleep::<E>(tasks).await;
    let elapsed = start.elapsed();
    E::sleep(SETTLE).await;
    per_task(tasks, [resident() - before, elapsed.as_nanos() as f64])
}

/// Spawns so many tasks, at least one, that sleep for an hour, and returns when all of them have begun.
pub async fn fall_asleep<E: Engine>(tasks: usize) {
    let (begun, all_begun) = Countdown::<E>::new(tasks);
    for _ in 0..tasks {
        let begun = begun.clone();
        drop(E::spawn(async move {
            begun.arrive();
            E::sleep(HOUR).await;
        }));
    }
    all_begun.await;
}

async fn waiters<E: Engine>(tasks: usize) -> Vec<f64> {
    let (begun, all_begun) = Countdown::<E>::new(tasks);
    let (ended, all_ended) = Countdown::<E>::new(tasks);
    let (before, start) = (resident(), Instant::now());
    let mut promises = Vec::with_capacity(tasks);
    for _ in 0..tasks {
        let (begun, ended) = (begun.clone(), ended.clone());
        let (promise, pending) = E::oneshot();
        promises.push(promise);
        drop(E::spawn(async move {
            begun.arrive();
            drop(begun);
            pending.await;
            ended.arrive();
        }));
    }
    all_begun.await;
    let elapsed = start.elapsed();
    E::sleep(SETTLE).await;
    let parked = resident() - before;
    for promise in promises {
        E::fulfil(promise, ());
    }
    all_ended.await;
    E::sleep(SETTLE).await;
    per_task(tasks, [parked, elapsed.as_nanos() as f64, (resident() - before).max(0.0)])
}

fn per_task<const N: usize>(tasks: usize, totals: [f64; N]) -> Vec<f64> {
    totals.map(|total| total / tasks as f64).to_vec()
}

/// Bytes of this process that are in memory.
pub fn resident() -> f64 {
    status("VmRSS:")
}

/// Bytes, of a line of this process's status that tells kibibytes.
pub fn status(line: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux has /proc");
    let rest = status.lines().find_map(|text| text.strip_prefix(line)).expect("every process has this line");
    let kibibytes = rest.split_whitespace().next().and_then(|number| number.parse::<f64>().ok());
    kibibytes.expect("sizes are numbers") * 1024.0
}
