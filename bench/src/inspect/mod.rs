//! What looking into a program costs it, and how long it takes.
//!
//! * `pstree`: the command's wall time for a program of 10,000 tasks all of whose workers are stuck, blocked or spinning.
//! * `top`: the processor time that a program of 10,000 tasks at rest uses with `raddle top` attached, and without.
//! * `spawn`: what spawning and joining costs while somebody asks in a loop, against nobody asking.
//! * `switch`: the scheduler's rows on a runtime that can be inspected, against one that cannot; nobody asks.
//!
//! The last two are ratios in alternation, in one process.

mod options;

use std::env;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

// The program that the command's tests look at, too.
#[path = "../../../runtime/tests/command_support/crowd.rs"]
#[allow(dead_code, reason = "the tests plant a deadlock as well")]
mod crowd;

use raddle_bench::WORKERS;
use raddle_bench::cpu;
use raddle_bench::engine::Raddle;
use raddle_bench::rows::{self, Group, Row};
use raddle_bench::sample::{Scale, millis};

use self::crowd::{TEN_THOUSAND, Then};
pub(crate) use self::options::{Inspect, parse};
use crate::measure::Spread;

/// The program that is looked at, as a process of its own.
pub(crate) const SUBCOMMAND: &str = "inspected";

/// How long processor time is counted.
const COUNTED: Duration = Duration::from_secs(20);

pub(crate) fn run(options: &Inspect) -> Result<(), String> {
    let command = command(options)?;
    if options.runs("pstree") {
        pstree(&command, options.rounds)?;
    }
    if options.runs("top") {
        top(&command)?;
    }
    if options.runs("spawn") {
        spawn(options.rounds)?;
    }
    if options.runs("switch") {
        switch(options.rounds)?;
    }
    Ok(())
}

/// The part of the process that is looked at.
pub(crate) fn inspected(then: &str) -> Result<(), String> {
    let then = match then {
        "rest" => Then::Rest,
        "block" => Then::Block,
        "spin" => Then::Spin,
        other => return Err(format!("no program does `{other}`")),
    };
    crowd::run(TEN_THOUSAND, WORKERS, then, true, |word| println!("{word}"))
}

/// Where the command `raddle` is; built first, unless that is not wanted.
fn command(options: &Inspect) -> Result<PathBuf, String> {
    let this = env::current_exe().map_err(|error| format!("this program has no path: {error}"))?;
    let command = this.with_file_name("raddle");
    if options.build {
        let words = ["build", "--release", "-p", "raddle", "--features", "cli", "--bin", "raddle"];
        let cargo = env::var_os("CARGO").unwrap_or("cargo".into());
        let status =
            Command::new(cargo).args(words).status().map_err(|error| format!("cannot start cargo: {error}"))?;
        if !status.success() {
            return Err(format!("cargo {} failed", words.join(" ")));
        }
    }
    if !command.exists() {
        return Err(format!("{} is missing: leave out --no-build", command.display()));
    }
    Ok(command)
}

/// The process that is looked at; dropping this ends it.
struct Program(Child);

