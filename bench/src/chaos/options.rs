//! What `chaos` is told.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::plan::Chaos;
use crate::args::value;

/// A proxy and how bad it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Proxy {
    pub(crate) listen: String,
    pub(crate) to: String,
    pub(crate) chaos: Chaos,
}

pub(crate) fn parse(args: &mut impl Iterator<Item = String>) -> Result<Proxy, String> {
    let any_seed = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
    let mut options =
        Proxy { listen: "127.0.0.1:0".into(), to: String::new(), chaos: Chaos::seeded(any_seed % 1_000_000) };
    while let Some(option) = args.next() {
        match option.as_str() {
            "--listen" => options.listen = value(&option, args)?,
            "--to" => options.to = value(&option, args)?,
            "--seed" => options.chaos.seed = number(&option, &value(&option, args)?, u64::MAX)?,
            "--delay" => {
                let millis = number(&option, &value(&option, args)?, 3_600_000)?;
                options.chaos.delay = Duration::from_millis(millis);
            }
            "--faults" => options.chaos.faults = number(&option, &value(&option, args)?, 100)?,
            other => return Err(format!("unknown option `{other}` of chaos")),
        }
    }
    if options.to.is_empty() { Err("chaos needs --to HOST:PORT".into()) } else { Ok(options) }
}

fn number(option: &str, text: &str, most: u64) -> Result<u64, String> {
    match text.parse() {
        Ok(number) if number <= most => Ok(number),
        _ => Err(format!("{option} needs a whole number up to {most}, not `{text}`")),
    }
}
