//! Each task spawns the next, 1000 deep; the last one tells.

use std::time::Instant;

use crate::engine::Engine;
use crate::sample::{Sample, Scale};

const DEPTH: usize = 1000;

pub fn chains<E: Engine>(engine: &mut E, scale: Scale) -> Sample {
    let chains = scale.of(50, 15);
    engine.in_task(async move {
        let start = Instant::now();
        let mut tasks = 0;
        for _ in 0..chains {
            let (last, done) = E::oneshot();
            next::<E>(1, last);
            tasks += done.await;
        }
        Sample::time(start.elapsed(), tasks)
    })
}

fn next<E: Engine>(depth: usize, last: E::Promise<usize>) {
    drop(E::spawn(async move { if depth == DEPTH { E::fulfil(last, depth) } else { next::<E>(depth + 1, last) } }));
}
