//! The options of `scaling`.

use std::path::PathBuf;

use crate::args::{count, value};

/// In the order in which they are measured.
pub(super) const PARTS: [&str; 5] = ["tasks", "instructions", "timers", "connections", "workers"];

/// What is measured, and how it is told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Scaling {
    /// Empty: all of them.
    only: Vec<String>,
    pub(super) quick: bool,
    pub(super) rounds: Option<usize>,
    pub(super) build: bool,
    pub(super) json: bool,
    /// Where to put pictures.
    pub(super) svg: Option<PathBuf>,
}

impl Scaling {
    pub(super) fn runs(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == part)
    }

    /// How often each figure is taken: as often as was wanted, or else as the part itself likes it.
    pub(super) fn rounds(&self, usual: usize, quick: usize) -> usize {
        self.rounds.unwrap_or(if self.quick { quick } else { usual })
    }
}

pub(crate) fn parse(args: &mut impl Iterator<Item = String>) -> Result<Scaling, String> {
    let mut options = Scaling { only: Vec::new(), quick: false, rounds: None, build: true, json: false, svg: None };
    while let Some(option) = args.next() {
        match option.as_str() {
            "--only" => options.only.extend(value(&option, args)?.split(',').map(str::to_string)),
            "--quick" => options.quick = true,
            "--rounds" => options.rounds = Some(count(&option, args)?),
            "--no-build" => options.build = false,
            "--json" => options.json = true,
            "--svg" => options.svg = Some(value(&option, args)?.into()),
            other => return Err(format!("unknown option `{other}` of scaling")),
        }
    }
    match options.only.iter().find(|name| !PARTS.contains(&name.as_str())) {
        Some(name) => Err(format!("scaling has no part `{name}`: there are {}", PARTS.join(", "))),
        None => Ok(options),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<Scaling, String> {
        parse(&mut line.split_whitespace().map(str::to_string))
    }

    #[test]
    fn parts_are_chosen_by_name() {
        let options = of("--only timers,workers --quick --svg pictures --json").unwrap();
        assert_eq!(PARTS.map(|part| options.runs(part)), [false, false, true, false, true]);
        assert_eq!((options.svg, options.json), (Some("pictures".into()), true));
        assert!(PARTS.iter().all(|part| of("").unwrap().runs(part)));
    }

    #[test]
    fn a_part_that_there_is_not_is_named() {
        assert_eq!(
            of("--only sockets"),
            Err("scaling has no part `sockets`: there are tasks, instructions, timers, connections, workers".into())
        );
        assert_eq!(of("--fast"), Err("unknown option `--fast` of scaling".into()));
    }

    #[test]
    fn rounds_are_those_that_were_wanted() {
        assert_eq!(of("").unwrap().rounds(9, 3), 9);
        assert_eq!(of("--quick").unwrap().rounds(9, 3), 3);
        assert_eq!(of("--quick --rounds 5").unwrap().rounds(9, 3), 5);
    }
}
