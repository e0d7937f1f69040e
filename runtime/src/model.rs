//! Running a program's concurrent parts in every order; only there with `--cfg raddle_loom`. The guide is `checking`.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::{Cell, RefCell};
use std::env;
use std::fmt::Display;
use std::future::{Future, poll_fn};
use std::io::{self, Write};
use std::mem;
use std::panic::{self, Location, PanicHookInfo};
use std::pin::pin;
use std::sync::Once;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use loom::model::Builder;

pub use loom;
pub use loom::thread::yield_now;

/// Says how many preemptions an execution may have: a number, or `all`.
const PREEMPTIONS: &str = "RADDLE_MODEL_PREEMPTIONS";

/// Without that variable. Enough for nearly every bug known; models of three threads take seconds.
const DEFAULT_PREEMPTIONS: usize = 3;

/// Steps in one execution. A model that needs more has a loop that never yields, or is too large to be searched.
const MAX_STEPS: usize = 10_000;

/// The model that runs on this thread, and what it did so far in this execution.
struct Run {
    name: String,
    bound: String,
    executions: usize,
    threads: usize,
    notes: Vec<String>,
    is_reported: bool,
}

thread_local! {
    static RUN: RefCell<Option<Run>> = const { RefCell::new(None) };
}

loom::thread_local! {
    /// The number of a thread of the model; main's is 0.
    static NUMBER: Cell<usize> = Cell::new(0);
}

/// Runs a model in every order of its threads' steps that the bound admits, and prints in how many.
///
/// The bound is a number of preemptions, which the environment variable `RADDLE_MODEL_PREEMPTIONS` sets (`all`: no
/// bound). There is no limit on time: a search that is cut looks just like one that found nothing.
///
/// # Panics
///
/// If the model panics, hangs, leaks an `Arc` of loom's or races in any of these orders; or if the variable makes no
/// sense.
pub fn check(name: &str, model: impl Fn() + Send + Sync + 'static) {
    let (builder, bound) = builder();
    report_panics();
    let start = Instant::now();
    RUN.set(Some(Run {
        name: name.to_owned(),
        bound,
        executions: 0,
        threads: 0,
        notes: Vec::new(),
        is_reported: false,
    }));
    let running = Running;
    builder.check(move || {
        with_run(Run::begin_execution);
        model();
    });
    with_run(|run| println!("{name}: {} executions ({}), {:.1?}", run.executions, run.bound, start.elapsed()));
    drop(running);
}

/// Starts a thread of the model: as a worker runs a task, or as any other thread. There may be four beside the model's
/// own.
///
/// # Panics
///
/// Outside of a model.
pub fn thread<T: 'static>(f: impl FnOnce() -> T + 'static) -> Thread<T> {
    let number = with_run(|run| {
        run.threads += 1;
        run.threads
    });
    let number = number.expect("raddle::model::thread was called outside of a model: call it in raddle::model::check");
    let handle = loom::thread::spawn(move || {
        NUMBER.with(|own| own.set(number));
        f()
    });
    Thread { number, handle }
}

/// A thread of the model.
#[derive(Debug)]
pub struct Thread<T> {
    number: usize,
    handle: loom::thread::JoinHandle<T>,
}

impl<T> Thread<T> {
    /// Waits for its end, and gives what it returned.
    ///
    /// # Panics
    ///
    /// Not by itself: a panic of the thread has ended the model.
    #[track_caller]
    pub fn join(self) -> T {
        note(format_args!("waits for the end of thread {}", self.number));
        self.handle.join().expect("a panic ends the model")
    }
}

/// Drives a future to its end on this thread of the model, which waits meanwhile: as a worker does for a task.
///
/// Like a real one, it sometimes polls the future although nobody has woken it.
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    let caller = Location::caller();
    let mut future = pin!(future);
    loom::future::block_on(poll_fn(|cx| {
        let polled = future.as_mut().poll(cx);
        if polled.is_pending() {
            note(format_args!("has to wait in the block_on of {caller}"));
        }
        polled
    }))
}

/// Polls a future once, and drops it if it is not ready: as a timeout does, or a task that is cancelled.
pub fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// Remembers what a thread of the model does. If this execution fails, its notes are printed in their order.
pub fn note(what: impl Display) {
    with_run(|run| {
        let number = NUMBER.with(Cell::get);
        let thread = if number == 0 { "main".to_owned() } else { format!("thread {number}") };
        run.notes.push(format!("{thread}: {what}"));
    });
}

impl Run {
    fn begin_execution(&mut self) {
        self.executions += 1;
        self.threads = 0;
        self.notes.clear();
        self.is_reported = false;
    }

    /// What to print of a panic: first the execution's notes, then it. A later one in the same execution is mostly a
    /// consequence of the first (loom's types panic when a thread that failed drops them), so it gets a line.
    fn report(&mut self, panic: &PanicHookInfo<'_>) -> String {
        if mem::replace(&mut self.is_reported, true) {
            return format!("    and then it {panic}\n");
        }
        let mut report = format!("model {} fails in execution {} ({}):\n", self.name, self.executions, self.bound);
        for note in &self.notes {
            report += &format!("    {note}\n");
        }
        report += &format!("    it {panic}\n");
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            report += &format!("{backtrace}");
        }
        report
    }
}

/// A model runs; whichever way that ends, this thread forgets it.
struct Running;

impl Drop for Running {
    fn drop(&mut self) {
        RUN.set(None);
    }
}

/// What runs on this thread, if a model does. All threads of a model are coroutines of loom's on one thread.
fn with_run<R>(look: impl FnOnce(&mut Run) -> R) -> Option<R> {
    RUN.with_borrow_mut(|run| run.as_mut().map(look))
}

fn builder() -> (Builder, String) {
    let mut builder = Builder::new();
    builder.preemption_bound = match env::var(PREEMPTIONS).as_deref() {
        Err(env::VarError::NotPresent) => Some(DEFAULT_PREEMPTIONS),
        Ok("all") => None,
        Ok(number) if number.parse::<u8>().is_ok() => number.parse().ok(),
        other => panic!("{PREEMPTIONS} is {other:?}; expected a number below 256, or `all`"),
    };
    // Whatever the environment says: a search that was cut looks exactly like one that found nothing.
    builder.max_duration = None;
    builder.max_permutations = None;
    builder.max_branches = MAX_STEPS;
    let bound = match builder.preemption_bound {
        None => "any number of preemptions".to_owned(),
        Some(bound) => format!("at most {bound} preemptions"),
    };
    (builder, bound)
}

/// Tells what a model's panics are about: in a hook, since a thread that fails for a second time while it unwinds ends
/// the process; and past the test harness, which would take what it has caught along.
fn report_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |panic| match with_run(|run| run.report(panic)) {
            Some(report) => {
                // Nothing could be done about an error, and a second panic would hide the first.
                let _ = io::stderr().write_all(report.as_bytes());
            }
            None => others(panic),
        }));
    });
}
