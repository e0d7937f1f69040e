//! Bytes that a parked task takes: `cargo bench -p raddle-bench --bench memory`. The report is where that of times is,
//! `target/criterion/report/index.html`.
//!
//! An iteration is a process: the program `raddle-bench` with 200,000 tasks, of which each is asleep or waits on a
//! oneshot.

use std::path::Path;
use std::time::Duration;

use criterion::measurement::{Measurement, ValueFormatter};
use criterion::{BenchmarkGroup, Criterion, PlottingBackend, Throughput, criterion_group, criterion_main};
use raddle_bench::engine::{Engine, Raddle, Smol, Tokio};
use raddle_bench::workloads::memory;

const TASKS: usize = 200_000;

criterion_group! { name = benches; config = criterion(); targets = parked }
criterion_main!(benches);

/// A process says the same whenever it is asked, but for some pages.
fn criterion() -> Criterion<Bytes> {
    Criterion::default()
        .with_measurement(Bytes)
        .sample_size(10)
        .warm_up_time(Duration::from_millis(1))
        .measurement_time(Duration::from_secs(5))
        .nresamples(10_000)
        .plotting_backend(PlottingBackend::Plotters)
}

fn parked(criterion: &mut Criterion<Bytes>) {
    for (row, what) in [("parked_asleep", "sleep"), ("parked_oneshot", "oneshot")] {
        let mut sides = criterion.benchmark_group(format!("memory/{row}"));
        bench_side::<Raddle>(&mut sides, what);
        bench_side::<Tokio>(&mut sides, what);
        bench_side::<Smol>(&mut sides, what);
        sides.finish();
    }
}

fn bench_side<E: Engine>(sides: &mut BenchmarkGroup<'_, Bytes>, what: &str) {
    let program = Path::new(env!("CARGO_BIN_EXE_raddle-bench"));
    let one = || memory::in_a_child::<E>(program, what, TASKS).values[0];
    sides.bench_function(E::NAME, |bencher| bencher.iter_custom(|processes| (0..processes).map(|_| one()).sum()));
}

/// Bytes per task. Nothing but `iter_custom` can measure them, since they are another process's.
struct Bytes;

impl Measurement for Bytes {
    type Intermediate = ();
    type Value = f64;

    fn start(&self) {}

    fn end(&self, (): ()) -> f64 {
        unreachable!("only what the child says is measured")
    }

    fn add(&self, one: &f64, other: &f64) -> f64 {
        one + other
    }

    fn zero(&self) -> f64 {
        0.0
    }

    fn to_f64(&self, bytes: &f64) -> f64 {
        *bytes
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        self
    }
}

/// As they are: some hundreds.
impl ValueFormatter for Bytes {
    fn scale_values(&self, _: f64, _: &mut [f64]) -> &'static str {
        "B"
    }

    fn scale_throughputs(&self, _: f64, _: &Throughput, _: &mut [f64]) -> &'static str {
        unreachable!("memory has no throughput")
    }

    fn scale_for_machines(&self, _: &mut [f64]) -> &'static str {
        "B"
    }
}
