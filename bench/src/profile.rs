//! What a row costs in instructions: exact where times are noise.
//!
//! A row is run twice under valgrind's callgrind, small and large, by a runtime with one worker; the difference is what
//! the operations of the difference took, without start and end. Only the thread that runs them is counted, so that how
//! often the watchdog looked while valgrind was slow says nothing. (Of `spawn_remote`, which spawns from a thread outside,
//! that is the half of the work that the runtime does.)

use std::env;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{self, Command, Stdio};

use raddle_bench::engine::{Engine, Flavor, Raddle, Tokio};
use raddle_bench::rows::{self, Row};
use raddle_bench::sample::{Sample, Scale};

use crate::args::{count, value};

/// The command whose work is counted.
pub(crate) const SUBCOMMAND: &str = "once";

/// Which rows, and on which side.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Profile {
    rows: Vec<String>,
    engine: String,
}

/// One sample of one row.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Once {
    row: String,
    engine: String,
    workers: usize,
    quick: bool,
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

/// Prints instructions per operation, row by row.
pub(crate) fn run(options: &Profile) -> Result<(), String> {
    let rows = rows::chosen(&options.rows)?;
    println!("{:24} {:>14}", "row", "instructions");
    for row in rows {
        let small = counted(&row, &options.engine, true)?;
        let large = counted(&row, &options.engine, false)?;
        let operations = large.operations.saturating_sub(small.operations);
        if operations == 0 {
            return Err(format!("{}: this row is always of one size, so nothing can be told", row.name));
        }
        let instructions = large.instructions.saturating_sub(small.instructions);
        println!("{:24} {:14.1}", row.name, instructions as f64 / operations as f64);
    }
    Ok(())
}

/// Runs a row once and says how many operations that were.
pub(crate) fn once(options: &Once) -> Result<(), String> {
    let rows = rows::all();
    let row = rows.iter().find(|row| row.name == options.row);
    let row = row.ok_or_else(|| format!("no row is called `{}`; `compare --list` tells the names", options.row))?;
    let scale = Scale { quick: options.quick };
    let Sample { operations, .. } = match options.engine.as_str() {
        Raddle::NAME => (row.raddle)(&mut Raddle::build(options.workers), scale),
        Tokio::NAME => {
            let flavor = if options.workers == 1 { Flavor::CurrentThread } else { Flavor::MultiThread };
            (row.tokio)(&mut Tokio::build((flavor, options.workers)), scale)
        }
        other => return Err(format!("no engine is called `{other}`")),
    };
    println!("{operations}");
    Ok(())
}

struct Counted {
    operations: u64,
    instructions: u64,
}

fn counted(row: &Row, engine: &str, quick: bool) -> Result<Counted, String> {
    let mut args = vec![SUBCOMMAND, row.name, "--engine", engine];
    if quick {
        args.push("--quick");
    }
    let (said, instructions) = under_callgrind(&args, "")?;
    let operations = said.trim().parse().map_err(|_| format!("`{said}` is no number of operations"))?;
    Ok(Counted { operations, instructions })
}

/// Whether there is a valgrind to run.
pub(crate) fn is_installed() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Runs this program under callgrind: what it wrote, and the instructions of its first thread, which is the worker.
pub(crate) fn under_callgrind(args: &[&str], input: &str) -> Result<(String, u64), String> {
    let folder = env::temp_dir().join(format!("raddle-profile.{}", process::id()));
    fs::create_dir_all(&folder).map_err(|error| format!("{} can't be made: {error}", folder.display()))?;
    let counted = count_into(&folder, args, input);
    // It is in the system's folder for what need not last.
    let _ = fs::remove_dir_all(&folder);
    counted
}

fn count_into(folder: &Path, args: &[&str], input: &str) -> Result<(String, u64), String> {
    let this = env::current_exe().map_err(|error| format!("this program is nowhere: {error}"))?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--separate-threads=yes", "-q"]);
    command.arg(format!("--callgrind-out-file={}", folder.join("counts").display())).arg(this).args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("valgrind does not start: {error}; is it installed?"))?;
    let mut stdin = child.stdin.take().expect("piped above");
    // Who does not read it fails, and is heard below.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().map_err(|error| format!("valgrind can't be waited for: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{} failed under valgrind: {}", args.join(" "), said.trim()));
    }
    // The file of thread 1, which is the worker.
    let counts = folder.join("counts-01");
    let text = fs::read_to_string(&counts).map_err(|error| format!("{}: {error}", counts.display()))?;
    let instructions = total(&text).ok_or_else(|| format!("{} has no total", counts.display()))?;
    Ok((String::from_utf8_lossy(&output.stdout).into_owned(), instructions))
}

/// The sum in a file of callgrind's.
fn total(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("totals:").or_else(|| line.strip_prefix("summary:")))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_found() {
        assert_eq!(total("version: 1\nsummary: 12345\n\nfn=(1)\n"), Some(12_345));
        assert_eq!(total("events: Ir\n0 7\ntotals: 42\n"), Some(42));
        assert_eq!(total("events: Ir\n"), None);
    }
}
