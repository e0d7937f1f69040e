//! One round of `stress/timers.rs`, which says what is promised.

mod stress_support;
#[path = "stress/timers.rs"]
mod timers;

fn main() {
    stress_support::program(timers::PART);
}
