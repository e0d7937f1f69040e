//! Tasks in every way of living and dying, on runtimes that start and stop under them.
//!
//! Promises under test: a task's future is dropped exactly once, and so is its output; every task that is not
//! forgotten ends, once, in the way it was asked to; a panic is seen by exactly one party, the awaiter or
//! `on_exception`; what goes into a queue comes out of it, whatever is cancelled; what is pinned stays on its thread;
//! nobody hangs, also not those who talk to a runtime that is just ending; and wakers may be kept for ever.

use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, Waker};
use std::thread::{self, ThreadId};
use std::time::Duration;

use parking_lot::Mutex;
use raddle::{
    ExceptionContext, Handle, Promise, Queue, Runner, Task, TaskBuilder, TaskError, all_tasks, call_later, call_soon,
    create_local_task, create_task, current_task, gather, promise, sleep, timeout, to_thread, yield_now,
};

use super::stress_support::{
    Count, Deliberate, Ledger, Part, Rng, Settings, Token, announce, check, deliberate_panic, fail, join_all, same,
    stage,
};

static FUTURES: Ledger = Ledger::new("future");
static OUTPUTS: Ledger = Ledger::new("output");
static CALLBACKS: Ledger = Ledger::new("callback");
static ITEMS: Ledger = Ledger::new("queue item");

static TASKS: Count = Count::new();
static RUNS: Count = Count::new();
static CANCELLED: Count = Count::new();
static MIGRATED: Count = Count::new();
static CALLED: Count = Count::new();
/// Panics in polls, drops and callbacks: thrown, seen by whoever awaited the task, told to `on_exception`.
static THROWN: Count = Count::new();
static SEEN: Count = Count::new();
static TOLD: Count = Count::new();

/// Wakers that somebody keeps: woken, cloned and dropped at any time by a thread that knows no runtime.
static KEPT: Mutex<Vec<Waker>> = Mutex::new(Vec::new());
/// Promises that any task of any runtime may keep.
static EXCHANGE: Mutex<Vec<Promise<Token>>> = Mutex::new(Vec::new());

/// At most so many of either, so that memory goes back while the program runs.
const KEPT_AT_MOST: usize = 200;

pub(crate) const PART: Part = Part { name: "scheduler", round, counts };

fn round(settings: Settings) {
    let stop = Arc::new(AtomicBool::new(false));
    let stirrer = thread::spawn({
        let (stop, rng) = (stop.clone(), Rng::new(settings.seed ^ 0x5717));
        move || stir(&stop, rng)
    });
    stage("two lines of runtimes");
    let lines = (0..2).map(|line| thread::spawn(move || runtimes(settings, line))).collect();
    join_all(lines);
    stage("parking");
    parking(settings);
    stage("short lives");
    short_lives(settings);
    stage("the end");
    stop.store(true, Ordering::Release);
    join_all(vec![stirrer]);
    drop(std::mem::take(&mut *KEPT.lock()));
    drop(std::mem::take(&mut *EXCHANGE.lock()));
    for ledger in [&FUTURES, &OUTPUTS, &CALLBACKS, &ITEMS] {
        ledger.settle();
    }
    same(THROWN.get(), SEEN.get() + TOLD.get(), "panics thrown, and seen or told");
}

fn counts() -> Vec<(&'static str, u64)> {
    vec![
        ("tasks", TASKS.get()),
        ("runs", RUNS.get()),
        ("cancellations", CANCELLED.get()),
        ("migrations", MIGRATED.get()),
        ("panics", THROWN.get()),
        ("callbacks", CALLED.get()),
    ]
}

