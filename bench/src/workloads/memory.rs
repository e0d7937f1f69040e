//! What a parked task costs, measured in a process of its own: this program again, under a hidden subcommand.

use std::env;
use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::sample::{Sample, Scale};

/// The subcommand by which this program calls itself: `parked ENGINE WHAT TASKS`.
pub(crate) const SUBCOMMAND: &str = "parked";

const HOUR: Duration = Duration::from_secs(3600);

/// Tasks asleep for an hour: bytes of RSS and ns for each.
pub(crate) fn asleep<E: Engine>(_: &mut E, scale: Scale) -> Sample {
    in_a_child::<E>("sleep", scale)
}

/// Tasks that wait on a oneshot: the same, and what is still there per task after all of them have ended.
pub(crate) fn on_a_oneshot<E: Engine>(_: &mut E, scale: Scale) -> Sample {
    in_a_child::<E>("oneshot", scale)
}

fn in_a_child<E: Engine>(what: &str, scale: Scale) -> Sample {
    let tasks = scale.of(1_000_000, 200_000);
    let program = env::current_exe().expect("this program has a path");
    let output = Command::new(program)
        .args([SUBCOMMAND, E::NAME, what, &tasks.to_string()])
        .output()
        .expect("this program starts again");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    let values = text.split_whitespace().map(|value| value.parse().expect("the child prints numbers")).collect();
    Sample { values, operations: tasks }
}

/// The child's side: prints the values and leaves at once.
pub(crate) fn child<E: Engine>(mut engine: E, what: &str, tasks: usize) -> ! {
    let values = match what {
        "sleep" => engine.in_main(sleepers::<E>(tasks)),
        _ => engine.in_main(waiters::<E>(tasks)),
    };
    println!("{}", values.map(|value| value.to_string()).join(" "));
    // A million sleepers need not be cancelled one by one.
    std::process::exit(0)
}

async fn sleepers<E: Engine>(tasks: usize) -> [f64; 2] {
    let parked = Parked::begin(tasks).await_first::<E>().await;
    for _ in 0..tasks {
        let counter = parked.counter.clone();
        drop(E::spawn(async move {
            counter.fetch_add(1, Ordering::Relaxed);
            E::sleep(HOUR).await;
        }));
    }
    parked.finish::<E>().await
}

async fn waiters<E: Engine>(tasks: usize) -> [f64; 2] {
    todo!()
}
