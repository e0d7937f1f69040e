//! Workloads as benches of criterion, with raddle, tokio and smol side by side.
//!
//! ```text
//! cargo bench -p raddle-bench                            all of them: five to ten minutes
//! cargo bench -p raddle-bench --bench scheduler          one group
//! cargo bench -p raddle-bench --bench scheduler -- fib   one workload of it
//! cargo bench -p raddle-bench -- --test                  each once, to see that it works
//! ```
//!
//! The report is `target/criterion/report/index.html`. It says how a figure is spread and how it has changed since the
//! last run. Which side is better by how much is for `raddle-bench compare` to say: that alternates, while criterion
//! measures one side after the other, on a machine that may have become slower meanwhile.
//!
//! **An iteration is an operation**, as in the rows of `compare`: one task, message, lock or call. A workload can't do
//! one alone, so it is run until at least as many have happened as criterion asks for, and its time is scaled down to
//! those.

#![allow(dead_code, reason = "each bench takes what it needs")]

use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, PlottingBackend, Throughput};
use raddle_bench::WORKERS;
use raddle_bench::engine::{Engine, Flavor, Raddle, Smol, Tokio};
use raddle_bench::rows::{self, Group};
use raddle_bench::sample::{Sample, Scale};

/// All runtimes, alive at the same time; one of them runs at a time.
pub(crate) struct Engines {
    pub(crate) raddle: Raddle,
    pub(crate) tokio: Tokio,
    pub(crate) smol: Smol,
}

impl Engines {
    pub(crate) fn build(workers: usize) -> Engines {
        let tokio = Tokio::build((Flavor::MultiThread, workers));
        Engines { raddle: Raddle::build(workers), tokio, smol: Smol::build(workers) }
    }
}

/// Few samples of a short time each: there are a hundred benches.
pub(crate) fn criterion() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .nresamples(10_000)
        .plotting_backend(PlottingBackend::Plotters)
}

/// The rows of a group, each of them a group of criterion's. Those with several figures are left to `compare`.
pub(crate) fn bench_rows(criterion: &mut Criterion, group: Group) {
    let Engines { mut raddle, mut tokio, mut smol } = Engines::build(WORKERS);
    let scale = Scale { quick: true };
    for row in rows::all().iter().filter(|row| row.group == group && row.metrics.len() == 1) {
        let mut sides = criterion.benchmark_group(format!("{}/{}", group.name(), row.name));
        // Of starts in a second nobody asks.
        if group != Group::Lifecycle {
            sides.throughput(Throughput::Elements(1));
        }
        bench_side(&mut sides, Raddle::NAME, || (row.raddle)(&mut raddle, scale));
        bench_side(&mut sides, Tokio::NAME, || (row.tokio)(&mut tokio, scale));
        if let Some(workload) = row.smol {
            bench_side(&mut sides, Smol::NAME, || workload(&mut smol, scale));
        }
        sides.finish();
    }
}

/// A workload that says how many nanoseconds an operation took.
pub(crate) fn bench_side(sides: &mut BenchmarkGroup<'_, WallTime>, name: &str, mut workload: impl FnMut() -> Sample) {
    sides.bench_function(name, |bencher| bencher.iter_custom(|iterations| time_of(iterations, &mut workload)));
}

/// How long so many operations take.
pub(crate) fn time_of(iterations: u64, workload: &mut impl FnMut() -> Sample) -> Duration {
    let (mut nanos, mut operations) = (0.0, 0);
    while operations < iterations {
        let sample = workload();
        nanos += sample.values[0] * sample.operations as f64;
        operations += sample.operations as u64;
    }
    Duration::from_secs_f64(nanos / 1e9 * iterations as f64 / operations as f64)
}
