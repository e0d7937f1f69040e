//! A runtime that starts, runs nothing, and stops.

use std::thread;
use std::time::Instant;

use crate::WORKERS;
use crate::engine::Engine;
use crate::sample::{Sample, Scale};

/// On a thread of its own, since the calling one belongs to the runtime that stays alive.
pub fn and_stop<E: Engine>(engine: &mut E, scale: Scale) -> Sample {
    let (recipe, rounds) = (engine.recipe(), scale.of(100, 30));
    let thread = thread::spawn(move || {
        let start = Instant::now();
        let mut sum = 0;
        for _ in 0..rounds {
            sum += E::build(recipe).in_main(async { 1 });
        }
        Sample::time(start.elapsed(), sum)
    });
    thread.join().expect("an empty main does not panic")
}

/// What a runtime with two workers would take if it were nothing but them: two threads that start and end.
pub fn of_threads(scale: Scale) -> Sample {
    let rounds = scale.of(100, 30);
    let start = Instant::now();
    let mut sum = 0;
    for _ in 0..rounds {
        let threads = [(); WORKERS].map(|()| thread::spawn(|| {}));
        for thread in threads {
            thread.join().expect("an empty thread does not panic");
        }
        sum += 1;
    }
    Sample::time(start.elapsed(), sum)
}
