//! One sender, four receivers who get every message. A send waits for nobody, so the sender fills the 100 places and
//! then waits until the last of the four has taken everything; nobody lags.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::engine::Engine;
use crate::sample::{Sample, Scale};

const PLACES: usize = 100;
const RECEIVERS: usize = 4;

pub fn one_to_four<E: Engine>(engine: &mut E, scale: Scale) -> Sample {
    let rounds = scale.of(1000, 300);
    engine.in_task(async move {
        let news = E::broadcast::<usize>(PLACES);
        let round = Arc::new((AtomicUsize::new(RECEIVERS), E::event()));
        let start = Instant::now();
        let receivers: Vec<_> = (0..RECEIVERS)
            .map(|_| {
                let mut reader = E::subscribe(&news);
                let round = round.clone();
                E::spawn(async move {
                    let mut received = 0;
                    while received < rounds * PLACES {
                        let message = E::next(&mut reader).await;
                        assert_eq!(message, received, "nobody lags");
                        received += 1;
                        if received % PLACES == 0 && round.0.fetch_sub(1, Ordering::AcqRel) == 1 {
                            E::signal(&round.1);
                        }
                    }
                    received
                })
            })
            .collect();
        for message in 0..rounds * PLACES {
            E::publish(&news, message);
            if (message + 1) % PLACES == 0 {
                E::signalled(&round.1).await;
                round.0.store(RECEIVERS, Ordering::Release);
            }
        }
        let mut received = 0;
        for receiver in receivers {
            received += receiver.await;
        }
        Sample::time(start.elapsed(), received)
    })
}
