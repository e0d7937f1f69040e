//! What a person wants to know when the crawl is over.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use raddle::Instant;

use crate::crawl::Visited;
use crate::fetch::Trouble;

/// How many of the slowest pages, and of the pages with one trouble, are named.
const NAMED: usize = 3;

/// What a crawl found.
#[derive(Debug)]
pub(crate) struct Summary {
    start: Instant,
    took: Duration,
    at_once: usize,
    good: usize,
    bytes: usize,
    troubles: BTreeMap<Trouble, Vec<(String, String)>>,
    /// All good pages with their times.
    times: Vec<(Duration, String)>,
    /// How long it would have taken one after the other.
    work: Duration,
}

impl Summary {
    pub(crate) fn new(at_once: usize) -> Summary {
        Summary {
            start: Instant::now(),
            took: Duration::ZERO,
            at_once,
            good: 0,
            bytes: 0,
            troubles: BTreeMap::new(),
            times: Vec::new(),
            work: Duration::ZERO,
        }
    }

    pub(crate) fn add(&mut self, visited: Visited) {
        self.took = self.start.elapsed();
        self.work += visited.took;
        match visited.result {
            Ok(page) => {
                self.good += 1;
                self.bytes += page.bytes;
                self.times.push((visited.took, visited.path));
            }
            Err(trouble) => self.troubles.entry(trouble).or_default().push((visited.path, visited.linked_from)),
        }
    }

    pub(crate) fn visited(&self) -> usize {
        self.good + self.failed()
    }

    pub(crate) fn failed(&self) -> usize {
        self.troubles.values().map(Vec::len).sum()
    }

    /// The pages with this trouble, in the order in which it was noticed.
    #[allow(dead_code, reason = "tests ask; the crawler itself prints all")]
    pub(crate) fn with_trouble(&self, trouble: Trouble) -> Vec<&str> {
        self.troubles.get(&trouble).into_iter().flatten().map(|(path, _)| path.as_str()).collect()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (took, work) = (seconds(self.took), seconds(self.work));
        writeln!(f, "{} pages in {took}, {} at once; one after the other: {work}", self.visited(), self.at_once)?;
        writeln!(f, "{:6} good, {:.1} kB", self.good, self.bytes as f64 / 1e3)?;
        for (trouble, pages) in &self.troubles {
            write!(f, "{:6} {trouble}: ", pages.len())?;
            for (number, (path, linked_from)) in pages.iter().take(NAMED).enumerate() {
                let comma = if number == 0 { "" } else { ", " };
                write!(f, "{comma}{path} (linked from {linked_from})")?;
            }
            let more = pages.len().saturating_sub(NAMED);
            if more > 0 {
                write!(f, " and {more} more")?;
            }
            writeln!(f)?;
        }
        let mut slowest = self.times.clone();
        slowest.sort_by(|a, b| b.cmp(a));
        let slowest = slowest.iter().take(NAMED).map(|(took, path)| format!("{path} {} ms", took.as_millis()));
        write!(f, "slowest: {}", slowest.collect::<Vec<_>>().join(", "))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Status(404) => f.write_str("not found"),
            Trouble::Status(status) => write!(f, "with status {status}"),
            Trouble::TooSlow => f.write_str("too slow"),
            Trouble::BrokeOff => f.write_str("broken off"),
            Trouble::Strange => f.write_str("not understood"),
            Trouble::Unreachable => f.write_str("unreachable"),
        }
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}
