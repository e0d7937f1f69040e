//! Calls on threads for blocking, which do next to nothing: what is measured is the way there and back.

use std::hint;
use std::time::Instant;

use crate::engine::Engine;
use crate::sample::{Sample, Scale};

const BURST: usize = 1000;

/// One call after the other.
pub fn one_by_one<E: Engine>(engine: &mut E, scale: Scale) -> Sample {
    let rounds = scale.of(3000, 1000);
    engine.in_task(async move {
        let start = Instant::now();
        let mut sum = 0;
        for _ in 0..rounds {
            sum += E::blocking(|| hint::black_box(1)).await;
        }
        Sample::time(start.elapsed(), sum)
    })
}

/// Bursts of 1000 calls, all of which have begun before the first one is awaited.
pub fn bursts<E: Engine>(engine: &mut E, scale: Scale) -> Sample {
    let rounds = scale.of(10, 3);
    engine.in_task(async move {
        let start = Instant::now();
        let mut sum = 0;
        for _ in 0..rounds {
            let calls: Vec<_> = (0..BURST).map(|_| E::blocking(|| hint::black_box(1))).collect();
            for call in calls {
                sum += call.await;
            }
        }
        Sample::time(start.elapsed(), sum)
    })
}
