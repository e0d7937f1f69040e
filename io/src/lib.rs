//! What an fd and a deadline are: reactor, timers and sockets of the raddle runtime.
//!
//! This crate knows wakers but no tasks. Each worker of a runtime owns a [`reactor::Reactor`]: an epoll, a timer wheel
//! and the place where its thread sleeps. The worker enters a [`context::Context`] that names it; from there on every
//! socket and every [`Sleep`] polled on that thread finds it, if and when it has to wait.
//!
//! ```text
//!   net/*   interval > sleep    timeout      what users meet
//!           evented     |
//!     registration    nursery
//!               \       |
//!                 context > reactor          whose thread is this; rescue_set > reactor
//!                   /            \
//!   slots > source > readiness   timers > wheel > entries     who waits, for what
//!   advance > clock > virtual_clock   budget   wake   waiting   fork   shim
//! ```
//!
//! A file imports only from lines below it. `readiness`, `source`, `timers`, `virtual_clock` and `wheel` are protocols: they import
//! nothing but `shim` and each other, and are model-checked as they are. There is no unsafe code here.
//!
//! Users meet all this through the crate `raddle`, which re-exports it.
#![forbid(unsafe_code)]

#[cfg(not(target_os = "linux"))]
compile_error!("raddle runs on Linux only: nobody has tested it elsewhere");

mod advance;
mod alarm;
#[doc(hidden)]
pub mod budget;
mod clock;
#[doc(hidden)]
pub mod context;
mod entries;
mod evented;
#[doc(hidden)]
pub mod fork;
mod interval;
pub mod net;
#[doc(hidden)]
pub mod nursery;
#[doc(hidden)]
pub mod reactor;
#[doc(hidden)]
pub mod readiness;
mod registration;
#[doc(hidden)]
pub mod rescue_set;
#[doc(hidden)]
pub mod shim;
mod sleep;
#[doc(hidden)]
pub mod slots;
#[doc(hidden)]
pub mod source;
mod timeout;
#[doc(hidden)]
pub mod timers;
#[doc(hidden)]
pub mod virtual_clock;
#[doc(hidden)]
pub mod waiting;
mod wake;
#[doc(hidden)]
pub mod wheel;

pub use advance::Advance;
pub use clock::{Clock, Instant};
pub use interval::{Interval, MissedTickBehavior, Tick, interval, interval_at};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::TimeoutError;
