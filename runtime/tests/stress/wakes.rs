//! Wake-ups by threads outside the runtime, each counted by both sides.
//!
//! A thread and a task share a line with a number on it. The thread makes the number odd and wakes the task; the task,
//! polled, finds the odd number that is next, makes it even, and waits again. The thread calls again when the answer is
//! there. So a wake-up that is lost leaves its line odd for ever, which shows as a standstill; and a poll that nobody
//! asked for, or one for two calls, finds a number that is not the next one.
//!
//! A round has phases. BUSY: each thread keeps many lines going, and the workers have something else to do, too, so that
//! they do not park. EDGE: they have not, and each thread has one line, so that its worker is about to park, parks, or is
//! just awake when the next call comes. PARKED:
//! one thread calls, and only when all workers have gone to sleep since the last answer, which the runtime's metrics say:
//! its workers count how often they go to sleep, and every one of them is parked.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Poll, Waker};
use std::thread;

use crossbeam_utils::CachePadded;
use parking_lot::Mutex;
use raddle::{Event, Handle, Runner, create_local_task, create_task, yield_now};

use super::stress_support::{Count, Part, Rng, Settings, announce, check, fail, join_all, same, stage};

pub(crate) const PART: Part = Part { name: "wakes", round, counts };

static WAKES: Count = Count::new();
static PARKED: Count = Count::new();
/// Of those that found every worker parked, the ones that found a runtime of several.
static PARKED_OF_MANY: Count = Count::new();

/// Runtimes at a time: while one waits until its workers sleep, another has use for the core.
const RUNTIMES: u64 = 2;
/// Threads outside, of each runtime.
const CALLERS: usize = 2;
/// Lines of each.
const LINES: usize = 512;
/// Calls of a thread in the phases of a usual round. More than a hundredth of all calls find everybody parked.
const BUSY: usize = 40_000;
const EDGE: usize = 500;
const PARKS: usize = 900;
const PHASES: usize = 3;
/// Calls that a thread makes before it adds them to the sum.
const BATCH: u64 = 256;
/// On which line the task is told to end.
const END: u64 = u64::MAX;

fn round(settings: Settings) {
    let mut rng = Rng::new(settings.seed ^ 0x3a_4e5);
    stage("wake-ups");
    let runtimes = (0..RUNTIMES).map(|number| {
        let rng = rng.fork();
        let workers = settings.workers(number as usize, [1, 2, 1, 4]);
        thread::spawn(move || one_runtime(settings, workers, rng))
    });
    join_all(runtimes.collect());
}

fn one_runtime(settings: Settings, workers: usize, mut rng: Rng) {
    let mut runner = Runner::new().workers(workers).name("wakes");
    let _announced = announce(&mut runner);
    let handle = runner.handle();
    let lines: Vec<Vec<Arc<Line>>> = (0..CALLERS).map(|_| (0..LINES).map(|_| Arc::default()).collect()).collect();
    let (barrier, work) = (Arc::new(Barrier::new(CALLERS)), Arc::new(Work::default()));
    let callers = lines.iter().enumerate().map(|(number, lines)| {
        let answered = vec![0; lines.len()];
        let caller = Caller { lines: lines.clone(), wakers: Vec::new(), answered, rng: rng.fork(), said: 0, unsaid: 0 };
        let (handle, barrier, work) = (handle.clone(), barrier.clone(), work.clone());
        thread::spawn(move || caller.run(number == 0, settings, &handle, &barrier, &work))
    });
    let callers: Vec<_> = callers.collect();
    let answered = runner.run(async {
        let (mut anywhere, mut here) = (Vec::new(), Vec::new());
        let busy: Vec<_> = (0..workers).map(|_| create_task(is_busy(work.clone()))).collect();
        for (number, line) in lines.into_iter().flatten().enumerate() {
            // Those that are pinned come by the worker's own inbox, the others by the injector.
            match number % 4 {
                0 => here.push(create_local_task(answer(line))),
                _ => anywhere.push(create_task(answer(line))),
            }
        }
        let mut answered = 0;
        for task in here {
            answered += task.await.unwrap_or(0);
        }
        for task in anywhere {
            answered += task.await.unwrap_or(0);
        }
        for task in busy {
            check(task.await.is_ok(), "a task that keeps a worker busy failed");
        }
        answered
    });
    let called = callers.into_iter().map(|caller| caller.join().unwrap_or_else(|_| fail("a caller panicked"))).sum();
    same(answered, called, "wake-ups answered and sent");
}

fn counts() -> Vec<(&'static str, u64)> {
    vec![
        ("wake-ups", WAKES.get()),
        ("of them to a parked worker", PARKED.get()),
        ("of these to several parked workers", PARKED_OF_MANY.get()),
    ]
}

/// How many wake-ups there were, and how many of them found every worker parked.
#[allow(dead_code, reason = "who runs one round does not ask")]
pub(crate) fn so_far() -> (u64, u64) {
    (WAKES.get(), PARKED.get())
}

/// Something else to do, for the workers.
#[derive(Default)]
struct Work {
    is_there: Event,
    is_over: AtomicBool,
}

