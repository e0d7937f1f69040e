//! The runtime's `scheduler`, as far as it is protocol.
#![allow(dead_code, reason = "each test that compiles this looks at a part of it")]

#[path = "../../../runtime/src/scheduler/counter.rs"]
pub(crate) mod counter;
#[path = "../../../runtime/src/scheduler/idle.rs"]
pub(crate) mod idle;
#[path = "../../../runtime/src/scheduler/injector.rs"]
pub(crate) mod injector;
#[path = "../../../runtime/src/scheduler/next_slot.rs"]
pub(crate) mod next_slot;
#[path = "../../../runtime/src/scheduler/phase.rs"]
pub(crate) mod phase;
#[path = "../../../runtime/src/scheduler/ring.rs"]
pub(crate) mod ring;
#[path = "../../../runtime/src/scheduler/run_queue.rs"]
pub(crate) mod run_queue;
