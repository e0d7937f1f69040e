//! What Ctrl-C does to a run.
//!
//! | Ctrl-C | `handle_ctrl_c` | `graceful` (SIGTERM, too) |
//! |---|---|---|
//! | first | main is cancelled | every task is asked to stop; after the time that was given, main is cancelled |
//! | second | the grace becomes zero | main is cancelled |
//! | third | the default action: the process ends on the spot | the grace becomes zero |
//! | fourth | | the default action |
//!
//! (Without the last line a program whose main is stuck in a poll could not be ended from the keyboard.)
//!
//! Signals are passed on by the thread `raddle-signal`, while the run goes its way on others. The feared interleaving is
//! a signal that acts on the next run, or on a main that is gone. Main is therefore held by a counted reference, and
//! cancelling a task that has ended does nothing. Everything else is decided under the lock that the end of the run takes
//! to set `is_over`, on tasks that were found under that lock: they are this run's. What wakes or cancels them happens
//! after the lock.

use std::panic::Location;
use std::sync::Weak;
use std::time::Duration;

use raddle_io::sleep;

use super::block_on::block_on_thread;
use super::shutdown::end_task;
use super::spawn::create_on;
use super::task::Task;
use crate::harness::create;
use crate::harness::join::{Counted, release_walked};
use crate::harness::stop::mark;
use crate::scheduler::report::{ExceptionContext, catch, forget_payload};
use crate::scheduler::shared::Shared;
use crate::shim::{Arc, Mutex};
use crate::signal::{Signal, Substitution, end_process, substitute};
use crate::sync::Event;
use crate::task::header::TaskRef;

/// The runs whose signals are handled.
static RUNS: Mutex<Vec<Weak<Run>>> = Mutex::new(Vec::new());

/// A run whose signals are handled, until this is dropped.
pub(super) struct Interrupts(Arc<Run>);

/// What is to end.
pub(super) enum Target {
    /// A run's main.
    Main(Counted),
    /// A run without a main.
    Forever,
    /// The runtime's own end: only its grace is left. Whether the program knows of a signal already.
    End { is_known: bool },
}

struct Run {
    shared: Arc<Shared>,
    graceful: Option<Duration>,
    /// `None` when the run has no use for signals any more.
    signals: Mutex<Option<Substitution>>,
    state: Mutex<State>,
    /// Others wait for it before they end the process.
    end: Event,
}

struct State {
    target: Target,
    stage: Stage,
    /// The first one that came.
    signal: Option<Signal>,
    is_over: bool,
    /// Ends the time for a graceful stop.
    timer: Option<Task<()>>,
}

/// How far the interruption has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Undisturbed,
    Stopping,
    Cancelling,
    CutShort,
}

impl Interrupts {
    /// Handles the signals that the runner was told to handle. `None`: it was told of none, or they do not have their
    /// default action.
    pub(super) fn begin(shared: &Arc<Shared>, target: Target) -> Option<Interrupts> {
        let graceful = shared.config.graceful;
        let wanted: &[Signal] = match (graceful, shared.config.ctrl_c) {
            (Some(_), _) => &[Signal::INT, Signal::TERM],
            (None, true) => &[Signal::INT],
            (None, false) => return None,
        };
        let stage = match target {
            Target::End { is_known: true } => Stage::Cancelling,
            Target::End { is_known: false } | Target::Main(_) | Target::Forever => Stage::Undisturbed,
        };
        let state = State { target, stage, signal: None, is_over: false, timer: None };
        let run = Arc::new(Run {
            shared: shared.clone(),
            graceful,
            signals: Mutex::new(None),
            state: Mutex::new(state),
            end: Event::new(),
        });
        let interrupts = Interrupts(run.clone());
        match substitute(wanted, Arc::new(move |signal| run.interrupt(signal))) {
            Ok(signals) => {
                let is_any = signals.is_some();
                *interrupts.0.signals.lock() = signals;
                let mut runs = RUNS.lock();
                runs.retain(|run| run.strong_count() > 0);
                runs.push(Arc::downgrade(&interrupts.0));
                drop(runs);
                is_any.then_some(interrupts)
            }
            Err(error) => {
                let text = format!("signals cannot be handled: {error}; they keep their default action");
                shared.report(&ExceptionContext::new(text));
                None
            }
        }
    }

    /// The run has ended; what comes now is about the end of the runtime.
    pub(super) fn run_ended(&self) {
        let mut state = self.0.state.lock();
        let target = std::mem::replace(&mut state.target, Target::End { is_known: false });
        drop(state);
        drop(target);
    }

    /// The signal that cancelled main, or ended a run without one, if one did.
    pub(super) fn cancelled_by(&self) -> Option<Signal> {
        let state = self.0.state.lock();
        state.signal.filter(|_| state.stage >= Stage::Cancelling)
    }

