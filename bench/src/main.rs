//! raddle beside tokio, in alternation.
//!
//! ```text
//! cargo run --release -p raddle-bench -- compare             all workloads: three minutes, and twelve for stall_long
//! cargo run --release -p raddle-bench -- compare --quick     smaller ones, fewer pairs
//! cargo run --release -p raddle-bench -- profile fib         instructions, allocations and system calls
//! cargo run --release -p raddle-bench -- budgets             the same, held to what an operation may cost
//! cargo run --release -p raddle-bench -- servers             servers under load, each row a minute
//! cargo run --release -p raddle-bench -- load --addr …       messages to an echo server
//! cargo run --release -p raddle-bench -- chaos --to …        a bad network in front of a server
//! cargo run --release -p raddle-bench -- stress              everything at once by a seed, and its accounts
//! cargo run --release -p raddle-bench -- inspect             what looking into a program costs it
//! cargo run --release -p raddle-bench -- scaling             what stays flat when there is more and more
//! ```
//!
//! All runtimes live in one process with two workers each and the same allocator, and run one at a time. A ratio is
//! tokio ÷ raddle of two samples taken one after the other, so that a machine that slows down slows both; the median
//! over the pairs is reported, and beside it what smol took. Absolute times of one day are not comparable with those of
//! another.
//!
//! `cargo bench -p raddle-bench` runs the same workloads by criterion, which keeps and draws what it has measured:
//! `bench/benches/common/mod.rs` says how.

mod args;
mod beside;
mod budgets;
mod callgrind;
mod chaos;
mod cost;
mod inspect;
mod load;
mod measure;
mod profile;
mod progress;
mod report;
mod scaling;
mod servers;
mod stress;

use std::env;
use std::process::ExitCode;

use raddle_bench::engine::{Bare, Engine, Flavor, Raddle, Smol, Tokio};
use raddle_bench::sample::Scale;
use raddle_bench::{WORKERS, echo, rows, workloads};

use crate::args::{Command, Compare};
use crate::measure::Engines;
use crate::progress::Progress;
use crate::report::Line;

const PAIRS: usize = 9;
const QUICK_PAIRS: usize = 5;

fn main() -> ExitCode {
    let outcome = match args::parse(env::args().skip(1)) {
        Ok(Command::Compare(options)) => compare(&options),
        Ok(Command::Servers(options)) => servers::compare(&options),
        Ok(Command::Load(options)) => load::run(&options),
        Ok(Command::Chaos(options)) => chaos::run(&options),
        Ok(Command::Stress(options)) => stress::run(&options),
        Ok(Command::Inspect(options)) => inspect::run(&options),
        Ok(Command::Inspected(what)) => inspect::inspected(&what),
        Ok(Command::Budgets(options)) => budgets::run(&options),
        Ok(Command::Echoed) => echo::serve().map_err(|error| format!("the echo server failed: {error}")),
        Ok(Command::Scaling(options)) => scaling::run(&options),
        Ok(Command::Scaled(scaled)) => scaling::scaled(&scaled),
        Ok(Command::Profile(options)) => profile::run(&options),
        Ok(Command::Once(options)) => profile::once(&options),
        Ok(Command::Samples(options)) => beside::give(&options),
        Ok(Command::Parked { engine, what, tasks }) => parked(&engine, &what, tasks),
        Ok(Command::Help) => {
            println!("{}", args::USAGE);
            Ok(())
        }
        Err(message) => {
            eprintln!("raddle-bench: {message}\n\n{}", args::USAGE);
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("raddle-bench: {message}");
            ExitCode::FAILURE
        }
    }
}

fn compare(options: &Compare) -> Result<(), String> {
    let rows = rows::chosen(&options.rows)?;
    if options.list {
        rows.iter().for_each(|row| println!("{:10} {}", row.group.name(), row.name));
        return Ok(());
    }
    let scale = Scale { quick: options.quick };
    let pairs = options.pairs.unwrap_or(if options.quick { QUICK_PAIRS } else { PAIRS });
    let workers = options.workers;
    let tokio = Tokio::build((options.flavor, workers));
    let mut engines = Engines { raddle: Raddle::build(workers), tokio, smol: Smol::build(workers) };
    let mut lines = Vec::new();
    let progress = Progress::new(rows.len());
    for row in &rows {
        progress.begin(row.name);
        let mut beside = match &options.beside {
            Some(build) => Some(build.start(row.name, workers, scale)?),
            None => None,
        };
        let measured = measure::compare(row, &mut engines, beside.as_mut(), pairs, scale, !options.quick)?;
        lines.extend(Line::of(row, measured));
        progress.end();
    }
    progress.over();
    let beside = options.beside.as_ref().map(|build| build.name.as_str());
    println!("{}", report::told(&lines, beside, options.form));
    if let Some(folder) = &options.svg {
        for file in report::draw(&lines, folder)? {
            eprintln!("{}", file.display());
        }
    }
    Ok(())
}

fn parked(engine: &str, what: &str, tasks: usize) -> Result<(), String> {
    match engine {
        Raddle::NAME => workloads::memory::child(Raddle::build(WORKERS), what, tasks),
        Tokio::NAME => workloads::memory::child(Tokio::build((Flavor::MultiThread, WORKERS)), what, tasks),
        Bare::NAME => workloads::memory::child(Bare::build(()), what, tasks),
        Smol::NAME => workloads::memory::child(Smol::build(WORKERS), what, tasks),
        other => Err(format!("no engine is called `{other}`")),
    }
}
