//! A process that measures when it is asked to: this program again, under a hidden subcommand.
//!
//! Each side at each size has a process of its own, so that what one leaves behind in memory is not what the next one
//! finds. All of them are asked in turn, and between two questions they sleep in the kernel. The first line is
//! about the start; then each line of input is a number of rounds, and each line of output what one of them took.

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use raddle_bench::engine::{Engine, Flavor, Raddle, Tokio};
use raddle_bench::workloads::memory::{self, resident};
use raddle_bench::workloads::{bare, event, released};

use super::connections;
use crate::args::value;

pub(crate) const SUBCOMMAND: &str = "scaled";

/// The rounds of a pair of tasks for which a wake-up is timed.
const WAKE_UPS: usize = 20_000;

/// What the process is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// So many tasks, alive at once; the first line is the bytes of one.
    Tasks,
    /// So many blocks of memory.
    Bare,
    /// A wake-up beside so many tasks that sleep.
    Timers,
    /// Not a runtime: so many connections to a server.
    Idle,
}

impl What {
    const ALL: [What; 4] = [What::Tasks, What::Bare, What::Timers, What::Idle];

    fn name(self) -> &'static str {
        match self {
            What::Tasks => "tasks",
            What::Bare => "bare",
            What::Timers => "timers",
            What::Idle => "idle",
        }
    }
}

/// One process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scaled {
    pub(super) what: What,
    /// A runtime, or the address of a server.
    pub(super) of: String,
    pub(super) size: usize,
    /// Workers of a runtime, or bytes of a block.
    pub(super) detail: usize,
}

pub(crate) fn parse(args: &mut impl Iterator<Item = String>) -> Result<Scaled, String> {
    let name = value("WHAT", args)?;
    let what = What::ALL.into_iter().find(|what| what.name() == name);
    let what = what.ok_or_else(|| format!("{SUBCOMMAND} can't be `{name}`: there are tasks, bare, timers, idle"))?;
    let of = value("OF", args)?;
    let mut number = |option| {
        let text = value(option, args)?;
        text.parse().map_err(|_| format!("{option} needs a whole number, not `{text}`"))
    };
    Ok(Scaled { what, of, size: number("SIZE")?, detail: number("DETAIL")? })
}

impl Scaled {
    pub(super) fn args(&self) -> [String; 5] {
        [SUBCOMMAND, self.what.name(), &self.of, &self.size.to_string(), &self.detail.to_string()].map(str::to_string)
    }
}

/// The parent's end of such a process; dropping this ends it.
#[derive(Debug)]
pub(super) struct Measurer {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    scaled: Scaled,
}

