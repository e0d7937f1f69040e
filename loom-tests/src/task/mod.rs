//! The runtime's `task`, as far as it is protocol.
#![allow(dead_code, reason = "each test that compiles this looks at a part of it")]

pub(crate) mod header;
#[path = "../../../runtime/src/task/join.rs"]
pub(crate) mod join;
#[path = "../../../runtime/src/task/remote_free.rs"]
pub(crate) mod remote_free;
#[path = "../../../runtime/src/task/state.rs"]
pub(crate) mod state;
