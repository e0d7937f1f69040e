//! One round of `stress/sync.rs`, which says what is promised.

mod stress_support;
#[path = "stress/sync.rs"]
mod sync;

fn main() {
    stress_support::program(sync::PART);
}
