//! raddle beside tokio, in alternation.
//!
//! ```text
//! cargo run --release -p raddle-bench -- compare             all workloads: two minutes, and eight for stall_long
//! cargo run --release -p raddle-bench -- compare --quick     smaller ones, fewer pairs
//! cargo run --release -p raddle-bench -- profile fib         instructions per operation
//! cargo run --release -p raddle-bench -- servers             servers under load, each row a minute
//! cargo run --release -p raddle-bench -- load --addr …       messages to an echo server
//! cargo run --release -p raddle-bench -- chaos --to …        a bad network in front of a server
//! cargo run --release -p raddle-bench -- stress              everything at once by a seed, and its accounts
//! cargo run --release -p raddle-bench -- inspect             what looking into a program costs it
//! ```
//!
//! Both runtimes live in one process with two workers each and the same allocator, and run one at a time. A ratio is
//! tokio ÷ raddle of two samples taken one after the other, so that a machine that slows down slows both; the median
//! over the pairs is reported. Absolute times of one day are not comparable with those of another.

mod args;
mod chaos;
mod cpu;
mod engine;
mod inspect;
mod load;
mod measure;
mod profile;
mod report;
mod rows;
mod sample;
mod servers;
mod stress;
mod workloads;

use std::env;
use std::process::ExitCode;

use crate::args::{Command, Compare, Form};
use crate::engine::{Engine, Flavor, Raddle, Tokio};
use crate::measure::Engines;
use crate::report::Line;
use crate::sample::Scale;

pub(crate) const WORKERS: usize = 2;
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
        Ok(Command::Profile(options)) => profile::run(&options),
        Ok(Command::Once(options)) => profile::once(&options),
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
    let mut engines = Engines { raddle: Raddle::build(WORKERS), tokio: Tokio::build((options.flavor, WORKERS)) };
    let mut lines = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        eprintln!("[{}/{}] {}", number + 1, rows.len(), row.name);
        let figures = measure::compare(row, &mut engines, pairs, scale);
        lines.extend(
            row.metrics.iter().zip(figures).map(|(metric, figures)| Line::new(row.name, row.group, metric, figures)),
        );
    }
    println!("{}", told(&lines, options.form));
    if let Some(folder) = &options.svg {
        for file in report::draw(&lines, folder)? {
            eprintln!("{}", file.display());
        }
    }
    Ok(())
}

fn told(lines: &[Line], form: Form) -> String {
    match form {
        Form::Table => report::table(lines),
        Form::Json => report::json(lines),
        Form::Markdown => report::markdown(lines),
    }
}

fn parked(engine: &str, what: &str, tasks: usize) -> Result<(), String> {
    match engine {
        Raddle::NAME => workloads::memory::child(Raddle::build(WORKERS), what, tasks),
        Tokio::NAME => workloads::memory::child(Tokio::build((Flavor::MultiThread, WORKERS)), what, tasks),
        other => Err(format!("no engine is called `{other}`")),
    }
}
