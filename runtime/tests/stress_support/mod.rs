//! What the stress programs share: a seed, a time limit, and a ledger of what was made and dropped.
//!
//! A stress program has no test harness: it runs in `main`, so that a sanitizer sees nothing but the runtime. It is
//! bounded by counts, never by time; the time limit only turns a hang into a message. Each runs one [`Part`];
//! `raddle-bench stress` runs all of them, for as long as one likes.
//!
//! * `RADDLE_SEED`: the seed; without it, one is made from the time, and printed.
//! * `RADDLE_STRESS`: how many times the usual work is done, as a decimal number. Nothing means 1.
//! * `RADDLE_STRESS_LIMIT`: the time limit in seconds.
#![allow(dead_code, reason = "each program uses a part of it")]

use std::fmt::Display;
use std::panic;
use std::process;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Once, mpsc};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use raddle::{Handle, Runner};

/// Where the program is, for whoever reads the message of a failure.
static STAGE: Mutex<String> = Mutex::new(String::new());
static SEED: AtomicU64 = AtomicU64::new(0);
static NAME: Mutex<&str> = Mutex::new("stress");
/// What to do to see a failure again, but for the seed.
static AGAIN: Mutex<&str> = Mutex::new("");
/// Counts up when the program is done; the thread with the time limit looks at it.
static DONE: AtomicU32 = AtomicU32::new(0);

/// Something to put under stress.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    /// Does its work once, and checks what has to hold.
    pub(crate) round: fn(Settings),
    /// What was done so far, and how often.
    pub(crate) counts: fn() -> Vec<(&'static str, u64)>,
}

/// A round's settings.
#[derive(Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) seed: u64,
    pub(crate) factor: f64,
    /// How many workers each runtime has, if it is to be always the same number.
    pub(crate) workers: Option<usize>,
}

impl Settings {
    /// So many, times the factor; at least one.
    pub(crate) fn times(&self, usual: usize) -> usize {
        ((usual as f64 * self.factor).round() as usize).max(1)
    }

    /// The same within what is itself repeated by the factor: never more than usual.
    pub(crate) fn times_within(&self, usual: usize) -> usize {
        self.times(usual).min(usual)
    }

    /// How many workers the runtime of a cycle has: one of these numbers in turn, the seed says with which it begins.
    pub(crate) fn workers(&self, cycle: usize, of: [usize; 4]) -> usize {
        self.workers.unwrap_or(of[(cycle + self.seed as usize % 4) % 4])
    }
}

/// Runs a stress program: one round of a part.
pub(crate) fn program(part: Part) {
    // libtest's arguments come here too: a filter or an option changes nothing, but a list has to be one.
    if std::env::args().any(|argument| argument == "--list") {
        return;
    }
    let Part { name, round, counts } = part;
    let seed = number("RADDLE_SEED").unwrap_or_else(seed_of_now);
    let factor = number("RADDLE_STRESS").unwrap_or(1.0);
    let limit = number("RADDLE_STRESS_LIMIT").unwrap_or(120 + (60.0 * factor) as u64);
    println!("stress_{name}: seed {seed}, factor {factor}");
    begin(name, seed, "RADDLE_SEED=");
    let guard = thread::spawn(move || watch(Duration::from_secs(limit)));
    round(Settings { seed, factor, workers: None });
    DONE.store(1, Relaxed);
    guard.thread().unpark();
    if guard.join().is_err() {
        fail("the thread with the time limit panicked");
    }
    let counts: Vec<String> = counts().into_iter().map(|(what, count)| format!("{count} {what}")).collect();
    println!("stress_{name}: seed {seed}, {}: ok", counts.join(", "));
}

/// Says what is run, for the message of a failure. `again`: what stands before the seed when it is run again.
pub(crate) fn begin(name: &'static str, seed: u64, again: &'static str) {
    *NAME.lock() = name;
    *AGAIN.lock() = again;
    SEED.store(seed, Relaxed);
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        be_quiet_about_expected_panics();
        touch_lazy_statics();
    });
}

/// A seed, never 0, that is another each time.
pub(crate) fn seed_of_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| 1 + time.as_nanos() as u64 % 1_000_000_007)
}

fn number<T: std::str::FromStr>(variable: &str) -> Option<T> {
    let text = std::env::var(variable).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| {
        eprintln!("{variable}={text}: not a number that fits");
        process::exit(2)
    }))
}

fn watch(limit: Duration) {
    let end = Instant::now() + limit;
    while DONE.load(Relaxed) == 0 {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            describe_runtimes();
            fail(format_args!("not done after {limit:?}"));
        }
        thread::park_timeout(left);
    }
}

/// Notes where the program is.
pub(crate) fn stage(text: impl Into<String>) {
    *STAGE.lock() = text.into();
}

/// Ends the program at once, from whatever thread: a panic could be caught, or hide behind another.
pub(crate) fn fail(what: impl Display) -> ! {
    let (name, seed) = (*NAME.lock(), SEED.load(Relaxed));
    eprintln!("{name}: FAILED in {}: {what}", STAGE.lock());
    eprintln!("{name}: again with {}{seed}", AGAIN.lock());
    process::exit(1);
}

static RUNTIMES: Count = Count::new();
/// The runtimes that live at present.
static LIVE_RUNTIMES: Mutex<Vec<(u64, Handle)>> = Mutex::new(Vec::new());

/// A runtime that is described when nothing goes on any more, until this is dropped.
#[must_use]
pub(crate) struct Announced(u64);

pub(crate) fn announce(runner: &mut Runner) -> Announced {
    RUNTIMES.add(1);
    let handle = runner.handle();
    let mut live = LIVE_RUNTIMES.lock();
    let number = live.last().map_or(0, |(number, _)| number + 1);
    live.push((number, handle));
    Announced(number)
}

