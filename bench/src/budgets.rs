//! Holds raddle to its budgets: counts what an operation of each row takes, and fails where that is too much.
//!
//! The table and its reasons are in the library (`budget.rs`), since the package's tests hold raddle to it as well: to
//! allocations and system calls in every `cargo test`. Instructions are those of a release build, so they are counted
//! here alone.

use raddle_bench::budget::{self, Budget, ECHO, Figure};
use raddle_bench::engine::{Engine, Raddle};
use raddle_bench::strace;

use crate::args::value;
use crate::callgrind;
use crate::profile::this_program;
use crate::progress::Progress;

/// Which rows and which figures of them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Budgets {
    /// Beginnings of rows' names; none: all rows.
    rows: Vec<String>,
    only: Vec<Figure>,
}

/// What `--only` calls each.
const NAMES: [(&str, Figure); 3] =
    [("instructions", Figure::Instructions), ("allocations", Figure::Allocations), ("syscalls", Figure::SystemCalls)];

pub(crate) fn parse(args: &mut impl Iterator<Item = String>) -> Result<Budgets, String> {
    let mut options = Budgets { rows: Vec::new(), only: Vec::new() };
    while let Some(option) = args.next() {
        match option.as_str() {
            "--rows" => options.rows.extend(value(&option, args)?.split(',').map(str::to_string)),
            "--only" => {
                for name in value(&option, args)?.split(',') {
                    options.only.push(figure(name)?);
                }
            }
            other => return Err(format!("unknown option `{other}` of budgets")),
        }
    }
    if options.only.is_empty() {
        options.only = Figure::ALL.into();
    }
    Ok(options)
}

fn figure(name: &str) -> Result<Figure, String> {
    let found = NAMES.iter().find(|(known, _)| *known == name);
    found.map(|(_, figure)| *figure).ok_or_else(|| {
        let known = NAMES.map(|(known, _)| known).join(", ");
        format!("budgets has no `{name}`: there are {known}")
    })
}

impl Budgets {
    fn rows(&self) -> Result<Vec<&'static Budget>, String> {
        let known = |want: &str| budget::ALL.iter().any(|budget| budget.row.starts_with(want));
        if let Some(unknown) = self.rows.iter().find(|want| !known(want)) {
            let names: Vec<_> = budget::ALL.iter().map(|budget| budget.row).collect();
            return Err(format!("no budget is that of a row `{unknown}`: there are {}", names.join(", ")));
        }
        let is_wanted = |row: &str| self.rows.is_empty() || self.rows.iter().any(|want| row.starts_with(want));
        Ok(budget::ALL.iter().filter(|budget| is_wanted(budget.row)).collect())
    }

    /// Those that are wanted and can be counted here. What can't is said.
    fn figures(&self) -> Vec<Figure> {
        let can = |figure: &Figure| {
            let why = match figure {
                Figure::Instructions => another_build().or_else(callgrind::is_missing),
                Figure::Allocations => callgrind::is_missing(),
                Figure::SystemCalls => strace::is_missing(),
            };
            if let Some(why) = &why {
                eprintln!("skipped: {}: {why}", figure.name());
            }
            why.is_none()
        };
        self.only.iter().copied().filter(can).collect()
    }
}

/// What makes this another program than the one whose instructions were counted for the table, if anything is known to.
fn another_build() -> Option<String> {
    const SETTINGS: [(&str, Option<&str>); 4] = [
        ("CARGO_PROFILE_RELEASE_LTO", option_env!("CARGO_PROFILE_RELEASE_LTO")),
        ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", option_env!("CARGO_PROFILE_RELEASE_CODEGEN_UNITS")),
        ("CARGO_PROFILE_RELEASE_OPT_LEVEL", option_env!("CARGO_PROFILE_RELEASE_OPT_LEVEL")),
        ("RUSTFLAGS", option_env!("RUSTFLAGS")),
    ];
    let what = if cfg!(debug_assertions) {
        "in debug mode".into()
    } else {
        let (name, value) = SETTINGS.iter().find_map(|(name, value)| Some((name, (*value)?)))?;
        format!("with {name}={value}")
    };
    Some(format!("this program was built {what}, and the budgets are those of a plain `cargo build --release`"))
}

/// Prints each figure beside its budget. Err: what is too much.
pub(crate) fn run(options: &Budgets) -> Result<(), String> {
    let (rows, figures) = (options.rows()?, options.figures());
    let progress = Progress::new(rows.len());
    let (mut lines, mut excesses) = (Vec::new(), Vec::new());
    for budget in rows {
        progress.begin(budget.row);
        let held: Vec<_> = figures.iter().filter_map(|figure| Some((*figure, budget.of(*figure)?))).collect();
        for ((figure, allowed), measured) in held.iter().copied().zip(measured(budget.row, &held)?) {
            lines.push(line(budget.row, figure, measured, allowed));
            excesses.extend(budget::excess(budget.row, figure, measured, allowed));
        }
        progress.end();
    }
    progress.over();
    println!("{:16} {:14} {:>10} {:>10} {:>8}", "row", "per operation", "measured", "budget", "left");
    lines.iter().for_each(|line| println!("{line}"));
    if excesses.is_empty() { Ok(()) } else { Err(format!("over budget:\n\n{}", excesses.join("\n\n"))) }
}

/// One value for each figure; callgrind counts two of them at once.
fn measured(row: &str, held: &[(Figure, f64)]) -> Result<Vec<f64>, String> {
    let is_held = |figure| held.iter().any(|(held, _)| *held == figure);
    let counted = is_held(Figure::Instructions) || is_held(Figure::Allocations);
    let counts = if counted { Some(callgrind::of_row(row, Raddle::NAME)?) } else { None };
    let of = |figure| match figure {
        Figure::Instructions => Ok(counts.map_or(f64::NAN, |counts| counts.instructions)),
        Figure::Allocations => Ok(counts.map_or(f64::NAN, |counts| counts.allocations)),
        Figure::SystemCalls if row == ECHO => strace::of_echo(&this_program()?),
        Figure::SystemCalls => strace::of_row(&this_program()?, row, Raddle::NAME),
    };
    held.iter().map(|(figure, _)| of(*figure)).collect()
}

fn line(row: &str, figure: Figure, measured: f64, allowed: f64) -> String {
    let left = (allowed - measured) / allowed * 100.0;
    let digits = if figure == Figure::Instructions { 1 } else { 3 };
    format!("{row:16} {:14} {measured:10.digits$} {allowed:10.digits$} {left:6.1} %", figure.name())
}