impl Program {
    fn start(then: &str) -> Result<Program, String> {
        let this = env::current_exe().map_err(|error| format!("this program has no path: {error}"))?;
        let child = Command::new(this).args([SUBCOMMAND, then]).stdout(Stdio::piped()).spawn();
        let mut child = child.map_err(|error| format!("cannot start the program: {error}"))?;
        let out = child.stdout.take().expect("piped above");
        let program = Program(child);
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line).map_err(|error| format!("the program does not speak: {error}"))?;
        if line.trim() == "ready" { Ok(program) } else { Err(format!("the program says {line:?}")) }
    }

    fn id(&self) -> u32 {
        self.0.id()
    }

    /// The part of a core that it uses.
    fn load(&self) -> Result<f64, String> {
        let used = || cpu::of_process(self.id()).map_err(|error| format!("the program has gone: {error}"));
        let (before, begun) = (used()?, Instant::now());
        thread::sleep(COUNTED);
        Ok((used()? - before).as_secs_f64() / begun.elapsed().as_secs_f64())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn pstree(command: &Path, rounds: usize) -> Result<(), String> {
    println!("{rounds} times each, with 10,000 tasks and {WORKERS} workers, in ms: median (least to most)");
    for (then, what) in [("rest", "at rest"), ("block", "all workers blocked"), ("spin", "all workers spinning")] {
        let program = Program::start(then)?;
        for question in ["pstree", "ps"] {
            let mut times = Vec::new();
            for _ in 0..rounds {
                let begun = Instant::now();
                let output = Command::new(command).args([question, &program.id().to_string()]).output();
                times.push(millis(begun.elapsed()));
                let output = output.map_err(|error| format!("cannot start the command: {error}"))?;
                let lines = output.stdout.iter().filter(|byte| **byte == b'\n').count();
                if lines < 10_000 {
                    return Err(format!("{lines} lines: {}", String::from_utf8_lossy(&output.stderr)));
                }
            }
            let Spread { median, min, max, .. } = Spread::of(times);
            println!("raddle {question:6} {what:22} {median:8.1} ({min:.1} to {max:.1})");
        }
    }
    Ok(())
}

fn top(command: &Path) -> Result<(), String> {
    let program = Program::start("rest")?;
    println!("\nprocessor time of a program with 10,000 tasks at rest, in percent of a core, over {COUNTED:?}");
    for turn in 0..2 {
        println!("turn {turn}: nobody asks {:8.3}", 100.0 * program.load()?);
        let words = ["top", "--json", &program.id().to_string()];
        let attached = Command::new(command).args(words).stdout(Stdio::null()).spawn();
        let attached = Program(attached.map_err(|error| format!("cannot start the command: {error}"))?);
        println!("turn {turn}: raddle top  {:8.3}", 100.0 * program.load()?);
        println!("turn {turn}: … itself    {:8.3}", 100.0 * attached.load()?);
    }
    Ok(())
}

fn spawn(pairs: usize) -> Result<(), String> {
    println!("\ntime with somebody who asks in a loop ÷ with nobody: median of {pairs} (least to most), answers");
    let process = std::process::id();
    for workers in [1, WORKERS] {
        let mut engine = Raddle::inspected(workers, true);
        for row in rows_called(&["spawn_join", "spawn_local"]) {
            for question in ["top", "pstree"] {
                let answers = AtomicU64::new(0);
                let ratios = (0..=pairs).map(|_| {
                    let alone = sample(&row, &mut engine);
                    while_asked(process, question, &answers, || sample(&row, &mut engine)) / alone
                });
                // The first warms up.
                let Spread { median, min, max, .. } = Spread::of(ratios.skip(1).collect());
                let answers = answers.into_inner();
                let name = row.name;
                println!("{name:12} {workers} workers {question:6} {median:6.3} ({min:.3} to {max:.3}) {answers:6}");
            }
        }
    }
    Ok(())
}

/// Runs `f` while a thread asks this process one question after the other.
fn while_asked<R>(process: u32, question: &str, answers: &AtomicU64, f: impl FnOnce() -> R) -> R {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // Relaxed: the scope's end orders the rest.
            while !over.load(Ordering::Relaxed) {
                if raddle::ask(process, question).is_ok() {
                    answers.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        let value = f();
        over.store(true, Ordering::Relaxed);
        value
    })
}

fn switch(pairs: usize) -> Result<(), String> {
    println!("\ntime with inspection on ÷ off: median of {pairs} (least to most), in how many it was slower");
    let (mut on, mut off) = (Raddle::inspected(WORKERS, true), Raddle::inspected(WORKERS, false));
    let mut medians = Vec::new();
    for row in rows::all().into_iter().filter(|row| row.group == Group::Scheduler) {
        let mut ratios = Vec::new();
        for turn in 0..=pairs {
            let (with, without);
            if turn % 2 == 0 {
                with = sample(&row, &mut on);
                without = sample(&row, &mut off);
            } else {
                without = sample(&row, &mut off);
                with = sample(&row, &mut on);
            }
            // The first warms up.
            ratios.extend((turn > 0).then_some(with / without));
        }
        let slower = ratios.iter().filter(|ratio| **ratio > 1.0).count();
        let Spread { median, min, max, .. } = Spread::of(ratios);
        medians.push(median);
        println!("{:14} {median:6.3} ({min:.3} to {max:.3}) {slower} of {pairs}", row.name);
    }
    let mean = crate::measure::geometric_mean(&medians).expect("there are rows");
    println!("{:14} {mean:6.3}", "geometric mean");
    Ok(())
}

fn sample(row: &Row, engine: &mut Raddle) -> f64 {
    (row.raddle)(engine, Scale { quick: true }).values[0]
}

fn rows_called(names: &[&str]) -> Vec<Row> {
    rows::all().into_iter().filter(|row| names.contains(&row.name)).collect()
}
