//! System calls that fail because strace says so, for as long as it looks on.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::victim::{Victim, skip};
use crate::common::eventually;

/// Whether strace cannot be used here, which is said for the test of that name.
pub(crate) fn is_missing(test: &str) -> bool {
    let mut sleep = Command::new("sleep").arg("1000").spawn().unwrap();
    let attached = attach(sleep.id(), &["-o", "/dev/null"]);
    let why = attached.map(detach).err();
    sleep.kill().unwrap();
    sleep.wait().unwrap();
    if let Some(why) = &why {
        skip(test, &format!("strace, which it needs, cannot be used: {why}"));
    }
    why.is_some()
}

/// Has strace look at a process and all of its threads; they are all looked at when this returns.
fn attach(process: u32, args: &[&str]) -> Result<Child, String> {
    let mut command = Command::new("strace");
    command.args(args).args(["-f", "-p", &process.to_string()]).stderr(Stdio::piped());
    let mut strace = command.spawn().map_err(|error| error.to_string())?;
    let mut said = BufReader::new(strace.stderr.take().unwrap());
    let mut line = String::new();
    // One line, when it has all threads.
    let read = said.read_line(&mut line);
    if read.is_err() || !line.contains(" attached") {
        let _ = strace.kill();
        let _ = strace.wait();
        return Err(line.trim().to_owned());
    }
    // It goes on to say when threads come.
    thread::spawn(move || said.lines().for_each(drop));
    Ok(strace)
}

/// The process goes on by itself.
fn detach(mut strace: Child) {
    let pid = Pid::from_raw(strace.id() as i32).unwrap();
    // It may have ended with the process.
    let _ = kill_process(pid, Signal::INT);
    let _ = strace.wait();
}

/// A fault in a victim's system calls, which ends when this is dropped.
pub(crate) struct Fault {
    /// None once it is over.
    strace: Option<Child>,
    log: PathBuf,
}

impl Fault {
    /// `calls` are the names of system calls, with a `?` before those that not every machine has; `fault` is what
    /// becomes of them: `error=EINTR:when=1..9+2`, counted in each thread by itself.
    pub(crate) fn inject(victim: &Victim, calls: &str, fault: &str) -> Fault {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let log = std::env::temp_dir().join(format!("raddle-fault-{}-{number}", std::process::id()));
        let (trace, inject) = (format!("trace={calls}"), format!("inject={calls}:{fault}"));
        let args = ["-e", &trace, "-e", &inject, "-o", log.to_str().unwrap()];
        let strace = attach(victim.pid(), &args).unwrap_or_else(|said| panic!("strace says: {said}"));
        Fault { strace: Some(strace), log }
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
    ///
    /// A call that strace is about to fail as it leaves fails with ENOSYS, which no kernel says. So whatever the victim
    /// does all by itself should have had its faults by now (`when=1..9+2` ends by itself), and has a moment to come to
    /// rest.
    pub(crate) fn end(mut self) -> usize {
        thread::sleep(Duration::from_millis(50));
        self.strace.take().into_iter().for_each(detach);
        self.count()
    }
}

impl Drop for Fault {
    fn drop(&mut self) {
        self.strace.take().into_iter().for_each(detach);
        let _ = fs::remove_file(&self.log);
    }
}
