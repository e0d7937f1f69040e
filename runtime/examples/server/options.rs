//! `--addr HOST:PORT` and `--workers N`, parsed by hand.

use std::num::NonZero;
use std::thread;

/// How to serve.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) addr: String,
    pub(crate) workers: usize,
}

/// The options, or what is wrong with them. `addr` is where to listen if nothing else is said.
pub(crate) fn parse(args: impl IntoIterator<Item = String>, addr: &str) -> Result<Options, String> {
    let mut options = Options { addr: addr.into(), workers: thread::available_parallelism().map_or(1, NonZero::get) };
    let mut args = args.into_iter();
    while let Some(option) = args.next() {
        let mut value = |what| args.next().ok_or_else(|| format!("{option} needs {what}"));
        match option.as_str() {
            "--addr" => options.addr = value("HOST:PORT")?,
            "--workers" => options.workers = workers(&value("a number")?)?,
            other => return Err(format!("unknown option `{other}`: --addr HOST:PORT and --workers N are known")),
        }
    }
    Ok(options)
}

fn workers(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err(format!("--workers needs a whole number above 0, not `{text}`")),
        Ok(workers) => Ok(workers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<Options, String> {
        parse(line.split_whitespace().map(str::to_string), "127.0.0.1:1")
    }

    #[test]
    fn options() {
        assert_eq!(of("--workers 3 --addr [::1]:0"), Ok(Options { addr: "[::1]:0".into(), workers: 3 }));
        assert_eq!(of("").unwrap().addr, "127.0.0.1:1");
        assert_eq!(of("--addr"), Err("--addr needs HOST:PORT".into()));
        assert_eq!(of("--workers x"), Err("--workers needs a whole number above 0, not `x`".into()));
        assert_eq!(of("-v"), Err("unknown option `-v`: --addr HOST:PORT and --workers N are known".into()));
    }
}