/// Keeps a worker awake while there is work.
async fn is_busy(work: Arc<Work>) {
    while !work.is_over.load(Ordering::Relaxed) {
        work.is_there.wait().await;
        // A caller may need this core.
        thread::yield_now();
        yield_now().await;
    }
}

/// What a thread and a task have in common.
#[derive(Default)]
struct Line {
    /// Odd: the thread has called; even: the task has answered.
    number: CachePadded<AtomicU64>,
    /// Put there by the task, taken by the thread.
    waker: Mutex<Option<Waker>>,
}

/// Answers calls until the end. Returns how many it answered.
async fn answer(line: Arc<Line>) -> u64 {
    let (mut answered, mut is_known) = (0, false);
    std::future::poll_fn(move |cx| {
        if !std::mem::replace(&mut is_known, true) {
            let before = line.waker.lock().replace(cx.waker().clone());
            check(before.is_none(), "two tasks have one line");
            return Poll::Pending;
        }
        // Acquire and Release: the thread and the task take turns, and see what the other did before.
        let number = line.number.load(Ordering::Acquire);
        if number == END {
            return Poll::Ready(answered);
        }
        same(number, 2 * answered + 1, "the number of a call, and the one expected, in a poll");
        answered += 1;
        line.number.store(2 * answered, Ordering::Release);
        Poll::Pending
    })
    .await
}

/// A thread that wakes tasks.
struct Caller {
    lines: Vec<Arc<Line>>,
    /// By line, as what follows.
    wakers: Vec<Waker>,
    answered: Vec<u64>,
    rng: Rng,
    /// Calls that are in the sum of all, and those that are not yet.
    said: u64,
    unsaid: u64,
}

impl Caller {
    /// Returns how often it called.
    fn run(mut self, is_first: bool, settings: Settings, handle: &Handle, barrier: &Barrier, work: &Work) -> u64 {
        for line in &self.lines {
            let mut waker = None;
            wait_until(|| {
                waker = line.waker.lock().take();
                waker.is_some()
            });
            self.wakers.extend(waker);
        }
        for _ in 0..PHASES {
            barrier.wait();
            if is_first {
                work.is_there.set();
            }
            self.calls_many(settings.times(BUSY), LINES);
            barrier.wait();
            if is_first {
                work.is_there.clear();
            }
            self.calls_many(settings.times(EDGE), 1);
            barrier.wait();
            if is_first {
                self.calls_the_parked(settings.times(PARKS), handle);
            }
        }
        barrier.wait();
        work.is_over.store(true, Ordering::Relaxed);
        work.is_there.set();
        self.say();
        for (line, waker) in self.lines.iter().zip(self.wakers) {
            line.number.store(END, Ordering::Release);
            waker.wake();
        }
        self.said
    }

    /// Keeps so many lines going.
    fn calls_many(&mut self, calls: usize, lines: usize) {
        let mut left = calls;
        let mut at = 0;
        while left > 0 {
            at = if at + 1 < lines { at + 1 } else { 0 };
            self.wait_for_answer(at);
            self.call(at);
            left -= 1;
        }
        (0..lines).for_each(|at| self.wait_for_answer(at));
        self.say();
    }

    /// Calls when everybody sleeps, a little earlier or later in their sleep.
    fn calls_the_parked(&mut self, calls: usize, handle: &Handle) {
        // How often workers had gone to sleep when the last call was made.
        let mut parks = 0;
        let mut is_of_many = false;
        for _ in 0..calls {
            wait_until(|| {
                let metrics = handle.metrics();
                let now = metrics.workers.iter().map(|worker| worker.parks).sum();
                let all_sleep = metrics.workers_parked == metrics.workers.len() && now > parks;
                if all_sleep {
                    parks = now;
                    is_of_many = metrics.workers.len() > 1;
                }
                all_sleep
            });
            for _ in 0..self.rng.below(4) * self.rng.below(200) {
                spin_loop();
            }
            let at = self.rng.below(self.lines.len() as u64) as usize;
            self.call(at);
            self.wait_for_answer(at);
            PARKED.add(1);
            PARKED_OF_MANY.add(u64::from(is_of_many));
        }
        self.say();
    }

    fn call(&mut self, at: usize) {
        let line = &self.lines[at];
        line.number.store(2 * self.answered[at] + 1, Ordering::Release);
        self.answered[at] += 1;
        let waker = &self.wakers[at];
        if self.unsaid.is_multiple_of(16) {
            let another = waker.clone();
            another.wake();
        } else {
            waker.wake_by_ref();
        }
        self.unsaid += 1;
        if self.unsaid >= BATCH {
            self.say();
        }
    }

    fn wait_for_answer(&self, at: usize) {
        let (line, answered) = (&self.lines[at], self.answered[at]);
        wait_until(|| line.number.load(Ordering::Acquire) == 2 * answered);
    }

    fn say(&mut self) {
        WAKES.add(self.unsaid);
        self.said += std::mem::take(&mut self.unsaid);
    }
}

/// Looks again and again; a thread that slept would be too late for what is looked for here.
fn wait_until(mut is_so: impl FnMut() -> bool) {
    for round in 1_u32.. {
        if is_so() {
            return;
        }
        if round.is_multiple_of(128) { thread::yield_now() } else { spin_loop() }
    }
}
