//! Ctrl-C, as a [`Runner`](crate::Runner) handles it that was asked to.
//!
//! The first one cancels main; whatever main leaves to be cleaned up is awaited, as at any end. The next one ends the
//! grace: cleanup that still runs is cut. With [`graceful`](crate::Runner::graceful) a stop comes first, for SIGTERM as
//! well, and main is cancelled by the second one or when the time is up.
//!
//! The thread `raddle-signal` does all this, from outside of the runtime. It refers to main by a counted pointer: to
//! cancel a main that has ended is nothing.

use std::panic::Location;
use std::process;
use std::time::Duration;

use raddle_io::sleep;

use super::spawn::create_on;
use super::stop::stop_all;
use crate::harness::create;
use crate::harness::join::{Counted, release_walked};
use crate::harness::waker::wake_task;
use crate::scheduler::config::Config;
use crate::scheduler::report::ExceptionContext;
use crate::scheduler::shared::Shared;
use crate::shim::Arc;
use crate::shim::atomic::{AtomicU32, Ordering};
use crate::signal::{Guard, Signal, is_free, on_signal, raise_default};

/// Listens as long as it is there.
pub(super) struct Interrupts {
    _guards: Vec<Guard>,
    state: Arc<State>,
}

/// What is to end.
pub(super) enum Target {
    /// A run's main.
    Main(Counted),
    /// A run without a main.
    Forever,
    /// The runtime's own end: only its grace is left.
    End,
}

struct State {
    shared: Arc<Shared>,
    target: Target,
    graceful: Option<Duration>,
    seen: AtomicU32,
    /// The signal that cancelled main; 0 for none.
    cancelled_by: AtomicU32,
}

impl Interrupts {
    /// For the length of a run, or of the runtime's end. Nothing is listened to unless it was asked for, and what the
    /// program handles itself is left alone.
    #[track_caller]
    pub(super) fn listen(shared: &Arc<Shared>, target: Target) -> Option<Interrupts> {
        let Config { ctrl_c, graceful, .. } = shared.config;
        let signals: &[Signal] = match (ctrl_c, graceful) {
            (_, Some(_)) => &[Signal::INTERRUPT, Signal::TERMINATE],
            (true, None) => &[Signal::INTERRUPT],
            (false, None) => return None,
        };
        let state = Arc::new(State {
            shared: shared.clone(),
            target,
            graceful,
            seen: AtomicU32::new(0),
            cancelled_by: AtomicU32::new(0),
        });
        let at = Location::caller();
        let listen = |signal: &Signal| {
            let (state, signal) = (state.clone(), *signal);
            on_signal(signal, true, Arc::new(move || state.interrupt(signal, at)))
        };
        let mut guards = Vec::new();
        for signal in signals.iter().filter(|signal| is_free(**signal)) {
            match listen(signal) {
                Ok(guard) => guards.push(guard),
                Err(error) => shared.report(&ExceptionContext::new(format!(
                    "{signal} cannot be listened to: {error}; it keeps its default action"
                ))),
            }
        }
        Some(Interrupts { _guards: guards, state })
    }

    /// The signal that cancelled main, or ended a run without one, if one did.
    pub(super) fn cancelled_by(&self) -> Option<Signal> {
        // Acquire: pairs with `cancel_main`.
        match self.state.cancelled_by.load(Ordering::Acquire) {
            0 => None,
            number => Some(Signal::from_raw(number.cast_signed())),
        }
    }
}

impl State {
    fn interrupt(self: &Arc<State>, signal: Signal, at: &'static Location<'static>) {
        // Relaxed: a count that stands for itself.
        let seen = self.seen.fetch_add(1, Ordering::Relaxed);
        match (self.graceful, seen) {
            _ if matches!(self.target, Target::End) => self.end_grace(),
            (None, 0) | (Some(_), 1) => self.cancel_main(signal),
            (Some(patience), 0) => {
                stop_all(&self.shared);
                let state = self.clone();
                let cancel = async move {
                    sleep(patience).await;
                    state.cancel_main(signal);
                };
                create_on(&self.shared, cancel, at).detach();
            }
            _ => self.end_grace(),
        }
    }

    fn cancel_main(&self, signal: Signal) {
        // Release: pairs with `cancelled_by`, which is asked after the run has ended.
        let number = signal.as_raw().cast_unsigned();
        let _ = self.cancelled_by.compare_exchange(0, number, Ordering::Release, Ordering::Relaxed);
        match &self.target {
            Target::Main(main) => {
                create::cancel(main.task());
            }
            Target::Forever => self.shared.ask_to_stop(),
            Target::End => {}
        }
    }

    /// Cuts what still cleans up: it looks when it is woken.
    fn end_grace(&self) {
        self.shared.ending.end_grace();
        self.shared.walk(|task| {
            wake_task(task);
            release_walked(task);
        });
    }
}

/// Ends this process as the signal does that ended main.
pub(super) fn die_of(signal: Signal) -> ! {
    raise_default(signal);
    // Where the signal is blocked or ignored for the whole process.
    process::exit(128 + signal.as_raw())
}