/// One runtime after another on this thread.
fn runtimes(settings: Settings, line: u64) {
    let mut rng = Rng::new(settings.seed.wrapping_mul(31).wrapping_add(line));
    for cycle in 0..settings.times(20) {
        let mut runner = runner(settings.workers(cycle + line as usize, [1, 2, 4, 8]));
        let _announced = announce(&mut runner);
        let handle = runner.handle();
        // Asked for before the first run: it waits for it.
        let early = Spawner::There(handle.clone()).spawn(&mut rng);
        let outsiders = (0..rng.below(3)).map(|_| {
            let (handle, rng) = (handle.clone(), rng.fork());
            thread::spawn(move || outsider(&handle, rng))
        });
        let outsiders: Vec<_> = outsiders.collect();
        for _ in 0..=rng.below(3) {
            RUNS.add(1);
            let (of_run, panics) = (rng.fork(), rng.one_in(8));
            // Main borrows from this stack.
            let length = 150;
            let ran = catch_unwind(AssertUnwindSafe(|| {
                runner.run(async {
                    mix(of_run, &length).await;
                    if panics {
                        deliberate_panic();
                    }
                });
            }));
            match ran {
                Ok(()) => check(!panics, "main panicked and run returned"),
                Err(payload) => check(panics && payload.is::<Deliberate>(), "main panicked by itself"),
            }
        }
        drop(early);
        if rng.one_in(2) {
            // Outsiders cross the end of the runtime.
            drop(runner);
            join_all(outsiders);
        } else {
            let outsiders_done = thread::spawn(move || join_all(outsiders));
            runner.run(async move {
                let waiting = to_thread(move || join_all(vec![outsiders_done]));
                check(waiting.await.is_ok(), "to_thread gave no value");
            });
            drop(runner);
        }
        same(handle.metrics().tasks_alive, 0, "tasks alive after the end");
        check(handle.call_soon(|| {}).is_err(), "call_soon after the end");
        let late = handle.create_task(async { OUTPUTS.token() });
        check(matches!(late.join_blocking(), Err(TaskError::Cancelled)), "a task after the end");
    }
}

/// Workers that have next to nothing to do: they park, and are woken by threads outside, by timers and by each other,
/// also several of these at once.
fn parking(settings: Settings) {
    let mut rng = Rng::new(settings.seed ^ 0xbed);
    for cycle in 0..settings.times(8) {
        // A listener on worker 0, and another worker to wake it.
        let mut runner = runner(settings.workers(cycle, [2, 4, 3, 8]));
        let _announced = announce(&mut runner);
        let handle = runner.handle();
        RUNS.add(1);
        runner.run(async {
            let bell = Queue::unbounded();
            let callers = (0..3).map(|_| {
                let (handle, bell, rng) = (handle.clone(), bell.clone(), rng.fork());
                thread::spawn(move || call(&handle, &bell, rng))
            });
            let callers = callers.collect();
            // Woken on worker 0 only, from everywhere.
            let listener = create_local_task(answer(bell.clone()));
            TASKS.add(1);
            check(to_thread(move || join_all(callers)).await.is_ok(), "to_thread gave no value");
            bell.shutdown();
            same(listener.await.ok(), Some(3 * CALLS), "calls answered");
        });
    }
}

const CALLS: u64 = 300;

/// A thread that calls and waits for the answer, each time in another way.
fn call(handle: &Handle, bell: &Queue<Promise<()>>, mut rng: Rng) {
    for _ in 0..CALLS {
        let (ring, heard) = promise();
        check(bell.try_put(ring).is_ok(), "an unbounded queue is full");
        let pause = rng.micros(100);
        match rng.below(4) {
            0 => thread::sleep(pause),
            1 => handle.block_on(sleep(pause)),
            2 => {
                TASKS.add(1);
                let task = handle.create_task(async move { sleep(pause).await });
                check(task.join_blocking().is_ok(), "a task from outside failed");
            }
            _ => {}
        }
        check(handle.block_on(heard).is_ok(), "a call was not answered");
    }
}

async fn answer(bell: Queue<Promise<()>>) -> u64 {
    let (body, mut answers) = (Homebody::new(), 0);
    while let Ok(ring) = bell.get().await {
        body.look();
        check(ring.set(()).is_ok(), "a caller has left");
        answers += 1;
    }
    answers
}

/// Runtimes that end as soon as they begin, while others begin to use them.
fn short_lives(settings: Settings) {
    let mut rng = Rng::new(settings.seed ^ 0xface);
    for cycle in 0..settings.times(100) {
        let mut runner = runner(settings.workers(cycle, [2, 1, 4, 8]));
        let _announced = announce(&mut runner);
        let handle = runner.handle();
        let outsider = thread::spawn({
            let mut rng = rng.fork();
            move || {
                for _ in 0..rng.below(20) {
                    let mut job = Spawner::There(handle.clone()).spawn(&mut rng);
                    job.cancel();
                    job.join_outside();
                }
            }
        });
        RUNS.add(1);
        let spawned = rng.below(20);
        runner.run(async {
            let _jobs: Vec<_> = (0..spawned).map(|_| Spawner::Here.spawn(&mut rng)).collect();
            if rng.one_in(2) {
                yield_now().await;
            }
        });
        drop(runner);
        join_all(vec![outsider]);
    }
}

