//! What the stress programs share: a seed, a time limit, and a ledger of what was made and dropped.
//!
//! A stress program has no test harness: it runs in `main`, so that a sanitizer sees nothing but the runtime. It is
//! bounded by counts, never by time; the time limit only turns a hang into a message.
//!
//! * `RADDLE_SEED`: the seed; without it, one is made from the time, and printed.
//! * `RADDLE_STRESS`: how many times the usual work is done, as a decimal number. Nothing means 1.
//! * `RADDLE_STRESS_LIMIT`: the time limit in seconds.
#![allow(dead_code, reason = "each program uses a part of it")]

use std::fmt::Display;
use std::panic;
use std::process;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

/// Where the program is, for whoever reads the message of a failure.
static STAGE: Mutex<String> = Mutex::new(String::new());
static SEED: AtomicU64 = AtomicU64::new(0);
static NAME: Mutex<&str> = Mutex::new("stress");
/// Counts up when the program is done; the thread with the time limit looks at it.
static DONE: AtomicU32 = AtomicU32::new(0);

/// A program's settings.
#[derive(Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) seed: u64,
    factor: f64,
}

impl Settings {
    /// So many, times the factor; at least one.
    pub(crate) fn times(&self, usual: usize) -> usize {
        ((usual as f64 * self.factor).round() as usize).max(1)
    }
}

/// Runs a stress program. `body` returns what it did, for the summary.
pub(crate) fn program(name: &'static str, body: impl FnOnce(Settings) -> String) {
    // libtest's arguments come here too: a filter or an option changes nothing, but a list has to be one.
    if std::env::args().any(|argument| argument == "--list") {
        return;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| time.as_nanos() as u64);
    let seed = number("RADDLE_SEED").unwrap_or(now % 1_000_000_007);
    let factor = number("RADDLE_STRESS").unwrap_or(1.0);
    let limit = number("RADDLE_STRESS_LIMIT").unwrap_or(120 + (60.0 * factor) as u64);
    *NAME.lock() = name;
    SEED.store(seed, Relaxed);
    println!("{name}: seed {seed}, factor {factor}");
    be_quiet_about_expected_panics();
    touch_lazy_statics();
    let guard = thread::spawn(move || watch(Duration::from_secs(limit)));
    let summary = body(Settings { seed, factor });
    DONE.store(1, Relaxed);
    guard.thread().unpark();
    if guard.join().is_err() {
        fail("the thread with the time limit panicked");
    }
    println!("{name}: seed {seed}, {summary}: ok");
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
    eprintln!("{name}: again with RADDLE_SEED={seed}");
    process::abort();
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