impl Drop for Announced {
    fn drop(&mut self) {
        let gone = {
            let mut live = LIVE_RUNTIMES.lock();
            live.iter().position(|(number, _)| *number == self.0).map(|at| live.remove(at))
        };
        // Without the lock: it may be the last that holds the runtime.
        drop(gone);
    }
}

/// How many runtimes were announced.
pub(crate) fn runtimes() -> u64 {
    RUNTIMES.get()
}

/// Tasks of a runtime that are described.
const TASKS_SHOWN: usize = 30;

/// Prints what is known about the runtimes: their numbers, and their tasks where a worker answers.
pub(crate) fn describe_runtimes() {
    let live = LIVE_RUNTIMES.lock().clone();
    for (number, handle) in live {
        eprintln!("runtime {number}: {:?}", handle.metrics());
        let (tell, told) = mpsc::channel();
        let asked = handle.call_soon(move || _ = tell.send(raddle::all_tasks()));
        match asked.map(|_| told.recv_timeout(Duration::from_secs(5))) {
            Ok(Ok(tasks)) => {
                tasks.iter().take(TASKS_SHOWN).for_each(|task| eprintln!("  {task:?}"));
                eprintln!("  {} tasks", tasks.len());
            }
            Ok(Err(_)) => eprintln!("  no worker answers"),
            Err(_) => eprintln!("  it has ended"),
        }
    }
}

/// Fails if a promise was not kept.
#[track_caller]
pub(crate) fn check(kept: bool, what: impl Display) {
    if !kept {
        fail(format_args!("{what} (at {})", panic::Location::caller()));
    }
}

/// Fails if two numbers that must be equal are not.
#[track_caller]
pub(crate) fn same<T: PartialEq + std::fmt::Debug>(left: T, right: T, what: impl Display) {
    check(left == right, format_args!("{what}: {left:?} and {right:?}"));
}

/// The payload of a panic that belongs to the test.
pub(crate) struct Deliberate;

/// Panics; [`Deliberate`] is the payload, so nothing is printed.
pub(crate) fn deliberate_panic() -> ! {
    panic::panic_any(Deliberate)
}

fn be_quiet_about_expected_panics() {
    let others = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        // The second: who waits outside for a timer of a runtime that ends is told so by a panic.
        let is_expected = info.payload().is::<Deliberate>()
            || info.payload_as_str().is_some_and(|text| text.ends_with("runtime of this thread has shut down"));
        if !is_expected {
            others(info);
        }
    }));
}

/// The first theft makes crossbeam's collector, in a `OnceLock`. ThreadSanitizer cannot see into std's, and would report
/// what the collector is used for afterwards; so it is made here, before there is a second thread.
fn touch_lazy_statics() {
    let queue = crossbeam_deque::Worker::<()>::new_fifo();
    check(queue.stealer().steal().is_empty(), "a new deque is not empty");
}

/// Splitmix64: small, and any seed is a good one.
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// True once in so many times.
    pub(crate) fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }

    pub(crate) fn micros(&mut self, at_most: u64) -> Duration {
        Duration::from_micros(self.below(at_most + 1))
    }

    /// An independent source.
    pub(crate) fn fork(&mut self) -> Rng {
        Rng(self.next())
    }
}

/// How many of a kind were made and dropped.
pub(crate) struct Ledger {
    kind: &'static str,
    made: AtomicU64,
    dropped: AtomicU64,
}

impl Ledger {
    pub(crate) const fn new(kind: &'static str) -> Ledger {
        Ledger { kind, made: AtomicU64::new(0), dropped: AtomicU64::new(0) }
    }

    pub(crate) fn token(&'static self) -> Token {
        self.made.fetch_add(1, Relaxed);
        Token { ledger: self, mark: Box::new(LIVE) }
    }

    pub(crate) fn made(&self) -> u64 {
        self.made.load(Relaxed)
    }

    pub(crate) fn open(&self) -> u64 {
        self.made() - self.dropped.load(Relaxed)
    }

    #[track_caller]
    pub(crate) fn settle(&self) {
        same(self.made(), self.dropped.load(Relaxed), format_args!("{}: made and dropped", self.kind));
    }
}

const LIVE: u64 = 0x1157_0f11_fe00_0001;
const DEAD: u64 = 0xdead_dead_dead_dead;

/// One entry of a ledger. Its box is there for tools that watch the heap; its mark for runs without them.
pub(crate) struct Token {
    ledger: &'static Ledger,
    mark: Box<u64>,
}

impl Token {
    /// Reads the mark, as somebody would who uses the value.
    #[track_caller]
    pub(crate) fn look(&self) {
        check(*self.mark == LIVE, format_args!("a {} was used after its end", self.ledger.kind));
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        check(*self.mark == LIVE, format_args!("a {} was dropped twice", self.ledger.kind));
        *std::hint::black_box(&mut *self.mark) = DEAD;
        self.ledger.dropped.fetch_add(1, Relaxed);
    }
}

/// A counter that threads add to.
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) const fn new() -> Count {
        Count(AtomicU64::new(0))
    }

    pub(crate) fn add(&self, many: u64) {
        self.0.fetch_add(many, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Waits for the end of threads; a panic in one ends the program.
pub(crate) fn join_all(threads: Vec<thread::JoinHandle<()>>) {
    for thread in threads {
        if thread.join().is_err() {
            fail("a thread panicked");
        }
    }
}

/// Waits, with patience, until something that is on its way has come.
#[track_caller]
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    for round in 0_u32.. {
        if is_so() {
            return;
        }
        check(round < 60_000, what);
        thread::sleep(Duration::from_millis(1));
    }
}