fn runner(workers: usize) -> Runner {
    // A task that is stuck is a failure, on the slowest machine too.
    Runner::new().workers(workers).name("stress").grace(Duration::from_secs(600)).on_exception(on_exception)
}

fn on_exception(context: &ExceptionContext) {
    check(context.panic.is_some(), format_args!("the runtime complained: {}", context.message));
    TOLD.add(1);
}

/// Where tasks are created from.
enum Spawner {
    Here,
    There(Handle),
}

/// How a task ends if nobody interferes.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Returns,
    Panics,
    Waits,
}

/// A task under test.
struct Job {
    task: Task<Token>,
    fate: Fate,
    cancelled: bool,
}

impl Spawner {
    fn create(&self, future: impl Future<Output = Token> + Send + 'static) -> Task<Token> {
        TASKS.add(1);
        let token = FUTURES.token();
        // Made here and moved into the future: it is dropped also when the future was never polled.
        let whole = async move {
            let output = future.await;
            token.look();
            output
        };
        match self {
            Spawner::Here => create_task(whole),
            Spawner::There(handle) => handle.create_task(whole),
        }
    }

    /// A task of a random kind.
    fn spawn(&self, rng: &mut Rng) -> Job {
        let mut own = rng.fork();
        let mut fate = Fate::Returns;
        let task = match rng.below(20) {
            0..3 => self.create(async { OUTPUTS.token() }),
            3..5 => self.create(yields(own.below(8), 0)),
            5 => self.create(yields(own.below(150), own.below(5))),
            6 => self.create(wakes_itself(own)),
            7 => self.create(tree(own, 2)),
            8 => self.create(sleeps(own)),
            9 => self.create(hands_on(own)),
            10 => self.create(blocks(own)),
            11 => {
                fate = Fate::Panics;
                self.create(panics(own.below(3)))
            }
            12 => {
                fate = Fate::Waits;
                self.create(waits(own.one_in(4)))
            }
            13 => self.create(is_big(own.below(3))),
            14 => self.create(has_local_children(own)),
            15 => self.create(trades(own)),
            16 => self.create(times_out(own)),
            17 => self.create(gathers(own)),
            18 => self.create(calls(own)),
            _ => self.create(asks_threads(own)),
        };
        Job { task, fate, cancelled: false }
    }
}

impl Job {
    fn cancel(&mut self) {
        if self.task.cancel() {
            self.cancelled = true;
        }
    }

    /// Sees to it that a wait for this task ends.
    fn make_finite(&mut self) {
        if self.fate == Fate::Waits {
            self.cancel();
        }
    }

    async fn join(mut self) {
        self.make_finite();
        let (fate, cancelled) = (self.fate, self.cancelled);
        settle(fate, cancelled, self.task.await);
    }

    fn join_outside(mut self) {
        self.make_finite();
        // The end of the runtime may cancel it at any time.
        settle(self.fate, true, self.task.join_blocking());
    }

    /// What may be done to a task by anyone who has its handle.
    fn poke(&mut self, rng: &mut Rng) {
        match rng.below(7) {
            0 => self.cancel(),
            1 => {
                let callback = CALLBACKS.token();
                self.task.on_done(move |_| {
                    callback.look();
                    CALLED.add(1);
                });
            }
            2 => {
                let callback = CALLBACKS.token();
                let panics = rng.one_in(8);
                self.task.on_done(move |_| {
                    callback.look();
                    CALLED.add(1);
                    if panics {
                        THROWN.add(1);
                        deliberate_panic();
                    }
                });
            }
            3 => self.task.set_name("poked"),
            4 => check(format!("{:?}", self.task).starts_with("<Task "), "a task's text"),
            5 => {
                let canceller = self.task.canceller();
                check(!self.task.is_done() || canceller.is_done(), "a canceller lags behind");
                if rng.one_in(2) && canceller.cancel() {
                    self.cancelled = true;
                }
            }
            _ => {
                if self.task.is_done() {
                    let result = self.task.try_result();
                    check(result.is_some(), "a task is done and has no result");
                    if let Some(result) = result {
                        settle(self.fate, true, result);
                    }
                    check(self.task.try_result().is_none(), "a result was given twice");
                }
            }
        }
    }
}

