//! Another build of this program beside it: what its raddle takes, turn by turn, in a process of its own.
//!
//! A build differs by what a cfg or a change of the code makes of it (`--cfg raddle_ring`, the commit before), so it cannot be
//! in this process. It is started for a row, asked for a sample in each turn, and waits while others run.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use raddle_bench::engine::{Engine, Raddle};
use raddle_bench::sample::{Sample, Scale};

use crate::profile::Once;

/// The command by which the other build gives samples.
pub(crate) const SUBCOMMAND: &str = "samples";

/// A build, and what its column is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Build {
    pub(crate) name: String,
    program: String,
}

/// A build that gives samples of one row, until this is dropped.
pub(crate) struct Beside {
    process: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Build {
    /// `NAME=PROGRAM`.
    pub(crate) fn parse(text: &str) -> Result<Build, String> {
        match text.split_once('=') {
            Some((name, program)) if !name.is_empty() && name.chars().all(char::is_alphanumeric) => {
                Ok(Build { name: name.into(), program: program.into() })
            }
            _ => Err(format!("--beside needs NAME=PROGRAM, the name of letters and digits, not `{text}`")),
        }
    }

    /// Starts it for a row.
    pub(crate) fn start(&self, row: &str, workers: usize, scale: Scale) -> Result<Beside, String> {
        let mut process = Command::new(&self.program)
            .args([SUBCOMMAND, row, "--workers", &workers.to_string()])
            .args(scale.quick.then_some("--quick"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", self.program))?;
        let (ask, answers) = process.stdin.take().zip(process.stdout.take()).expect("both are piped");
        Ok(Beside { process, ask, answers: BufReader::new(answers) })
    }
}

impl Beside {
    pub(crate) fn sample(&mut self) -> Result<Sample, String> {
        let mut answer = String::new();
        self.ask
            .write_all(b"\n")
            .and_then(|()| self.answers.read_line(&mut answer))
            .map_err(|error| format!("the build beside has gone: {error}"))?;
        read(&answer).ok_or_else(|| format!("the build beside gives no sample: {answer:?}"))
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // It ends when its input does, or it is in the middle of a sample that nobody waits for.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// Gives a sample for each line that comes.
pub(crate) fn give(options: &Once) -> Result<(), String> {
    let row = options.row()?;
    let mut raddle = Raddle::build(options.workers);
    let scale = Scale { quick: options.quick };
    for line in io::stdin().lock().lines() {
        line.map_err(|error| format!("cannot be asked: {error}"))?;
        println!("{}", written(&(row.raddle)(&mut raddle, scale)));
    }
    Ok(())
}

/// The operations, then the values.
fn written(sample: &Sample) -> String {
    sample.values.iter().fold(sample.operations.to_string(), |text, value| format!("{text} {value}"))
}

fn read(text: &str) -> Option<Sample> {
    let mut words = text.split_whitespace();
    let operations = words.next()?.parse().ok()?;
    let values = words.map(|word| word.parse().ok()).collect::<Option<Vec<f64>>>()?;
    Some(Sample { values, operations })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_read_as_it_was_written() {
        let sample = read(&written(&Sample { values: vec![0.1, 2e9], operations: 7 })).unwrap();
        assert_eq!((sample.values, sample.operations), (vec![0.1, 2e9], 7));
        assert!(read("").is_none() && read("7 x").is_none());
    }

    #[test]
    fn a_build_has_a_name_and_a_program() {
        assert_eq!(Build::parse("ring=a/b=c"), Ok(Build { name: "ring".into(), program: "a/b=c".into() }));
        assert!(Build::parse("program").unwrap_err().contains("NAME=PROGRAM"));
        assert!(Build::parse("=program").is_err() && Build::parse("a b=program").is_err());
    }
}
