//! What sleeps and intervals promise.

mod common;

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::time::Duration;

use common::{Counter, new_reactor, poll_once, run, run_on, spawn, yield_now};
use raddle_io::MissedTickBehavior;
use raddle_io::reactor::Reactor;
use raddle_io::{Clock, Instant, interval, interval_at, sleep, sleep_until};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Runs on a clock that jumps to the next deadline when everybody waits.
fn run_virtual<T>(main: impl Future<Output = T>) -> T {
    run_on(&Reactor::new(Clock::auto()).unwrap(), main)
}

#[test]
fn a_sleep_never_ends_early() {
    run(async {
        for micros in [1, 100, 999, 1000, 1001, 1500, 2999] {
            let (before, wanted) = (Instant::now(), Duration::from_micros(micros));
            sleep(wanted).await;
            assert!(before.elapsed() >= wanted, "{:?} < {wanted:?}", before.elapsed());
        }
    });
}

#[test]
fn sleeps_end_in_the_order_of_their_deadlines() {
    run_virtual(async {
        let order = Rc::new(RefCell::new(Vec::new()));
        let tasks: Vec<_> = [300, 20, 70_000, 1, 20, 64, 4096, 63]
            .map(|ms| {
                let order = order.clone();
                spawn(async move {
                    sleep(ms * MS).await;
                    order.borrow_mut().push(ms);
                })
            })
            .into_iter()
            .collect();
        let start = Instant::now();
        for task in tasks {
            task.await;
        }
        assert_eq!(*order.borrow(), [1, 20, 20, 63, 64, 300, 4096, 70_000]);
        assert_eq!(start.elapsed(), 70_000 * MS);
    });
}

#[test]
fn a_year_passes_in_no_time_on_a_virtual_clock() {
    run_virtual(async {
        let start = Instant::now();
        sleep(365 * 24 * HOUR).await;
        assert_eq!(start.elapsed(), 365 * 24 * HOUR);
        sleep(200 * 365 * 24 * HOUR).await;
        assert_eq!(start.elapsed(), 201 * 365 * 24 * HOUR);
    });
}

#[test]
fn the_longest_duration_is_never_and_can_be_cancelled() {
    let reactor = new_reactor();
    run_on(&reactor.clone(), async {
        let mut forever = sleep(Duration::MAX);
        assert!(poll_once(&mut forever).await.is_pending());
        assert_eq!(forever.deadline(), Some(Instant::FAR_FUTURE));
        assert_eq!((reactor.timer_count(), reactor.next_deadline()), (1, None));
        sleep(MS).await;
        assert!(poll_once(&mut forever).await.is_pending());
        drop(forever);
        assert_eq!(reactor.timer_count(), 0);
    });
}

#[test]
fn a_sleep_of_zero_gives_exactly_one_turn() {
    let reactor = new_reactor();
    run_on(&reactor.clone(), async {
        for mut pause in [sleep(Duration::ZERO), sleep_until(Instant::now() - MS)] {
            let (count, waker) = Counter::new();
            let mut cx = Context::from_waker(&waker);
            assert!(Pin::new(&mut pause).poll(&mut cx).is_pending());
            assert_eq!((count.count(), reactor.timer_count()), (1, 0), "it wakes itself and needs no timer");
            assert!(Pin::new(&mut pause).poll(&mut cx).is_ready() && pause.is_elapsed());
        }
    });
}

#[test]
fn time_counts_from_the_first_poll() {
    run_virtual(async {
        let mut late = sleep(10 * MS);
        assert_eq!(late.deadline(), None);
        sleep(HOUR).await;
        let start = Instant::now();
        (&mut late).await;
        assert_eq!(start.elapsed(), 10 * MS);
    });
}

#[test]
fn a_dropped_sleep_leaves_no_timer_also_from_another_thread() {
    let reactor = new_reactor();
    run_on(&reactor.clone(), async {
        let mut sleeps: Vec<_> = (0..100).map(|_| sleep(HOUR)).collect();
        for pause in &mut sleeps {
            assert!(poll_once(pause).await.is_pending());
        }
        assert_eq!(reactor.timer_count(), 100);
        std::thread::spawn(move || drop(sleeps)).join().unwrap();
        assert_eq!(reactor.timer_count(), 0);
    });
}