/// Looks at a task's end.
#[track_caller]
fn settle(fate: Fate, may_be_cancelled: bool, result: Result<Token, TaskError>) {
    match result {
        Ok(token) => {
            token.look();
            check(fate != Fate::Waits, "a task that waits for ever returned");
            check(fate == Fate::Returns, "a task that panics returned");
        }
        Err(TaskError::Cancelled) => {
            CANCELLED.add(1);
            if !may_be_cancelled {
                only_at_the_end("a task was cancelled by nobody");
            }
        }
        Err(TaskError::Panicked(panic)) => {
            SEEN.add(1);
            check(panic.into_payload().is::<Deliberate>(), "the payload of a panic");
            check(fate == Fate::Panics, "a task panicked by itself");
        }
        Err(other) => fail(format_args!("a task failed: {other}")),
    }
}

/// Fails unless the runtime of this task is ending: that cancels everything, in any order.
#[track_caller]
fn only_at_the_end(what: &str) {
    check(Handle::current().call_soon(|| {}).is_err(), what);
}

/// The main of a run: creates tasks and does to them what can be done.
async fn mix(mut rng: Rng, length: &usize) {
    let mut jobs: Vec<Job> = Vec::new();
    for _ in 0..*length {
        match rng.below(16) {
            0..6 => jobs.push(Spawner::Here.spawn(&mut rng)),
            6 => jobs.extend((0..rng.below(40)).map(|_| Spawner::Here.spawn(&mut rng))),
            7..9 => {
                if let Some(mut job) = take_one(&mut jobs, &mut rng) {
                    job.poke(&mut rng);
                    if job.task.is_done() && rng.one_in(2) {
                        continue;
                    }
                    // A result that was fetched cannot be awaited.
                    job.task.detach();
                }
            }
            9 => {
                if let Some(job) = take_one(&mut jobs, &mut rng) {
                    job.join().await;
                }
            }
            10 => drop(take_one(&mut jobs, &mut rng)),
            11 => {
                if let Some(job) = take_one(&mut jobs, &mut rng) {
                    drop_elsewhere(job, &mut rng);
                }
            }
            12 => {
                if let Some(mut job) = take_one(&mut jobs, &mut rng) {
                    job.make_finite();
                    // Awaited for a while and given up: the task is cancelled with its awaiter.
                    if let Ok(result) = timeout(rng.micros(300), job.task).await {
                        settle(job.fate, job.cancelled, result);
                    }
                }
            }
            13 => look_around(),
            14 => local_children(&mut rng).await,
            _ => yield_now().await,
        }
    }
    for job in jobs {
        match rng.below(3) {
            0 => job.join().await,
            1 => drop(job),
            _ => job.task.detach(),
        }
    }
}

fn take_one(jobs: &mut Vec<Job>, rng: &mut Rng) -> Option<Job> {
    let index = rng.below(jobs.len() as u64) as usize;
    (!jobs.is_empty()).then(|| jobs.swap_remove(index))
}

/// Drops a handle on another worker while the task may be ending.
fn drop_elsewhere(job: Job, rng: &mut Rng) {
    let late = rng.one_in(2);
    TASKS.add(1);
    let dropper = async move {
        if late {
            yield_now().await;
        }
        drop(job);
    };
    create_task(dropper).detach();
}

fn look_around() {
    let tasks = all_tasks();
    let me = current_task();
    check(me.is_some_and(|me| tasks.iter().any(|task| task.id == me.id)), "the current task is not among all");
    check(tasks.windows(2).all(|pair| pair[0].id < pair[1].id), "tasks are not in order, or one is there twice");
}

