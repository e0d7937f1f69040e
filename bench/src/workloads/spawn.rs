//! Trivial tasks, spawned from a task, from the main future, from a thread outside, one at a time, and with a value
//! that they inherit.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use super::Countdown;
use crate::engine::Engine;
use crate::sample::{Sample, Scale};

const BURST: usize = 10_000;

/// Bursts of 10k tasks spawned inside a task, all awaited through one counter.
pub fn local<E: Engine>(engine: &mut E, scale: Scale) -> Sample {
    engine.in_task(bursts::<E>(scale.of(10, 3), BURST))
}

/// The same from the main future.
pub fn main<E: Engine>(engine: &mut E, scale: Scale) -> Sample {
    engine.in_main(bursts::<E>(scale.of(10, 3), BURST))
}

/// Bursts of as many tasks as are asked for, at least 10k in all.
pub fn bursts_of<E: Engine>(engine: &mut E, tasks: usize) -> Sample {
    engine.in_task(bursts::<E>(BURST.div_ceil(tasks), tasks))
}

async fn bursts<E: Engine>(bursts: usize, tasks: usize) -> Sample {
    let start = Instant::now();
    for _ in 0..bursts {
        let (countdown, done) = Countdown::<E>::new(tasks);
        for _ in 0..tasks {
            let countdown = countdown.clone();
            drop(E::spawn(async move { countdown.arrive() }));
        }
        done.await;
    }
    Sample::time(start.elapsed(), bursts * tasks)
}

/// The same from a thread outside, which exists before the clock starts.
pub fn remote<E: Engine>(engine: &mut E, scale: Scale) -> Sample {
    let bursts = scale.of(10, 3);
    engine.in_main(async {
        let (countdown, done) = Countdown::<E>::new(bursts * BURST);
        let remote = E::remote();
        let spawner = thread::spawn(move || {
            let start = Instant::now();
            for _ in 0..bursts * BURST {
                let countdown: Arc<Countdown<E>> = countdown.clone();
                E::spawn_remote(&remote, async move { countdown.arrive() });
            }
            start
        });
        done.await;
        let end = Instant::now();
        let start = spawner.join().expect("the spawner does not panic");
        Sample::time(end - start, bursts * BURST)
    })
}

/// Spawns one task, awaits its handle, and again.
pub fn join<E: Engine>(engine: &mut E, scale: Scale) -> Sample {
    let rounds = scale.of(100_000, 30_000);
    engine.in_task(async move {
        let start = Instant::now();
        let mut sum = 0;
        for _ in 0..rounds {
            sum += E::spawn(async { 1 }).await;
        }
        Sample::time(start.elapsed(), sum)
    })
}

/// Spawns and awaits as [`join`], where no context variable is set, and then where one is and the task reads it.
pub fn in_context<E: Engine>(engine: &mut E, scale: Scale) -> Sample {
    let rounds = scale.of(100_000, 30_000);
    let none = join(engine, scale);
    let one = engine.in_task(E::with_value(1, async move {
        let start = Instant::now();
        let mut sum = 0;
        for _ in 0..rounds {
            sum += E::spawn_heir(async { E::value() }).await;
        }
        Sample::time(start.elapsed(), sum)
    }));
    Sample { values: [none.values, one.values].concat(), operations: none.operations + one.operations }
}
