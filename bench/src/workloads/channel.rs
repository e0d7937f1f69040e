//! Messages through a channel of 100 places: a `Queue`, and tokio's mpsc. That has a single receiver, so four consumers
//! share it in a tokio `Mutex`, which is what its users do.

use std::time::Instant;

use crate::engine::Engine;
use crate::sample::{Sample, Scale};

const PLACES: usize = 100;

pub fn one_to_one<E: Engine>(engine: &mut E, scale: Scale) -> Sample {
    flow(engine, scale, 1, 1)
}

pub fn four_to_one<E: Engine>(engine: &mut E, scale: Scale) -> Sample {
    flow(engine, scale, 4, 1)
}

pub fn four_to_four<E: Engine>(engine: &mut E, scale: Scale) -> Sample {
    flow(engine, scale, 4, 4)
}

fn flow<E: Engine>(engine: &mut E, scale: Scale, producers: usize, consumers: usize) -> Sample {
    let messages = scale.of(100_000, 30_000);
    engine.in_task(async move {
        let (sender, receiver) = E::channel::<usize>(PLACES);
        let start = Instant::now();
        let consumers: Vec<_> = E::share(receiver, consumers)
            .into_iter()
            .map(|mut receiver| {
                E::spawn(async move {
                    let mut received = 0;
                    while received < messages / consumers {
                        E::receive(&mut receiver).await.expect("the channel stays open");
                        received += 1;
                    }
                    received
                })
            })
            .collect();
        for _ in 0..producers {
            let sender = sender.clone();
            drop(E::spawn(async move {
                for message in 0..messages / producers {
                    assert!(E::send(&sender, message).await.is_ok(), "the channel stays open");
                }
            }));
        }
        let mut received = 0;
        for consumer in consumers {
            received += consumer.await;
        }
        Sample::time(start.elapsed(), received)
    })
}