    /// Gives the signals their default action again. Returns the first one that had come.
    pub(super) fn finish(self) -> Option<Signal> {
        self.0.leave_signals();
        self.0.state.lock().signal
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        let run = &self.0;
        run.leave_signals();
        let mut state = run.state.lock();
        state.is_over = true;
        let timer = state.timer.take();
        drop(state);
        if let Some(timer) = timer {
            timer.cancel();
        }
        self.run_ended();
        run.end.set();
    }
}

/// What follows from a signal, when the lock is gone.
enum Next {
    Nothing,
    Stop,
    Cancel(Counted),
    CutShort,
}

impl State {
    fn go_on(&mut self, shared: &Shared, is_graceful: bool) -> Next {
        if self.is_over {
            return Next::Nothing;
        }
        match self.stage {
            Stage::Undisturbed if is_graceful && !matches!(self.target, Target::End { .. }) => {
                self.stage = Stage::Stopping;
                shared.ending.stop();
                Next::Stop
            }
            Stage::Undisturbed | Stage::Stopping => self.cancel(shared),
            Stage::Cancelling | Stage::CutShort => {
                self.stage = Stage::CutShort;
                shared.ending.cut_short();
                Next::CutShort
            }
        }
    }

    fn cancel(&mut self, shared: &Shared) -> Next {
        self.stage = Stage::Cancelling;
        match &self.target {
            Target::Main(main) => return Next::Cancel(main.clone()),
            Target::Forever => shared.ask_to_stop(),
            Target::End { .. } => {}
        }
        Next::Nothing
    }
}

impl Run {
    /// A signal came. Called by the thread `raddle-signal`.
    fn interrupt(self: &Arc<Run>, signal: Signal) {
        let mut state = self.state.lock();
        let next = state.go_on(&self.shared, self.graceful.is_some());
        if !state.is_over {
            state.signal.get_or_insert(signal);
        }
        drop(state);
        self.follow(next);
    }

    fn follow(self: &Arc<Run>, next: Next) {
        match next {
            Next::Nothing => {}
            Next::Stop => self.stop(),
            Next::Cancel(main) => {
                create::cancel(main.task());
            }
            Next::CutShort => self.cut_short(),
        }
    }

    /// Asks every task to stop, and sees to it that main is cancelled if it does not.
    fn stop(self: &Arc<Run>) {
        // A task that was born meanwhile, of one that had not been asked yet, is found by the next walk.
        let mut is_complete = false;
        while !is_complete {
            is_complete = true;
            self.walk(|task| is_complete &= !mark(task));
        }
        let Some(time) = self.graceful else { return };
        let run = Arc::downgrade(self);
        let time_is_up = async move {
            sleep(time).await;
            if let Some(run) = run.upgrade() {
                run.time_is_up();
            }
        };
        let timer = create_on(&self.shared, time_is_up, Location::caller());
        timer.set_name("time for a graceful stop");
        let mut state = self.state.lock();
        let unwanted = if state.is_over { Some(timer) } else { state.timer.replace(timer) };
        drop(state);
        if let Some(unwanted) = unwanted {
            unwanted.cancel();
        }
    }

    fn time_is_up(self: &Arc<Run>) {
        let mut state = self.state.lock();
        let is_due = state.stage == Stage::Stopping && !state.is_over;
        let next = if is_due { state.cancel(&self.shared) } else { Next::Nothing };
        drop(state);
        self.follow(next);
    }

    /// Cancels everything and wakes what cleans up: it sees that there is no time left. Whatever goes on in spite of that
    /// ends with the process, at the next signal.
    fn cut_short(&self) {
        self.walk(|task| end_task(&self.shared, task));
        self.shared.blocking.hurry();
        self.shared.threads.notify_all();
        self.leave_signals();
    }

    /// Whether a signal has come. The thread that passes it on may not have got here yet.
    fn is_interrupted(&self) -> bool {
        let has_come = self.signals.lock().as_ref().is_some_and(Substitution::has_come);
        has_come || self.state.lock().signal.is_some()
    }

    fn leave_signals(&self) {
        // Two statements: the lock first, the signals after it.
        let signals = self.signals.lock().take();
        drop(signals);
    }

    /// Calls `act` for each of the run's tasks that has not ended.
    fn walk(&self, mut act: impl FnMut(TaskRef)) {
        let mut tasks = Vec::new();
        let state = self.state.lock();
        if !state.is_over {
            self.shared.walk(|task| tasks.push(task));
        }
        drop(state);
        for task in tasks {
            if let Err(panic) = catch(|| act(task)) {
                let text = "a waker panicked while a signal was passed on";
                self.shared.report(&ExceptionContext::new(text).with_panic(panic.message()));
                forget_payload(panic.into_payload());
            }
            release_walked(task);
        }
    }
}

/// Ends the process as the signal does, once the other runs that were interrupted have come to their end.
pub(super) fn end_process_by(signal: Signal) -> ! {
    let others = RUNS.lock().clone();
    for other in others.iter().filter_map(Weak::upgrade).filter(|run| run.is_interrupted()) {
        block_on_thread(other.end.wait());
    }
    end_process(signal)
}
