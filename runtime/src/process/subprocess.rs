//! asyncio's names for starting a process.

use std::ffi::OsStr;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll};

use super::child::Child;
use super::command::Command;

/// Starts a program when it is awaited. asyncio's `create_subprocess_exec`.
///
/// # Errors
/// Those of [`Command::spawn`].
///
/// # Cancel safety
/// Nothing is started before it is awaited; then it is started at once.
///
/// # Examples
/// ```
/// use std::process::Stdio;
///
/// raddle::run(async {
///     let mut cat = raddle::create_subprocess_exec("cat", ["-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).await?;
///     assert_eq!(cat.communicate(Some(b"x".to_vec())).await?.stdout, b"x");
///     let missing = raddle::create_subprocess_exec("no such program", ["-"]).await.unwrap_err();
///     assert_eq!(missing.to_string(), r#"cannot start "no such program": No such file or directory (os error 2)"#);
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
#[track_caller]
pub fn create_subprocess_exec(
    program: impl AsRef<OsStr>,
    args: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Subprocess {
    let mut command = Command::new(program);
    command.args(args);
    Subprocess { command }
}

/// Starts a command of the shell, `/bin/sh`, when it is awaited. asyncio's `create_subprocess_shell`.
///
/// The shell sees the text as it is: what comes from elsewhere has to be quoted for it, or given to
/// [`create_subprocess_exec`], where nothing has a meaning.
///
/// # Errors
/// Those of [`Command::spawn`]. A command that the shell does not find is its exit status 127.
///
/// # Cancel safety
/// Nothing is started before it is awaited; then it is started at once.
///
/// # Examples
/// ```
/// use std::process::Stdio;
///
/// raddle::run(async {
///     let mut shell = raddle::create_subprocess_shell("echo $((6 * 7)); exit 3").stdout(Stdio::piped()).await?;
///     assert_eq!(shell.communicate(None).await?.stdout, b"42\n");
///     assert_eq!(shell.returncode(), Some(3));
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
#[track_caller]
pub fn create_subprocess_shell(command: impl AsRef<OsStr>) -> Subprocess {
    create_subprocess_exec("/bin/sh", [OsStr::new("-c"), command.as_ref()])
}

/// A process to be started by awaiting this. Made by [`create_subprocess_exec`] and [`create_subprocess_shell`].
#[must_use = "nothing is started until it is awaited"]
#[derive(Debug)]
pub struct Subprocess {
    command: Command,
}

macro_rules! options {
    ($($(#[$meta:meta])* $name:ident($($arg:ident: $type:ty),*);)*) => {
        impl Subprocess {$(
            $(#[$meta])*
            pub fn $name(mut self, $($arg: $type),*) -> Subprocess {
                self.command.$name($($arg),*);
                self
            }
        )*}
    };
}

options! {
    /// As [`Command::stdin`].
    stdin(from: impl Into<Stdio>);
    /// As [`Command::stdout`].
    stdout(to: impl Into<Stdio>);
    /// As [`Command::stderr`].
    stderr(to: impl Into<Stdio>);
    /// As [`Command::stderr_to_stdout`].
    stderr_to_stdout();
    /// As [`Command::kill_on_drop`].
    kill_on_drop(kills: bool);
    /// As [`Command::current_dir`].
    current_dir(directory: impl AsRef<Path>);
    /// As [`Command::env`].
    env(key: impl AsRef<OsStr>, value: impl AsRef<OsStr>);
    /// As [`Command::envs`].
    envs(variables: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>);
    /// As [`Command::env_remove`].
    env_remove(key: impl AsRef<OsStr>);
    /// As [`Command::env_clear`].
    env_clear();
    /// As [`Command::process_group`].
    process_group(group: i32);
}

impl IntoFuture for Subprocess {
    type Output = io::Result<Child>;
    type IntoFuture = Starting;

    fn into_future(self) -> Starting {
        Starting { command: self.command }
    }
}

/// The future of a [`Subprocess`].
#[must_use = "nothing is started until it is awaited"]
pub struct Starting {
    command: Command,
}

impl Future for Starting {
    type Output = io::Result<Child>;

    fn poll(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<Child>> {
        Poll::Ready(self.command.spawn())
    }
}

impl fmt::Debug for Starting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Starting {:?}>", self.command)
    }
}
