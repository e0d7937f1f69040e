//! The clients: programs that load a server and tell how many requests it answered well.

use std::env;
use std::fmt;
use std::process::{Command, Output};

use crate::load;

/// A load.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Client {
    /// GET of one page over and over.
    Wrk { connections: usize },
    /// SET, then as many GET, of keys among ten thousand. It counts requests and no time: `per_second` is what a slow
    /// machine may manage.
    RedisBenchmark { connections: usize, pipeline: usize, per_second: usize },
    /// 64 bytes there and back; perhaps over a new connection each time.
    Load { connections: usize, reconnect: bool },
}

/// The commands that redis-benchmark sends, one after the other.
const REDIS_TESTS: [&str; 2] = ["set", "get"];

impl Client {
    /// Says what to install if that is necessary.
    pub(crate) fn is_installed(&self) -> Result<(), String> {
        let (program, package) = match self {
            Client::Wrk { .. } => ("wrk", "wrk"),
            Client::RedisBenchmark { .. } => ("redis-benchmark", "redis-tools"),
            Client::Load { .. } => return Ok(()),
        };
        match Command::new(program).arg("--version").output() {
            Ok(_) => Ok(()),
            Err(_) => Err(format!("this needs {program}, and it is not installed: apt-get install {package}")),
        }
    }

    /// Runs to its end, after about so many seconds, and returns how many requests were answered well.
    pub(crate) fn load(&self, addr: &str, seconds: usize) -> Result<u64, String> {
        let mut command = self.command(addr, seconds)?;
        let output: Output = command.output().map_err(|error| format!("cannot start {self}: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let requests = match self {
            Client::Wrk { .. } => wrk_requests(&text),
            Client::RedisBenchmark { .. } => redis_requests(&text, self.redis_count(seconds)),
            Client::Load { .. } => load::messages_in_json(&text),
        };
        match requests {
            Some(requests) if output.status.success() && requests > 0 => Ok(requests),
            _ => Err(format!("{self} is not content with {addr}:\n{text}{}", String::from_utf8_lossy(&output.stderr))),
        }
    }

    fn command(&self, addr: &str, seconds: usize) -> Result<Command, String> {
        let (host, port) = addr.rsplit_once(':').ok_or_else(|| format!("{addr:?} is no HOST:PORT"))?;
        let line = match *self {
            Client::Wrk { connections } => format!("wrk -t1 -c{connections} -d{seconds} http://{addr}/"),
            Client::RedisBenchmark { connections, pipeline, .. } => format!(
                "redis-benchmark -h {host} -p {port} --csv -r 10000 -t {} -c {connections} -P {pipeline} -n {}",
                REDIS_TESTS.join(","),
                self.redis_count(seconds)
            ),
            Client::Load { connections, reconnect } => format!(
                "load --json --addr {addr} --connections {connections} --seconds {seconds}{}",
                if reconnect { " --reconnect" } else { "" }
            ),
        };
        let mut words = line.split(' ');
        let mut command = match self {
            Client::Load { .. } => {
                Command::new(env::current_exe().map_err(|error| format!("this program has no path: {error}"))?)
            }
            _ => Command::new(words.next().expect("a program")),
        };
        command.args(words);
        Ok(command)
    }

    /// How often redis-benchmark sends each command.
    fn redis_count(&self, seconds: usize) -> u64 {
        match self {
            Client::RedisBenchmark { per_second, .. } => (seconds * per_second / REDIS_TESTS.len()) as u64,
            _ => 0,
        }
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Client::Wrk { connections } => write!(f, "wrk, {connections} connections"),
            Client::RedisBenchmark { connections, pipeline, .. } => {
                write!(f, "redis-benchmark, {connections} connections, {pipeline} commands at once")
            }
            Client::Load { connections, reconnect: false } => write!(f, "load, {connections} connections"),
            Client::Load { connections, reconnect: true } => {
                write!(f, "load, {connections} at once, a connection for each message")
            }
        }
    }
}

/// The number before `requests in`; `None` if there is none, or if anything went wrong beside it.
fn wrk_requests(text: &str) -> Option<u64> {
    if text.contains("Socket errors") || text.contains("Non-2xx") {
        return None;
    }
    let line = text.lines().find(|line| line.contains(" requests in "))?;
    line.split_whitespace().next()?.parse().ok()
}

/// All that were sent, if there is a line of figures for each command.
fn redis_requests(text: &str, count: u64) -> Option<u64> {
    let has_line = |test: &str| text.lines().any(|line| line.starts_with(&format!("\"{}\",", test.to_uppercase())));
    REDIS_TESTS.iter().all(|test| has_line(test)).then(|| count * REDIS_TESTS.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_from_what_wrk_says() {
        let good = "  1 threads and 64 connections\n  123456 requests in 5.00s, 12.00MB read\nRequests/sec:  24691.2\n";
        assert_eq!(wrk_requests(good), Some(123_456));
        assert_eq!(wrk_requests(&format!("{good}  Socket errors: connect 0, read 3, write 0, timeout 0\n")), None);
        assert_eq!(wrk_requests(&format!("{good}  Non-2xx or 3xx responses: 7\n")), None);
        assert_eq!(wrk_requests("unable to connect"), None);
    }

    #[test]
    fn redis_benchmark_tells_of_each_command() {
        let good = "\"test\",\"rps\"\n\"SET\",\"1.00\"\n\"GET\",\"1.00\"\n";
        assert_eq!(redis_requests(good, 10), Some(20));
        assert_eq!(redis_requests(&good.replace("GET", "ERR"), 10), None);
    }
}
