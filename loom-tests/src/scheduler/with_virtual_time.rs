//! The runtime's `scheduler`, as far as it moves a virtual clock: a test that compiles this calls this crate `raddle_io`.
#![allow(dead_code, reason = "a part is looked at")]

#[path = "../../../runtime/src/scheduler/idle.rs"]
pub(crate) mod idle;
#[path = "../../../runtime/src/scheduler/injector.rs"]
pub(crate) mod injector;
#[path = "../../../runtime/src/scheduler/virtual_time.rs"]
pub(crate) mod virtual_time;
