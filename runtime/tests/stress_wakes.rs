//! One round of `stress/wakes.rs`, which says what is promised.

mod stress_support;
#[path = "stress/wakes.rs"]
mod wakes;

fn main() {
    stress_support::program(wakes::PART);
}
