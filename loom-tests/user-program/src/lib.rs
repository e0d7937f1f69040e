//! A connection pool as somebody would write it who uses raddle, with a mistake that somebody would make.
//!
//! * `pool` is right. `hasty` is the same with two lines in the wrong order.
//! * `tests/models.rs` runs both in every order, with `--cfg raddle_loom`: it finds what is wrong with the second.
//! * `tests/pool.rs` and `examples/lend.rs` are the rest of the program, which needs the whole of raddle.
//!
//! `check` runs all of that. The guide is `raddle::checking`.

mod hasty;
mod pool;

pub use pool::Pool;
