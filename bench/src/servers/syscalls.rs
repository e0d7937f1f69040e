//! The number of system calls of a process, by perf where the kernel lets it count, else by strace.
//!
//! perf counts in the kernel and costs the server next to nothing. strace stops it twice in each call, so that it finds
//! more requests waiting each time it asks for events, and its idle threads weigh more.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{self, Child, ChildStderr, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

const EVENT: &str = "raw_syscalls:sys_enter";

/// A program that counts, attached to a process.
#[derive(Debug)]
pub(crate) struct Trace {
    counter: Child,
    /// Kept open: strace reports threads that begin later, and would die of a pipe that nobody reads.
    _reports: Option<BufReader<ChildStderr>>,
    summary: PathBuf,
    read: fn(&str) -> Option<u64>,
}

impl Trace {
    /// Returns when every thread of the process is attached to.
    pub(crate) fn attach(process: u32) -> Result<Trace, String> {
        let summary = env::temp_dir().join(format!("raddle-bench-{}-{process}", process::id()));
        if perf_counts() { attach_perf(process, summary) } else { attach_strace(process, summary) }
    }

    /// `None` where perf can't: strace would stop each of the threads at each call, which is another workload.
    pub(crate) fn of_this_process() -> Option<Trace> {
        let process = process::id();
        let summary = env::temp_dir().join(format!("raddle-bench-{process}"));
        perf_counts().then(|| attach_perf(process, summary).ok()).flatten()
    }

    /// How many system calls there were.
    pub(crate) fn stop(mut self) -> Result<u64, String> {
        self.detach();
        let text =
            fs::read_to_string(&self.summary).map_err(|error| format!("there is no summary of calls: {error}"))?;
        (self.read)(&text).ok_or_else(|| format!("the summary of calls reads strangely:\n{text}"))
    }

    fn detach(&mut self) {
        if let Some(counter) = Pid::from_raw(self.counter.id() as i32) {
            // One that has ended already is as good.
            _ = kill_process(counter, Signal::INT);
        }
        _ = self.counter.wait();
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        self.detach();
        _ = fs::remove_file(&self.summary);
    }
}

/// Whether perf is installed and may count system calls here.
fn perf_counts() -> bool {
    let tried = Command::new("perf").args(["stat", "-x,", "-e", EVENT, "true"]).output();
    tried.is_ok_and(|output| perf_count(&String::from_utf8_lossy(&output.stderr)).is_some_and(|count| count > 0))
}

fn attach_perf(process: u32, summary: PathBuf) -> Result<Trace, String> {
    let counter = Command::new("perf")
        .args(["stat", "-x,", "-e", EVENT, "-p", &process.to_string(), "-o"])
        .arg(&summary)
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("cannot start perf: {error}"))?;
    let trace = Trace { counter, _reports: None, summary, read: perf_count };
    let threads = fs::read_dir(format!("/proc/{process}/task")).map_err(|error| error.to_string())?.count();
    let give_up = Instant::now() + Duration::from_secs(10);
    while open_counters(trace.counter.id()) < threads {
        if Instant::now() > give_up {
            return Err(format!("perf does not attach to process {process}"));
        }
        thread::sleep(Duration::from_millis(10));
    }
    // It has a counter for each thread; what is left is to switch them on.
    thread::sleep(Duration::from_millis(100));
    Ok(trace)
}

fn open_counters(perf: u32) -> usize {
    let Ok(files) = fs::read_dir(format!("/proc/{perf}/fd")) else { return 0 };
    let is_counter = |link: PathBuf| link.to_string_lossy().contains("perf_event");
    files.flatten().filter(|file| fs::read_link(file.path()).is_ok_and(is_counter)).count()
}

fn attach_strace(process: u32, summary: PathBuf) -> Result<Trace, String> {
    let mut strace = Command::new("strace")
        .args(["-c", "-f", "-p", &process.to_string(), "-o"])
        .arg(&summary)
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start strace (apt-get install strace): {error}"))?;
    let stderr = strace.stderr.take().ok_or("a piped stderr")?;
    let (mut reports, mut line) = (BufReader::new(stderr), String::new());
    let read = reports.read_line(&mut line);
    let trace = Trace { counter: strace, _reports: Some(reports), summary, read: strace_total };
    read.map_err(|error| format!("strace: {error}"))?;
    if line.contains("attached") { Ok(trace) } else { Err(format!("strace cannot attach: {line:?}")) }
}

/// The first field of the line that names the event.
fn perf_count(summary: &str) -> Option<u64> {
    summary.lines().find(|line| line.contains(EVENT))?.split(',').next()?.parse().ok()
}

/// The number of calls in the last line, which names no call. Without calls there is no line at all.
fn strace_total(summary: &str) -> Option<u64> {
    let line = summary.lines().rev().find(|line| line.ends_with(" total"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_strace_has_the_sum() {
        let summary = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.000060           1        60           read
 40.00    0.000040           1        40        20 write
------ ----------- ----------- --------- --------- ----------------
100.00    0.000100           1       100        20 total
";
        assert_eq!(strace_total(summary), Some(100));
        assert_eq!(strace_total(""), None);
    }

    #[test]
    fn perf_has_one_line_for_the_event() {
        assert_eq!(perf_count("# started on …\n\n427758,,raw_syscalls:sys_enter,7,100.00,,\n"), Some(427_758));
        assert_eq!(perf_count("<not supported>,,raw_syscalls:sys_enter,0,100.00,,\n"), None);
    }
}
