//! The clients: programs that load a server and tell how many requests it answered well, and how slow the slowest were.

use std::env;
use std::fmt;
use std::process::{Command, Output};

use crate::load;

/// A load.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Client {
    /// GET of one page over and over. Its own figures of latency are not used: they leave out the time between an answer
    /// and the next request, which is the longer the less processor time a dear server leaves to it. With 512 connections
    /// to axum, wrk told a mean of 8.9 ms with tokio and 10.3 with raddle, where 512 over the throughput was 13.8 and 11.2.
    Wrk { connections: usize },
    /// GET of one page at a pace that the machine can keep, latency counted from when each should have left.
    Paced { connections: usize, per_second: usize },
    /// SET, then as many GET, of keys among ten thousand. It counts requests and no time: `per_second` is what a slow
    /// machine may manage.
    RedisBenchmark { connections: usize, pipeline: usize, per_second: usize },
    /// 64 bytes there and back; perhaps over a new connection each time.
    Load { connections: usize, reconnect: bool },
}

/// What a client found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Answered {
    pub(crate) requests: u64,
    /// This many microseconds or more were waited for one answer of a thousand, if the client says so.
    pub(crate) p999: Option<f64>,
}

/// The commands that redis-benchmark sends, one after the other.
const REDIS_TESTS: [&str; 2] = ["set", "get"];

impl Client {
    /// Says what to install if that is necessary.
    pub(crate) fn is_installed(&self) -> Result<(), String> {
        let (program, package) = match self {
            Client::Wrk { .. } => ("wrk", "wrk"),
            Client::RedisBenchmark { .. } => ("redis-benchmark", "redis-tools"),
            Client::Paced { .. } | Client::Load { .. } => return Ok(()),
        };
        match Command::new(program).arg("--version").output() {
            Ok(_) => Ok(()),
            Err(_) => Err(format!("this needs {program}, and it is not installed: apt-get install {package}")),
        }
    }

    /// Who measures latency where this one does not.
    pub(crate) fn paced(&self) -> Option<Client> {
        match *self {
            Client::Wrk { connections } => {
                Some(Client::Paced { connections, per_second: if connections == 1 { 4_000 } else { 15_000 } })
            }
            Client::Paced { .. } | Client::RedisBenchmark { .. } | Client::Load { .. } => None,
        }
    }

    /// Runs to its end, after about so many seconds.
    pub(crate) fn load(&self, addr: &str, seconds: usize) -> Result<Answered, String> {
        let mut command = self.command(addr, seconds)?;
        let output: Output = command.output().map_err(|error| format!("cannot start {self}: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let answered = match self {
            Client::Wrk { .. } => of_wrk(&text),
            Client::RedisBenchmark { .. } => of_redis(&text, self.redis_count(seconds)),
            Client::Paced { .. } | Client::Load { .. } => {
                load::messages_in_json(&text).map(|requests| Answered { requests, p999: load::p999_in_json(&text) })
            }
        };
        match answered {
            Some(answered) if output.status.success() && answered.requests > 0 => Ok(answered),
            _ => Err(format!("{self} is not content with {addr}:\n{text}{}", String::from_utf8_lossy(&output.stderr))),
        }
    }

    fn command(&self, addr: &str, seconds: usize) -> Result<Command, String> {
        let (host, port) = addr.rsplit_once(':').ok_or_else(|| format!("{addr:?} is no HOST:PORT"))?;
        let line = match *self {
            Client::Wrk { connections } => format!("wrk -t1 -c{connections} -d{seconds} http://{addr}/"),
            Client::Paced { connections, per_second } => format!(
                "load --json --http / --addr {addr} --connections {connections} --rate {per_second} --seconds {seconds}"
            ),
            Client::RedisBenchmark { connections, pipeline, .. } => format!(
                "redis-benchmark -h {host} -p {port} -r 10000 -t {} -c {connections} -P {pipeline} -n {}",
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
            Client::Paced { .. } | Client::Load { .. } => {
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
            Client::Paced { connections, per_second } => {
                write!(f, "load, {connections} connections, {per_second} requests/s")
            }
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
fn of_wrk(text: &str) -> Option<Answered> {
    if text.contains("Socket errors") || text.contains("Non-2xx") {
        return None;
    }
    let line = text.lines().find(|line| line.contains(" requests in "))?;
    let requests = line.split_whitespace().next()?.parse().ok()?;
    Some(Answered { requests, p999: None })
}

/// All that were sent, if there is a summary for each command. Of the commands' percentiles the worst counts.
fn of_redis(text: &str, count: u64) -> Option<Answered> {
    let p999 = text.split("Latency by percentile distribution:").skip(1).map(redis_p999).collect::<Option<Vec<_>>>()?;
    let worst = p999.iter().copied().reduce(f64::max)?;
    (p999.len() == REDIS_TESTS.len())
        .then(|| Answered { requests: count * REDIS_TESTS.len() as u64, p999: Some(worst) })
}

/// From the first line `99.902% <= 1.567 milliseconds` of at least 99.9 percent.
fn redis_p999(summary: &str) -> Option<f64> {
    summary.lines().find_map(|line| {
        let (percent, rest) = line.trim().split_once("% <= ")?;
        let milliseconds: f64 = rest.split_whitespace().next()?.parse().ok()?;
        (percent.parse::<f64>().ok()? >= 99.9).then_some(milliseconds * 1000.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_from_what_wrk_says() {
        let good = "  1 threads and 64 connections\n  123456 requests in 5.00s, 12.00MB read\n";
        assert_eq!(of_wrk(good), Some(Answered { requests: 123_456, p999: None }));
        assert_eq!(of_wrk(&format!("{good}  Socket errors: connect 0, read 3, write 0, timeout 0\n")), None);
        assert_eq!(of_wrk(&format!("{good}  Non-2xx or 3xx responses: 7\n")), None);
        assert_eq!(of_wrk("unable to connect"), None);
    }

    #[test]
    fn redis_benchmark_tells_of_each_command() {
        let of = |name: &str, p999: &str| {
            format!(
                "\r====== {name} ======\nLatency by percentile distribution:\n\
                 0.000% <= 0.1 milliseconds (cumulative count 1)\n99.902% <= {p999} milliseconds (cumulative count 9)\n"
            )
        };
        let good = of("SET", "0.5") + &of("GET", "0.75");
        assert_eq!(of_redis(&good, 10), Some(Answered { requests: 20, p999: Some(750.0) }));
        assert_eq!(of_redis(&of("SET", "0.5"), 10), None);
    }
}
