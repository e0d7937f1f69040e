//! Other processes, and this one's own standard input and output.
//!
//! ```
//! use std::process::Stdio;
//! use raddle::process::{Command, create_subprocess_exec};
//!
//! raddle::run(async {
//!     let listing = Command::new("echo").arg("hello").output().await?;
//!     assert!(listing.status.success());
//!     assert_eq!(listing.stdout, b"hello\n");
//!
//!     let mut sort = create_subprocess_exec("sort", ["-r"]).stdin(Stdio::piped()).stdout(Stdio::piped()).await?;
//!     let sorted = sort.communicate(Some(b"a\nc\nb\n".to_vec())).await?;
//!     assert_eq!(sorted.stdout, b"c\nb\na\n");
//!     std::io::Result::Ok(())
//! })?;
//! # std::io::Result::Ok(())
//! ```
//!
//! **How the end of a process is seen.** Each child has a pidfd, a file descriptor that is ready when the process has
//! ended; it is waited for like a socket. There is no handler of SIGCHLD, and nobody waits for children that others have
//! started. A signal goes through the pidfd, too, so it cannot hit another process that got the same number. (Linux 5.4
//! and later; elsewhere starting a process fails, and says so, before anything is started.)
//!
//! **What a dropped [`Child`] leaves behind.** The process goes on, unless it was started with `kill_on_drop`; its pipes
//! are closed. Somebody has to fetch its exit status or it stays in the system's table as a zombie: the pidfd is handed
//! to the thread `raddle-reaper`, which belongs to no runtime and is there as long as there are such orphans. A child may
//! as well outlive the runtime it was started in, and be waited for in another.
//!
//! **What cancelling leaves behind.** A [`Child`] is somebody's: giving up [`Child::wait`] or [`Child::communicate`]
//! changes nothing, and both can be taken up again. [`Command::output`] and [`Command::status`] have their child for
//! themselves. When they are dropped, the child is told to end and, if it does not, killed; whoever cancelled waits for
//! that, as for any other cleanup.

mod child;
mod child_futures;
mod command;
mod command_futures;
mod pidfd;
mod reaper;
mod stdin;
mod stdin_source;
mod stdout;
mod subprocess;
mod talk;

pub use child::Child;
pub use child_futures::{ChildWait, Communicate, StopChild};
pub use command::{Command, handed_on};
pub use command_futures::{CommandOutput, CommandStatus};
pub use std::process::{ExitStatus, Output, Stdio};
pub use stdin::{Stdin, StdinNextLine, StdinRead, StdinReadLine, StdinReadToEnd, stdin};
pub(crate) use stdin_source::is_read as is_stdin_read;
pub use stdout::{Flush, Print, PrintSome, Stderr, Stdout, stderr, stdout};
pub use subprocess::{Starting, Subprocess, create_subprocess_exec, create_subprocess_shell};
