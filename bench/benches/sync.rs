//! What tasks wait on for each other: `cargo bench -p raddle-bench --bench sync`.

mod common;

use criterion::{Criterion, criterion_group, criterion_main};
use raddle_bench::rows::Group;

criterion_group! { name = benches; config = common::criterion(); targets = sync }
criterion_main!(benches);

fn sync(criterion: &mut Criterion) {
    common::bench_rows(criterion, Group::Sync);
}
