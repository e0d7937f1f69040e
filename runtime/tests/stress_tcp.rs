//! One round of `stress/tcp.rs`, which says what is promised.

mod stress_support;
#[path = "stress/tcp.rs"]
mod tcp;

fn main() {
    stress_support::program(tcp::PART);
}
