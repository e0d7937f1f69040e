//! The system calls of a program from its first to its last, as strace sees them.
//!
//! A program that does a thing often makes calls at its start and its end as well: two runs, small and large, tell what
//! a thing takes. See [`per_operation`].
//!
//! Whose calls they are matters: the watchdog goes by the clock, and how often it looks says how long a program took
//! under strace, and not what it did.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::budget::{ECHO, per_operation};
use crate::cpu::Pinned;
use crate::echo;
use crate::scratch::Scratch;

/// The commands whose calls are counted: a row of [`rows`](crate::rows), and the server of [`echo`].
pub const ONCE: &str = "once";
pub const ECHOED: &str = "echoed";

/// How often the server is put under load.
const ATTEMPTS: usize = 3;
/// How many messages each connection of the server is sent, in the small run and in the large one.
const MESSAGES: (u64, u64) = (0, 120);

/// A program that is looked at. It ends with this.
#[derive(Debug)]
pub struct Traced {
    strace: Child,
    scratch: Scratch,
}

/// The calls of a program, one a line, each with its thread in front.
#[derive(Debug)]
pub struct Calls(String);

/// Why strace can't be used here, if so.
pub fn is_missing() -> Option<String> {
    let tried = Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).output();
    match tried {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!("strace can't trace: {}", String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => Some(format!("strace does not start: {error}; apt-get install strace")),
    }
}

impl Traced {
    /// Looks at all threads of a command, which says what it says to [`stdout`](Traced::stdout). `options` are
    /// strace's.
    pub fn start(options: &[&str], command: &Command) -> Result<Traced, String> {
        let scratch = Scratch::new()?;
        let mut strace = Command::new("strace");
        strace.args(["-f", "-o"]).arg(log(&scratch)).args(options);
        strace.arg(command.get_program()).args(command.get_args());
        let set = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
        let file = errors(&scratch);
        let errors = File::create(&file).map_err(|error| format!("{} can't be made: {error}", file.display()))?;
        strace.envs(set).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
        let strace = strace.spawn().map_err(|error| format!("strace does not start: {error}"))?;
        Ok(Traced { strace, scratch })
    }

    pub fn stdout(&mut self) -> ChildStdout {
        self.strace.stdout.take().expect("it is piped, and taken once")
    }

    /// Waits for the program's end.
    pub fn finish(mut self) -> Result<Calls, String> {
        let status = self.strace.wait().map_err(|error| format!("strace is lost: {error}"))?;
        if !status.success() {
            let said = fs::read_to_string(errors(&self.scratch)).unwrap_or_default();
            return Err(format!("the program failed under strace: {status}\n{said}"));
        }
        let file = log(&self.scratch);
        let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(Calls(text))
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        // Nothing, where it was waited for. What strace looks at dies with it.
        _ = self.strace.kill();
        _ = self.strace.wait();
    }
}

fn log(scratch: &Scratch) -> PathBuf {
    scratch.file("calls")
}

/// What strace and the program say to their stderr: to be told if something fails, and else of no interest.
fn errors(scratch: &Scratch) -> PathBuf {
    scratch.file("errors")
}

impl Calls {
    /// Thread and call, in the order in which they began.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        let line = |line| str::split_once(line, char::is_whitespace).map(|(thread, call)| (thread, call.trim_start()));
        // What is no beginning of a call: `<... read resumed>`, `--- SIGCHLD`, `+++ exited`.
        self.0.lines().filter_map(line).filter(|(_, call)| call.starts_with(|first: char| first.is_ascii_lowercase()))
    }

    /// Of the thread that the program began with, which is the worker of a runtime that has one.
    pub fn of_main(&self) -> u64 {
        let main = self.all().next().map(|(thread, _)| thread);
        self.all().filter(|(thread, _)| Some(*thread) == main).count() as u64
    }

    /// Of all threads that wait for events or serve a connection: the workers, and spares that took over from one that
    /// strace held up.
    pub fn of_servers(&self) -> u64 {
        const SERVE: [&str; 4] = ["epoll_wait(", "epoll_pwait", "recvfrom(", "sendto("];
        let serves = |call: &str| SERVE.iter().any(|name| call.starts_with(name));
        let servers: HashSet<_> = self.all().filter(|(_, call)| serves(call)).map(|(thread, _)| thread).collect();
        self.all().filter(|(thread, _)| servers.contains(thread)).count() as u64
    }
}

fn command(program: &Path, args: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(program);
    command.args(args);
    command
}

/// Runs `bench once ROW` small and large: how many calls of the main thread an operation takes.
pub fn of_row(bench: &Path, row: &str, engine: &str) -> Result<f64, String> {
    per_operation(row, |quick| {
        let args = [ONCE, row, "--engine", engine, "--quick"];
        let args = if quick { &args[..] } else { &args[..4] };
        let mut traced = Traced::start(&[], &command(bench, args))?;
        let mut said = String::new();
        traced.stdout().read_to_string(&mut said).map_err(|error| format!("{row} says no text: {error}"))?;
        let calls = traced.finish()?.of_main();
        let operations = said.trim().parse().map_err(|_| format!("`{said}` is no number of operations"))?;
        Ok((calls, operations))
    })
}

/// Runs the server of `bench echoed` under load, small and large: how many calls of its workers a message takes. Server
/// and clients share one core, on which the clients go first, so that a server that looks for messages finds many. That is
/// the least of some attempts: one whose clients were kept from sending looks in vain, which is no fault of its own.
pub fn of_echo(bench: &Path) -> Result<f64, String> {
    let _pinned = Pinned::to_one_core().map_err(|error| format!("cannot stay on one core: {error}"))?;
    let attempts = (0..ATTEMPTS).map(|_| echo_once(bench)).collect::<Result<Vec<f64>, _>>()?;
    Ok(attempts.into_iter().fold(f64::INFINITY, f64::min))
}

fn echo_once(bench: &Path) -> Result<f64, String> {
    per_operation(ECHO, |quick| {
        let mut server = Traced::start(&["-s", "0"], &command(bench, &[ECHOED]))?;
        let count = if quick { MESSAGES.0 } else { MESSAGES.1 };
        let messages = echo::exchange(server.stdout(), count).map_err(|error| format!("no echo: {error}"))?;
        Ok((server.finish()?.of_servers(), messages))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_told_by_their_threads() {
        let log = "\
17 execve(\"/bin/x\", [\"x\"], 0x7ffd /* 20 vars */) = 0
17 clone3({flags=CLONE_VM} <unfinished ...>
18 futex(0x7f, FUTEX_WAIT <unfinished ...>
17 <... clone3 resumed>) = 18
17   epoll_wait(3, [], 1024, -1) = 0
17 --- SIGCHLD {si_signo=SIGCHLD} ---
19 epoll_pwait2(4, [], 1024, NULL) = 0
19 write(5, \"\", 8) = 8
20 sendto(6, NULL, 64, MSG_NOSIGNAL, NULL, 0) = 64
18 +++ exited with 0 +++
";
        let calls = Calls(log.into());
        assert_eq!((calls.of_main(), calls.of_servers(), calls.all().count()), (3, 6, 7));
        assert_eq!(Calls(String::new()).of_main(), 0);
    }
}
