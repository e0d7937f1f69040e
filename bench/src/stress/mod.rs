//! Stress by a seed, for as long as one likes: the parts that the stress programs of `runtime/tests` run once, here in
//! turn and again and again.
//!
//! Each round of a part starts and stops runtimes of its own, and settles its accounts at the end: every task has ended
//! once, every output was dropped once, permits and items are all there, no descriptor is left. What each part promises
//! is written on top of its file. A seed fixes what is done and not when, so a failure may need several runs with it.

mod options;
mod watch;

// The files of the tests. What they share is beside them here as it is there.
#[path = "../../../runtime/tests/stress/tcp.rs"]
mod net;
#[path = "../../../runtime/tests/stress/scheduler.rs"]
mod scheduler;
#[path = "../../../runtime/tests/stress_support/mod.rs"]
mod stress_support;
#[path = "../../../runtime/tests/stress/sync.rs"]
mod sync;
#[path = "../../../runtime/tests/stress/timers.rs"]
mod timers;
#[path = "../../../runtime/tests/stress/wakes.rs"]
mod wakes;

use std::fmt::Write;
use std::time::{Duration, Instant};

pub(crate) use self::options::{Stress, parse};
use self::stress_support::{Part, Rng, Settings, begin, runtimes};
use self::watch::Watch;

/// How much of a test's round is done before the next part has its turn: so that each comes every few seconds.
const SHARE: f64 = 0.5;
/// As to wake-ups, which are many: most of the time should not go into starting and stopping.
const SHARE_OF_WAKES: f64 = 8.0;

/// All parts, in the order of their turns.
fn parts() -> [Part; 5] {
    [scheduler::PART, timers::PART, Part { name: "net", ..net::PART }, sync::PART, wakes::PART]
}

pub(crate) fn run(options: &Stress) -> Result<(), String> {
    let parts: Vec<Part> = parts().into_iter().filter(|part| options.runs(part.name)).collect();
    let names: Vec<_> = parts.iter().map(|part| part.name).collect();
    println!("stress: seed {}, {}", options.seed, names.join(", "));
    begin("stress", options.seed, "--seed ");
    let begun = Instant::now();
    let watch = Watch::start(parts.clone(), options.seed);
    let mut rng = Rng::new(options.seed);
    let mut rounds = 0;
    for part in parts.iter().cycle() {
        if options.is_done(begun.elapsed()) {
            break;
        }
        let factor = if part.name == wakes::PART.name { SHARE_OF_WAKES } else { SHARE };
        (part.round)(Settings { seed: rng.next(), factor, workers: options.workers });
        rounds += 1;
    }
    drop(watch);
    print!("{}", table(&parts, rounds, begun.elapsed()));
    println!("stress: seed {}, {} s: all of it holds", options.seed, begun.elapsed().as_secs());
    options.missing()
}

impl Stress {
    fn is_done(&self, elapsed: Duration) -> bool {
        let time_is_over = self.seconds.is_some_and(|seconds| elapsed >= Duration::from_secs(seconds));
        time_is_over || self.wakes.is_some() && self.missing().is_ok()
    }

    /// Whether there were as many wake-ups as were asked for.
    fn missing(&self) -> Result<(), String> {
        let Some(wanted) = self.wakes else { return Ok(()) };
        let (wakes, parked) = wakes::so_far();
        if wakes >= wanted && parked >= wanted / 100 {
            return Ok(());
        }
        Err(format!(
            "the time was over after {wakes} wake-ups of {wanted}, {parked} of them to a parked worker of {}",
            wanted / 100
        ))
    }
}

/// What was done, a line each.
fn table(parts: &[Part], rounds: u64, elapsed: Duration) -> String {
    let mut text = String::new();
    let mut line = |part: &str, what: &str, count: u64| {
        let per_second = count as f64 / elapsed.as_secs_f64();
        _ = writeln!(text, "{part:<10} {what:<36} {count:>14} {per_second:>12.0}/s");
    };
    line("all", "rounds", rounds);
    line("", "runtimes started and stopped", runtimes());
    for part in parts {
        for (number, (what, count)) in (part.counts)().into_iter().enumerate() {
            line(if number == 0 { part.name } else { "" }, what, count);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wanted_number_that_was_not_reached_is_told() {
        let options = Stress { seconds: None, wakes: Some(u64::MAX), seed: 1, workers: None, only: Vec::new() };
        assert!(options.missing().unwrap_err().contains("wake-ups of 18446744073709551615"));
        assert!(!options.is_done(Duration::from_secs(1_000_000)));
    }
}
