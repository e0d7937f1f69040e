//! The command line.

use std::time::Duration;

pub(crate) const USAGE: &str = "\
usage: raddle ps PID [--json]      the tasks of a process, and what each waits for
       raddle pstree PID [--json]  each task below the one that awaits it
       raddle top PID [--every SECONDS] [--once] [--json]
                                   its workers, and its tasks by the lines that create them, as they go on;
                                   --once, or where the output is no terminal: one picture as text;
                                   --json: a line of JSON for each look

The process has to be started with RADDLE_INSPECT=1, or to call Runner::inspect(true). Only its own user and root may ask.
";

/// How often `top` looks, unless it is told.
const EVERY: Duration = Duration::from_secs(1);
/// No more often than this.
const MOST_OFTEN: f64 = 0.05;

#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    Help,
    List { process: u32, question: &'static str, json: bool },
    Top(Top),
}

/// What `raddle top` is asked to do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Top {
    pub(crate) process: u32,
    pub(crate) every: Duration,
    pub(crate) once: bool,
    pub(crate) json: bool,
}

pub(crate) fn parse(arguments: &[String]) -> Result<Command, String> {
    let (mut words, mut json, mut once, mut every) = (Vec::new(), false, false, None);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "--json" => json = true,
            "--once" => once = true,
            "--every" => every = Some(seconds(rest.next().ok_or(USAGE)?)?),
            word if word.starts_with('-') => return Err(USAGE.to_owned()),
            word => words.push(word),
        }
    }
    let [command @ ("ps" | "pstree" | "top"), process] = *words else { return Err(USAGE.to_owned()) };
    let process: u32 =
        process.parse().map_err(|_| format!("raddle: '{process}' is no process number, such as 1234\n"))?;
    let question = match command {
        "top" => return Ok(Command::Top(Top { process, every: every.unwrap_or(EVERY), once, json })),
        "ps" => "ps",
        _ => "pstree",
    };
    if once || every.is_some() {
        return Err(USAGE.to_owned());
    }
    Ok(Command::List { process, question, json })
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| *seconds >= MOST_OFTEN);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| format!("raddle: --every takes seconds, {MOST_OFTEN} or more, and not '{text}'\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<Command, String> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_accepted() {
        assert_eq!(of("ps 12"), Ok(Command::List { process: 12, question: "ps", json: false }));
        assert_eq!(of("--json pstree 12"), Ok(Command::List { process: 12, question: "pstree", json: true }));
        let top = Top { process: 7, every: Duration::from_secs(1), once: true, json: false };
        assert_eq!(of("top 7 --once"), Ok(Command::Top(top.clone())));
        let top = Top { every: Duration::from_millis(500), once: false, ..top };
        assert_eq!(of("top --every 0.5 7"), Ok(Command::Top(top)));
        assert_eq!(of("top --help"), Ok(Command::Help));
    }

    #[test]
    fn what_is_refused_is_told() {
        assert_eq!(of("ps soon"), Err("raddle: 'soon' is no process number, such as 1234\n".into()));
        for line in ["", "ps", "kill 1", "ps 1 2", "ps 1 --once", "top 1 --fast", "top 1 --every"] {
            assert_eq!(of(line), Err(USAGE.into()), "{line}");
        }
        for every in ["soon", "0", "-1", "nan", "inf", "1e300"] {
            let refused = of(&format!("top 1 --every {every}")).unwrap_err();
            assert!(refused.starts_with("raddle: --every takes seconds"), "{refused}");
        }
    }
}
