//! The workloads, the runtimes that they run on, and what they may cost: what the program `raddle-bench`, the benches
//! of `cargo bench`, and the tests have in common. Nothing else may rely on it.

#![allow(
    missing_docs,
    missing_debug_implementations,
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    reason = "public for this package's own programs only"
)]

pub mod budget;
pub mod cpu;
pub mod echo;
pub mod engine;
pub mod rows;
pub mod sample;
pub mod scratch;
pub mod strace;
pub mod workloads;

/// How many workers either runtime has, unless told otherwise.
pub const WORKERS: usize = 2;
