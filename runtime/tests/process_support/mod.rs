//! What the tests with other processes share.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

use raddle::process::{Child, Command};
use raddle::run;

use crate::common::eventually;

/// A shell that runs `script`, with pipes for its input and output.
pub(crate) fn shell(script: &str) -> Child {
    Command::new("sh").args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

/// A shell that ignores SIGTERM, and has said that it does.
pub(crate) async fn stubborn() -> Child {
    let mut child = shell("trap '' TERM; echo deaf; while :; do sleep 0.02; done");
    hear(&mut child, b"deaf\n").await;
    child
}

/// Waits until the child has said that.
pub(crate) async fn hear(child: &mut Child, text: &[u8]) {
    let mut heard = vec![0; text.len()];
    child.stdout.as_mut().unwrap().read_exact(&mut heard).await.unwrap();
    assert_eq!(heard, text);
}

/// What the system knows of a process: `R`, `S`, `Z` for a zombie; None if it does not know it any more.
pub(crate) fn state(id: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// A shell that writes its number to a file before it sleeps.
pub(crate) struct Announced(PathBuf);

impl Announced {
    pub(crate) fn new() -> Announced {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Announced(std::env::temp_dir().join(format!("raddle-process-{}-{number}", std::process::id())))
    }

    pub(crate) fn script(&self) -> String {
        format!("echo $$ >{0}.new && mv {0}.new {0}; exec sleep 1000", self.0.display())
    }

    pub(crate) fn id(&self) -> u32 {
        eventually("it has said its number", || self.0.exists());
        std::fs::read_to_string(&self.0).unwrap().trim().parse().unwrap()
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

pub(crate) fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Runs the test of that name in a process of its own, by way of a shell, and checks that it succeeds. True: this is that
/// process.
pub(crate) fn is_in_a_process(test: &str, script: &str) -> bool {
    const PART: &str = "RADDLE_TEST_PROCESS";
    if std::env::var_os(PART).is_some() {
        return true;
    }
    // Not every shell hands an ignored SIGCHLD down.
    let mut again = Command::new("bash");
    again.args(["-c", script]).arg(std::env::current_exe().unwrap()).env(PART, "1");
    let output = run(again.args(["--exact", test, "--nocapture", "--test-threads=1"]).output()).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    false
}
