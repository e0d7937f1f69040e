//! The command line, parsed by hand.

use std::path::PathBuf;

use raddle_bench::WORKERS;
use raddle_bench::engine::Flavor;
use raddle_bench::strace;
use raddle_bench::workloads::memory;

use crate::beside::{self, Build};
use crate::budgets::{self, Budgets};
use crate::chaos::{self, Proxy};
use crate::inspect::{self, Inspect};
use crate::load::{self, Load};
use crate::profile::{self, Once, Profile};
use crate::scaling::{self, Scaled, Scaling};
use crate::servers::{self, Servers};
use crate::stress::{self, Stress};

pub(crate) const USAGE: &str = "\
usage: raddle-bench compare [--quick] [--rows a,b] [--pairs N] [--workers 2] [--flavor mt|ct]
                            [--beside NAME=PROGRAM] [--json | --markdown] [--svg FOLDER] [--list]
       raddle-bench profile ROW[,ROW] [--engine raddle|tokio|bare]
       raddle-bench budgets [--rows a,b] [--only instructions,allocations,syscalls]
       raddle-bench servers [--rows a,b] [--seconds 1] [--pairs 15] [--syscalls] [--no-build]
                            [--json | --markdown] [--list]
       raddle-bench http [--connections 64] and the options of servers
       raddle-bench load --addr HOST:PORT [--http PATH] [--connections 1] [--size 64] [--rate N] [--seconds 5]
                         [--idle N] [--reconnect] [--workers 1] [--json]
       raddle-bench chaos --to HOST:PORT [--listen HOST:PORT] [--seed N] [--delay MS] [--faults PERCENT]
       raddle-bench stress [--seconds 60 | --minutes N] [--wakes 1e9] [--seed N] [--workers N]
                           [--only scheduler,timers,net,sync,wakes]
       raddle-bench inspect [--only pstree,top,spawn,switch] [--rounds 20] [--no-build]
       raddle-bench scaling [--only tasks,instructions,timers,connections,workers] [--quick] [--rounds N] [--no-build]
                            [--json] [--svg FOLDER]

compare   workloads on raddle and on tokio, in alternation; a row is chosen by its name, its group or a beginning of either;
          beside them raddle in another build of this program, in a column of that name
profile   instructions, allocations and system calls per operation with one worker, as callgrind and strace count them
budgets   the same beside what an operation may cost; fails where it costs more
servers   servers under load, one core for server and client: processor time, and perhaps system calls, per request;
          `floor` is an epoll loop without a runtime
http      one row of it: two HTTP servers under wrk
load      messages to an echo server, or requests of a page, as fast as they come back or at a rate: latency and throughput
chaos     a proxy that delays, splits, truncates and resets, by a seed
stress    tasks, timers, connections, locks and wake-ups from outside in every way of living and dying, by a seed
inspect   what looking into a program with the command `raddle` costs it, and how long it takes
scaling   what an operation costs beside more and more tasks, timers, connections or workers: is that flat?";

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Compare(Compare),
    Profile(Profile),
    Budgets(Budgets),
    /// The server whose calls are counted.
    Echoed,
    /// What a profile counts.
    Once(Once),
    /// What `compare` asks another build for.
    Samples(Once),
    Servers(Servers),
    Load(Load),
    Chaos(Proxy),
    Stress(Stress),
    Inspect(Inspect),
    /// The program that `inspect` looks at.
    Inspected(String),
    Scaling(Scaling),
    /// A process that `scaling` asks.
    Scaled(Scaled),
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
    pub(crate) workers: usize,
    /// Another build, to be measured beside.
    pub(crate) beside: Option<Build>,
    pub(crate) form: Form,
    /// Where to put pictures.
    pub(crate) svg: Option<PathBuf>,
    pub(crate) list: bool,
}

/// How figures are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Table,
    Json,
    Markdown,
}

