//! The number of system calls of a process, by strace.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{self, Child, ChildStderr, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// strace, attached to a process.
#[derive(Debug)]
pub(crate) struct Trace {
    strace: Child,
    /// Kept open: strace reports threads that begin later, and would die of a pipe that nobody reads.
    _reports: BufReader<ChildStderr>,
    summary: PathBuf,
}

impl Trace {
    /// Returns when every thread of the process is attached to.
    pub(crate) fn attach(process: u32) -> Result<Trace, String> {
        let summary = env::temp_dir().join(format!("raddle-bench-{}-{process}", process::id()));
        let mut strace = Command::new("strace")
            .args(["-c", "-f", "-p", &process.to_string(), "-o"])
            .arg(&summary)
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start strace (apt-get install strace): {error}"))?;
        let stderr = strace.stderr.take().ok_or("a piped stderr")?;
        let (mut reports, mut line) = (BufReader::new(stderr), String::new());
        let read = reports.read_line(&mut line);
        let trace = Trace { strace, _reports: reports, summary };
        read.map_err(|error| format!("strace: {error}"))?;
        if line.contains("attached") { Ok(trace) } else { Err(format!("strace cannot attach: {line:?}")) }
    }

    /// How many system calls there were.
    pub(crate) fn stop(mut self) -> Result<u64, String> {
        self.detach();
        let text = fs::read_to_string(&self.summary).map_err(|error| format!("strace has left no summary: {error}"))?;
        total(&text).ok_or_else(|| format!("strace's summary reads strangely:\n{text}"))
    }

    fn detach(&mut self) {
        if let Some(strace) = Pid::from_raw(self.strace.id() as i32) {
            // One that has ended already is as good.
            _ = kill_process(strace, Signal::INT);
        }
        _ = self.strace.wait();
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        self.detach();
        _ = fs::remove_file(&self.summary);
    }
}

/// The number of calls in the last line, which names no call. Without calls there is no line at all.
fn total(summary: &str) -> Option<u64> {
    let line = summary.lines().rev().find(|line| line.ends_with(" total"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_has_the_sum() {
        let summary = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.000060           1        60           read
 40.00    0.000040           1        40        20 write
------ ----------- ----------- --------- --------- ----------------
100.00    0.000100           1       100        20 total
";
        assert_eq!(total(summary), Some(100));
        assert_eq!(total(""), None);
    }
}