/// A thread that uses a runtime, also while it ends.
fn outsider(handle: &Handle, mut rng: Rng) {
    let spawner = Spawner::There(handle.clone());
    for _ in 0..rng.below(60) {
        let mut job = spawner.spawn(&mut rng);
        match rng.below(6) {
            0 => drop(job),
            1 => job.task.detach(),
            2 => {
                job.cancel();
                job.join_outside();
            }
            3 => {
                let callback = CALLBACKS.token();
                let called = handle.call_soon(move || {
                    callback.look();
                    CALLED.add(1);
                });
                if rng.one_in(2)
                    && let Ok(call) = called
                {
                    call.cancel();
                }
            }
            4 => {
                check(format!("{:?}", job.task).starts_with("<Task "), "a task's text");
                job.task.set_name("outside");
            }
            _ => job.join_outside(),
        }
    }
    if rng.one_in(2) {
        let timed_out = async { timeout(Duration::from_millis(2), pending::<()>()).await.is_err() };
        match catch_unwind(AssertUnwindSafe(|| handle.block_on(timed_out))) {
            Ok(timed_out) => check(timed_out, "block_on of a timeout"),
            // A timer without a runtime behind it.
            Err(_) => check(handle.call_soon(|| {}).is_err(), "block_on of a timeout panicked"),
        }
    }
}

/// Wakes, clones and drops kept wakers until told to stop.
fn stir(stop: &AtomicBool, mut rng: Rng) {
    while !stop.load(Ordering::Acquire) {
        let waker = {
            let mut kept = KEPT.lock();
            let index = rng.below(kept.len() as u64) as usize;
            if kept.is_empty() { None } else { Some(kept.swap_remove(index)) }
        };
        match waker {
            None => thread::sleep(Duration::from_millis(1)),
            Some(waker) => match rng.below(4) {
                0 => waker.wake(),
                1 => drop(waker),
                2 => {
                    waker.wake_by_ref();
                    keep(waker.clone());
                }
                _ => {
                    thread::sleep(rng.micros(100));
                    waker.wake();
                }
            },
        }
    }
}

fn keep(waker: Waker) {
    let mut kept = KEPT.lock();
    if kept.len() < KEPT_AT_MOST {
        return kept.push(waker);
    }
    let place = waker.data().addr() / 64 % KEPT_AT_MOST;
    let old = std::mem::replace(&mut kept[place], waker);
    drop(kept);
    drop(old);
}

/// Notes changes of thread.
struct Traveller(ThreadId);

impl Traveller {
    fn new() -> Traveller {
        Traveller(thread::current().id())
    }

    fn arrive(&mut self) {
        let here = thread::current().id();
        if std::mem::replace(&mut self.0, here) != here {
            MIGRATED.add(1);
        }
    }
}

async fn yields(times: u64, work: u64) -> Token {
    let mut traveller = Traveller::new();
    for _ in 0..times {
        for _ in 0..work * 100 {
            std::hint::black_box(());
        }
        yield_now().await;
        traveller.arrive();
    }
    OUTPUTS.token()
}

/// Wakes itself during its poll, by its own waker or by one that others have too.
async fn wakes_itself(mut rng: Rng) -> Token {
    let mut left = rng.below(20);
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        match rng.below(4) {
            0 => {
                let another = cx.waker().clone();
                another.wake();
            }
            1 => {
                keep(cx.waker().clone());
                cx.waker().wake_by_ref();
            }
            2 => {
                cx.waker().wake_by_ref();
                cx.waker().wake_by_ref();
            }
            _ => {
                let waker = cx.waker().clone();
                TASKS.add(1);
                create_task(async move { waker.wake() }).detach();
            }
        }
        Poll::Pending
    })
    .await;
    OUTPUTS.token()
}

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

fn tree(mut rng: Rng, depth: u32) -> Boxed<Token> {
    Box::pin(async move {
        let mut children = Vec::new();
        for _ in 0..rng.below(5) {
            let child = if depth > 0 && rng.one_in(2) { tree(rng.fork(), depth - 1) } else { Box::pin(yields(2, 0)) };
            children.push(Spawner::Here.create(child));
        }
        for child in children {
            match rng.below(5) {
                0 => drop(child),
                1 => child.detach(),
                _ => settle(Fate::Returns, false, child.await),
            }
        }
        OUTPUTS.token()
    })
}

async fn sleeps(mut rng: Rng) -> Token {
    sleep(rng.micros(2000)).await;
    OUTPUTS.token()
}

