//! The command line, parsed by hand.

use crate::engine::Flavor;
use crate::workloads::memory;

pub(crate) const USAGE: &str = "\
usage: raddle-bench compare [--quick] [--rows a,b] [--pairs N] [--flavor mt|ct] [--json] [--list]
       raddle-bench http [--connections 64] [--seconds 5] [--pairs 5] [--no-build] [--json]

compare   workloads on raddle and on tokio, in alternation; a row is chosen by its name, its group or a beginning of either
http      two HTTP servers under wrk, one core for server and client: processor time per request";

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Compare(Compare),
    Http(Http),
    /// The child of a memory row.
    Parked {
        engine: String,
        what: String,
        tasks: usize,
    },
    Help,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Compare {
    pub(crate) quick: bool,
    pub(crate) rows: Vec<String>,
    pub(crate) pairs: Option<usize>,
    pub(crate) flavor: Flavor,
    pub(crate) json: bool,
    pub(crate) list: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Http {
    pub(crate) connections: usize,
    pub(crate) seconds: usize,
    pub(crate) pairs: usize,
    pub(crate) build: bool,
    pub(crate) json: bool,
}

pub(crate) fn parse(args: impl IntoIterator<Item = String>) -> Result<Command, String> {
    let mut args = args.into_iter();
    match args.next().as_deref() {
        Some("compare") => compare(&mut args).map(Command::Compare),
        Some("http") => http(&mut args).map(Command::Http),
        Some(memory::SUBCOMMAND) => {
            let (engine, what) = (value("ENGINE", &mut args)?, value("WHAT", &mut args)?);
            Ok(Command::Parked { engine, what, tasks: count("TASKS", &mut args)? })
        }
        Some("--help" | "-h" | "help") => Ok(Command::Help),
        Some(other) => Err(format!("unknown command `{other}`")),
        None => Err("which command?".into()),
    }
}

fn compare(args: &mut impl Iterator<Item = String>) -> Result<Compare, String> {
    let mut options =
        Compare { quick: false, rows: Vec::new(), pairs: None, flavor: Flavor::MultiThread, json: false, list: false };
    while let Some(option) = args.next() {
        match option.as_str() {
            "--quick" => options.quick = true,
            "--json" => options.json = true,
            "--list" => options.list = true,
            "--pairs" => options.pairs = Some(count(&option, args)?),
            "--rows" => options.rows.extend(value(&option, args)?.split(',').map(str::to_string)),
            "--flavor" => options.flavor = flavor(&value(&option, args)?)?,
            other => return Err(format!("unknown option `{other}` of compare")),
        }
    }
    Ok(options)
}

fn http(args: &mut impl Iterator<Item = String>) -> Result<Http, String> {
    let mut options = Http { connections: 64, seconds: 5, pairs: 5, build: true, json: false };
    while let Some(option) = args.next() {
        match option.as_str() {
            "--connections" => options.connections = count(&option, args)?,
            "--seconds" => options.seconds = count(&option, args)?,
            "--pairs" => options.pairs = count(&option, args)?,
            "--no-build" => options.build = false,
            "--json" => options.json = true,
            other => return Err(format!("unknown option `{other}` of http")),
        }
    }
    Ok(options)
}

fn value(option: &str, args: &mut impl Iterator<Item = String>) -> Result<String, String> {
    args.next().ok_or_else(|| format!("{option} needs a value"))
}

fn count(option: &str, args: &mut impl Iterator<Item = String>) -> Result<usize, String> {
    let text = value(option, args)?;
    match text.parse() {
        Ok(0) | Err(_) => Err(format!("{option} needs a whole number above 0, not `{text}`")),
        Ok(count) => Ok(count),
    }
}

fn flavor(text: &str) -> Result<Flavor, String> {
    match text {
        "mt" => Ok(Flavor::MultiThread),
        "ct" => Ok(Flavor::CurrentThread),
        other => Err(format!("--flavor is mt or ct, not `{other}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(str::to_string))
    }

    #[test]
    fn what_is_accepted() {
        let Ok(Command::Compare(options)) = of("compare --quick --rows fib,mutex --pairs 3 --flavor ct") else {
            panic!("a good command line")
        };
        assert!(options.quick && !options.json);
        assert_eq!((options.rows, options.pairs), (vec!["fib".to_string(), "mutex".into()], Some(3)));
        assert_eq!(options.flavor, Flavor::CurrentThread);
        let http = Http { connections: 8, seconds: 5, pairs: 5, build: true, json: false };
        assert_eq!(of("http --connections 8"), Ok(Command::Http(http)));
    }

    #[test]
    fn every_refusal_names_what_is_wrong() {
        assert_eq!(of(""), Err("which command?".into()));
        assert_eq!(of("run"), Err("unknown command `run`".into()));
        assert_eq!(of("compare --fast"), Err("unknown option `--fast` of compare".into()));
        assert_eq!(of("compare --pairs"), Err("--pairs needs a value".into()));
        assert_eq!(of("compare --pairs 0"), Err("--pairs needs a whole number above 0, not `0`".into()));
        assert_eq!(of("compare --flavor x"), Err("--flavor is mt or ct, not `x`".into()));
    }
}
