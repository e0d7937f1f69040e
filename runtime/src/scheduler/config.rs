//! What a runtime was asked to be.

use std::fmt;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use raddle_io::Clock;

use super::lookups::{self, LookUp};
use super::report::ExceptionHandler;
use super::shared::Shared;
use crate::shim::atomic::{AtomicUsize, Ordering};
use crate::task::id::TaskId;
use crate::task::status::TaskInfo;

/// The settings of a runtime; fixed once it exists.
#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) workers: usize,
    pub(crate) name: String,
    pub(crate) grace: Option<Duration>,
    pub(crate) blocking_threads: usize,
    /// How names are looked up; tests have ways of their own.
    pub(crate) look_up: LookUp,
    pub(crate) clock: Clock,
    pub(crate) on_exception: Option<Arc<ExceptionHandler>>,
    /// Ctrl-C cancels main.
    pub(crate) ctrl_c: bool,
    /// Ctrl-C and SIGTERM ask everything to stop, and cancel main after this.
    pub(crate) graceful: Option<Duration>,
    /// A poll that lasts longer is reported.
    pub(crate) slow_poll: Option<Duration>,
    /// Somebody asked for it, so the watchdog is there from the beginning, and not with the first task that is created.
    pub(crate) watches_main: bool,
    /// `None` leaves it to the environment.
    pub(crate) debug: Option<bool>,
    /// One poll in so many is timed; 0: none.
    pub(crate) sample_polls: u32,
    /// The runtime can be inspected from outside; `None` leaves it to the environment.
    pub(crate) inspect: Option<bool>,
    /// What is at that address, if it is a task that lives.
    pub(crate) find_task: fn(&Shared, *const ()) -> Option<TaskInfo>,
    /// Reports tasks that wait for each other, except those that are known; knows them all afterwards.
    pub(crate) report_deadlocks: fn(&Shared, &mut Vec<TaskId>),
    /// Whether a waker is that of the task being polled on this thread; the harness knows.
    pub(crate) is_own_waker: fn(&Waker) -> bool,
}

/// How many polls there are to a timed one, unless said otherwise. A timed one takes 0.4 µs longer.
const SAMPLE_POLLS: u32 = 512;

/// What shutdown waits for stuck tasks and blocking threads where nothing else was asked for.
const DEFAULT_GRACE: Duration = Duration::from_secs(5);

/// A grace of `Duration::MAX` means "wait", and must not overflow a point in time.
const PRACTICALLY_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

impl Default for Config {
    fn default() -> Config {
        let cores = cores();
        Config {
            workers: cores,
            name: "raddle".to_owned(),
            grace: None,
            // asyncio's default for its executor.
            blocking_threads: (cores + 4).min(32),
            look_up: lookups::ask_the_system,
            clock: Clock::real(),
            on_exception: None,
            ctrl_c: false,
            graceful: None,
            slow_poll: None,
            watches_main: false,
            debug: None,
            inspect: None,
            sample_polls: SAMPLE_POLLS,
            find_task: |_, _| None,
            report_deadlocks: |_, _| {},
            is_own_waker: |_| false,
        }
    }
}

/// What is reported as slow by `debug`, as asyncio does, and in debug builds.
const SLOW_IN_DEBUG: Duration = Duration::from_millis(100);

/// `RADDLE_DEBUG=1` is `Runner::debug(true)`, `RADDLE_INSPECT=1` is `Runner::inspect(true)`; 0 is false.
fn environment(name: &str) -> Option<bool> {
    let value = std::env::var_os(name).filter(|value| !value.is_empty())?;
    Some(value != "0")
}

impl Config {
    /// As it is when a runtime begins: what was left to the environment is known.
    pub(crate) fn settled(&self) -> Config {
        let debug = self.debug.or_else(|| environment("RADDLE_DEBUG"));
        let is_debug = debug.unwrap_or(false);
        let reports_slow = debug.unwrap_or(cfg!(debug_assertions));
        let slow_poll = self.slow_poll.or(reports_slow.then_some(SLOW_IN_DEBUG));
        let watches_main = is_debug || self.slow_poll.is_some();
        let inspect = Some(self.is_inspected());
        Config { slow_poll, watches_main, debug: Some(is_debug), inspect, ..self.clone() }
    }

    /// Whether the runtime can be inspected from outside.
    pub(crate) fn is_inspected(&self) -> bool {
        self.inspect.or_else(|| environment("RADDLE_INSPECT")).unwrap_or(false)
    }

    pub(crate) fn shutdown_grace(&self) -> Duration {
        self.grace.unwrap_or(DEFAULT_GRACE).min(PRACTICALLY_EVER)
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("workers", &self.workers)
            .field("name", &self.name)
            .field("grace", &self.grace)
            .field("blocking_threads", &self.blocking_threads)
            .finish_non_exhaustive()
    }
}

/// The cores that this process may use, by affinity and cgroup. Asked for once: the answer costs a dozen system calls, where cgroups are read.
pub(super) fn cores() -> usize {
    static CORES: AtomicUsize = AtomicUsize::new(0);
    // Relaxed: a number that means nothing but itself, and the same whoever finds it.
    match CORES.load(Ordering::Relaxed) {
        0 => {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            CORES.store(cores, Ordering::Relaxed);
            cores
        }
        known => known,
    }
}
