//! Spawning, joining, yielding: `cargo bench -p raddle-bench --bench scheduler`.

mod common;

use criterion::{Criterion, criterion_group, criterion_main};
use raddle_bench::rows::Group;

criterion_group! { name = benches; config = common::criterion(); targets = scheduler }
criterion_main!(benches);

fn scheduler(criterion: &mut Criterion) {
    common::bench_rows(criterion, Group::Scheduler);
}
