//! Signals that the system sends to the process: Ctrl-C, "please end", and what the program gives a meaning to.
//!
//! ```standalone_crate
//! use raddle::{Signal, signal};
//!
//! raddle::run(async {
//!     let mut hangups = signal(Signal::HUP)?;
//! #   rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::HUP).unwrap();
//!     hangups.recv().await;
//!     println!("reading the configuration again");
//!     std::io::Result::Ok(())
//! }).unwrap();
//! ```
//!
//! The life of a signal: it interrupts some thread of the process in the middle of anything, so its handler does
//! nothing but add to two atomic numbers and write to a file descriptor (`table.rs`). That wakes the thread
//! `raddle-signal`, which is started when the first signal is asked for and stays. It wakes those who wait, in whatever
//! executor, or else does what a [`Runner`](crate::Runner) wants done about it.
//!
//! A handler is installed while somebody listens, and what was there before is called as well, unless it was the
//! default action. When the last listener is dropped, what was there before is put back.
//!
//! `action` is the only file here with unsafe code: the system's own table of handlers.

#[allow(unsafe_code)]
mod action;
mod listener;
mod number;
mod table;

pub(crate) use action::end_process;
pub use listener::{CtrlC, SignalRecv, Signals, ctrl_c, signal};
pub use number::Signal;
pub(crate) use table::{Substitution, is_any_listened_to, substitute};
