//! What an fd and a deadline are: reactor, timers and sockets of the raddle runtime.
#![forbid(unsafe_code)]

#[doc(hidden)]
pub mod shim;