pub(crate) fn parse(args: impl IntoIterator<Item = String>) -> Result<Command, String> {
    let mut args = args.into_iter();
    match args.next().as_deref() {
        Some("compare") => compare(&mut args).map(Command::Compare),
        Some("profile") => profile::parse(&mut args).map(Command::Profile),
        Some("budgets") => budgets::parse(&mut args).map(Command::Budgets),
        Some(strace::ECHOED) => Ok(Command::Echoed),
        Some(profile::SUBCOMMAND) => profile::parse_once(&mut args).map(Command::Once),
        Some(beside::SUBCOMMAND) => profile::parse_once(&mut args).map(Command::Samples),
        Some("servers") => servers::parse(&mut args).map(Command::Servers),
        Some("http") => servers::parse_http(&mut args).map(Command::Servers),
        Some("load") => load::parse(&mut args).map(Command::Load),
        Some("chaos") => chaos::parse(&mut args).map(Command::Chaos),
        Some("stress") => stress::parse(&mut args).map(Command::Stress),
        Some("inspect") => inspect::parse(&mut args).map(Command::Inspect),
        Some(inspect::SUBCOMMAND) => value("WHAT", &mut args).map(Command::Inspected),
        Some("scaling") => scaling::parse(&mut args).map(Command::Scaling),
        Some(scaling::SUBCOMMAND) => scaling::parse_scaled(&mut args).map(Command::Scaled),
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
    let mut options = Compare {
        quick: false,
        rows: Vec::new(),
        pairs: None,
        flavor: Flavor::MultiThread,
        workers: WORKERS,
        beside: None,
        form: Form::Table,
        svg: None,
        list: false,
    };
    while let Some(option) = args.next() {
        match option.as_str() {
            "--quick" => options.quick = true,
            "--json" => options.form = Form::Json,
            "--markdown" => options.form = Form::Markdown,
            "--svg" => options.svg = Some(value(&option, args)?.into()),
            "--list" => options.list = true,
            "--pairs" => options.pairs = Some(count(&option, args)?),
            "--rows" => options.rows.extend(value(&option, args)?.split(',').map(str::to_string)),
            "--workers" => options.workers = count(&option, args)?,
            "--beside" => options.beside = Some(Build::parse(&value(&option, args)?)?),
            "--flavor" => options.flavor = flavor(&value(&option, args)?)?,
            other => return Err(format!("unknown option `{other}` of compare")),
        }
    }
    Ok(options)
}

/// The word after an option.
pub(crate) fn value(option: &str, args: &mut impl Iterator<Item = String>) -> Result<String, String> {
    args.next().ok_or_else(|| format!("{option} needs a value"))
}

/// The number, at least 1, after an option.
pub(crate) fn count(option: &str, args: &mut impl Iterator<Item = String>) -> Result<usize, String> {
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
        assert!(options.quick && options.form == Form::Table);
        assert_eq!((options.rows, options.pairs), (vec!["fib".to_string(), "mutex".into()], Some(3)));
        assert_eq!(options.flavor, Flavor::CurrentThread);
        let load = Load { addr: "a:1".into(), rate: Some(7), ..Load::default() };
        assert_eq!(of("load --addr a:1 --rate 7"), Ok(Command::Load(load)));
        assert!(matches!(of("http --connections 8"), Ok(Command::Servers(_))));
        assert!(matches!(of("budgets --rows fib --only syscalls,instructions"), Ok(Command::Budgets(_))));
        assert!(matches!(of("chaos --to a:1"), Ok(Command::Chaos(_))));
        assert!(matches!(of("scaling --only tasks --quick"), Ok(Command::Scaling(_))));
        assert!(matches!(of("inspect --only top,switch --rounds 3"), Ok(Command::Inspect(_))));
    }

    #[test]
    fn every_refusal_names_what_is_wrong() {
        assert_eq!(of(""), Err("which command?".into()));
        assert_eq!(of("run"), Err("unknown command `run`".into()));
        assert_eq!(of("compare --fast"), Err("unknown option `--fast` of compare".into()));
        assert_eq!(of("compare --pairs"), Err("--pairs needs a value".into()));
        assert_eq!(of("load --fast"), Err("unknown option `--fast` of load".into()));
        assert_eq!(of("load"), Err("load needs --addr HOST:PORT".into()));
        assert_eq!(of("chaos --faults 101"), Err("--faults needs a whole number up to 100, not `101`".into()));
        assert!(of("inspect --only all").unwrap_err().starts_with("inspect has no part `all`: there are pstree"));
        assert!(of("budgets --only time").unwrap_err().starts_with("budgets has no `time`: there are instructions"));
        assert_eq!(of("compare --pairs 0"), Err("--pairs needs a whole number above 0, not `0`".into()));
        assert_eq!(of("compare --flavor x"), Err("--flavor is mt or ct, not `x`".into()));
    }
}
