//! A process that was started here.

use std::fmt;
use std::future::Future;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::panic::Location;
use std::process::{ExitStatus, Output};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use raddle_io::net::{PipeReader, PipeWriter};

use super::child_futures::{ChildWait, Communicate, StopChild};
use super::pidfd::Pidfd;
use super::talk::{Talk, poll_hear};
use crate::api::finally::Exit;
use crate::api::with::AsyncClose;
use crate::signal::Signal;
use crate::waiting::{self, Kind};

/// What a child gets to end by itself when it is closed: what Trio gives it.
const A_WHILE: Duration = Duration::from_secs(5);

/// A process that was started here. asyncio's `Process`.
///
/// Dropped, the process goes on by itself, unless it was started with `kill_on_drop`. For one that is to end in any case
/// there is [`with`](crate::with): a child that is closed is told to end (SIGTERM) and, if it is still there five seconds
/// later, killed.
///
/// # Examples
/// ```
/// use std::process::Stdio;
/// use std::time::Duration;
/// use raddle::process::Command;
///
/// raddle::run(async {
///     let mut child = Command::new("sleep").arg("1000").spawn()?;
///     assert!(raddle::timeout(Duration::from_millis(10), child.wait()).await.is_err());
///     child.terminate()?;
///     child.wait().await?;
///     assert_eq!(child.returncode(), Some(-15));
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub struct Child {
    /// The end of the pipe to its standard input, if it was started with one. Dropping it is the end of the input.
    pub stdin: Option<PipeWriter>,
    /// The end of the pipe from its standard output, if it was started with one.
    pub stdout: Option<PipeReader>,
    /// The end of the pipe from its standard error, if it was started with one.
    pub stderr: Option<PipeReader>,
    pub(super) process: Pidfd,
    pub(super) talk: Talk,
}

impl Child {
    /// The number of the process. Once it was waited for, another process may get it.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits until the process has ended. May be called again, and gives the same again.
    ///
    /// A child that writes more to a pipe than it holds waits for somebody to read, and one that reads waits for the end
    /// of its input: take its pipes and serve them, drop them, or use [`Child::communicate`].
    ///
    /// # Errors
    /// If another part of the program has fetched the exit status; `Other` on a thread without a raddle runtime.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    #[track_caller]
    pub fn wait(&mut self) -> ChildWait<'_> {
        ChildWait::new(self)
    }

    /// How the process has ended, if it has.
    ///
    /// # Errors
    /// As [`Child::wait`].
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.process.try_end()
    }

    /// Says all of `input` to the process, closes its standard input, hears what it says to the pipes that it was started
    /// with, and waits for its end.
    ///
    /// That it does not listen to the end is no error. What it says is kept in memory, however much it is.
    ///
    /// # Errors
    /// `InvalidInput` for an input where there is no pipe for it, or where an earlier call has one still; else as
    /// [`Child::wait`].
    ///
    /// # Cancel safety
    /// Nothing is lost: the process goes on, what was said and heard stays with the child, and the next call, with `None`,
    /// takes it up from there.
    ///
    /// # Examples
    /// ```
    /// use std::process::Stdio;
    /// use raddle::process::Command;
    ///
    /// raddle::run(async {
    ///     let mut count = Command::new("wc").arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    ///     let output = count.communicate(Some(vec![b'x'; 1_000_000])).await?;
    ///     assert_eq!(output.stdout.trim_ascii(), b"1000000");
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    #[track_caller]
    pub fn communicate(&mut self, input: Option<Vec<u8>>) -> Communicate<'_> {
        Communicate::new(self, input)
    }

    /// Asks the process to end, with SIGTERM.
    ///
    /// # Errors
    /// As [`Child::send_signal`].
    pub fn terminate(&self) -> io::Result<()> {
        self.send_signal(Signal::TERM)
    }

    /// Ends the process, with SIGKILL, which it cannot refuse. [`Child::wait`] tells when it is done.
    ///
    /// # Errors
    /// As [`Child::send_signal`].
    pub fn kill(&self) -> io::Result<()> {
        self.send_signal(Signal::KILL)
    }

    /// Sends the process a signal.
    ///
    /// # Errors
    /// `NotFound` if it has ended and was waited for; `PermissionDenied` if it belongs to somebody else by now;
    /// `InvalidInput` for a number that is no signal with a name.
    pub fn send_signal(&self, signal: Signal) -> io::Result<()> {
        self.process.send(signal)
    }

    /// Asks the process to end, and kills it if it is still there after `grace`. Returns when it has ended.
    ///
    /// # Errors
    /// As [`Child::wait`] and [`Child::send_signal`]; that it has ended already is none.
    ///
    /// # Cancel safety
    /// A future that is dropped half way does not kill the process; it was asked to end.
    ///
    /// # Examples
    /// ```
    /// use std::os::unix::process::ExitStatusExt;
    /// use std::time::Duration;
    ///
    /// raddle::run(async {
    ///     let mut child = raddle::create_subprocess_exec("sleep", ["1000"]).await?;
    ///     assert_eq!(child.stop(Duration::from_secs(60)).await?.signal(), Some(15));
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    #[track_caller]
    pub fn stop(&mut self, grace: Duration) -> StopChild<'_> {
        StopChild::new(self, grace)
    }

    /// How the process has ended, as Python tells it: its exit code, or the number of the signal that ended it below
    /// zero. `None` while it runs.
    pub fn returncode(&self) -> Option<i32> {
        let status = self.process.look()?;
        status.code().or_else(|| status.signal().map(|number| -number))
    }

    /// Says that this poll waits for the process, if it does.
    pub(super) fn note<T>(&self, polled: &Poll<T>, at: &'static Location<'static>) {
        if polled.is_pending() {
            waiting::note(Kind::Process, self.process.id(), at);
        }
    }

    /// Serves all three pipes, then waits.
    pub(super) fn poll_communicate(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Output>> {
        let said = self.talk.poll_say(&mut self.stdin, cx)?;
        let out = poll_hear(&mut self.stdout, &mut self.talk.stdout, cx)?;
        let err = poll_hear(&mut self.stderr, &mut self.talk.stderr, cx)?;
        if said.is_pending() || out.is_pending() || err.is_pending() {
            return Poll::Pending;
        }
        let status = ready!(self.process.poll_end(cx))?;
        let (stdout, stderr) = (std::mem::take(&mut self.talk.stdout), std::mem::take(&mut self.talk.stderr));
        Poll::Ready(Ok(Output { status, stdout, stderr }))
    }
}

/// Closes the pipes, asks the process to end and waits for that; after five seconds, or when the closing itself is cut
/// short, the process is killed.
impl AsyncClose for Child {
    fn async_close(mut self, _exit: Exit) -> impl Future<Output = ()> + Send {
        // At the call: a closing may be cut short before its first poll.
        self.process.kill_on_drop = true;
        (self.stdin, self.stdout, self.stderr) = (None, None, None);
        async move {
            // What goes wrong here has nobody to be told: the process is not ours any more, or its status is lost.
            let _ = self.stop(A_WHILE).await;
        }
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.process.look() {
            Some(status) => write!(f, "<Child {:?}: {status}>", self.process),
            None => write!(f, "<Child {:?}, running>", self.process),
        }
    }
}