impl Measurer {
    /// Starts it, and returns with what it says once it is ready.
    pub(super) fn start(scaled: Scaled) -> Result<(Measurer, f64), String> {
        let this = env::current_exe().map_err(|error| format!("this program has no path: {error}"))?;
        let process = Command::new(this).args(scaled.args()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = process.map_err(|error| format!("this program does not start again: {error}"))?;
        let input = process.stdin.take().expect("piped above");
        let output = BufReader::new(process.stdout.take().expect("piped above"));
        let mut measurer = Measurer { process, input, output, scaled };
        let first = measurer.answer()?;
        Ok((measurer, first))
    }

    /// What one of so many rounds takes, in nanoseconds.
    pub(super) fn ask(&mut self, rounds: usize) -> Result<f64, String> {
        writeln!(self.input, "{rounds}").map_err(|error| format!("{:?} does not listen: {error}", self.scaled))?;
        self.answer()
    }

    fn answer(&mut self) -> Result<f64, String> {
        let mut line = String::new();
        self.output.read_line(&mut line).map_err(|error| format!("{:?} does not speak: {error}", self.scaled))?;
        line.trim().parse().map_err(|_| format!("{:?} says {line:?}, which is no number", self.scaled))
    }
}

impl Drop for Measurer {
    fn drop(&mut self) {
        // One that has died already was noticed by whoever asked it.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// The process's own side.
pub(crate) fn run(scaled: &Scaled) -> Result<(), String> {
    let (size, detail) = (scaled.size, scaled.detail);
    match scaled.what {
        What::Idle => connections::hold(&scaled.of, size),
        What::Bare => {
            bare::blocks(size, detail);
            say(0.0);
            while let Some(rounds) = next_line() {
                say(mean((0..rounds).map(|_| bare::blocks(size, detail))));
            }
            Ok(())
        }
        What::Tasks | What::Timers => match scaled.of.as_str() {
            Raddle::NAME => measure(Raddle::build(detail), scaled),
            Tokio::NAME => {
                let flavor = if detail == 1 { Flavor::CurrentThread } else { Flavor::MultiThread };
                measure(Tokio::build((flavor, detail)), scaled)
            }
            other => Err(format!("no engine is called `{other}`")),
        },
    }
}

fn measure<E: Engine>(mut engine: E, scaled: &Scaled) -> ! {
    match scaled.what {
        What::Timers => engine.in_main(wake_ups::<E>(scaled.size)),
        _ => engine.in_main(tasks::<E>(scaled.size)),
    }
    // A million sleepers need not be cancelled one by one.
    std::process::exit(0)
}

async fn tasks<E: Engine>(tasks: usize) {
    let bytes = E::spawn(async move {
        let before = resident();
        let mut peak = before;
        released::released::<E>(tasks, || peak = resident()).await;
        (peak - before) / tasks as f64
    });
    say(bytes.await);
    while let Some(rounds) = next_request::<E>().await {
        let round = async move {
            let mut sum = Duration::ZERO;
            for _ in 0..rounds {
                sum += released::released::<E>(tasks, || ()).await;
            }
            sum.as_nanos() as f64 / rounds as f64
        };
        say(E::spawn(round).await);
    }
}

async fn wake_ups<E: Engine>(idle: usize) {
    if idle > 0 {
        memory::fall_asleep::<E>(idle).await;
    }
    say(0.0);
    while let Some(rounds) = next_request::<E>().await {
        let sample = E::spawn(event::pairs::<E>(1, rounds * WAKE_UPS)).await;
        say(sample.values[0]);
    }
}

/// Waits as a task does, so that nothing of the runtime runs meanwhile.
async fn next_request<E: Engine>() -> Option<usize> {
    let (promise, pending) = E::oneshot();
    thread::spawn(move || E::fulfil(promise, next_line()));
    pending.await
}

/// `None` at the end of the input: then nobody wants to know more.
pub(super) fn next_line() -> Option<usize> {
    let mut line = String::new();
    io::stdin().read_line(&mut line).ok()?;
    line.trim().parse().ok()
}

/// Whoever listens has gone: then what is said does not matter, and the input is at its end.
pub(super) fn say(value: f64) {
    _ = writeln!(io::stdout(), "{value}");
}

/// In nanoseconds.
fn mean(times: impl ExactSizeIterator<Item = Duration>) -> f64 {
    let count = times.len();
    times.sum::<Duration>().as_nanos() as f64 / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_is_told_is_what_it_understands() {
        let scaled = Scaled { what: What::Timers, of: "tokio".into(), size: 0, detail: 2 };
        let mut args = scaled.args().into_iter();
        assert_eq!(args.next().as_deref(), Some(SUBCOMMAND));
        assert_eq!(parse(&mut args), Ok(scaled));
    }

    #[test]
    fn what_it_can_not_be_is_named() {
        let of = |line: &str| parse(&mut line.split(' ').map(str::to_string)).unwrap_err();
        assert!(of("sockets raddle 1 2").starts_with("scaled can't be `sockets`"));
        assert_eq!(of("tasks raddle many 2"), "SIZE needs a whole number, not `many`");
    }

    #[test]
    fn a_mean_is_over_all_rounds() {
        assert_eq!(mean([1, 2, 6].map(Duration::from_nanos).into_iter()), 3.0);
    }
}
