//! Many sleeps at once: what one costs, and how late they end.

use std::future::{self, Future};
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::cpu;
use crate::engine::Engine;
use crate::sample::{Sample, Scale, millis, percentile};

/// A million sleeps registered by one poll each, then dropped before any of them ends.
pub fn insert<E: Engine>(engine: &mut E, scale: Scale) -> Sample {
    let count = scale.of(1_000_000, 200_000);
    engine.in_task(async move {
        let mut durations = Durations::new();
        let start = Instant::now();
        let mut sleeps: Box<[_]> = (0..count).map(|_| E::sleep(durations.next(10_000..3_600_000))).collect();
        let mut registered = 0;
        future::poll_fn(|context| {
            for sleep in &mut sleeps {
                // SAFETY: the boxed slice is never moved out of, resized or swapped; its elements are dropped where
                // they lie when the box is.
                let sleep = unsafe { Pin::new_unchecked(sleep) };
                registered += usize::from(sleep.poll(context).is_pending());
            }
            Poll::Ready(())
        })
        .await;
        drop(sleeps);
        Sample::time(start.elapsed(), registered)
    })
}

/// 100k tasks asleep for 1 to 1000 ms: process CPU per sleep in ns, then p50 and p99 of the lateness in ms.
pub fn many<E: Engine>(engine: &mut E, scale: Scale) -> Sample {
    let count = scale.of(100_000, 20_000);
    engine.in_task(async move {
        let mut durations = Durations::new();
        let before = cpu::of_this_process();
        let sleepers: Vec<_> = (0..count)
            .map(|_| {
                let duration = durations.next(1..1001);
                E::spawn(async move {
                    let deadline = Instant::now() + duration;
                    E::sleep(duration).await;
                    let end = Instant::now();
                    assert!(end >= deadline, "a sleep ended {:?} too early", deadline - end);
                    millis(end - deadline)
                })
            })
            .collect();
        let mut lateness = Vec::with_capacity(count);
        for sleeper in sleepers {
            lateness.push(sleeper.await);
        }
        let used = cpu::of_this_process() - before;
        let per_sleep = used.as_nanos() as f64 / count as f64;
        let (p50, p99) = (percentile(&mut lateness, 0.5), percentile(&mut lateness, 0.99));
        Sample { values: vec![per_sleep, p50, p99], operations: lateness.len() }
    })
}

/// Durations that look random and are the same on every run: xorshift.
struct Durations(u64);

impl Durations {
    fn new() -> Durations {
        Durations(0x9e37_79b9_7f4a_7c15)
    }

    fn next(&mut self, millis: std::ops::Range<u64>) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Duration::from_millis(millis.start + self.0 % (millis.end - millis.start))
    }
}
