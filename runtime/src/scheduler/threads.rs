//! The threads behind the workers: started when there is surplus work, frozen between runs, joined at the end.
//!
//! One lock holds `closed`, the seeds of unstarted workers and the join handles, so that "start one more" and "start
//! none any more" cannot cross. A seed stays here until its thread takes it: a thread that could not be started
//! loses nothing.
//!
//! A worker or the watchdog that could not be started, for want of a thread or of file descriptors, is reported once and
//! tried again a second later: by the watchdog if there is one, else by whichever worker comes by. The feared
//! interleaving: a push relies on the worker that is about to start, and that does not. So whoever failed to start one
//! answers for it, as a searcher that leaves does ([`Shared::nobody_came`]).

use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Condvar;
use raddle_io::Instant;
use raddle_io::reactor::Reactor;

use super::phase::Phase;
use super::report::ExceptionContext;
use super::shared::{Seed, Shared};
use super::watchdog;
use super::worker::Worker;
use crate::shim::atomic::{AtomicBool, Ordering};
use crate::shim::{Arc, Mutex};

/// A worker that could not be started is tried again after this.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The threads of a runtime.
pub(crate) struct Threads {
    state: Mutex<State>,
    changed: Condvar,
    watchdog_started: AtomicBool,
    watchdog_wake: Mutex<bool>,
    watchdog_woken: Condvar,
    /// Something is to be tried again: a copy for readers without the lock.
    has_failed: AtomicBool,
}

#[derive(Default)]
struct State {
    closed: bool,
    /// By worker index; None once its thread has taken it.
    seeds: Vec<Option<Seed>>,
    joins: Vec<(usize, JoinHandle<()>)>,
    watchdog: Option<JoinHandle<()>>,
    started: usize,
    frozen: usize,
    exited: Vec<usize>,
    failed: Vec<(usize, Instant)>,
    failure_reported: bool,
    watchdog_failed: Option<Instant>,
    watchdog_failure_reported: bool,
}

impl Threads {
    pub(crate) fn new(unstarted: Vec<Seed>) -> Threads {
        // Worker 0 has no seed here: it is the thread that calls `run`.
        let seeds = std::iter::once(None).chain(unstarted.into_iter().map(Some)).collect();
        Threads {
            state: Mutex::new(State { seeds, ..State::default() }),
            changed: Condvar::new(),
            watchdog_started: AtomicBool::new(false),
            watchdog_wake: Mutex::new(false),
            watchdog_woken: Condvar::new(),
            has_failed: AtomicBool::new(false),
        }
    }

    /// Whether something could not be started, and is to be tried again.
    #[inline]
    pub(crate) fn has_failed(&self) -> bool {
        // Relaxed: one that is not seen is seen by who comes next.
        self.has_failed.load(Ordering::Relaxed)
    }

    /// Whether the watchdog is there already, or is not wanted.
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        self.watchdog_started.load(Ordering::Relaxed)
    }

    pub(crate) fn unpark_watchdog(&self) {
        *self.watchdog_wake.lock() = true;
        self.watchdog_woken.notify_one();
    }

    /// The watchdog's own sleep. True: it was woken.
    pub(crate) fn park_watchdog(&self, at_most: Option<Duration>) -> bool {
        let mut woken = self.watchdog_wake.lock();
        if !*woken {
            match at_most {
                Some(Duration::ZERO) => {}
                Some(time) => {
                    self.watchdog_woken.wait_for(&mut woken, time);
                }
                None => self.watchdog_woken.wait(&mut woken),
            }
        }
        std::mem::take(&mut *woken)
    }

    /// Stays here while the runtime is frozen.
    pub(crate) fn wait_while_frozen(&self, shared: &Shared) {
        let mut state = self.state.lock();
        state.frozen += 1;
        self.changed.notify_all();
        while shared.phase.get() == Phase::Frozen {
            self.changed.wait(&mut state);
        }
        state.frozen -= 1;
    }

    /// The watchdog's wait while the runtime is frozen. It is no worker, so it is not counted.
    pub(crate) fn wait_for_thaw(&self, shared: &Shared) {
        let mut state = self.state.lock();
        while shared.phase.get() == Phase::Frozen {
            self.changed.wait(&mut state);
        }
    }

    /// Lets frozen workers look at the phase again.
    pub(crate) fn notify_all(&self) {
        // The lock orders the caller's change of phase before a worker's check or after its wait.
        drop(self.state.lock());
        self.changed.notify_all();
    }

    /// Waits until every started worker is frozen, or `at_most` has passed: one may be stuck in a poll.
    pub(crate) fn wait_until_frozen(&self, at_most: Duration) {
        let mut state = self.state.lock();
        while state.frozen + state.exited.len() < state.started {
            if self.changed.wait_for(&mut state, at_most).timed_out() {
                return;
            }
        }
    }

    /// Starts no thread any more.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
    }

    /// Waits for all workers to leave and joins them. Returns those that are still stuck when time is up. The deadline is
    /// asked for again after [`Threads::notify_all`].
    pub(crate) fn join(&self, deadline: impl Fn() -> std::time::Instant) -> Vec<usize> {
        let mut state = self.state.lock();
        while state.exited.len() < state.started {
            let deadline = deadline();
            if std::time::Instant::now() >= deadline {
                break;
            }
            self.changed.wait_until(&mut state, deadline);
        }
        let joins = std::mem::take(&mut state.joins);
        let exited = state.exited.clone();
        let watchdog = state.watchdog.take();
        drop(state);
        let mut stuck = Vec::new();
        for (index, thread) in joins {
            if exited.contains(&index) {
                let _ = thread.join();
            } else {
                stuck.push(index);
            }
        }
        if let Some(watchdog) = watchdog {
            let _ = watchdog.join();
        }
        stuck
    }
}

