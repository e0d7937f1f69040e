//! Tasks that are all alive at once: each waits on a promise of its own, until all of them are kept.

use std::time::{Duration, Instant};

use super::Countdown;
use crate::engine::Engine;

/// Spawns so many tasks, waits until all of them wait, keeps their promises, and awaits them. `at_peak` is called in
/// between, while the clock stands.
pub async fn released<E: Engine>(tasks: usize, at_peak: impl FnOnce()) -> Duration {
    let (begun, all_begun) = Countdown::<E>::new(tasks);
    let (mut promises, mut waiting) = (Vec::with_capacity(tasks), Vec::with_capacity(tasks));
    let start = Instant::now();
    for _ in 0..tasks {
        let begun = begun.clone();
        let (promise, pending) = E::oneshot();
        promises.push(promise);
        waiting.push(E::spawn(async move {
            begun.arrive();
            drop(begun);
            pending.await;
            1
        }));
    }
    all_begun.await;
    let spawned = start.elapsed();
    at_peak();
    let start = Instant::now();
    for promise in promises {
        E::fulfil(promise, ());
    }
    let mut sum = 0;
    for task in waiting {
        sum += task.await;
    }
    let elapsed = spawned + start.elapsed();
    assert_eq!(sum, tasks, "every task has waited and ended");
    elapsed
}
