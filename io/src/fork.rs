//! Which process something belongs to.
//!
//! A forked child has a copy of the memory, none of the other threads, and the very epoll and eventfds of its parent: a
//! source that the child takes out of the epoll is taken from the parent, an event that the child fetches is lost to
//! it. So a reactor remembers its process, and is dead in any other: what has to wait gets an error, or panics where it
//! could not return one, and no file descriptor is touched.
//!
//! To ask the system who we are would cost a call beside each unpark. Instead forks are counted, by [`note_child`], which
//! the C library calls in each child; the runtime asks it to. (A child that was made past the C library, by a bare system
//! call, is not noticed.)

use std::io;
// Not the shim's: loom's cannot be in a static, and nothing here happens between threads.
use std::sync::atomic::{AtomicU32, Ordering};

/// How many forks lie between the first process and this one.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// What a child is told that uses what is its parent's.
pub const FOREIGN: &str = "this raddle runtime belongs to the process that this one was forked from: its threads and \
                           its epoll are not here. Start what needs it before the fork, or in the parent";

/// A process, among those that are forks of one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process(u32);

impl Process {
    /// The process that runs this.
    #[inline]
    #[must_use]
    pub fn current() -> Process {
        // Relaxed: written in a child while it has one thread, which is this one or has started it.
        Process(FORKS.load(Ordering::Relaxed))
    }

    /// Whether it runs this.
    #[inline]
    #[must_use]
    pub fn is_current(self) -> bool {
        self == Process::current()
    }

    /// The error of what belongs to this process and is used in another.
    ///
    /// # Errors
    /// In any other process.
    #[inline]
    pub fn check(self) -> io::Result<()> {
        if self.is_current() { Ok(()) } else { Err(io::Error::other(FOREIGN)) }
    }
}

/// This process is a child that was just forked. It may be called where little is allowed: no lock, no allocation.
pub fn note_child() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}