impl Shared {
    /// Starts the thread of a worker that was just claimed.
    pub(crate) fn start_worker(&self, index: usize) {
        let mut state = self.threads.state.lock();
        if state.closed {
            drop(state);
            self.nobody_came();
            return;
        }
        match self.spawn_worker(index) {
            Ok(thread) => {
                state.joins.push((index, thread));
                state.started += 1;
            }
            Err(error) => {
                state.failed.push((index, Instant::now()));
                let first = !std::mem::replace(&mut state.failure_reported, true);
                self.threads.has_failed.store(true, Ordering::Relaxed);
                drop(state);
                self.nobody_came();
                if first {
                    let text = format!("worker {index} could not be started: {error}; going on with fewer workers");
                    self.report(&ExceptionContext::new(text));
                }
            }
        }
    }

    /// The worker that was claimed does not start: pushers that relied on it need another. Each failure takes one worker
    /// out of those that can be claimed, so this ends.
    fn nobody_came(&self) {
        if self.idle.stop_searching()
            && (self.injector.len() > 0 || self.remotes.iter().any(|remote| remote.queue.len() > 0))
        {
            self.wake_one();
        }
    }

    fn spawn_worker(&self, index: usize) -> std::io::Result<JoinHandle<()>> {
        let reactor = Reactor::new(self.clock().clone())?;
        let (shared, of_worker) = (self.strong(), reactor.clone());
        let name = format!("{}-{index}", self.config.name);
        let thread = std::thread::Builder::new().name(name).spawn(move || worker_main(&shared, index, of_worker))?;
        self.remotes[index].set_reactor(reactor);
        Ok(thread)
    }

    /// Starts the watchdog, unless it is there.
    #[cold]
    pub(crate) fn start_watchdog(&self) {
        // One worker has nobody who could rescue it.
        let wanted = !self.is_single() || self.config.slow_poll.is_some();
        if !wanted || self.threads.watchdog_started.swap(true, Ordering::Relaxed) {
            return;
        }
        self.spawn_watchdog();
    }

    fn spawn_watchdog(&self) {
        let mut state = self.threads.state.lock();
        if state.closed {
            return;
        }
        let shared = self.strong();
        let name = format!("{}-watchdog", self.config.name);
        match std::thread::Builder::new().name(name).spawn(move || watchdog::watch(&shared)) {
            Ok(thread) => state.watchdog = Some(thread),
            Err(error) => {
                state.watchdog_failed = Some(Instant::now());
                let first = !std::mem::replace(&mut state.watchdog_failure_reported, true);
                self.threads.has_failed.store(true, Ordering::Relaxed);
                drop(state);
                if first {
                    let text = format!("the watchdog could not be started: {error}; stuck workers are not rescued");
                    self.report(&ExceptionContext::new(text));
                }
            }
        }
    }

    /// Lets be tried again what could not be started a while ago.
    pub(crate) fn retry_failed_starts(&self) {
        if !self.threads.has_failed() {
            return;
        }
        let mut state = self.threads.state.lock();
        let now = Instant::now();
        let is_due = |when: Instant| now.duration_since(when) >= RETRY_AFTER;
        let (again, later): (Vec<_>, _) =
            std::mem::take(&mut state.failed).into_iter().partition(|(_, when)| is_due(*when));
        state.failed = later;
        let watchdog_again = state.watchdog_failed.take_if(|when| is_due(*when)).is_some();
        let more = !state.failed.is_empty() || state.watchdog_failed.is_some();
        self.threads.has_failed.store(more, Ordering::Relaxed);
        drop(state);
        for (index, _) in again {
            self.idle.readmit(index);
        }
        if watchdog_again {
            self.spawn_watchdog();
        }
    }
}

fn worker_main(shared: &Arc<Shared>, index: usize, reactor: Arc<Reactor>) {
    let seed = {
        // Taken under the lock, so after `start_worker` has set the reactor and counted this thread.
        let mut state = shared.threads.state.lock();
        state.seeds[index].take().expect("a worker starts once")
    };
    let worker = Worker::new(shared.clone(), seed, reactor);
    worker.run_thread();
    let mut state = shared.threads.state.lock();
    state.exited.push(index);
    shared.threads.changed.notify_all();
}
