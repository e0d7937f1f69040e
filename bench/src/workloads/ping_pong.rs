//! 1000 pairs of tasks that send each other a oneshot.

use std::time::Instant;

use super::Countdown;
use crate::engine::Engine;
use crate::sample::{Sample, Scale};

const PAIRS: usize = 1000;

pub fn oneshots<E: Engine>(engine: &mut E, scale: Scale) -> Sample {
    let rounds = scale.of(20, 6);
    engine.in_task(async move {
        let start = Instant::now();
        for _ in 0..rounds {
            let (countdown, done) = Countdown::<E>::new(PAIRS);
            for _ in 0..PAIRS {
                let countdown = countdown.clone();
                drop(E::spawn(async move {
                    let (ping, pinged) = E::oneshot();
                    let (pong, ponged) = E::oneshot();
                    drop(E::spawn(async move {
                        pinged.await;
                        E::fulfil(pong, ());
                    }));
                    E::fulfil(ping, ());
                    ponged.await;
                    countdown.arrive();
                }));
            }
            done.await;
        }
        Sample::time(start.elapsed(), rounds * PAIRS)
    })
}
