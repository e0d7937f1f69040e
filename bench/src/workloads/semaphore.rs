//! 8 tasks that take one of two permits 10k times each and yield while they hold it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::engine::Engine;
use crate::sample::{Sample, Scale};

const TASKS: usize = 8;
const PERMITS: usize = 2;

pub fn contended<E: Engine>(engine: &mut E, scale: Scale) -> Sample {
    let rounds = scale.of(10_000, 3000);
    engine.in_task(async move {
        let semaphore = Arc::new(E::semaphore(PERMITS));
        let inside = Arc::new(AtomicUsize::new(0));
        let start = Instant::now();
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let (semaphore, inside) = (semaphore.clone(), inside.clone());
                E::spawn(async move {
                    let mut count = 0;
                    for _ in 0..rounds {
                        let permit = E::acquire(&semaphore).await;
                        assert!(inside.fetch_add(1, Ordering::Relaxed) < PERMITS, "a task for each permit");
                        E::yield_now().await;
                        inside.fetch_sub(1, Ordering::Relaxed);
                        drop(permit);
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
