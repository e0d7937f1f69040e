//! 100 pairs of tasks that signal each other in turn: one `Event` a direction, set and cleared; tokio's `Notify`.

use std::sync::Arc;
use std::time::Instant;

use crate::engine::Engine;
use crate::sample::{Sample, Scale};

const PAIRS: usize = 100;

pub fn ping_pong<E: Engine>(engine: &mut E, scale: Scale) -> Sample {
    engine.in_task(pairs::<E>(PAIRS, scale.of(1000, 300)))
}

/// Each of `pairs` pairs goes to and fro so many times.
pub async fn pairs<E: Engine>(pairs: usize, rounds: usize) -> Sample {
    let start = Instant::now();
    let pairs: Vec<_> = (0..pairs)
        .map(|_| {
            let ping = Arc::new(E::event());
            let pong = Arc::new(E::event());
            let (pinged, ponged) = (ping.clone(), pong.clone());
            drop(E::spawn(async move {
                for _ in 0..rounds {
                    E::signalled(&pinged).await;
                    E::signal(&pong);
                }
            }));
            E::spawn(async move {
                let mut count = 0;
                for _ in 0..rounds {
                    E::signal(&ping);
                    E::signalled(&ponged).await;
                    count += 1;
                }
                count
            })
        })
        .collect();
    let mut sum = 0;
    for pair in pairs {
        sum += pair.await;
    }
    Sample::time(start.elapsed(), sum)
}
