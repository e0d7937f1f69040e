//! What a row costs in instructions, allocations and system calls: exact where times are noise.
//!
//! A row is run twice under valgrind's callgrind and then under strace, small and large, by a runtime with one worker;
//! the difference is what the operations of the difference took, without start and end. Of instructions and system
//! calls, those of the thread that runs the operations are counted. (Of `spawn_remote`, which spawns from a thread
//! outside, that is the half of the work that the runtime does.)

use std::env;
use std::path::PathBuf;

use raddle_bench::engine::{Bare, Engine, Flavor, Raddle, Tokio};
use raddle_bench::rows::{self, Row};
use raddle_bench::sample::{Sample, Scale};
use raddle_bench::strace;

use crate::args::{count, value};
use crate::callgrind::{self, Counts};

/// The command whose work is counted.
pub(crate) const SUBCOMMAND: &str = strace::ONCE;

/// Which rows, and on which side.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Profile {
    rows: Vec<String>,
    engine: String,
}

/// One sample of one row.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Once {
    pub(crate) row: String,
    engine: String,
    pub(crate) workers: usize,
    pub(crate) quick: bool,
}

pub(crate) fn parse(args: &mut impl Iterator<Item = String>) -> Result<Profile, String> {
    let mut options = Profile { rows: Vec::new(), engine: Raddle::NAME.into() };
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--engine" => options.engine = value(&arg, args)?,
            option if option.starts_with('-') => return Err(format!("unknown option `{option}` of profile")),
            rows => options.rows.extend(rows.split(',').map(str::to_string)),
        }
    }
    if options.rows.is_empty() {
        Err("profile which ROW? `compare --list` tells the names".into())
    } else {
        Ok(options)
    }
}

pub(crate) fn parse_once(args: &mut impl Iterator<Item = String>) -> Result<Once, String> {
    let mut options = Once { row: value("ROW", args)?, engine: Raddle::NAME.into(), workers: 1, quick: false };
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--engine" => options.engine = value(&arg, args)?,
            "--workers" => options.workers = count(&arg, args)?,
            "--quick" => options.quick = true,
            other => return Err(format!("unknown option `{other}` of {SUBCOMMAND}")),
        }
    }
    Ok(options)
}

impl Once {
    pub(crate) fn row(&self) -> Result<Row, String> {
        let row = rows::all().into_iter().find(|row| row.name == self.row);
        row.ok_or_else(|| format!("no row is called `{}`; `compare --list` tells the names", self.row))
    }
}

/// Prints what an operation takes, row by row.
pub(crate) fn run(options: &Profile) -> Result<(), String> {
    let rows = rows::chosen(&options.rows)?;
    let without_strace = strace::is_missing();
    if let Some(why) = &without_strace {
        eprintln!("no system calls: {why}");
    }
    println!("{:24} {:>14} {:>14} {:>14}", "row", "instructions", "allocations", "system calls");
    for row in rows {
        let Counts { instructions, allocations } = callgrind::of_row(row.name, &options.engine)?;
        let calls = match without_strace {
            None => format!("{:.3}", strace::of_row(&this_program()?, row.name, &options.engine)?),
            Some(_) => "-".into(),
        };
        println!("{:24} {instructions:14.1} {allocations:14.3} {calls:>14}", row.name);
    }
    Ok(())
}

/// Where this program lies.
pub(crate) fn this_program() -> Result<PathBuf, String> {
    env::current_exe().map_err(|error| format!("this program is nowhere: {error}"))
}

/// Runs a row once and says how many operations that were.
pub(crate) fn once(options: &Once) -> Result<(), String> {
    let row = options.row()?;
    let scale = Scale { quick: options.quick };
    let Sample { operations, .. } = match options.engine.as_str() {
        Raddle::NAME => (row.raddle)(&mut Raddle::build(options.workers), scale),
        Tokio::NAME => {
            let flavor = if options.workers == 1 { Flavor::CurrentThread } else { Flavor::MultiThread };
            (row.tokio)(&mut Tokio::build((flavor, options.workers)), scale)
        }
        Bare::NAME => row.floor.ok_or_else(|| format!("{} can't be done without a runtime", row.name))?(scale),
        other => return Err(format!("no engine is called `{other}`")),
    };
    println!("{operations}");
    Ok(())
}
