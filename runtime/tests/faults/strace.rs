//! System calls that fail because strace says so, for as long as it looks on.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::{Pid, Signal, kill_process};

use super::victim::{Victim, skip};
use crate::common::eventually;

/// Why strace cannot be used here; said once for the test of that name.
pub(crate) fn is_missing(test: &str) -> bool {
    let mut sleep = Command::new("sleep").arg("1000").spawn().unwrap();
    let attached = Command::new("timeout")
        .args(["--signal=INT", "--kill-after=10", "0.2", "strace", "-o", "/dev/null", "-p", &sleep.id().to_string()])
        .output();
    sleep.kill().unwrap();
    sleep.wait().unwrap();
    let said = attached.map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
    match said {
        Ok(text) if text.contains(" attached") => return false,
        Ok(text) => skip(test, &format!("strace, which it needs, cannot be used: {}", text.trim())),
        Err(error) => skip(test, &format!("no strace: {error}")),
    }
    true
}

/// A fault in a victim's system calls, which ends when this is dropped.
pub(crate) struct Fault {
    strace: Child,
    log: PathBuf,
}

impl Fault {
    /// `calls` are the names of system calls, with a `?` before those that not every machine has; `fault` is what
    /// becomes of them: `error=EINTR:when=1+2`, counted in each thread by itself.
    pub(crate) fn inject(victim: &Victim, calls: &str, fault: &str) -> Fault {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let log = std::env::temp_dir().join(format!("raddle-fault-{}-{number}", std::process::id()));
        let mut strace = Command::new("strace")
            .args(["-f", "-e", &format!("trace={calls}"), "-e", &format!("inject={calls}:{fault}")])
            .args(["-p", &victim.pid().to_string(), "-o"])
            .arg(&log)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(strace.stderr.take().unwrap());
        let mut line = String::new();
        // One line, when it has all threads.
        said.read_line(&mut line).unwrap();
        assert!(line.contains(" attached"), "strace says: {line}");
        // It goes on to say when threads come.
        std::thread::spawn(move || said.lines().for_each(drop));
        Fault { strace, log }
    }

    /// How many calls have failed so far.
    pub(crate) fn count(&self) -> usize {
        fs::read_to_string(&self.log).unwrap_or_default().matches("(INJECTED)").count()
    }

    #[track_caller]
    pub(crate) fn wait_for(&self, count: usize) {
        eventually(&format!("{count} calls fail"), || self.count() >= count);
    }

    /// Ends it, and says how many calls have failed.
    pub(crate) fn end(mut self) -> usize {
        self.detach();
        self.count()
    }

    fn detach(&mut self) {
        if let Some(pid) = Pid::from_raw(self.strace.id() as i32) {
            // The victim goes on by itself.
            let _ = kill_process(pid, Signal::INT);
        }
        let _ = self.strace.wait();
    }
}

impl Drop for Fault {
    fn drop(&mut self) {
        self.detach();
        let _ = fs::remove_file(&self.log);
    }
}
