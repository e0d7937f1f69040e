//! Numbers about a runtime's work.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::histogram::Histogram;
use crate::scheduler::remote::Remote;
use crate::scheduler::samples::{Label, Samples};
use crate::scheduler::shared::Shared;

/// What a runtime has done so far. Read without stopping anybody, so the numbers need not fit each other exactly.
///
/// Counters count everything. Histograms are of samples: one poll in [`sample_polls`](Metrics::sample_polls) is timed,
/// chosen at random where its task is queued, whoever queues it ([`Runner::sample_polls`](crate::Runner::sample_polls)).
/// Their counts are those of the samples; what is called estimated is multiplied up. Times are those of the runtime's
/// clock: a poll lasts from its begin to its end, also where the system gave the core to another thread meanwhile.
///
/// # Examples
/// ```
/// use raddle::{Handle, Runner, TaskBuilder};
///
/// // All polls are timed here, which costs less than half a microsecond each.
/// Runner::new().sample_polls(1).run(async {
///     TaskBuilder::new().name("adder").create(async { 1 + 1 }).await.unwrap();
///
///     let metrics = Handle::current().metrics();
///     let adder = metrics.by_name.iter().find(|name| &*name.name == "adder").unwrap();
///     assert_eq!(adder.poll_time.count(), 1);
///     println!("{metrics}");
/// });
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Metrics {
    /// Tasks that have not ended.
    pub tasks_alive: u64,
    /// Tasks created by threads outside, or woken by them, and not yet taken by a worker.
    pub injected: usize,
    /// Workers that sleep, or that nobody has needed so far.
    pub workers_parked: usize,
    /// Spare workers started so far, because all workers were blocked in their polls.
    pub spares: u64,
    /// Spare workers that are there now. They leave when they were not needed for a while.
    pub spares_alive: usize,
    /// One poll in so many is timed; 0: none.
    pub sample_polls: u32,
    /// By worker.
    pub workers: Vec<WorkerMetrics>,
    /// All spare workers together.
    pub spare_work: WorkerMetrics,
    /// Of the polls that were timed, by the name of the task; those that took most time first.
    pub by_name: Vec<NameMetrics>,
}

/// What one worker has done so far.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WorkerMetrics {
    /// Polls of tasks.
    pub polls: u64,
    /// Times it took tasks from another worker.
    pub steals: u64,
    /// Times it went to sleep.
    pub parks: u64,
    /// Tasks waiting in its deque.
    pub queue_depth: usize,
    /// Timers set at its reactor.
    pub timers: usize,
    /// Sockets registered with its reactor.
    pub sockets: usize,
    /// How long its polls took, with what follows from a task's end; of those that were timed.
    pub poll_time: Histogram,
    /// How long the tasks of these polls had waited for them since they were created, woken, or had yielded.
    pub schedule_latency: Histogram,
    /// The time that it spent in polls, estimated from those that were timed.
    pub estimated_busy: Duration,
}

/// What the tasks of one name have done so far, as the polls that were timed show.
///
/// A task has the name that it had when the poll began; one that was given none goes by the line that created it, as
/// `src/main.rs:10`. The first 128 names that were seen are told apart, and all others are `(others)`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NameMetrics {
    /// The name.
    pub name: Arc<str>,
    /// How long their polls took.
    pub poll_time: Histogram,
    /// How long they had waited for these polls since they were created, woken, or had yielded.
    pub schedule_latency: Histogram,
    /// How many polls they had, estimated.
    pub estimated_polls: u64,
    /// The time that they spent in polls, estimated.
    pub estimated_busy: Duration,
}

impl Metrics {
    pub(super) fn of(shared: &Shared) -> Metrics {
        let every = shared.config.sample_polls;
        Metrics {
            tasks_alive: shared.live_tasks(),
            injected: shared.injector.len(),
            workers_parked: shared.idle.parked_workers(),
            spares: shared.spares.started(),
            spares_alive: shared.spares.alive(),
            sample_polls: every,
            workers: shared.remotes.iter().map(|remote| WorkerMetrics::of(remote, every)).collect(),
            spare_work: WorkerMetrics::all(shared.spares.seats().iter().map(|seat| &**seat.remote), every),
            by_name: by_name(shared.names.read(), every),
        }
    }

    /// All who poll tasks.
    fn everyone(&self) -> impl Iterator<Item = &WorkerMetrics> {
        self.workers.iter().chain([&self.spare_work])
    }

    /// How long polls took, on all workers; of those that were timed.
    pub fn poll_time(&self) -> Histogram {
        merged(self.everyone().map(|worker| &worker.poll_time))
    }

    /// How long tasks had waited for these polls since they were created, woken, or had yielded, on all workers.
    pub fn schedule_latency(&self) -> Histogram {
        merged(self.everyone().map(|worker| &worker.schedule_latency))
    }

    /// Polls of tasks, on all workers. Spare ones are among them, here and in the other sums.
    pub fn polls(&self) -> u64 {
        self.everyone().map(|worker| worker.polls).sum()
    }

