//! Many timers, of which many are cancelled, reset, moved or given up.
//!
//! Promises under test: no timer fires early, none is lost, none fires twice; a timer may be dropped on any thread;
//! what is cancelled leaves nothing behind; a sleep outlives the runtime it was first polled on. Nothing is promised,
//! and nothing is checked, about how late a timer is.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use raddle::{
    Clock, Handle, Instant, MissedTickBehavior, Queue, Runner, Sleep, call_later, create_task, interval, move_on_after,
    promise, sleep, sleep_until, timeout, timeout_at, yield_now,
};

use super::stress_support::{Count, Ledger, Part, Rng, Settings, announce, check, fail, join_all, same, stage};

static TIMERS: Count = Count::new();
static CANCELLED: Count = Count::new();
static CALLBACKS: Ledger = Ledger::new("callback");

pub(crate) const PART: Part = Part { name: "timers", round, counts };

fn round(settings: Settings) {
    let mut rng = Rng::new(settings.seed);
    for cycle in 0..settings.times(24) {
        let workers = settings.workers(cycle, [2, 1, 4, 8]);
        stage(format!("cycle {cycle} with {workers} workers"));
        real_time(workers, rng.fork());
    }
    stage("virtual time");
    for _ in 0..settings.times(4) {
        virtual_time(rng.fork(), settings);
    }
    stage("sleeps that outlive their runtime");
    for _ in 0..settings.times(8) {
        outlives(rng.fork());
    }
    CALLBACKS.settle();
}

fn counts() -> Vec<(&'static str, u64)> {
    vec![("timers", TIMERS.get()), ("timers cancelled", CANCELLED.get())]
}

fn real_time(workers: usize, mut rng: Rng) {
    let mut runner = Runner::new().workers(workers).grace(Duration::from_secs(600));
    let _announced = announce(&mut runner);
    let handle = runner.handle();
    let outsiders = (0..2).map(|_| {
        let (handle, rng) = (handle.clone(), rng.fork());
        thread::spawn(move || outside(&handle, rng))
    });
    let outsiders: Vec<_> = outsiders.collect();
    // A runner's first run serves those that wait outside, too; so it has to last until they are done.
    let (tell, done) = promise();
    let waiter = thread::spawn(move || {
        join_all(outsiders);
        check(tell.set(()).is_ok(), "main did not wait");
    });
    runner.run(async {
        let market = Queue::unbounded();
        let tasks = (0..400).map(|_| {
            let (mut rng, market) = (rng.fork(), market.clone());
            create_task(async move {
                for _ in 0..3 {
                    one_of_all(&mut rng, &market).await;
                }
            })
        });
        let tasks: Vec<_> = tasks.collect();
        for (index, task) in tasks.into_iter().enumerate() {
            let stays = rng.one_in(2);
            if index % 8 == 0 {
                // Cancelled wherever it is; its timers go with it.
                yield_now().await;
                let asked = task.cancel();
                check(task.await.is_ok() || asked, "a task was cancelled by nobody");
            } else if stays {
                check(task.await.is_ok(), "a task with timers failed");
            } else {
                drop(move_on_after(rng.micros(5000), task).await);
            }
        }
        drop(market.shutdown_now());
        check(done.await.is_ok(), "the threads outside failed");
    });
    // Tasks that were given up end in their own time; the end of the runtime is the end of all.
    drop(runner);
    join_all(vec![waiter]);
    let metrics = handle.metrics();
    same(metrics.tasks_alive, 0, "tasks alive after the end");
    same(metrics.workers.iter().map(|worker| worker.timers).sum(), 0, "timers left after the end");
}

/// A thread that waits in its own way.
fn outside(handle: &Handle, mut rng: Rng) {
    for _ in 0..20 {
        let time = rng.micros(3000);
        let begun = std::time::Instant::now();
        handle.block_on(sleep(time));
        check(begun.elapsed() >= time, "a sleep outside ended early");
        TIMERS.add(1);
    }
}

/// Waits with one kind of timer.
async fn one_of_all(rng: &mut Rng, market: &Queue<Pin<Box<Sleep>>>) {
    TIMERS.add(1);
    match rng.below(10) {
        0..3 => punctual(rng.micros(20_000)).await,
        3 => resets(rng).await,
        4 => sells(rng, market).await,
        5 => buys(market).await,
        6 => times_out(rng).await,
        7 => ticks(rng).await,
        8 => calls(rng).await,
        _ => starts_many(rng).await,
    }
}

/// Never early, by either clock.
async fn punctual(time: Duration) {
    let (begun, begun_std) = (Instant::now(), std::time::Instant::now());
    sleep(time).await;
    check(begun.elapsed() >= time && begun_std.elapsed() >= time, "a sleep ended early");
}

/// Polls a future once.
async fn once(sleep: &mut Pin<Box<Sleep>>) -> bool {
    poll_fn(|cx| Poll::Ready(sleep.as_mut().poll(cx).is_ready())).await
}

/// Moves the deadline of a sleep that may be waiting, due, or over.
async fn resets(rng: &mut Rng) {
    let mut timer = Box::pin(sleep(rng.micros(2000)));
    for _ in 0..rng.below(6) {
        if rng.one_in(2) {
            once(&mut timer).await;
        }
        if rng.one_in(3) {
            sleep(rng.micros(1000)).await;
        }
        timer.as_mut().get_mut().reset(Instant::now() + rng.micros(3000));
        TIMERS.add(1);
    }
    let deadline = timer.deadline();
    timer.as_mut().await;
    check(deadline.is_none_or(|deadline| Instant::now() >= deadline), "a reset sleep ended early");
    check(timer.is_elapsed(), "a sleep that was awaited has not elapsed");
}

