//! Servers of either runtime under a client: what a request costs the server in processor time and in system calls. Beside
//! them stands what it costs an epoll loop that answers the same without a runtime: less than that nobody can save.
//!
//! Each server is a process of its own. Servers and client share one core, which gives the steadiest figures: requests
//! per second say little then, and nothing else is asked here but what a request costs the server, and how long the
//! slowest of a thousand takes. The servers take turns of a second or so, in an order that changes from round to
//! round, so that neither a machine that slows down nor going second decides anything: many short turns tell more than
//! few long ones.

pub(crate) mod client;
pub(crate) mod contender;
mod options;
mod rows;
pub(crate) mod syscalls;

use std::env;
use std::path::PathBuf;

use raddle_bench::cpu::{self, Pinned};
use raddle_bench::rows::Group;

use self::contender::{Contender, Kind, Server};
pub(crate) use self::options::{Servers, parse, parse_http};
use self::rows::Row;
use crate::measure::{Figures, Spread};
use crate::report::{self, Line};

/// The names of the contenders, as rows and reports have them: raddle with two workers and with one, tokio with either
/// scheduler, and the epoll loop in a program of two threads and of one, which not every row has.
const NAMES: [&str; 6] = ["raddle", "raddle_1", "mt", "ct", "epoll_2", "epoll"];

/// What was measured of each contender.
type Values = [Vec<f64>; NAMES.len()];

pub(crate) fn compare(options: &Servers) -> Result<(), String> {
    let rows = options.rows()?;
    if options.list {
        rows.iter().for_each(|row| println!("{:10} {}", row.name, row.client));
        return Ok(());
    }
    rows.iter().try_for_each(|row| row.client.is_installed())?;
    let directory = directory()?;
    if options.build {
        let mut kinds: Vec<Kind> = rows.iter().map(|row| row.kind).collect();
        kinds.dedup();
        kinds.into_iter().try_for_each(|kind| contender::build(kind, &directory))?;
    }
    let pinned = Pinned::to_one_core().map_err(|error| format!("cannot stay on one core: {error}"))?;
    let mut lines = Vec::new();
    for row in &rows {
        let contenders = contender::all(row.kind, &directory)?;
        lines.extend(costs(row, &contenders, options)?);
        if options.syscalls {
            lines.extend(calls(row, &contenders, options)?);
        }
    }
    drop(pinned);
    println!("{}", report::told(&lines, None, options.form));
    Ok(())
}

/// Where this program lies, and the servers built like it.
pub(crate) fn directory() -> Result<PathBuf, String> {
    let this = env::current_exe().map_err(|error| format!("this program has no path: {error}"))?;
    Ok(this.parent().ok_or("this program lies in no directory")?.to_path_buf())
}

/// Processor time per request and the latency of the slowest, over all rounds but the first, which warms up and is thrown
/// away. The servers stay; each rests while another is measured.
fn costs(row: &Row, contenders: &[Contender], options: &Servers) -> Result<Vec<Line>, String> {
    let servers = contenders.iter().map(Server::start).collect::<Result<Vec<_>, _>>()?;
    let (mut costs, mut latencies): (Values, Values) = Default::default();
    for round in 0..=options.pairs {
        let mut order: Vec<usize> = (0..servers.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for index in order {
            let (cost, latency) = cost_per_request(row, &servers[index], options)?;
            let name = NAMES[index];
            eprintln!(
                "[{round}/{}] {} {name}: {cost:.2} µs per request, p99.9 {latency:.0} µs",
                options.pairs, row.name
            );
            if round > 0 {
                costs[index].push(cost);
                latencies[index].push(latency);
            }
        }
    }
    let [costs, latencies] = [against_tokio(row, "", "µs", &costs), against_tokio(row, " p99.9", "µs", &latencies)];
    Ok(costs.into_iter().chain(latencies).collect())
}

/// System calls per request. They are counted, so one measurement is enough; and it slows the server down, so that its
/// time is not looked at.
fn calls(row: &Row, contenders: &[Contender], options: &Servers) -> Result<[Line; 2], String> {
    let mut counts: Values = Default::default();
    for (contender, counts) in contenders.iter().zip(&mut counts) {
        let server = Server::start(contender)?;
        let trace = syscalls::Trace::attach(server.id())?;
        let requests = row.client.load(&server.addr, options.seconds)?.requests;
        let calls = trace.stop()?;
        let calls = calls as f64 / requests as f64;
        eprintln!("{} {}: {calls:.2} system calls per request", row.name, contender.name);
        counts.push(calls);
    }
    Ok(against_tokio(row, " calls", "", &counts))
}

/// Microseconds of the server's processor time for each request that was answered, and those of the slowest's latency.
fn cost_per_request(row: &Row, server: &Server, options: &Servers) -> Result<(f64, f64), String> {
    let cpu = || cpu::of_process(server.id()).map_err(|error| format!("the server has gone: {error}"));
    let before = cpu()?;
    let answered = row.client.load(&server.addr, options.seconds)?;
    let used = cpu()? - before;
    let p999 = match row.client.paced() {
        Some(paced) => paced.load(&server.addr, options.seconds)?.p999,
        None => answered.p999,
    };
    let p999 = p999.ok_or_else(|| format!("{} tells no latency", row.client))?;
    Ok((used.as_secs_f64() * 1e6 / answered.requests as f64, p999))
}

fn against_tokio(row: &Row, suffix: &str, unit: &'static str, values: &Values) -> [Line; 2] {
    let [raddle, raddle_1, mt, ct, epoll_2, epoll] = values;
    let against = |name: &str, raddle: &[f64], tokio: &[f64], floor: &[f64]| {
        let floor = (!floor.is_empty()).then(|| Spread::of(floor.to_vec()).median);
        let pairs: Vec<(f64, f64)> = raddle.iter().copied().zip(tokio.iter().copied()).collect();
        Line {
            name: format!("{}_{name}{suffix}", row.name),
            group: Group::Network,
            unit,
            figures: Figures { floor, ..Figures::of(&pairs) },
            costs: None,
        }
    };
    // Like against like: several threads, or one.
    [against("mt", raddle, mt, epoll_2), against("ct", raddle_1, ct, epoll)]
}
