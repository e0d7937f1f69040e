//! A thread that looks on: it tells how far things are, and ends the program when nothing goes on any more.

use std::io::{IsTerminal, stderr};
use std::process;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::stress_support::{Part, describe_runtimes, runtimes};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(5);
/// Between two lines where nobody sits in front of it.
const REPORT: Duration = Duration::from_secs(60);
/// A minute of looks at which nothing had gone on is a hang. Counted and not measured: a program that was stopped for
/// an hour has not hung.
const LOOKS_IN_VAIN: u32 = 12;

/// Looks on until this is dropped.
pub(crate) struct Watch {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(crate) fn start(parts: Vec<Part>, seed: u64) -> Watch {
        let (stop, stopped) = mpsc::channel();
        let thread = thread::spawn(move || look_on(&parts, seed, &stopped));
        Watch { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It cannot panic in a way that it would not have told.
            _ = thread.join();
        }
    }
}

fn look_on(parts: &[Part], seed: u64, stopped: &mpsc::Receiver<()>) {
    let begun = Instant::now();
    let every = if stderr().is_terminal() { LOOK } else { REPORT };
    let (mut seen, mut in_vain, mut told_at) = (0, 0, begun);
    while stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
        let now = Instant::now();
        let done = done(parts);
        in_vain = if done == seen { in_vain + 1 } else { 0 };
        seen = done;
        if now - told_at >= every {
            told_at = now;
            eprintln!("{:5} s  {}", (now - begun).as_secs(), so_far(parts));
        }
        if in_vain >= LOOKS_IN_VAIN {
            hang(parts, seed);
        }
    }
}

/// All that was done: a number that grows as long as anything goes on.
fn done(parts: &[Part]) -> u64 {
    runtimes() + parts.iter().flat_map(|part| (part.counts)()).map(|(_, count)| count).sum::<u64>()
}

/// The first count of each part, which is the one it is about.
fn so_far(parts: &[Part]) -> String {
    let counts = parts.iter().filter_map(|part| (part.counts)().into_iter().next());
    let counts: Vec<_> = counts.map(|(what, count)| format!("{count} {what}")).collect();
    counts.join(", ")
}

/// Aborts, so that a debugger or a core has all threads as they are.
fn hang(parts: &[Part], seed: u64) -> ! {
    let time = LOOK * LOOKS_IN_VAIN;
    eprintln!("stress: HANG: nothing went on for {time:?}; again with --seed {seed}; so far {}", so_far(parts));
    let before = done(parts);
    describe_runtimes();
    thread::sleep(LOOK);
    let after = done(parts);
    if after != before {
        // The question woke somebody who should have been awake.
        eprintln!(
            "stress: when the runtimes were asked, it went on again ({} more): a wake-up was lost",
            after - before
        );
    }
    process::abort();
}
