//! One round of `stress/scheduler.rs`, which says what is promised.

#[path = "stress/scheduler.rs"]
mod scheduler;
mod stress_support;

fn main() {
    stress_support::program(scheduler::PART);
}
