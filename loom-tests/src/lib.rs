//! Proof by exhaustion: every interleaving of raddle's protocols, and every stale read that the memory model allows.
//!
//! # The seam
//!
//! A protocol file of `io/` or `runtime/` imports nothing but `crate::shim` and its own siblings. This crate compiles
//! *the same files* by `#[path]`, into modules of the same shape, under a `shim` whose other face is loom's types: the
//! build script sets the cfg `raddle_loom` for this package alone, so no flag is needed and `cargo test` runs all
//! models. Nothing is copied; a protocol file that begins to import more than it should fails to compile here.
//!
//! What is public in its own crate (the I/O protocols, `sync`) is compiled into this library. What is private to the
//! runtime (`task`, `scheduler`) is compiled into the tests that look at it, by way of `src/task/mod.rs` and
//! `src/scheduler/mod.rs`.
//!
//! # What a model is
//!
//! Two or three threads that do what workers, reactors and users do, with the real protocol between them and as
//! little as possible around it. [`check`] runs it in every order. A lost wake-up shows as a deadlock, a missing
//! ordering as a causality violation on one of loom's cells, a leak as a waker or an output that is counted wrongly.
//! Models of two threads are searched without any bound; those of three allow a few preemptions (the number is in
//! the model). No model has a time limit: loom ends a search that runs out of time without a word.
//!
//! A model that cannot fail proves nothing. `mutants/models` has a change of production code for each one that it must
//! fail on, and `README.md` lists others.
//!
//! # What loom cannot see
//!
//! * **crossbeam-deque.** The workers' deques use std's atomics, on which loom sees nothing; a mutex in their place
//!   would add the very orderings whose absence loses wake-ups. So `scheduler/run_queue.rs` is compiled against a model
//!   of that deque with the same orderings (`deque.rs`). What is assumed of the real one is little: a push is seen by a
//!   thief that is ordered after it by other means, each task is popped or stolen once, and `len` may be out of date.
//!   A worker's push onto its own deque needs no wake-up for correctness, since the pusher is awake and looks again
//!   before it parks (`scheduler/idle.rs`).
//! * **Who drives the protocols.** The worker's loop and the socket operations reach into epoll. The models repeat
//!   the order of their steps (announce, look again, park; try, put the waker in, look again), and say so where they do.
//!   That those steps come in that order in the real loop is for the tests of the runtime to find.
//! * **SeqCst** loads and stores, which loom takes for weaker ones. No protocol here uses them.
//!
//! Of what loom itself overlooks, and makes up, `io/src/loom_atomic.rs` tells, and mends it for the shim's atomics. Models
//! take theirs from the shim, too, wherever a thread reads one that it also writes.
#![allow(clippy::missing_panics_doc, reason = "the modules of raddle-io are hidden from its documentation")]

#[path = "../../io/src/shim.rs"]
pub mod shim;

#[path = "../../io/src/entries.rs"]
mod entries;
#[path = "../../io/src/readiness.rs"]
pub mod readiness;
#[path = "../../io/src/slots.rs"]
pub mod slots;
#[path = "../../io/src/source.rs"]
pub mod source;
#[path = "../../io/src/timers.rs"]
pub mod timers;
#[path = "../../io/src/virtual_clock.rs"]
pub mod virtual_clock;
#[path = "../../io/src/waiting.rs"]
pub mod waiting;
#[path = "../../io/src/wheel.rs"]
pub mod wheel;

#[path = "../../runtime/src/sync/mod.rs"]
pub mod sync;

mod check;
mod deque;
mod parker;
mod waker;

pub use check::{bounded, bounded_for_good, check, unbounded};
pub use deque::{Steal, Stealer, Worker};
pub use parker::Parker;
pub use waker::TestWaker;