/// A value goes through a row of tasks.
async fn hands_on(mut rng: Rng) -> Token {
    let (first, mut last) = promise();
    for _ in 0..rng.below(6) {
        let (next, pending) = promise();
        let from = std::mem::replace(&mut last, pending);
        TASKS.add(1);
        let link = create_task(async move {
            if let Ok(token) = from.await {
                // Err: whoever waited for it has been cancelled.
                drop(next.set(token));
            }
        });
        link.detach();
    }
    check(first.set(OUTPUTS.token()).is_ok(), "the row is there and did not take the value");
    last.await.unwrap_or_else(|_| {
        only_at_the_end("a value was lost on its way");
        OUTPUTS.token()
    })
}

/// Holds its worker up: others have to be served by somebody else.
async fn blocks(mut rng: Rng) -> Token {
    if rng.one_in(4) {
        TASKS.add(1);
        create_task(async {}).detach();
        thread::sleep(rng.micros(4000));
    } else {
        thread::sleep(rng.micros(100));
    }
    OUTPUTS.token()
}

async fn panics(after: u64) -> Token {
    for _ in 0..after {
        yield_now().await;
    }
    THROWN.add(1);
    deliberate_panic();
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !thread::panicking() {
            THROWN.add(1);
            deliberate_panic();
        }
    }
}

/// Never ends; perhaps its end is violent.
async fn waits(explodes: bool) -> Token {
    let _bomb = explodes.then(|| Bomb);
    poll_fn(|cx| {
        keep(cx.waker().clone());
        Poll::Pending
    })
    .await
}

/// Futures of several sizes, beyond what a slot holds too.
async fn is_big(size: u64) -> Token {
    async fn of<const N: usize>() -> Token {
        let mut data = [1_u8; N];
        yield_now().await;
        data[N / 2] += 1;
        yield_now().await;
        same(data.iter().map(|byte| usize::from(*byte)).sum(), N + 1, "the contents of a big future");
        OUTPUTS.token()
    }
    let task = match size {
        0 => Spawner::Here.create(of::<300>()),
        1 => Spawner::Here.create(of::<1200>()),
        _ => Spawner::Here.create(of::<9000>()),
    };
    settle(Fate::Returns, false, task.await);
    OUTPUTS.token()
}

/// Must be dropped where it was made.
struct Homebody {
    home: ThreadId,
    _not_send: Rc<()>,
    token: Token,
}

impl Homebody {
    fn new() -> Homebody {
        Homebody { home: thread::current().id(), _not_send: Rc::new(()), token: FUTURES.token() }
    }

    fn look(&self) {
        self.token.look();
        check(self.home == thread::current().id(), "a local task left its thread");
    }
}

impl Drop for Homebody {
    fn drop(&mut self) {
        check(self.home == thread::current().id(), "a local task was dropped on another thread");
    }
}

async fn local_child(mut rng: Rng, result: Promise<Token>) {
    let body = Homebody::new();
    for _ in 0..rng.below(5) {
        match rng.below(3) {
            0 => sleep(rng.micros(300)).await,
            1 => {
                // Woken from another worker.
                let (there, pending) = promise();
                TASKS.add(1);
                create_task(async move {
                    let _ = there.set(());
                })
                .detach();
                if pending.await.is_err() {
                    only_at_the_end("a promise to a local task was dropped");
                }
            }
            _ => yield_now().await,
        }
        body.look();
    }
    drop(result.set(OUTPUTS.token()));
}

async fn has_local_children(mut rng: Rng) -> Token {
    let mut results = Vec::new();
    for _ in 0..rng.below(4) {
        let (result, pending) = promise();
        TASKS.add(1);
        create_local_task(local_child(rng.fork(), result)).detach();
        results.push(pending);
    }
    for pending in results {
        match pending.await {
            Ok(token) => token.look(),
            Err(_) => only_at_the_end("a local task was lost"),
        }
    }
    OUTPUTS.token()
}

/// Local tasks of main: awaited, cancelled, dropped.
async fn local_children(rng: &mut Rng) {
    for _ in 0..3 {
        let (result, pending) = promise();
        TASKS.add(1);
        let task = TaskBuilder::new().name("local").create_local(local_child(rng.fork(), result));
        match rng.below(4) {
            0 => check(task.await.is_ok() && pending.await.is_ok(), "a local task failed"),
            1 => {
                let asked = task.cancel();
                check(task.await.is_ok() || asked, "a local task was cancelled by nobody");
            }
            2 => drop(task),
            _ => task.detach(),
        }
    }
}

