//! `raddle ps PID` and `raddle pstree PID`: who is stuck in a running program, where, waiting for whom.

use std::io::{self, Write};
use std::process::ExitCode;

const USAGE: &str = "\
usage: raddle ps PID [--json]      the tasks of a process, and what each waits for
       raddle pstree PID [--json]  each task below the one that awaits it

The process has to be started with RADDLE_INSPECT=1, or to call Runner::inspect(true). Only its own user and root may ask.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
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

fn run(arguments: &[String]) -> Result<String, String> {
    let (options, words): (Vec<&str>, Vec<&str>) =
        arguments.iter().map(String::as_str).partition(|argument| argument.starts_with('-'));
    let json = match *options {
        [] => false,
        ["--json"] => true,
        ["--help" | "-h"] => return Ok(USAGE.to_owned()),
        _ => return Err(USAGE.to_owned()),
    };
    let [command @ ("ps" | "pstree"), process] = *words else { return Err(USAGE.to_owned()) };
    let process: u32 =
        process.parse().map_err(|_| format!("raddle: '{process}' is no process number, such as 1234\n"))?;
    let answers =
        raddle::ask(process, if json { "json" } else { command }).map_err(|error| format!("raddle: {error}\n"))?;
    if json {
        let answers: Vec<&str> = answers.iter().map(|answer| answer.trim_end()).collect();
        return Ok(format!("[{}]\n", answers.join(",\n")));
    }
    Ok(answers.join("\n"))
}
