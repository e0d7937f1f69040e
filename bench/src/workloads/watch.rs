//! 100 pairs of tasks that answer each other's changes, each through a watch of its own.

use std::time::Instant;

use crate::engine::Engine;
use crate::sample::{Sample, Scale};

const PAIRS: usize = 100;

pub fn ping_pong<E: Engine>(engine: &mut E, scale: Scale) -> Sample {
    let rounds = scale.of(1000, 300);
    engine.in_task(async move {
        let start = Instant::now();
        let pairs: Vec<_> = (0..PAIRS)
            .map(|_| {
                let (question, mut asked) = E::watch(0);
                let (answer, mut answered) = E::watch(0);
                drop(E::spawn(async move {
                    for _ in 0..rounds {
                        let round = E::changed(&mut asked).await;
                        E::change(&answer, round);
                    }
                }));
                E::spawn(async move {
                    let mut count = 0;
                    for round in 1..=rounds {
                        E::change(&question, round);
                        assert_eq!(E::changed(&mut answered).await, round, "one answer for each question");
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
    })
}
