//! Numbers about a runtime's work.

use crate::scheduler::shared::Shared;

/// What a runtime has done so far. Read without stopping anybody, so the numbers need not fit each other exactly.
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
    /// By worker.
    pub workers: Vec<WorkerMetrics>,
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
}

impl Metrics {
    pub(super) fn of(shared: &Shared) -> Metrics {
        let workers = shared.remotes.iter().map(|remote| {
            let reactor = remote.reactor();
            WorkerMetrics {
                polls: remote.counters.polls.get(),
                steals: remote.counters.steals.get(),
                parks: remote.counters.parks.get(),
                queue_depth: remote.queue.len(),
                timers: reactor.as_ref().map_or(0, |reactor| reactor.timer_count()),
                sockets: reactor.as_ref().map_or(0, |reactor| reactor.source_count()),
            }
        });
        let workers = workers.collect();
        Metrics {
            tasks_alive: shared.live_tasks(),
            injected: shared.injector.len(),
            workers_parked: shared.idle.parked_workers(),
            spares: shared.spares.started(),
            spares_alive: shared.spares.alive(),
            workers,
        }
    }
}
