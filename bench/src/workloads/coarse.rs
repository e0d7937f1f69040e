//! 200 tasks of 50 µs of computing each: are all cores used?

use std::hint;
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::sample::{Sample, Scale};

const TASKS: usize = 200;
const SPIN: Duration = Duration::from_micros(50);

pub fn spins<E: Engine>(engine: &mut E, scale: Scale) -> Sample {
    let rounds = scale.of(5, 2);
    engine.in_task(async move {
        let start = Instant::now();
        let mut spun = 0;
        for _ in 0..rounds {
            let tasks: Vec<_> = (0..TASKS).map(|_| E::spawn(async { spin() })).collect();
            for task in tasks {
                spun += task.await;
            }
        }
        Sample::time(start.elapsed(), spun)
    })
}

fn spin() -> usize {
    let start = Instant::now();
    while start.elapsed() < SPIN {
        hint::spin_loop();
    }
    1
}
