//! What a message takes a server beside more and more connections on which nothing happens.
//!
//! Server, client, and the process that holds the idle connections are three processes on one core, as in `servers`.

use std::io;
use std::net::TcpStream;

use raddle_bench::cpu::{self, Pinned};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::child::{Measurer, Scaled, What, next_line, say};
use super::options::Scaling;
use super::part::{Curve, Part, Verdict, grouped};
use crate::measure::NAMES;
use crate::progress::Progress;
use crate::servers::client::Client;
use crate::servers::contender::{self, Contender, Kind, Server};
use crate::servers::directory;

/// An address has about 28,000 ports for them.
const SIZES: [usize; 3] = [0, 1_000, 19_000];
const QUICK_SIZES: [usize; 3] = [0, 100, 1_000];
const ACTIVE: usize = 64;
/// Files of a server that are no connections.
const OTHER_FILES: usize = 64;
const MOST_GROWTH: f64 = 1.1;

/// A server with its idle connections.
struct Cell {
    server: Server,
    /// They end when this is dropped.
    idle: Option<Measurer>,
    size: usize,
    values: Vec<f64>,
}

pub(super) fn measure(options: &Scaling, progress: &Progress) -> Result<Part, String> {
    let mut part = Part {
        name: "connections",
        what: "processor time of the server for a message of 64 B there and back, 64 connections being active",
        axis: "idle connections",
        unit: "µs",
        growth: "against none",
        curves: Vec::new(),
        verdict: None,
        skipped: Vec::new(),
    };
    let wanted = if options.quick { QUICK_SIZES } else { SIZES };
    let sizes = possible(&wanted, most_files()?, &mut part.skipped);
    progress.begin(&format!("connections: {}", wanted.map(grouped).join(", ")));
    let directory = directory()?;
    if options.build {
        contender::build(Kind::Echo, &directory)?;
    }
    let pinned = Pinned::to_one_core().map_err(|error| format!("cannot stay on one core: {error}"))?;
    let contenders = contender::all(Kind::Echo, &directory)?;
    let mut cells = Vec::new();
    for contender in &contenders[..NAMES.len()] {
        for &size in &sizes {
            cells.push(Cell::start(contender, size)?);
        }
    }
    for round in 0..=options.rounds(15, 3) {
        let turn: &mut dyn Iterator<Item = &mut Cell> =
            if round % 2 == 0 { &mut cells.iter_mut() } else { &mut cells.iter_mut().rev() };
        for cell in turn {
            let cost = cell.cost()?;
            // The first one warms up.
            if round > 0 {
                cell.values.push(cost);
            }
        }
    }
    drop(pinned);
    cells.iter_mut().try_for_each(Cell::check)?;
    let mut values = cells.into_iter().map(|cell| cell.values);
    part.curves = NAMES
        .map(|side| Curve::since(0, "", side, sizes.iter().copied().zip(values.by_ref()).collect::<Vec<_>>()))
        .into();
    part.verdict = part.most_growth(NAMES[0]).map(verdict);
    progress.end();
    Ok(part)
}

impl Cell {
    fn start(contender: &Contender, size: usize) -> Result<Cell, String> {
        let server = Server::start(contender)?;
        let of = server.addr.clone();
        let idle = match size {
            0 => None,
            _ => Some(Measurer::start(Scaled { what: What::Idle, of, size, detail: 0 })?.0),
        };
        Ok(Cell { server, idle, size, values: Vec::new() })
    }

    /// Connections that the server has closed meanwhile are not what was to be measured.
    fn check(&mut self) -> Result<(), String> {
        let Some(idle) = &mut self.idle else { return Ok(()) };
        match idle.ask(1)? as usize {
            still if still == self.size => Ok(()),
            still => Err(format!("of {} idle connections {still} are left", self.size)),
        }
    }

    /// Microseconds of the server's processor time for each message.
    fn cost(&self) -> Result<f64, String> {
        let cpu = || cpu::of_process(self.server.id()).map_err(|error| format!("the server has gone: {error}"));
        let client = Client::Load { connections: ACTIVE, reconnect: false };
        let before = cpu()?;
        let answered = client.load(&self.server.addr, 1)?;
        Ok((cpu()? - before).as_secs_f64() * 1e6 / answered.requests as f64)
    }
}

/// The other process's side: so many connections until its input ends. Asked, it says on how many nothing has happened.
pub(super) fn hold(addr: &str, count: usize) -> Result<(), String> {
    let connect = || {
        let stream = TcpStream::connect(addr)?;
        stream.set_nonblocking(true).map(|()| stream)
    };
    let connect = |number| connect().map_err(|error| format!("connection {number} of {count}: {error}"));
    let idle = (1..=count).map(connect).collect::<Result<Vec<_>, _>>()?;
    say(idle.len() as f64);
    while next_line().is_some() {
        say(idle.iter().filter(|stream| is_undisturbed(stream)).count() as f64);
    }
    Ok(())
}

fn is_undisturbed(stream: &TcpStream) -> bool {
    stream.peek(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

/// How many files this process may have, and so each that it starts, once it has asked for all that it can get.
fn most_files() -> Result<usize, String> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
            .map_err(|error| format!("the limit of open files can't be raised to {:?}: {error}", limit.maximum))?;
    }
    Ok(limit.maximum.map_or(usize::MAX, |most| most as usize))
}

fn possible(wanted: &[usize], most_files: usize, skipped: &mut Vec<String>) -> Vec<usize> {
    let fits = |size: usize| size + ACTIVE + OTHER_FILES <= most_files;
    let (possible, others): (Vec<usize>, Vec<usize>) = wanted.iter().partition(|&&size| fits(size));
    skipped.extend(others.into_iter().map(|size| {
        format!("{} idle connections: a process may open {} files (ulimit -Hn)", grouped(size), grouped(most_files))
    }));
    possible
}

fn verdict(growth: f64) -> Verdict {
    Verdict {
        flat: growth <= MOST_GROWTH,
        found: format!(
            "a message takes the server at most {growth:.2} times what it takes beside no idle connections \
             ({MOST_GROWTH} are allowed)"
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn what_there_are_no_files_for_is_said() {
        let mut skipped = Vec::new();
        assert_eq!(possible(&SIZES, 20_000, &mut skipped), SIZES);
        assert_eq!(possible(&SIZES, 1_128, &mut skipped), [0, 1_000]);
        assert_eq!(skipped, ["19,000 idle connections: a process may open 1,128 files (ulimit -Hn)"]);
    }

    #[test]
    fn a_connection_that_was_closed_or_written_to_is_disturbed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let [closed, written, left] = [(); 3].map(|()| {
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            (client, listener.accept().unwrap().0)
        });
        drop(closed.1);
        (&written.1).write_all(b"x").unwrap();
        // These wait for what was done above to arrive.
        assert!(!is_undisturbed(&closed.0) && !is_undisturbed(&written.0));
        left.0.set_nonblocking(true).unwrap();
        assert!(is_undisturbed(&left.0));
    }

    #[test]
    fn a_tenth_more_is_flat() {
        assert!(verdict(1.1).flat && !verdict(1.11).flat);
    }
}
