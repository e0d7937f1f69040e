//! How threads of a runtime are started, and what becomes of those that cannot be.
//!
//! A worker or the watchdog that could not be started, for want of a thread or of file descriptors, is reported once and
//! tried again later: by the watchdog if there is one, else by whichever worker comes by. The feared
//! interleaving: a push relies on the worker that is about to start, and that does not. So whoever failed to start one
//! answers for it, as a searcher that leaves does ([`Shared::nobody_came`]).

use std::thread::JoinHandle;
use std::time::Duration;

use raddle_io::reactor::Reactor;
use raddle_io::{Clock, Instant};

use super::report::ExceptionContext;
use super::shared::Shared;
use super::spares;
use super::watchdog;
use super::worker::Worker;
use crate::shim::Arc;
use crate::shim::atomic::Ordering;

/// A worker that could not be started is tried again after this. The rest can do without it.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// The watchdog, sooner: nobody else can be relieved without it.
const RETRY_WATCHDOG_AFTER: Duration = Duration::from_millis(10);

impl Shared {
    /// Starts the thread of a worker that was just claimed.
    pub(crate) fn start_worker(&self, index: usize) {
        if !self.process.is_current() {
            return;
        }
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
                state.failed.push((index, now()));
                self.threads.unstartable.store(state.failed.len(), Ordering::Relaxed);
                let first = !std::mem::replace(&mut state.failure_reported, true);
                self.threads.has_failed.store(true, Ordering::Relaxed);
                drop(state);
                self.nobody_came();
                self.wake_the_clock();
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
        if self.idle.stop_searching() && (self.injector.len() > 0 || self.has_queued()) {
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

    /// Puts a spare into a free seat, if there is one. For the watchdog alone.
    pub(super) fn start_spare(&self) -> std::io::Result<()> {
        let workers = self.remotes.len();
        let seats = self.spares.make_seats(workers);
        let Some(number) = seats.iter().position(|seat| !seat.is_taken()) else { return Ok(()) };
        let (seat, index) = (&seats[number], workers + number);
        let mut state = self.threads.state.lock();
        if state.closed || !self.process.is_current() {
            return Ok(());
        }
        seat.prepare();
        // The watchdog is awake: it is this thread.
        let _ = self.idle.spare_comes();
        let (shared, name) = (self.strong(), format!("{}-spare-{number}", self.config.name));
        match std::thread::Builder::new().name(name).spawn(move || spares::spare_main(&shared, index)) {
            Ok(thread) => {
                state.joins.push((index, thread));
                state.started += 1;
                self.spares.count_start();
                Ok(())
            }
            Err(error) => {
                seat.vacate();
                self.idle.spare_goes();
                Err(error)
            }
        }
    }

    /// Starts the watchdog, unless it is there.
    #[cold]
    pub(crate) fn start_watchdog(&self) {
        // One worker has nobody who could rescue it.
        let wanted = !self.is_single() || self.config.slow_poll.is_some();
        if !self.process.is_current() {
            return;
        }
        if !wanted {
            return self.threads.watchdog_started.store(true, Ordering::Relaxed);
        }
        let mut state = self.threads.state.lock();
        let too_soon = state.watchdog_failed.is_some_and(|when| now() - when < RETRY_WATCHDOG_AFTER);
        if state.closed || state.watchdog.is_some() || too_soon {
            return;
        }
        let shared = self.strong();
        let name = format!("{}-watchdog", self.config.name);
        match std::thread::Builder::new().name(name).spawn(move || watchdog::watch(&shared)) {
            Ok(thread) => {
                state.watchdog = Some(thread);
                state.watchdog_failed = None;
                // Relaxed: who does not see it yet finds it under the lock.
                self.threads.watchdog_started.store(true, Ordering::Relaxed);
            }
            Err(error) => {
                state.watchdog_failed = Some(now());
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
    #[inline]
    pub(crate) fn retry_failed_starts(&self) {
        if self.threads.has_failed() {
            self.retry();
        }
    }

    #[cold]
    fn retry(&self) {
        // Somebody may be starting one just now, which takes time.
        let Some(mut state) = self.threads.state.try_lock() else { return };
        let now = now();
        let (again, later): (Vec<_>, _) = std::mem::take(&mut state.failed)
            .into_iter()
            .partition(|(_, when)| now.duration_since(*when) >= RETRY_AFTER);
        state.failed = later;
        self.threads.unstartable.store(state.failed.len(), Ordering::Relaxed);
        let watchdog_failed = state.watchdog_failed.is_some();
        self.threads.has_failed.store(watchdog_failed || !state.failed.is_empty(), Ordering::Relaxed);
        drop(state);
        let readmits = !again.is_empty();
        for (index, _) in again {
            self.idle.readmit(index);
        }
        if readmits {
            self.wake_the_clock();
        }
        if watchdog_failed {
            self.start_watchdog();
        }
    }
}

/// What is tried again is tried again in real time, whatever clock the runtime has.
fn now() -> Instant {
    Clock::real().now()
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
