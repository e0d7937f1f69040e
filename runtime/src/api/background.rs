//! A runtime in the background of a program that is not async.

use std::fmt;
use std::io;
use std::ops::Deref;
use std::panic::resume_unwind;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use super::handle::Handle;
use super::run_error::RunError;
use super::runner::Runner;
use crate::scheduler::context;

/// A runtime that a thread of its own runs, until this is dropped. Made by [`Runner::in_background`].
///
/// It can do what a [`Handle`] can. Dropping it ends the runtime as dropping a [`Runner`] does, and waits for that: what
/// is left is cancelled and cleaned up, within its grace.
pub struct Background {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Runner {
    /// Runs the runtime on a thread of its own, for a program that is not async.
    ///
    /// # Errors
    /// [`RunError::Io`] when the system refuses the thread, or the one epoll instance that is needed.
    ///
    /// # Panics
    /// After the first run, and after [`handle`](Runner::handle): the runtime is this thread's then.
    ///
    /// # Examples
    /// ```
    /// use raddle::Runner;
    ///
    /// let background = Runner::new().workers(2).in_background().unwrap();
    /// let task = background.create_task(async { 6 * 7 }); // runs meanwhile
    /// let words = [String::from("not"), String::from("'static")];
    /// let letters = background.block_on(async { words.concat().len() });
    /// assert_eq!((task.join_blocking().unwrap(), letters), (42, 10));
    /// // Dropping it cancels what is left, and waits for that.
    /// ```
    #[track_caller]
    pub fn in_background(self) -> Result<Background, RunError> {
        let config = self.into_config();
        let (give, given) = mpsc::sync_channel::<Result<Handle, RunError>>(1);
        let name = format!("{}-background", config.name);
        let run = move || {
            let mut runner = Runner::with_config(config);
            let handle = runner.try_handle();
            let is_there = handle.is_ok();
            // Somebody waits for it.
            let _ = give.send(handle);
            if is_there {
                runner.run_forever();
            }
        };
        let thread = thread::Builder::new().name(name).spawn(run).map_err(RunError::Io)?;
        let handle = given.recv().unwrap_or_else(|_| Err(RunError::Io(io::Error::other("the thread has panicked"))))?;
        Ok(Background { handle, thread: Some(thread) })
    }
}

impl Deref for Background {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.handle.stop();
        let Some(thread) = self.thread.take() else { return };
        let is_own = context::current().is_some_and(|worker| Arc::ptr_eq(&worker.shared, &self.handle.0));
        if is_own || !self.handle.0.process.is_current() {
            // One of its own tasks had it: it ends, and cannot wait for itself. Or this is a fork, without that thread.
            return;
        }
        if let Err(panic) = thread.join()
            && !thread::panicking()
        {
            resume_unwind(panic);
        }
    }
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Background").field(&self.handle).finish()
    }
}