/// Offers promises to all runtimes of the program and keeps those of others.
async fn trades(mut rng: Rng) -> Token {
    for _ in 0..rng.below(4) {
        let (offer, pending) = promise();
        let (old, many) = {
            let mut exchange = EXCHANGE.lock();
            exchange.push(offer);
            let index = rng.below(exchange.len() as u64) as usize;
            (exchange.swap_remove(index), exchange.len())
        };
        drop(old.set(OUTPUTS.token()));
        if many > KEPT_AT_MOST {
            let abandoned = std::mem::take(&mut *EXCHANGE.lock());
            drop(abandoned);
        }
        if let Ok(Ok(token)) = timeout(rng.micros(500), pending).await {
            token.look();
        }
    }
    OUTPUTS.token()
}

/// Inner futures with tasks in them, given up half-way.
async fn times_out(mut rng: Rng) -> Token {
    for _ in 0..rng.below(4) {
        let body = FUTURES.token();
        let inner = async move {
            let child = Spawner::Here.create(yields(20, 1));
            let ended = child.await;
            body.look();
            settle(Fate::Returns, false, ended);
        };
        drop(timeout(rng.micros(200), inner).await);
    }
    OUTPUTS.token()
}

async fn gathers(mut rng: Rng) -> Token {
    let many = rng.below(40);
    let all = gather((0..many).map(|index| {
        let task = Spawner::Here.create(yields(index % 3, 0));
        async move {
            settle(Fate::Returns, false, task.await);
            index
        }
    }));
    same(all.await, (0..many).collect(), "what gather gives");
    let (queue, put) = (Queue::bounded(1 + rng.below(4) as usize), Arc::new(Count::new()));
    conserves(&mut rng, queue, put).await;
    OUTPUTS.token()
}

/// Puts and gets that are given up at random: what was put is got, once.
async fn conserves(rng: &mut Rng, queue: Queue<Token>, put: Arc<Count>) {
    let got = Arc::new(Count::new());
    let (mut putters, mut getters) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let (queue, put, mut rng) = (queue.clone(), put.clone(), rng.fork());
        putters.push(Spawner::Here.create(async move {
            for _ in 0..20 {
                match timeout(rng.micros(100), queue.put(ITEMS.token())).await {
                    Ok(Ok(())) => put.add(1),
                    Ok(Err(_)) => fail("the queue is open and refused an item"),
                    Err(_) => {}
                }
            }
            OUTPUTS.token()
        }));
    }
    for _ in 0..2 {
        let (queue, got, mut rng) = (queue.clone(), got.clone(), rng.fork());
        getters.push(Spawner::Here.create(async move {
            loop {
                match timeout(rng.micros(100), queue.get()).await {
                    Ok(Ok(item)) => {
                        item.look();
                        got.add(1);
                    }
                    Ok(Err(_)) => return OUTPUTS.token(),
                    Err(_) => {}
                }
            }
        }));
    }
    for task in putters {
        settle(Fate::Returns, false, task.await);
    }
    queue.shutdown();
    for task in getters {
        settle(Fate::Returns, false, task.await);
    }
    if put.get() != got.get() {
        only_at_the_end(&format!("{} items were put and {} got", put.get(), got.get()));
    }
}

async fn calls(mut rng: Rng) -> Token {
    for _ in 0..rng.below(4) {
        let (called, pending) = promise();
        let callback = CALLBACKS.token();
        let call = move || {
            callback.look();
            CALLED.add(1);
            let _ = called.set(());
        };
        let asked = if rng.one_in(2) { call_soon(call) } else { call_later(rng.micros(500), call) };
        if rng.one_in(3) && asked.cancel() {
            // It may have been called in this moment, or not.
            let _ = pending.await;
        } else if pending.await.is_err() {
            only_at_the_end("a callback was neither called nor taken back");
        }
    }
    OUTPUTS.token()
}

async fn asks_threads(mut rng: Rng) -> Token {
    let pause = rng.micros(200);
    let asked = to_thread(move || {
        thread::sleep(pause);
        OUTPUTS.token()
    });
    asked.await.unwrap_or_else(|_| {
        only_at_the_end("to_thread gave no value");
        OUTPUTS.token()
    })
}
