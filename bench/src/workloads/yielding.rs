//! 200 tasks that yield 1000 times each.

use std::time::Instant;

use crate::engine::Engine;
use crate::sample::{Sample, Scale};

const TASKS: usize = 200;

pub fn many<E: Engine>(engine: &mut E, scale: Scale) -> Sample {
    let yields = scale.of(1000, 300);
    engine.in_task(async move {
        let start = Instant::now();
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                E::spawn(async move {
                    let mut count = 0;
                    for _ in 0..yields {
                        E::yield_now().await;
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await;
        }
        Sample::time(start.elapsed(), sum)
    })
}
