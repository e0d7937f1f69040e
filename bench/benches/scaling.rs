//! The same work with more tasks, more workers, more connections: `cargo bench -p raddle-bench --bench scaling`.
//!
//! What an operation takes should not depend on how many there are, so that the lines of the report are flat. Ten
//! million tasks need gigabytes and are tried only with `RADDLE_BENCH_TEN_MILLION=1`.

mod common;

use std::env;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{
    AxisScale, BenchmarkGroup, BenchmarkId, Criterion, PlotConfiguration, SamplingMode, criterion_group, criterion_main,
};
use raddle_bench::WORKERS;
use raddle_bench::cpu::Pinned;
use raddle_bench::engine::{Engine, Raddle, Smol, Tokio};
use raddle_bench::sample::{Sample, Scale};
use raddle_bench::workloads::{echo, fib, spawn, yielding};

use common::{Engines, time_of};

const MESSAGES: usize = 6_000;
const QUICK: Scale = Scale { quick: true };

criterion_group! { name = benches; config = criterion(); targets = tasks, workers, connections }
criterion_main!(benches);

/// Half of what other benches get, because there are many of these.
fn criterion() -> Criterion {
    common::criterion()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
}

fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(format!("scaling/{name}"));
    // Some of these take as long for one operation as for a million.
    group.sampling_mode(SamplingMode::Flat);
    group.plot_config(PlotConfiguration::default().summary_scale(AxisScale::Logarithmic));
    group
}

/// One point of a side's line.
fn bench_at(sides: &mut BenchmarkGroup<'_, WallTime>, name: &str, size: usize, mut workload: impl FnMut() -> Sample) {
    let id = BenchmarkId::new(name, size);
    sides.bench_function(id, |bencher| bencher.iter_custom(|iterations| time_of(iterations, &mut workload)));
}

/// Trivial tasks in one burst.
fn tasks(criterion: &mut Criterion) {
    let Engines { mut raddle, mut tokio, mut smol } = Engines::build(WORKERS);
    let mut sides = group(criterion, "tasks");
    let most = if env::var_os("RADDLE_BENCH_TEN_MILLION").is_some() { 7 } else { 6 };
    for tasks in (3..=most).map(|zeros| 10_usize.pow(zeros)) {
        bench_at(&mut sides, Raddle::NAME, tasks, || spawn::bursts_of(&mut raddle, tasks));
        bench_at(&mut sides, Tokio::NAME, tasks, || spawn::bursts_of(&mut tokio, tasks));
        bench_at(&mut sides, Smol::NAME, tasks, || spawn::bursts_of(&mut smol, tasks));
    }
    sides.finish();
}

/// Work that spreads by itself, and work that is spread already.
fn workers(criterion: &mut Criterion) {
    let counts = [1, 2, 4, 8];
    let mut sides = group(criterion, "workers_fib");
    for workers in counts {
        let Engines { mut raddle, mut tokio, mut smol } = Engines::build(workers);
        bench_at(&mut sides, Raddle::NAME, workers, || fib::tree(&mut raddle, QUICK));
        bench_at(&mut sides, Tokio::NAME, workers, || fib::tree(&mut tokio, QUICK));
        bench_at(&mut sides, Smol::NAME, workers, || fib::tree(&mut smol, QUICK));
    }
    sides.finish();
    let mut sides = group(criterion, "workers_yield_many");
    for workers in counts {
        let Engines { mut raddle, mut tokio, mut smol } = Engines::build(workers);
        bench_at(&mut sides, Raddle::NAME, workers, || yielding::many(&mut raddle, QUICK));
        bench_at(&mut sides, Tokio::NAME, workers, || yielding::many(&mut tokio, QUICK));
        bench_at(&mut sides, Smol::NAME, workers, || yielding::many(&mut smol, QUICK));
    }
    sides.finish();
}

/// Echo as in the bench `network`, on one core.
fn connections(criterion: &mut Criterion) {
    let _pinned = Pinned::to_one_core().expect("a thread may choose among its cores");
    let Engines { mut raddle, mut tokio, mut smol } = Engines::build(WORKERS);
    let mut sides = group(criterion, "connections");
    for count in [1, 64, 512] {
        bench_at(&mut sides, Raddle::NAME, count, || echo::over(&mut raddle, count, MESSAGES));
        bench_at(&mut sides, Tokio::NAME, count, || echo::over(&mut tokio, count, MESSAGES));
        bench_at(&mut sides, Smol::NAME, count, || echo::over(&mut smol, count, MESSAGES));
    }
    sides.finish();
}
