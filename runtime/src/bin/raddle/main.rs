//! `raddle ps PID`, `raddle pstree PID` and `raddle top PID`: who is stuck in a running program, where, waiting for whom.

mod arguments;
mod clean;
mod draw;
mod figures;
mod groups;
mod process;
mod questions;
mod screen;
mod snapshot;
mod terminal;
mod top;
mod units;

use std::io::{self, Write};
use std::process::ExitCode;

use arguments::{Command, USAGE};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let told = match arguments::parse(&arguments) {
        Ok(Command::Help) => Ok(USAGE.to_owned()),
        Ok(Command::List { process, question, json }) => questions::list(process, question, json),
        Ok(Command::Top(options)) => top::run(&options),
        Err(error) => Err(error),
    };
    match told {
        Ok(text) => {
            // Whoever reads it may have gone.
            _ = io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(text) => {
            _ = io::stderr().write_all(text.as_bytes());
            ExitCode::FAILURE
        }
    }
}
