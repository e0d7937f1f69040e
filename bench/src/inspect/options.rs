//! The options of `inspect`.

use crate::args::{count, value};

const PARTS: [&str; 4] = ["pstree", "top", "spawn", "switch"];

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Inspect {
    /// Empty: all of them.
    only: Vec<String>,
    pub(crate) rounds: usize,
    pub(crate) build: bool,
}

impl Inspect {
    pub(crate) fn runs(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == part)
    }
}

pub(crate) fn parse(args: &mut impl Iterator<Item = String>) -> Result<Inspect, String> {
    let mut options = Inspect { only: Vec::new(), rounds: 20, build: true };
    while let Some(option) = args.next() {
        match option.as_str() {
            "--only" => options.only.extend(value(&option, args)?.split(',').map(str::to_string)),
            "--rounds" => options.rounds = count(&option, args)?,
            "--no-build" => options.build = false,
            other => return Err(format!("unknown option `{other}` of inspect")),
        }
    }
    match options.only.iter().find(|name| !PARTS.contains(&name.as_str())) {
        Some(name) => Err(format!("inspect has no part `{name}`: there are {}", PARTS.join(", "))),
        None => Ok(options),
    }
}
