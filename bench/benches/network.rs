//! Echo over loopback, with the client on a plain thread of this process: `cargo bench -p raddle-bench --bench
//! network`.
//!
//! The runtimes and the client share one core, where figures are steadiest: on two of them the time it takes to wake
//! the other one is most of what is measured.

mod common;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use raddle_bench::WORKERS;
use raddle_bench::cpu::Pinned;
use raddle_bench::engine::{Engine, Raddle, Smol, Tokio};
use raddle_bench::workloads::echo;

use common::{Engines, bench_side};

/// A tenth of a second or less.
const MESSAGES: usize = 6_000;

criterion_group! { name = benches; config = common::criterion(); targets = network }
criterion_main!(benches);

fn network(criterion: &mut Criterion) {
    let _pinned = Pinned::to_one_core().expect("a thread may choose among its cores");
    let Engines { mut raddle, mut tokio, mut smol } = Engines::build(WORKERS);
    for connections in [1, 64] {
        let mut sides = criterion.benchmark_group(format!("network/echo_{connections}"));
        sides.throughput(Throughput::Elements(1));
        bench_side(&mut sides, Raddle::NAME, || echo::over(&mut raddle, connections, MESSAGES));
        bench_side(&mut sides, Tokio::NAME, || echo::over(&mut tokio, connections, MESSAGES));
        bench_side(&mut sides, Smol::NAME, || echo::over(&mut smol, connections, MESSAGES));
        sides.finish();
    }
}
