//! How a process is started: std's builder.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;

use raddle_io::net::{PipeReader, PipeWriter};

use super::child::Child;
use super::command_futures::{CommandOutput, CommandStatus};
use super::pidfd::{Pidfd, Room};
use super::talk::Talk;

/// A program to be started, its arguments and surroundings: the builder of `std`.
///
/// Starting takes a millisecond or so, in which this worker waits for the system to load the program.
///
/// # Examples
/// See [the module](crate::process).
pub struct Command {
    command: std::process::Command,
    /// Which of the three were chosen.
    stdin: bool,
    stdout: bool,
    stderr: bool,
    merges: bool,
    kill_on_drop: bool,
}

impl Command {
    /// A program, by path, or by a name that is looked for in `PATH`.
    pub fn new(program: impl AsRef<OsStr>) -> Command {
        let command = std::process::Command::new(program);
        Command { command, stdin: false, stdout: false, stderr: false, merges: false, kill_on_drop: false }
    }

    /// Adds an argument.
    pub fn arg(&mut self, arg: impl AsRef<OsStr>) -> &mut Command {
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    pub fn args(&mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> &mut Command {
        self.command.args(args);
        self
    }

    /// What the program is told that it is called, instead of its own name.
    pub fn arg0(&mut self, name: impl AsRef<OsStr>) -> &mut Command {
        self.command.arg0(name);
        self
    }

    /// Sets a variable of its environment.
    pub fn env(&mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Command {
        self.command.env(key, value);
        self
    }

    /// Sets variables of its environment.
    pub fn envs(
        &mut self,
        variables: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
    ) -> &mut Command {
        self.command.envs(variables);
        self
    }

    /// Takes a variable out of its environment.
    pub fn env_remove(&mut self, key: impl AsRef<OsStr>) -> &mut Command {
        self.command.env_remove(key);
        self
    }

    /// Begins with an empty environment, instead of this process's.
    pub fn env_clear(&mut self) -> &mut Command {
        self.command.env_clear();
        self
    }

    /// The directory that it works in.
    pub fn current_dir(&mut self, directory: impl AsRef<Path>) -> &mut Command {
        self.command.current_dir(directory);
        self
    }

    /// Its standard input. If nothing is chosen: this process's, but nothing at all for [`Command::output`].
    pub fn stdin(&mut self, from: impl Into<Stdio>) -> &mut Command {
        self.stdin = true;
        self.command.stdin(from);
        self
    }

    /// Its standard output. If nothing is chosen: this process's, but a pipe for [`Command::output`].
    pub fn stdout(&mut self, to: impl Into<Stdio>) -> &mut Command {
        self.stdout = true;
        self.command.stdout(to);
        self
    }

    /// Its standard error. If nothing is chosen: this process's, but a pipe for [`Command::output`].
    pub fn stderr(&mut self, to: impl Into<Stdio>) -> &mut Command {
        self.stderr = true;
        self.command.stderr(to);
        self
    }

    /// Gives standard output and standard error one pipe together, which is the child's `stdout` here: `2>&1`, Python's
    /// `stderr=STDOUT`. Overrides what was chosen for the two.
    pub fn stderr_to_stdout(&mut self) -> &mut Command {
        self.merges = true;
        self
    }

    /// The user that it runs as.
    pub fn uid(&mut self, id: u32) -> &mut Command {
        self.command.uid(id);
        self
    }

    /// The group that it runs as.
    pub fn gid(&mut self, id: u32) -> &mut Command {
        self.command.gid(id);
        self
    }

    /// The process group that it is in; 0 is one of its own, which Ctrl-C in the terminal does not reach.
    pub fn process_group(&mut self, group: i32) -> &mut Command {
        self.command.process_group(group);
        self
    }

    /// Whether the process is killed when its [`Child`] is dropped.
    pub fn kill_on_drop(&mut self, kills: bool) -> &mut Command {
        self.kill_on_drop = kills;
        self
    }

    /// What was chosen so far, to be looked at.
    pub fn as_std(&self) -> &std::process::Command {
        &self.command
    }

    /// Starts the process.
    ///
    /// # Errors
    /// The system's, with the program's name in their text: `NotFound` or `PermissionDenied` for what cannot be run,
    /// also where that is the directory. `Unsupported` where the system has no pidfds; nothing has been started then.
    pub fn spawn(&mut self) -> io::Result<Child> {
        self.start(false).map_err(|error| self.about(error))
    }

    /// Starts the process, hears all that it says to standard output and standard error, and waits for its end.
    ///
    /// # Errors
    /// As [`Command::spawn`] and [`Child::communicate`]. A program that fails is no error: see the status.
    ///
    /// # Cancel safety
    /// A process whose future is dropped is ended: killed, if that was asked for by `kill_on_drop`; else told to end, and
    /// killed five seconds later. Whoever cancelled waits for that.
    #[track_caller]
    pub fn output(&mut self) -> CommandOutput {
        let started = self.start(true).map_err(|error| self.about(error));
        CommandOutput::new(started)
    }

    /// Starts the process and waits for its end.
    ///
    /// # Errors
    /// As [`Command::spawn`] and [`Child::wait`]. A program that fails is no error: see the status.
    ///
    /// # Cancel safety
    /// As [`Command::output`].
    #[track_caller]
    pub fn status(&mut self) -> CommandStatus {
        CommandStatus::new(self.spawn())
    }

    fn start(&mut self, captures: bool) -> io::Result<Child> {
        if !self.stdin {
            self.command.stdin(if captures { Stdio::null() } else { Stdio::inherit() });
        }
        let default = || if captures { Stdio::piped() } else { Stdio::inherit() };
        if !self.stdout {
            self.command.stdout(default());
        }
        if !self.stderr {
            self.command.stderr(default());
        }
        let room = Room::find()?;
        let (mut child, merged) = if self.merges { self.spawn_merged()? } else { (self.command.spawn()?, None) };
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let mut process = Pidfd::of(child, room, self.program())?;
        // From here on an error ends with a child that is killed.
        process.kill_on_drop = true;
        let stdin = pipes.0.map(PipeWriter::try_from).transpose()?;
        let stdout = pipes.1.map(PipeReader::try_from).transpose()?;
        let stderr = pipes.2.map(PipeReader::try_from).transpose()?;
        process.kill_on_drop = self.kill_on_drop;
        Ok(Child { stdin, stdout: merged.or(stdout), stderr, process, talk: Talk::default() })
    }

    fn spawn_merged(&mut self) -> io::Result<(std::process::Child, Option<PipeReader>)> {
        let (reader, writer) = io::pipe()?;
        let reader = PipeReader::try_from(OwnedFd::from(reader))?;
        self.command.stdout(writer.try_clone()?).stderr(writer);
        let child = self.command.spawn();
        // The builder keeps what it was given; a writer kept here would be read from for ever.
        self.command.stdout(Stdio::null()).stderr(Stdio::null());
        Ok((child?, Some(reader)))
    }

    fn program(&self) -> OsString {
        self.command.get_program().to_owned()
    }

    #[cold]
    fn about(&self, error: io::Error) -> io::Error {
        let place = self.command.get_current_dir().map(|place| format!(" in {place:?}")).unwrap_or_default();
        io::Error::new(error.kind(), format!("cannot start {:?}{place}: {error}", self.program()))
    }
}

/// Makes what is left of a pipe something that a child can be given: `tr.stdin(handed_on(printf.stdout.take()…)?)`.
///
/// The two programs then talk without this one. A pipe's end is made blocking for it, which programs expect.
///
/// # Errors
/// The system's.
///
/// # Examples
/// ```
/// use std::process::Stdio;
/// use raddle::process::{Command, handed_on};
///
/// raddle::run(async {
///     let mut echo = Command::new("echo").arg("hello").stdout(Stdio::piped()).spawn()?;
///     let words = handed_on(echo.stdout.take().unwrap())?;
///     let loud = Command::new("tr").args(["a-z", "A-Z"]).stdin(words).output().await?;
///     assert_eq!(loud.stdout, b"HELLO\n");
///     echo.wait().await
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub fn handed_on(end: impl Into<OwnedFd>) -> io::Result<Stdio> {
    let end = end.into();
    rustix::io::ioctl_fionbio(&end, false)?;
    Ok(Stdio::from(end))
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.command.fmt(f)
    }
}
