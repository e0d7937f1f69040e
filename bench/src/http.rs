//! HTTP servers of either runtime under wrk: processor time of the server for each request.
//!
//! Servers and client share one core, which gives the steadiest figures: requests per second say little then, and
//! nothing else is asked here but what a request costs the server.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::args::Http;
use crate::cpu::{self, Pinned};
use crate::measure::Figures;
use crate::report::{self, Line};
use crate::rows::Group;

/// One server program and how it is started.
struct Contender {
    name: &'static str,
    program: PathBuf,
    args: &'static [&'static str],
}

/// A server that runs until this is dropped.
struct Server {
    process: Child,
    addr: String,
}

pub(crate) fn compare(options: &Http) -> Result<(), String> {
    if Command::new("wrk").arg("--version").output().is_err() {
        return Err("this needs wrk, and it is not installed: apt-get install wrk".into());
    }
    let [raddle, mt, ct] = contenders(options.build)?;
    let pinned = Pinned::to_one_core().map_err(|error| format!("cannot stay on one core: {error}"))?;
    let mut costs: [Vec<f64>; 3] = Default::default();
    // The first round warms up and is thrown away.
    for round in 0..=options.pairs {
        for (contender, costs) in [&raddle, &mt, &ct].into_iter().zip(&mut costs) {
            let cost = cost_per_request(contender, options)?;
            eprintln!("[{round}/{}] {}: {cost:.2} µs per request", options.pairs, contender.name);
            if round > 0 {
                costs.push(cost);
            }
        }
    }
    drop(pinned);
    let [raddle, mt, ct] = costs;
    let against = |name: &str, tokio: &[f64]| {
        let pairs: Vec<(f64, f64)> = raddle.iter().copied().zip(tokio.iter().copied()).collect();
        let name = format!("http_c{}_{name}", options.connections);
        Line { name, group: Group::Network, unit: "µs", figures: Figures::of(&pairs) }
    };
    let lines = [against("mt", &mt), against("ct", &ct)];
    println!("{}", if options.json { report::json(&lines) } else { report::table(&lines) });
    Ok(())
}

/// raddle, and tokio with either scheduler, built like this program itself.
fn contenders(build: bool) -> Result<[Contender; 3], String> {
    let this = env::current_exe().map_err(|error| format!("this program has no path: {error}"))?;
    let directory = this.parent().ok_or("this program lies in no directory")?;
    if build {
        build_servers(directory)?;
    }
    let (raddle, tokio) = (directory.join("examples/http_hello"), directory.join("http_hello_tokio"));
    if let Some(missing) = [&raddle, &tokio].into_iter().find(|program| !program.exists()) {
        return Err(format!("{} is missing: leave out --no-build", missing.display()));
    }
    Ok([
        Contender { name: "raddle", program: raddle, args: &["--workers", "2"] },
        Contender { name: "tokio mt", program: tokio.clone(), args: &["--workers", "2", "--flavor", "mt"] },
        Contender { name: "tokio ct", program: tokio, args: &["--flavor", "ct"] },
    ])
}

/// Into the directory of this program, so that all of them are of one profile.
fn build_servers(directory: &Path) -> Result<(), String> {
    let profile = match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(name) => name,
        None => return Err(format!("{} is no target directory of cargo", directory.display())),
    };
    let target = directory.parent().ok_or("a target directory has a parent")?;
    for what in [["-p", "raddle", "--example", "http_hello"], ["-p", "raddle-bench", "--bin", "http_hello_tokio"]] {
        let status = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["build", "--quiet", "--profile", profile, "--target-dir"])
            .arg(target)
            .args(what)
            .status()
            .map_err(|error| format!("cannot start cargo: {error}"))?;
        if !status.success() {
            return Err(format!("cargo build {} failed", what.join(" ")));
        }
    }
    Ok(())
}

/// Microseconds of the server's processor time for each request that wrk counted.
fn cost_per_request(contender: &Contender, options: &Http) -> Result<f64, String> {
    let server = Server::start(contender)?;
    let cpu = || cpu::of_process(server.process.id()).map_err(|error| format!("{} has gone: {error}", contender.name));
    let before = cpu()?;
    let requests = load(&server.addr, options)?;
    let used = cpu()? - before;
    Ok(used.as_secs_f64() * 1e6 / requests as f64)
}

/// Runs wrk to its end and returns how many requests were answered well.
fn load(addr: &str, options: &Http) -> Result<u64, String> {
    let output = Command::new("wrk")
        .args(["-t1", &format!("-c{}", options.connections), &format!("-d{}", options.seconds)])
        .arg(format!("http://{addr}/"))
        .output()
        .map_err(|error| format!("cannot start wrk: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    match requests(&text) {
        Some(requests) if output.status.success() => Ok(requests),
        _ => Err(format!("wrk is not content with {addr}:\n{text}{}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// The number before `requests in`; `None` if there is none, or if anything went wrong beside it.
fn requests(text: &str) -> Option<u64> {
    if text.contains("Socket errors") || text.contains("Non-2xx") {
        return None;
    }
    let line = text.lines().find(|line| line.contains(" requests in "))?;
    line.split_whitespace().next()?.parse().ok().filter(|&requests| requests > 0)
}

impl Server {
    /// On a free port, which its first line tells.
    fn start(contender: &Contender) -> Result<Server, String> {
        let mut process = Command::new(&contender.program)
            .args(["--addr", "127.0.0.1:0"])
            .args(contender.args)
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", contender.program.display()))?;
        let stdout = process.stdout.take().ok_or("a piped stdout")?;
        let mut server = Server { process, addr: String::new() };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).map_err(|error| format!("{}: {error}", contender.name))?;
        let addr = line.trim_end().strip_prefix("listening on ");
        server.addr = addr.ok_or_else(|| format!("{} does not listen: {line:?}", contender.name))?.into();
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A server that has died already was noticed by whoever talked to it.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_from_what_wrk_says() {
        let good = "  1 threads and 64 connections\n  123456 requests in 5.00s, 12.00MB read\nRequests/sec:  24691.2\n";
        assert_eq!(requests(good), Some(123_456));
        assert_eq!(requests(&good.replace("123456", "0")), None);
        assert_eq!(requests(&format!("{good}  Socket errors: connect 0, read 3, write 0, timeout 0\n")), None);
        assert_eq!(requests(&format!("{good}  Non-2xx or 3xx responses: 7\n")), None);
        assert_eq!(requests("unable to connect"), None);
    }
}
