//! A runtime that starts and stops: `cargo bench -p raddle-bench --bench lifecycle`.

mod common;

use criterion::{Criterion, criterion_group, criterion_main};
use raddle_bench::rows::Group;

criterion_group! { name = benches; config = common::criterion(); targets = lifecycle }
criterion_main!(benches);

fn lifecycle(criterion: &mut Criterion) {
    common::bench_rows(criterion, Group::Lifecycle);
}