#[test]
fn a_sleep_wakes_the_task_that_polled_it_last() {
    let reactor = new_reactor();
    run_on(&reactor.clone(), async {
        let ((old_count, old), (new_count, new)) = (Counter::new(), Counter::new());
        let mut pause = sleep(MS);
        assert!(Pin::new(&mut pause).poll(&mut Context::from_waker(&old)).is_pending());
        assert!(Pin::new(&mut pause).poll(&mut Context::from_waker(&new)).is_pending());
        while new_count.count() == 0 {
            reactor.park(None).unwrap();
        }
        assert_eq!(old_count.count(), 0);
        assert!(Pin::new(&mut pause).poll(&mut Context::from_waker(&new)).is_ready());
    });
}

#[test]
fn a_reset_sleep_waits_anew() {
    run_virtual(async {
        let start = Instant::now();
        let mut pause = sleep(HOUR);
        assert!(poll_once(&mut pause).await.is_pending());
        pause.reset(start + 5 * MS);
        (&mut pause).await;
        assert_eq!(start.elapsed(), 5 * MS);
        pause.reset(start + 7 * MS);
        (&mut pause).await;
        assert_eq!(start.elapsed(), 7 * MS);
    });
}

#[test]
#[should_panic(expected = "no raddle runtime on this thread")]
fn sleeping_without_a_runtime_panics_with_advice() {
    let (_, waker) = Counter::new();
    let _ = Pin::new(&mut sleep(MS)).poll(&mut Context::from_waker(&waker));
}

/// Another thread's earlier timer must end the sleep of an owner that is parked for a later one.
#[test]
fn an_earlier_timer_from_another_thread_unparks_the_owner() {
    let reactor = new_reactor();
    let _entered = raddle_io::context::enter(common::context_of(&reactor));
    let (late_count, late) = Counter::new();
    let mut hour = sleep(HOUR);
    assert!(Pin::new(&mut hour).poll(&mut Context::from_waker(&late)).is_pending());
    let (count, waker) = Counter::new();
    let other = reactor.clone();
    let inserting = std::thread::spawn(move || {
        let _entered = raddle_io::context::enter(common::context_of(&other));
        let mut pause = sleep(MS);
        assert!(Pin::new(&mut pause).poll(&mut Context::from_waker(&waker)).is_pending());
        pause
    });
    while count.count() == 0 {
        reactor.park(None).unwrap();
    }
    assert_eq!(late_count.count(), 0);
    drop(inserting.join().unwrap());
}

#[test]
fn a_panicking_waker_is_reported_and_the_others_are_woken() {
    struct Bomb;
    impl std::task::Wake for Bomb {
        fn wake(self: std::sync::Arc<Self>) {
            panic!("the bomb went off");
        }
    }
    let reactor = new_reactor();
    run_on(&reactor.clone(), async {
        let bomb = std::task::Waker::from(std::sync::Arc::new(Bomb));
        let (count, waker) = Counter::new();
        let (mut first, mut second) = (sleep(MS), sleep(2 * MS));
        assert!(Pin::new(&mut first).poll(&mut Context::from_waker(&bomb)).is_pending());
        assert!(Pin::new(&mut second).poll(&mut Context::from_waker(&waker)).is_pending());
        while count.count() == 0 {
            reactor.park(None).unwrap();
        }
        assert!(common::REPORTS.lock().unwrap().contains(&"a waker panicked: the bomb went off".to_owned()));
    });
}

#[test]
fn an_interval_keeps_its_rhythm() {
    run_virtual(async {
        let start = Instant::now();
        let mut every = interval(10 * MS);
        assert_eq!(every.tick().await, start);
        sleep(3 * MS).await;
        assert_eq!(every.tick().await, start + 10 * MS);
        sleep(25 * MS).await;
        for missed in [20, 30, 40] {
            assert_eq!(every.tick().await, start + missed * MS);
        }
        every.set_missed_tick_behavior(MissedTickBehavior::Skip);
        sleep(33 * MS).await;
        assert_eq!(every.tick().await, start + 50 * MS);
        assert_eq!(every.tick().await, start + 80 * MS);
        assert!(poll_once(&mut every.tick()).await.is_pending(), "dropped half-way");
        assert_eq!(every.tick().await, start + 90 * MS);
        assert_eq!(interval_at(start + HOUR, HOUR).tick().await, start + HOUR);
        yield_now().await;
    });
}
