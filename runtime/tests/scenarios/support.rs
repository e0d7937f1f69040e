//! How a scenario is run and compared.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use raddle::{Clock, Exit, Runner};

use crate::common::{Log, watch};

const VIRTUAL_RUNS: usize = 200;
const REAL_RUNS: usize = 5;

/// How often real time is made twice as slow where the machine does not keep up with it.
const SLOWER: u32 = 5;

/// Where a scenario prints.
#[derive(Clone)]
pub(crate) struct Out {
    lines: Log,
    scale: u32,
}

impl Out {
    fn new(scale: u32) -> Out {
        Out { lines: Log::default(), scale }
    }

    pub(crate) fn line(&self, line: impl Into<String>) {
        self.lines.push(line);
    }

    /// That many of the scenario's milliseconds. In real time they last longer where it says so, so that what is to
    /// happen one after the other is never closer than the machine's other work can make it.
    pub(crate) fn ms(&self, n: u32) -> Duration {
        n * self.scale * Duration::from_millis(1)
    }
}

/// As Python prints it.
pub(crate) fn truth(is_so: bool) -> &'static str {
    if is_so { "True" } else { "False" }
}

/// As Python prints a list of strings.
pub(crate) fn list<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    let quote = |item: T| {
        let item = item.as_ref();
        if item.contains('\'') { format!("\"{item}\"") } else { format!("'{item}'") }
    };
    format!("[{}]", items.into_iter().map(quote).collect::<Vec<_>>().join(", "))
}

/// What `cancelling()` counts, for whom it happens: whether this is the end of something that was cancelled.
pub(crate) fn cancelling(exit: Exit) -> u8 {
    u8::from(exit == Exit::Cancelled)
}

/// What holds of the text when several workers print it.
#[derive(Clone, Copy)]
pub(crate) enum Many {
    /// The same text.
    Exact,
    /// The same lines, in an order of which this is true.
    Sorted(fn(&[String])),
    /// This.
    Holds(fn(&[String])),
}

/// Runs a program often, in virtual time and in real time, and compares what it prints: line by line with one worker, as
/// `many` says with more. `scale` is how much slower real time goes.
pub(crate) fn check<F: Future<Output = ()>>(program: impl Fn(Out) -> F + Sync, text: &str, scale: u32, many: Many) {
    let _watch = watch();
    for workers in [1, 2, 8] {
        let many = if workers == 1 { Many::Exact } else { many };
        for _ in 0..VIRTUAL_RUNS {
            let printed = print(&program, 1, Runner::new().workers(workers).clock(Clock::auto()));
            compare(&printed, text, many, workers);
        }
        check_in_real_time(&program, text, scale, workers, many);
    }
}

/// Several runs at once. What they print depends on time, so it may differ if the machine stood still for longer than
/// lies between two of the program's moments; then, and only then, they are run again with more time between them.
fn check_in_real_time<F: Future<Output = ()>>(
    program: &(impl Fn(Out) -> F + Sync),
    text: &str,
    scale: u32,
    workers: usize,
    many: Many,
) {
    for attempt in 0..=SLOWER {
        let scale = scale << attempt;
        let run = || {
            let printed = print(program, scale, Runner::new().workers(workers));
            compare(&printed, text, many, workers);
        };
        let (ended, gap) = with_longest_gap(|| {
            thread::scope(|s| {
                let threads: Vec<_> = (0..REAL_RUNS).map(|_| s.spawn(|| catch_unwind(AssertUnwindSafe(run)))).collect();
                threads.into_iter().try_for_each(|thread| thread.join().expect("what panics is caught"))
            })
        });
        match ended {
            Ok(()) => return,
            Err(_) if gap > scale * CLOSE && attempt < SLOWER => eprintln!("the machine stood still for {gap:.1?}"),
            Err(panic) => resume_unwind(panic),
        }
    }
}

/// Half of what lies at least between two of a program's moments.
const CLOSE: Duration = Duration::from_millis(5);

/// The longest time for which a thread that wants to run every millisecond did not, while `f` did.
fn with_longest_gap<R>(f: impl FnOnce() -> R) -> (R, Duration) {
    let (over, ended) = mpsc::channel::<()>();
    let observer = thread::spawn(move || {
        let (mut seen, mut longest) = (Instant::now(), Duration::ZERO);
        while ended.recv_timeout(Duration::from_millis(1)) == Err(RecvTimeoutError::Timeout) {
            longest = longest.max(seen.elapsed());
            seen = Instant::now();
        }
        longest.max(seen.elapsed())
    });
    let result = f();
    drop(over);
    (result, observer.join().expect("it only looks at the clock"))
}

fn print<F: Future<Output = ()>>(program: impl Fn(Out) -> F, scale: u32, runner: Runner) -> Vec<String> {
    let out = Out::new(scale);
    let handler = out.clone();
    let told = move |context: &raddle::ExceptionContext| {
        let what = context.panic.as_ref().or(context.error.as_ref());
        handler.line(format!("exception handler: {}", what.unwrap_or(&context.message)));
    };
    runner.debug(false).on_exception(told).run(program(out.clone()));
    out.lines.take()
}

#[track_caller]
fn compare(printed: &[String], text: &str, many: Many, workers: usize) {
    match many {
        Many::Exact => assert_eq!(printed.join("\n"), text, "with {workers} workers"),
        Many::Sorted(holds) => {
            let (mut sorted, mut expected): (Vec<_>, Vec<_>) = (printed.to_vec(), text.lines().collect());
            sorted.sort();
            expected.sort();
            assert_eq!(sorted, expected, "sorted, with {workers} workers");
            holds(printed);
        }
        Many::Holds(holds) => holds(printed),
    }
}

/// These lines are there once each, in this order.
#[track_caller]
pub(crate) fn assert_order(printed: &[String], lines: &[&str]) {
    let found: Vec<_> = printed.iter().filter(|line| lines.contains(&line.as_str())).collect();
    assert_eq!(found, lines, "of {printed:#?}");
}

/// Whether this is one of the lines.
pub(crate) fn has(printed: &[String], line: &str) -> bool {
    printed.iter().any(|printed| printed == line)
}
