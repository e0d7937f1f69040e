//! Timers that are dropped in the poll that made them, and those that are not: wherever they go meanwhile, they end in
//! time, in order, and never early.

mod common;

use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use common::{Log, runner, watch};
use raddle::{Instant, Sleep, create_task, gather, promise, sleep, timeout, to_thread, yield_now};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Runs it as a task of a runtime whose watchdog is there.
fn run_task<F>(future: F) -> F::Output
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let _watch = watch();
    runner(2).run(async { create_task(future).await.unwrap() })
}

/// Polls once, as the present task.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx))).await
}

#[test]
fn timeouts_dropped_in_their_first_poll_leave_nothing_behind() {
    run_task(async {
        let timers = || raddle::Handle::current().metrics().workers.iter().map(|worker| worker.timers).sum::<usize>();
        for round in 0..100 {
            for _ in 0..100 {
                let mut waiting = Box::pin(timeout(HOUR, pending::<()>()));
                assert!(poll_once(&mut waiting).await.is_pending());
            }
            // More at once than the nursery holds.
            let mut many: Vec<_> = (0..100).map(|_| Box::pin(sleep(HOUR))).collect();
            for sleep in &mut many {
                assert!(poll_once(sleep).await.is_pending());
            }
            if round % 2 == 0 {
                yield_now().await;
            }
            drop(many);
        }
        yield_now().await;
        assert_eq!(timers(), 0);
    });
}

#[test]
fn a_sleep_is_never_early_and_its_deadline_is_kept() {
    run_task(async {
        for round in 1..200u32 {
            let duration = Duration::from_micros(u64::from(round * 37 % 3000));
            let start = Instant::now();
            let mut pause = sleep(duration);
            assert!(poll_once(&mut pause).await.is_pending());
            let told = (round % 2 == 0).then(|| pause.deadline().unwrap());
            (&mut pause).await;
            let end = Instant::now();
            assert!(end - start >= duration, "{:?} of {duration:?}", end - start);
            assert!(pause.deadline().unwrap() <= end);
            if let Some(told) = told {
                assert!(told <= end && told >= start + duration);
            }
        }
    });
}

#[test]
fn equal_sleeps_of_one_poll_end_in_the_order_of_their_making() {
    run_task(async {
        let log = Log::<u32>::default();
        let mut sleeps: Vec<_> = (0..30).map(|_| Box::pin(sleep(5 * MS))).collect();
        for sleep in &mut sleeps {
            assert!(poll_once(sleep).await.is_pending());
        }
        let deadlines: Vec<_> = sleeps.iter().map(|sleep| sleep.deadline().unwrap()).collect();
        assert!(deadlines.is_sorted());
        for (n, sleep) in (0u32..).zip(sleeps) {
            sleep.await;
            log.push(n);
        }
        assert_eq!(log.take(), (0..30).collect::<Vec<_>>());
    });
}

#[test]
fn a_young_sleep_sent_to_another_task_ends_there() {
    run_task(async {
        for n in 0..50 {
            let mut pause = Box::pin(sleep(MS));
            assert!(poll_once(&mut pause).await.is_pending());
            let (give, take) = promise();
            let other = create_task(async move {
                let pause: Pin<Box<Sleep>> = take.await.unwrap();
                pause.await;
            });
            give.set(pause).unwrap();
            if n % 2 == 0 {
                // The maker stays in its poll while the other one waits.
                thread::sleep(2 * MS);
            }
            other.await.unwrap();
        }
    });
}

#[test]
fn a_young_sleep_dropped_on_another_thread_is_gone() {
    run_task(async {
        for _ in 0..50 {
            let mut pauses: Vec<_> = (0..10).map(|_| sleep(HOUR)).collect();
            for pause in &mut pauses {
                assert!(poll_once(pause).await.is_pending());
            }
            let dropper = thread::spawn(move || drop(pauses));
            // Either while they are young, or after.
            yield_now().await;
            to_thread(move || dropper.join().unwrap()).await.unwrap();
        }
        let timers: usize = raddle::Handle::current().metrics().workers.iter().map(|worker| worker.timers).sum();
        assert_eq!(timers, 0);
    });
}

#[test]
fn a_young_sleep_polled_with_another_waker_wakes_that_one() {
    run_task(async {
        // With more than a few children each has a waker of its own.
        let start = Instant::now();
        let mut pauses: Vec<_> = (0..20).map(|_| sleep(2 * MS)).collect();
        for pause in &mut pauses {
            assert!(poll_once(pause).await.is_pending(), "first with the task's own");
        }
        gather(pauses).await;
        assert!(start.elapsed() >= 2 * MS);
    });
}

#[test]
fn a_young_sleep_can_be_reset_and_left_alone() {
    run_task(async {
        let start = Instant::now();
        let mut pause = sleep(HOUR);
        assert!(poll_once(&mut pause).await.is_pending());
        pause.reset(start + 2 * MS);
        pause.await;
        assert!(start.elapsed() >= 2 * MS);
        let mut left_alone = sleep(MS);
        assert!(poll_once(&mut left_alone).await.is_pending());
        sleep(3 * MS).await;
        drop(left_alone);
        // Polled twice while it is young.
        let mut twice = sleep(MS);
        assert!(poll_once(&mut twice).await.is_pending());
        assert!(poll_once(&mut twice).await.is_pending());
        twice.await;
    });
}

#[test]
fn a_young_sleep_survives_the_panic_of_its_maker() {
    run_task(async {
        let kept = Arc::new(Mutex::new(None));
        let maker = create_task({
            let kept = kept.clone();
            async move {
                let mut pause = sleep(MS);
                assert!(poll_once(&mut pause).await.is_pending());
                *kept.lock().unwrap() = Some(pause);
                panic!("with a young sleep at large");
            }
        });
        assert!(maker.await.is_err());
        let pause = kept.lock().unwrap().take().unwrap();
        pause.await;
    });
}

#[test]
fn a_sleep_made_in_a_long_poll_counts_from_its_making() {
    run_task(async {
        let start = Instant::now();
        let mut pause = Box::pin(sleep(100 * MS));
        assert!(poll_once(&mut pause).await.is_pending());
        thread::sleep(90 * MS);
        pause.await;
        let elapsed = start.elapsed();
        assert!(elapsed >= 100 * MS);
        // 190 if it began at the end of the poll. The watchdog looks every few milliseconds.
        eprintln!("a sleep of 100 ms, made 90 ms before the end of its poll: {elapsed:?}");
    });
}

#[test]
fn a_young_sleep_outlives_its_runtime() {
    let _watch = watch();
    let pause = runner(2).run(async {
        create_task(async {
            let mut pause = Box::pin(sleep(HOUR));
            assert!(poll_once(&mut pause).await.is_pending());
            Some(pause)
        })
        .await
        .unwrap()
    });
    drop(pause);
    let later = runner(2).run(async {
        create_task(async {
            let mut pause = Box::pin(sleep(MS));
            assert!(poll_once(&mut pause).await.is_pending());
            Some(pause)
        })
        .await
        .unwrap()
    });
    runner(2).run(async move {
        let mut later = later.unwrap();
        later.as_mut().await;
        assert!(later.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    });
}
