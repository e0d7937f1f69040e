//! What the timed polls have shown: how long they took and how long their tasks had waited, by worker and by name.
//!
//! A worker writes its own numbers, and nobody else does. Names are rarer and are shared by all workers, under a lock that
//! only they, in timed polls, and readers take, and that is held for a look-up and a few stores. A task without a name of
//! its own goes by the line that created it. The first [`NAMES`] names are kept; a program that gives each connection a
//! name finds the others together, and needs no more memory for them.

use std::collections::HashMap;
use std::panic::Location;
use std::sync::Arc;

use super::histogram::Recorder;
use crate::shim::Mutex;
use crate::task::header::TaskRef;

/// So many names have numbers of their own.
pub(crate) const NAMES: usize = 128;

/// What a task goes by among the numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Label {
    Name(Arc<str>),
    Line(&'static Location<'static>),
    /// All that came when there were names enough.
    Others,
}

impl Label {
    pub(crate) fn of(task: TaskRef) -> Label {
        match task.side().and_then(|side| side.name()) {
            Some(name) => Label::Name(name),
            None => Label::Line(task.header().spawned_at),
        }
    }
}

/// The numbers of one worker, or of one name.
#[derive(Debug)]
pub(crate) struct Samples {
    pub(crate) poll_time: Recorder,
    /// From the moment in which a task was queued to its poll.
    pub(crate) latency: Recorder,
}

impl Samples {
    pub(crate) fn new() -> Samples {
        Samples { poll_time: Recorder::new(), latency: Recorder::new() }
    }

    /// Only one thread at a time calls this.
    pub(super) fn record(&self, latency_ns: u64, poll_ns: u64) {
        self.latency.record(latency_ns);
        self.poll_time.record(poll_ns);
    }
}

/// The numbers of all names.
#[derive(Debug, Default)]
pub(crate) struct Names(Mutex<HashMap<Label, Arc<Samples>>>);

impl Names {
    /// Records under the lock: one writer at a time.
    pub(super) fn record(&self, label: Label, latency_ns: u64, poll_ns: u64) {
        let mut names = self.0.lock();
        let label = if names.len() < NAMES || names.contains_key(&label) { label } else { Label::Others };
        names.entry(label).or_insert_with(|| Arc::new(Samples::new())).record(latency_ns, poll_ns);
    }

    pub(crate) fn read(&self) -> Vec<(Label, Arc<Samples>)> {
        self.0.lock().iter().map(|(label, samples)| (label.clone(), samples.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(samples: &Samples) -> u64 {
        samples.poll_time.read().counts.iter().sum()
    }

    #[test]
    fn a_name_for_each_connection_takes_bounded_memory() {
        let names = Names::default();
        for round in 0..2 {
            for connection in 0..10 * NAMES {
                names.record(Label::Name(format!("connection {connection}").into()), round, 1);
            }
        }
        let read = names.read();
        assert_eq!(read.len(), NAMES + 1);
        let others = read.iter().find(|(label, _)| *label == Label::Others).unwrap();
        assert_eq!(count(&others.1), 2 * 9 * NAMES as u64);
        assert_eq!(read.iter().map(|(_, samples)| count(samples)).sum::<u64>(), 2 * 10 * NAMES as u64);
    }
}