    /// The time that all workers spent in polls, estimated from those that were timed.
    pub fn estimated_busy(&self) -> Duration {
        self.everyone().map(|worker| worker.estimated_busy).sum()
    }
}

fn merged<'h>(histograms: impl Iterator<Item = &'h Histogram>) -> Histogram {
    histograms.fold(Histogram::new(), |mut all, histogram| {
        all.merge(histogram);
        all
    })
}

impl WorkerMetrics {
    fn of(remote: &Remote, every: u32) -> WorkerMetrics {
        let reactor = remote.reactor();
        let poll_time = Histogram::of(remote.samples.poll_time.read());
        WorkerMetrics {
            polls: remote.counters.polls.get(),
            steals: remote.counters.steals.get(),
            parks: remote.counters.parks.get(),
            queue_depth: remote.queue.len(),
            timers: reactor.as_ref().map_or(0, |reactor| reactor.timer_count()),
            sockets: reactor.as_ref().map_or(0, |reactor| reactor.source_count()),
            estimated_busy: poll_time.sum().saturating_mul(every),
            poll_time,
            schedule_latency: Histogram::of(remote.samples.latency.read()),
        }
    }

    /// Several as one.
    fn all<'r>(remotes: impl Iterator<Item = &'r Remote>, every: u32) -> WorkerMetrics {
        let nothing = WorkerMetrics {
            polls: 0,
            steals: 0,
            parks: 0,
            queue_depth: 0,
            timers: 0,
            sockets: 0,
            poll_time: Histogram::new(),
            schedule_latency: Histogram::new(),
            estimated_busy: Duration::ZERO,
        };
        remotes.map(|remote| WorkerMetrics::of(remote, every)).fold(nothing, |mut all, one| {
            all.polls += one.polls;
            all.steals += one.steals;
            all.parks += one.parks;
            all.queue_depth += one.queue_depth;
            all.timers += one.timers;
            all.sockets += one.sockets;
            all.poll_time.merge(&one.poll_time);
            all.schedule_latency.merge(&one.schedule_latency);
            all.estimated_busy += one.estimated_busy;
            all
        })
    }
}

fn by_name(names: Vec<(Label, Arc<Samples>)>, every: u32) -> Vec<NameMetrics> {
    let mut by_name: BTreeMap<Arc<str>, (Histogram, Histogram)> = BTreeMap::new();
    // A name may be that of a line, and lines differ in columns that are not shown.
    for (label, samples) in names {
        let entry = by_name.entry(text_of(label));
        let (poll_time, latency) = entry.or_insert_with(|| (Histogram::new(), Histogram::new()));
        poll_time.merge(&Histogram::of(samples.poll_time.read()));
        latency.merge(&Histogram::of(samples.latency.read()));
    }
    let metrics = by_name.into_iter().map(|(name, (poll_time, schedule_latency))| NameMetrics {
        name,
        estimated_polls: poll_time.count().saturating_mul(u64::from(every)),
        estimated_busy: poll_time.sum().saturating_mul(every),
        poll_time,
        schedule_latency,
    });
    let mut metrics: Vec<_> = metrics.collect();
    metrics.sort_by_key(|name| std::cmp::Reverse(name.estimated_busy));
    metrics
}

fn text_of(label: Label) -> Arc<str> {
    match label {
        Label::Name(name) => name,
        Label::Line(line) => format!("{}:{}", line.file(), line.line()).into(),
        Label::Others => "(others)".into(),
    }
}

impl fmt::Display for Metrics {
    /// A line about all, one for each worker, and two for each name that has samples.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (parked, workers) = (self.workers_parked, self.workers.len());
        write!(
            f,
            "{} tasks alive, {} injected; {parked} of {workers} workers parked; ",
            self.tasks_alive, self.injected
        )?;
        match self.sample_polls {
            0 => writeln!(f, "no poll is timed")?,
            1 => writeln!(f, "every poll is timed")?,
            every => writeln!(f, "one poll in {every} is timed")?,
        }
        for (number, worker) in self.workers.iter().enumerate() {
            writeln!(f, "worker {number}: {worker}")?;
        }
        if self.spares > 0 {
            writeln!(f, "spare workers: {}", self.spare_work)?;
        }
        for name in &self.by_name {
            writeln!(f, "{}: about {} polls in {:.1?}", name.name, name.estimated_polls, name.estimated_busy)?;
            writeln!(f, "    polled {}", name.poll_time)?;
            writeln!(f, "    queued {}", name.schedule_latency)?;
        }
        Ok(())
    }
}

impl fmt::Display for WorkerMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WorkerMetrics { polls, steals, parks, queue_depth, timers, sockets, .. } = self;
        write!(f, "{polls} polls, about {:.1?} in all, {steals} steals, {parks} parks; ", self.estimated_busy)?;
        write!(f, "{queue_depth} tasks queued, {timers} timers, {sockets} sockets")?;
        write!(f, "\n    polled {}", self.poll_time)?;
        write!(f, "\n    queued {}", self.schedule_latency)
    }
}
