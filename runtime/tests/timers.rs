//! Promises of timers on real time and many workers: never early, never lost, and gone when cancelled.

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant as RealInstant};

use common::{Count, Log, on_each_worker, runner, scaled, virtual_runner, watch};
use raddle::{
    Handle, Instant, MissedTickBehavior, create_task, interval, interval_at, sleep, sleep_until, timeout, timeout_at,
    yield_now,
};

fn timers_set() -> usize {
    Handle::current().metrics().workers.iter().map(|worker| worker.timers).sum()
}

#[test]
fn no_timer_is_early_or_lost() {
    let _watch = watch();
    for workers in [1, 2, 4] {
        runner(workers).run(async {
            let tasks: Vec<_> = (0..scaled(50_000) as u64)
                .map(|n| {
                    create_task(async move {
                        let length = Duration::from_micros(n * 7919 % 100_000);
                        let (start, real) = (Instant::now(), RealInstant::now());
                        sleep(length).await;
                        assert!(start.elapsed() >= length);
                        assert!(real.elapsed() >= length);
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(timers_set(), 0);
        });
    }
}

#[test]
fn a_single_timer_ends_the_sleep_of_an_idle_runtime() {
    // Alone on each worker in turn; if the worker slept on, the watch would end the test.
    let _watch = watch();
    for workers in [1, 2, 4] {
        runner(workers).run(async {
            for ms in [0, 1, 2, 3, 10, 40] {
                create_task(sleep(Duration::from_millis(ms))).await.unwrap();
            }
            for _ in 0..5 {
                on_each_worker(workers, |n| create_task(sleep(Duration::from_millis(n as u64)))).await;
                sleep(Duration::from_millis(1)).await;
            }
        });
    }
}

#[test]
fn an_earlier_timer_overtakes_a_later_one() {
    // Set while the worker may sleep towards the later one already, also by a thread outside.
    let _watch = watch();
    for workers in [1, 2, 4] {
        runner(workers).run(async {
            let late = create_task(sleep(Duration::from_secs(3600)));
            sleep(Duration::from_millis(5)).await;
            create_task(sleep(Duration::from_millis(5))).await.unwrap();
            let handle = Handle::current();
            raddle::to_thread(move || handle.block_on(sleep(Duration::from_millis(5)))).await.unwrap();
            assert!(!late.is_done());
        });
    }
}

#[test]
fn cancelled_timers_leave_nothing() {
    // Dropped before and after the first poll, by timeouts that came in time, by cancelled tasks, on other workers.
    let _watch = watch();
    for workers in [1, 2, 4] {
        runner(workers).run(async {
            drop(sleep(Duration::from_secs(3600)));
            let tasks: Vec<_> = (0..1000)
                .map(|n| {
                    create_task(async move {
                        let mut other = sleep(Duration::from_secs(3600));
                        assert!(common::poll_once(&mut other).await.is_pending());
                        timeout(Duration::from_secs(3600), yield_now()).await.unwrap();
                        let carried = create_task(async move {
                            assert!(common::poll_once(&mut other).await.is_pending());
                        });
                        carried.await.unwrap();
                        if n % 2 == 0 {
                            sleep(Duration::from_secs(3600)).await;
                        }
                    })
                })
                .collect();
            sleep(Duration::from_millis(20)).await;
            for (n, task) in tasks.into_iter().enumerate() {
                if n % 2 == 0 {
                    task.cancel();
                }
                assert_eq!(task.await.is_ok(), n % 2 == 1);
            }
            // The tasks that carried the other timers away end on their own.
            while timers_set() > 0 {
                yield_now().await;
            }
        });
    }
}

#[test]
fn a_sleep_can_be_reset_and_awaited_again() {
    let _watch = watch();
    virtual_runner().run(async {
        let start = Instant::now();
        let mut alarm = sleep(Duration::from_secs(5));
        assert!(timeout(Duration::from_secs(1), &mut alarm).await.is_err());
        assert_eq!(alarm.deadline(), Some(start + Duration::from_secs(5)));
        alarm.reset(start + Duration::from_secs(3));
        (&mut alarm).await;
        assert_eq!(start.elapsed(), Duration::from_secs(3));
        assert!(alarm.is_elapsed());
        alarm.reset(start + Duration::from_secs(4));
        (&mut alarm).await;
        assert_eq!(start.elapsed(), Duration::from_secs(4));
    });
}

#[test]
fn a_timer_carried_to_other_tasks_wakes_the_last_one() {
    let _watch = watch();
    runner(4).run(async {
        for _ in 0..20 {
            let mut alarm = Box::pin(sleep(Duration::from_millis(5)));
            for _ in 0..5 {
                alarm = create_task(async move {
                    assert!(common::poll_once(&mut alarm).await.is_pending() || alarm.is_elapsed());
                    Some(alarm)
                })
                .await
                .unwrap()
                .unwrap();
            }
            create_task(alarm).await.unwrap();
        }
    });
}

#[test]
fn timeouts_race_with_their_futures_fairly() {
    // Both are due at about the same time: each task gets one of the two, and nobody waits for ever.
    let _watch = watch();
    for workers in [1, 2, 4] {
        let (values, timeouts) = (Count::default(), Count::default());
        runner(workers).run(async {
            let tasks: Vec<_> = (0..scaled(20_000) as u64)
                .map(|n| {
                    let (values, timeouts) = (values.clone(), timeouts.clone());
                    create_task(async move {
                        // Every tenth has no chance, and every tenth cannot fail.
                        let (work, limit) = match n % 10 {
                            0 => (Duration::from_secs(3600), Duration::from_micros(n % 3000)),
                            1 => (Duration::ZERO, Duration::from_secs(3600)),
                            _ => (Duration::from_micros(n % 3000), Duration::from_micros(n * 31 % 3000)),
                        };
                        match timeout(limit, sleep(work)).await {
                            Ok(()) => values.add(),
                            Err(_) => timeouts.add(),
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(timers_set(), 0);
        });
        assert_eq!(values.get() + timeouts.get(), scaled(20_000));
        assert!(values.get() >= scaled(2000) && timeouts.get() >= scaled(2000));
    }
}

#[test]
fn nested_timeouts_end_with_the_nearest() {
    let _watch = watch();
    virtual_runner().run(async {
        let start = Instant::now();
        let s = Duration::from_secs;
        let inner = timeout(s(3), timeout(s(2), sleep(s(9)))).await.unwrap();
        assert_eq!(inner.unwrap_err().to_string(), "timed out after 2s");
        let outer = timeout(s(1), timeout(s(2), sleep(s(9)))).await;
        assert!(outer.is_err());
        assert!(timeout_at(start, sleep(s(1))).await.is_err(), "a deadline that is past");
        assert_eq!(start.elapsed(), s(3));
        let error = std::io::Error::from(timeout(s(1), sleep(s(2))).await.unwrap_err());
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    });
}

#[test]
fn an_interval_keeps_its_rhythm() {
    let _watch = watch();
    virtual_runner().run(async {
        let (start, ms) = (Instant::now(), Duration::from_millis);
        let seen = Log::<u64>::default();
        let mut ticks = interval_at(start + ms(50), ms(100));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        for n in 0..5 {
            let due = ticks.tick().await;
            seen.push((due - start).as_millis() as u64);
            if n == 2 {
                sleep(ms(250)).await;
            }
        }
        assert_eq!(seen.take(), [50, 150, 250, 350, 550]);
        let mut burst = interval(ms(10));
        burst.tick().await;
        sleep(ms(35)).await;
        let late = Instant::now();
        for _ in 0..3 {
            burst.tick().await;
        }
        assert_eq!(late.elapsed(), Duration::ZERO, "missed ticks come at once");
        // Ticks given up half-way are not lost.
        let mut patient = interval(ms(10));
        patient.tick().await;
        assert!(timeout(ms(4), patient.tick()).await.is_err());
        assert!(timeout(ms(7), patient.tick()).await.is_ok());
    });
}

#[test]
fn a_busy_runtime_still_looks_at_its_timers() {
    // Tasks that are always ready keep all workers busy until a timer stops them.
    let _watch = watch();
    for workers in [1, 2, 4] {
        runner(workers).run(async {
            let stop = Arc::new(raddle::Event::new());
            let spinners: Vec<_> = (0..workers * 2)
                .map(|_| {
                    let stop = stop.clone();
                    create_task(async move {
                        while !stop.is_set() {
                            yield_now().await;
                        }
                    })
                })
                .collect();
            create_task(sleep(Duration::from_millis(5))).await.unwrap();
            sleep_until(Instant::now() + Duration::from_millis(5)).await;
            stop.set();
            for spinner in spinners {
                spinner.await.unwrap();
            }
        });
    }
}
