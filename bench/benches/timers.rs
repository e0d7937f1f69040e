//! Deadlines and sleeps: `cargo bench -p raddle-bench --bench timers`.

mod common;

use criterion::{Criterion, criterion_group, criterion_main};
use raddle_bench::rows::Group;

criterion_group! { name = benches; config = common::criterion(); targets = timers }
criterion_main!(benches);

fn timers(criterion: &mut Criterion) {
    common::bench_rows(criterion, Group::Timers);
}