/// Gives a started sleep to whoever wants it, on whatever worker.
async fn sells(rng: &mut Rng, market: &Queue<Pin<Box<Sleep>>>) {
    let mut timer = Box::pin(sleep(rng.micros(5000)));
    once(&mut timer).await;
    drop(market.try_put(timer));
}

async fn buys(market: &Queue<Pin<Box<Sleep>>>) {
    let Ok(mut timer) = market.try_get() else { return };
    if market.len().is_multiple_of(2) {
        // Cancelled far from home.
        CANCELLED.add(1);
        return drop(timer);
    }
    let deadline = timer.deadline();
    timer.as_mut().await;
    check(deadline.is_some_and(|deadline| Instant::now() >= deadline), "a sleep that was sold ended early");
}

async fn times_out(rng: &mut Rng) {
    let (short, long) = (rng.micros(2000), rng.micros(2000));
    let begun = Instant::now();
    match timeout(short, sleep(long)).await {
        Ok(()) => check(begun.elapsed() >= long, "the inner sleep ended early"),
        Err(_) => check(begun.elapsed() >= short, "a timeout fired early"),
    }
    let deadline = Instant::now() + short;
    if timeout_at(deadline, sleep(Duration::MAX)).await.is_ok() {
        fail("a sleep of Duration::MAX ended");
    }
    check(Instant::now() >= deadline, "a timeout_at fired early");
    CANCELLED.add(1);
}

async fn ticks(rng: &mut Rng) {
    let period = Duration::from_micros(200) + rng.micros(800);
    let mut ticker = interval(period);
    ticker.set_missed_tick_behavior(match rng.below(3) {
        0 => MissedTickBehavior::Burst,
        1 => MissedTickBehavior::Skip,
        _ => MissedTickBehavior::Delay,
    });
    let mut last = None;
    for _ in 0..rng.below(6) {
        let tick = ticker.tick().await;
        check(Instant::now() >= tick, "a tick came early");
        check(last.is_none_or(|last| last < tick), "ticks go backwards");
        last = Some(tick);
    }
}

async fn calls(rng: &mut Rng) {
    let (called, pending) = promise();
    let callback = CALLBACKS.token();
    let deadline = Instant::now() + rng.micros(2000);
    let call = call_later(deadline.duration_since(Instant::now()), move || {
        callback.look();
        let _ = called.set(Instant::now());
    });
    if rng.one_in(2) {
        sleep(rng.micros(2000)).await;
        if call.cancel() {
            CANCELLED.add(1);
            let _ = pending.await;
            return;
        }
    }
    // Err: the runtime is ending.
    let _ = pending.await;
}

/// Starts timers and forgets them.
async fn starts_many(rng: &mut Rng) {
    let mut timers: Vec<_> = (0..50).map(|_| Box::pin(sleep(rng.micros(20_000)))).collect();
    for timer in &mut timers {
        once(timer).await;
    }
    TIMERS.add(50);
    CANCELLED.add(timers.len() as u64);
}

/// On a virtual clock every timer fires in time, and in order.
fn virtual_time(mut rng: Rng, settings: Settings) {
    let many = settings.times_within(500);
    Runner::new().workers(1).clock(Clock::auto()).run(async {
        let fired = Queue::unbounded();
        let begun = Instant::now();
        for number in 0..many {
            let time = Duration::from_millis(rng.below(100_000_000) + 1) + rng.micros(1000);
            let fired = fired.clone();
            let timer = create_task(async move {
                sleep_until(begun + time).await;
                // The wheel's hand moves by milliseconds.
                let late = Instant::now().checked_duration_since(begun + time);
                let in_time = late.is_some_and(|late| late < Duration::from_millis(1));
                check(in_time, format_args!("virtual timer {number}: {late:?} late"));
                check(fired.try_put(begun + time).is_ok(), "an unbounded queue is full");
            });
            if rng.one_in(4) {
                CANCELLED.add(u64::from(timer.cancel()));
            }
        }
        TIMERS.add(many as u64);
        sleep(Duration::from_secs(200_000)).await;
        let order = fired.shutdown_now();
        check(order.is_sorted(), "virtual timers fired out of order");
    });
}

/// Sleeps that were polled on one runtime and end on another, or nowhere.
fn outlives(mut rng: Rng) {
    let mut timers: Vec<_> = (0..20).map(|_| Box::pin(sleep(rng.micros(4000)))).collect();
    Runner::new().workers(2).run(async {
        for timer in &mut timers {
            once(timer).await;
        }
        sleep(rng.micros(2000)).await;
    });
    TIMERS.add(timers.len() as u64);
    let dropped = timers.split_off(15);
    let dropper = thread::spawn(move || drop(dropped));
    Runner::new().workers(2).run(async {
        for mut timer in timers {
            let waited = create_task(async move {
                let deadline = timer.deadline();
                timer.as_mut().await;
                check(deadline.is_some_and(|deadline| Instant::now() >= deadline), "a moved sleep ended early");
            });
            check(waited.await.is_ok(), "a sleep from another runtime failed");
        }
    });
    join_all(vec![dropper]);
}
