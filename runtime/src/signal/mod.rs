//! Signals of the operating system.
//!
//! ```no_run
//! use raddle::signal::{Signal, ctrl_c, signal};
//!
//! raddle::run(async {
//!     let mut hangups = signal(Signal::HANGUP);
//!     raddle::race((
//!         async {
//!             ctrl_c().await;
//!             println!("interrupted");
//!         },
//!         async {
//!             loop {
//!                 hangups.recv().await;
//!                 println!("reading the configuration again");
//!             }
//!         },
//!     ))
//!     .await;
//! });
//! ```
//!
//! Listening works under any executor. A thread called `raddle-signal` starts with the first listener and stays. While
//! nobody listens to a signal that was listened to before, it does what it does by default.

mod default_action;
mod hub;
mod listen;
mod number;

use default_action::is_default;
pub(crate) use default_action::raise_default;
pub(crate) use hub::{Guard, is_free, on_signal};
pub use listen::{CtrlC, Recv, Signals, ctrl_c, signal};
pub use number::Signal;
