//! 8 tasks that lock one mutex 10k times each and yield while they hold it.

use std::sync::Arc;
use std::time::Instant;

use crate::engine::Engine;
use crate::sample::{Sample, Scale};

const TASKS: usize = 8;

pub fn contended<E: Engine>(engine: &mut E, scale: Scale) -> Sample {
    let rounds = scale.of(10_000, 3000);
    engine.in_task(async move {
        let counter = Arc::new(E::mutex(0));
        let start = Instant::now();
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let counter = counter.clone();
                E::spawn(async move {
                    for _ in 0..rounds {
                        let mut count = E::lock(&counter).await;
                        E::yield_now().await;
                        *count += 1;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await;
        }
        let elapsed = start.elapsed();
        let count = *E::lock(&counter).await;
        Sample::time(elapsed, count)
    })
}
