//! Files and directories, on the threads for blocking calls.
//!
//! ```
//! use raddle::fs;
//!
//! raddle::run(async {
//!     let here = std::env::temp_dir().join(format!("raddle-doc-{}", std::process::id()));
//!     fs::create_dir_all(here.join("notes")).await?;
//!     fs::write(here.join("notes/first"), "milk, bread").await?;
//!     assert_eq!(fs::read_to_string(here.join("notes/first")).await?, "milk, bread");
//!     fs::remove_dir_all(here).await
//! })?;
//! # std::io::Result::Ok(())
//! ```
//!
//! **What it costs.** Linux says of every file that it is ready, and then makes the caller wait for the disk. So there
//! is nothing to wait for in a reactor: each call here goes to one of the threads of [`to_thread`](crate::to_thread)
//! and comes back, which takes some ten microseconds and keeps the worker free meanwhile. A thousand small calls in a
//! row are better made in one `to_thread` with `std::fs`. There are as many calls at a time as there are such threads
//! ([`Runner::blocking_threads`](crate::Runner::blocking_threads)); the others queue.
//!
//! **Starting.** Nothing happens before the first poll. From then on a call cannot be taken back: whoever drops its
//! future half way leaves it running, it is finished, and the end of the run waits for it, up to the grace period.
//!
//! **Errors** are those of `std::fs`, of the same kind, and name what was attempted and the path. The system's own error
//! is the [`source`](std::error::Error::source) of what is inside. `Other`: there is no raddle runtime on this thread,
//! or the system refuses a thread.
//!
//! **Losing nothing.** What is feared is a thread that has read bytes, and a future that is gone when they come; or one
//! that has failed to write, and nobody to tell. So both stay with the [`File`]: whatever the thread brings lies in a
//! cursor until somebody takes it, and an error of a write that nobody waited for is given to the next who
//! writes, flushes or syncs. If there is none, it is reported.

mod call;
mod cursor;
mod directory;
mod entries;
pub(crate) mod errand;
mod error;
mod file;
mod file_calls;
mod file_futures;
mod file_traits;
mod open_options;
mod whole;

pub use call::Blocking;
pub use directory::{DirEntry, NextEntry, ReadDir, create_dir, create_dir_all, read_dir, remove_dir, remove_dir_all};
pub use entries::{
    canonicalize, hard_link, metadata, read_link, remove_file, rename, set_permissions, symlink, symlink_metadata,
    try_exists,
};
pub use file::File;
pub use file_futures::{
    FileFlush, FileRead, FileReadExact, FileReadToEnd, FileReadToString, FileSeek, FileSync, FileWrite, FileWriteAll,
    IntoStd,
};
pub use open_options::OpenOptions;
pub use std::fs::{FileType, Metadata, Permissions};
pub use whole::{copy, read, read_to_string, write};
