//! The threads behind the workers: started when there is surplus work, frozen between runs, joined at the end.
//!
//! One lock holds `closed`, the seeds of unstarted workers and the join handles, so that "start one more" and "start
//! none any more" cannot cross. A seed stays here until its thread takes it: a thread that could not be started
//! loses nothing.

use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Condvar;
use raddle_io::Instant;

use super::phase::Phase;
use super::shared::{Seed, Shared};
use crate::shim::Mutex;
use crate::shim::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The threads of a runtime.
pub(crate) struct Threads {
    pub(super) state: Mutex<State>,
    pub(super) changed: Condvar,
    pub(super) watchdog_started: AtomicBool,
    watchdog_wake: Mutex<bool>,
    watchdog_woken: Condvar,
    /// Something is to be tried again: a copy for readers without the lock.
    pub(super) has_failed: AtomicBool,
    /// How many workers are in `State::failed`: as above.
    pub(super) unstartable: AtomicUsize,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) closed: bool,
    /// By worker index; None once its thread has taken it.
    pub(super) seeds: Vec<Option<Seed>>,
    pub(super) joins: Vec<(usize, JoinHandle<()>)>,
    pub(super) watchdog: Option<JoinHandle<()>>,
    pub(super) started: usize,
    pub(super) frozen: usize,
    pub(super) exited: Vec<usize>,
    pub(super) failed: Vec<(usize, Instant)>,
    pub(super) failure_reported: bool,
    pub(super) watchdog_failed: Option<Instant>,
    pub(super) watchdog_failure_reported: bool,
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
            unstartable: AtomicUsize::new(0),
        }
    }

    /// Whether something could not be started, and is to be tried again.
    #[inline]
    pub(crate) fn has_failed(&self) -> bool {
        // Relaxed: one that is not seen is seen by who comes next.
        self.has_failed.load(Ordering::Relaxed)
    }

    /// Whether that worker could not be started, and is to be tried again.
    pub(crate) fn has_failed_to_start(&self, index: usize) -> bool {
        self.has_failed() && self.state.lock().failed.iter().any(|(failed, _)| *failed == index)
    }

    /// How many workers are claimed and could not be started.
    pub(super) fn unstartable(&self) -> usize {
        // Relaxed: who lets one be tried again says so before it can be claimed, and a reader is unparked after each change.
        self.unstartable.load(Ordering::Relaxed)
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
