//! What the tests with real signals share. A signal is the whole process's, so they take turns, or have a process of their
//! own.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::env;
use std::fs;
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard};

use raddle::signal::Signal;

const DEFAULT: usize = 0;

unsafe extern "C" {
    fn signal(signal: i32, handler: usize) -> usize;
    fn raise(signal: i32) -> i32;
}

/// Nobody else in this process has to do with signals, and these have their default action, whatever this process was
/// started with.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    for number in [Signal::INT, Signal::TERM] {
        // SAFETY: `signal` is libc's, and SIG_DFL is a valid handler.
        unsafe { signal(number.as_raw(), DEFAULT) };
    }
    turn
}

/// Sends a signal to this thread. Its handler has run when this returns, so no test finds another's signal.
pub(crate) fn send(signal: Signal) {
    // SAFETY: `raise` is libc's and may be called with any number.
    assert_eq!(unsafe { raise(signal.as_raw()) }, 0);
}

/// Installs a handler of the old kind.
pub(crate) fn install(number: Signal, handler: extern "C" fn(i32)) {
    // SAFETY: `signal` is libc's; the callers' handlers touch nothing but atomics.
    unsafe { signal(number.as_raw(), handler as *const () as usize) };
}

/// Whether the process has a handler for the signal, as the system sees it.
pub(crate) fn is_caught(signal: Signal) -> bool {
    mask("SigCgt:") >> (signal.as_raw() - 1) & 1 == 1
}

fn mask(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    u64::from_str_radix(line.trim(), 16).unwrap()
}

/// Runs `body` as the test of that name in a process of its own, and returns what came of it, there where it was called
/// first.
pub(crate) fn in_a_process(test: &str, body: impl FnOnce()) -> Option<Output> {
    const CHILD: &str = "RADDLE_TEST_CHILD";
    if env::var_os(CHILD).is_some() {
        let _alone = alone();
        body();
        return None;
    }
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(CHILD, "1");
    Some(child.output().unwrap())
}

/// The lines that a child's body printed, which begin with a `>`.
pub(crate) fn lines(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().filter_map(|line| line.split_once("> ")).map(|(_, line)| line.to_owned()).collect()
}
