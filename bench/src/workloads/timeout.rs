//! A deadline an hour away, around something that is ready and around something that is not.

use std::future::{self, Future};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::sample::{Sample, Scale};

const HOUR: Duration = Duration::from_secs(3600);

pub fn ready<E: Engine>(engine: &mut E, scale: Scale) -> Sample {
    let rounds = scale.of(1_000_000, 300_000);
    engine.in_task(async move {
        let start = Instant::now();
        let mut sum = 0;
        for _ in 0..rounds {
            sum += E::timeout(HOUR, future::ready(std::hint::black_box(1))).await.expect("ready before the hour");
        }
        Sample::time(start.elapsed(), sum)
    })
}

/// Polled once, then dropped, in a task.
pub fn pending<E: Engine>(engine: &mut E, scale: Scale) -> Sample {
    engine.in_task(polled_once::<E>(scale))
}

/// The same from main: tokio's `block_on`, which is no worker, so that a timer may have to wake the driver.
pub fn pending_in_main<E: Engine>(engine: &mut E, scale: Scale) -> Sample {
    engine.in_main(polled_once::<E>(scale))
}

async fn polled_once<E: Engine>(scale: Scale) -> Sample {
    let rounds = scale.of(200_000, 60_000);
    let start = Instant::now();
    let mut count = 0;
    for _ in 0..rounds {
        let mut waiting = pin!(E::timeout(HOUR, future::pending::<()>()));
        future::poll_fn(|context| {
            count += usize::from(waiting.as_mut().poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
    }
    Sample::time(start.elapsed(), count)
}
