//! Calls on threads for blocking: `cargo bench -p raddle-bench --bench blocking`.

mod common;

use criterion::{Criterion, criterion_group, criterion_main};
use raddle_bench::rows::Group;

criterion_group! { name = benches; config = common::criterion(); targets = blocking }
criterion_main!(benches);

fn blocking(criterion: &mut Criterion) {
    common::bench_rows(criterion, Group::Blocking);
}
