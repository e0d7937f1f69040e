//! What others may touch of a worker.

use raddle_io::reactor::Reactor;

use super::counter::Counter;
use super::injector::Injector;
use super::run_queue::RemoteQueue;
use super::samples::Samples;
use crate::shim::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64};
use crate::shim::{Arc, Mutex};
use crate::task::arena::ArenaShared;

/// A worker's shared part.
pub(crate) struct Remote {
    pub(crate) queue: RemoteQueue,
    /// Tasks that only this worker may run, woken from elsewhere.
    pub(crate) inbox: Injector,
    pub(crate) arena: Arc<ArenaShared>,
    /// Made before the worker's thread starts.
    reactor: Mutex<Option<Arc<Reactor>>>,
    pub(crate) counters: Counters,
    /// Of the polls that were timed; written by the worker alone.
    pub(crate) samples: Samples,
    /// The watchdog found the worker in one poll for a tick or more; only the watchdog writes this.
    pub(crate) stuck: AtomicBool,
    /// Since when, by the runtime's clock; only the watchdog writes this.
    pub(crate) stuck_since: AtomicU64,
    /// The poll that those who look from outside have last seen the worker in, by its count, and when they first did.
    observed: Mutex<(u64, u64)>,
    /// The watchdog asks for a maintenance turn.
    pub(crate) turn_due: AtomicBool,
    /// The task that the worker polls, or null, if the watchdog or an inspector wants to know. To be compared with
    /// tasks that are known to live, no more.
    pub(crate) current: AtomicPtr<()>,
    /// The system's number of the thread that is this worker at present; 0 before there was one.
    pub(crate) thread: AtomicU32,
}

/// Written by the worker alone, read by anybody.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) polls: Counter,
    /// The poll in the middle of which it last looked for help.
    pub(crate) called_at: Counter,
    pub(crate) turns: Counter,
    pub(crate) spawned: Counter,
    pub(crate) completed: Counter,
    pub(crate) steals: Counter,
    pub(crate) parks: Counter,
}

impl Remote {
    pub(crate) fn new(queue: RemoteQueue, arena: Arc<ArenaShared>) -> Remote {
        Remote {
            queue,
            inbox: Injector::default(),
            arena,
            reactor: Mutex::new(None),
            counters: Counters::default(),
            samples: Samples::new(),
            stuck: AtomicBool::new(false),
            stuck_since: AtomicU64::new(0),
            observed: Mutex::default(),
            turn_due: AtomicBool::new(false),
            current: AtomicPtr::new(std::ptr::null_mut()),
            thread: AtomicU32::new(0),
        }
    }

    /// The worker's reactor, if the worker was ever started.
    pub(crate) fn reactor(&self) -> Option<Arc<Reactor>> {
        self.reactor.lock().clone()
    }

    pub(crate) fn set_reactor(&self, reactor: Arc<Reactor>) {
        *self.reactor.lock() = Some(reactor);
    }

    /// Since when the worker is known to be in its present poll, by those who look from outside: from the first of them on.
    pub(crate) fn observe(&self, in_poll: bool, now_ns: u64) -> u64 {
        let polls = self.counters.polls.get();
        let mut observed = self.observed.lock();
        if !in_poll || observed.0 != polls {
            *observed = (polls, now_ns);
        }
        observed.1
    }

    /// Ends the worker's park, or its next one.
    pub(crate) fn unpark(&self) {
        if let Some(reactor) = self.reactor() {
            reactor.unpark();
        }
    }
}
