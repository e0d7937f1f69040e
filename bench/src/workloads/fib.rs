//! fib(20) as a tree of tasks: every call is a task that spawns its two branches and awaits them.

use std::future::Future;
use std::time::Instant;

use crate::engine::Engine;
use crate::sample::{Sample, Scale};

pub fn tree<E: Engine>(engine: &mut E, scale: Scale) -> Sample {
    let n = scale.of(20, 18) as u32;
    engine.in_task(async move {
        let start = Instant::now();
        let calls = E::spawn(fib::<E>(n)).await;
        Sample::time(start.elapsed(), calls)
    })
}

/// Counts its calls: 2 fib(n + 1) - 1 of them.
#[expect(clippy::manual_async_fn, reason = "a future that spawns its own kind must promise Send in its signature")]
fn fib<E: Engine>(n: u32) -> impl Future<Output = usize> + Send + 'static {
    async move {
        if n < 2 {
            return 1;
        }
        let left = E::spawn(fib::<E>(n - 1));
        let right = E::spawn(fib::<E>(n - 2));
        1 + left.await + right.await
    }
}
