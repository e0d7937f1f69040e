//! Promises of `Runner::run_forever` and `Handle::stop`: who may stop it, when it ends, and what is left.

mod common;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use common::{Count, Log, hold, panic_of, runner, scaled, virtual_runner, watch};
use raddle::{Handle, Instant, Runner, all_tasks, call_later, call_soon, create_task, current_task, sleep, yield_now};

const MS: Duration = Duration::from_millis(1);

#[test]
fn a_task_a_callback_or_a_thread_stops_it() {
    let _watch = watch();
    for workers in [1, 2, 4] {
        let mut runner = runner(workers);
        let handle = runner.handle();
        for way in 0..4 {
            let stopper = handle.clone();
            match way {
                0 => handle.create_task(async move { stopper.stop() }).detach(),
                1 => drop(handle.call_soon(move || stopper.stop()).unwrap()),
                2 => drop(handle.create_task(async move { call_later(MS, move || stopper.stop()) })),
                _ => drop(thread::spawn(move || {
                    // Mostly when it is parked.
                    thread::sleep(2 * MS);
                    stopper.stop();
                })),
            }
            runner.run_forever();
        }
        assert_eq!(runner.run(async { all_tasks().len() }), 1, "nothing is left, and `run` works still");
    }
}

#[test]
fn a_stop_that_meets_a_parking_runtime_is_not_lost() {
    let _watch = watch();
    for workers in [1, 2] {
        let (give, given) = mpsc::channel::<Handle>();
        let (ended, end) = mpsc::channel();
        let rounds = scaled(20_000);
        let thread = thread::spawn(move || {
            let mut runner = runner(workers);
            give.send(runner.handle()).unwrap();
            for _ in 0..rounds {
                runner.run_forever();
                ended.send(()).unwrap();
            }
        });
        let handle = given.recv().unwrap();
        for n in 0..rounds {
            for _ in 0..n % 50 {
                std::hint::spin_loop();
            }
            if n % 3 == 0 {
                handle.create_task(async {}).detach();
            }
            handle.stop();
            end.recv().unwrap();
        }
        thread.join().unwrap();
    }
}

#[test]
fn the_turn_of_the_stop_is_the_last_and_the_rest_stays_for_the_next_run() {
    let _watch = watch();
    let log = Log::<&str>::default();
    let mut runner = virtual_runner();
    let handle = runner.handle();
    let note = |text: &'static str| {
        let log = log.clone();
        move || log.push(text)
    };
    let (stopper, next) = (handle.clone(), note("next turn"));
    handle.call_soon(note("before")).unwrap();
    handle
        .call_soon(move || {
            call_soon(next);
            stopper.stop();
        })
        .unwrap();
    handle.call_soon(note("same turn")).unwrap();
    runner.run_forever();
    assert_eq!(log.take(), ["before", "same turn"]);
    runner.run(yield_now());
    assert_eq!(log.take(), ["next turn"]);
}

#[test]
fn a_stop_before_lets_one_turn_pass() {
    let _watch = watch();
    let log = Log::<&str>::default();
    let mut runner = virtual_runner();
    let handle = runner.handle();
    handle.stop();
    runner.run_forever();
    let (soon, later) = (log.clone(), log.clone());
    handle
        .call_soon(move || {
            soon.push("ready");
            call_soon(move || later.push("not yet"));
        })
        .unwrap();
    handle.create_task(sleep(1000 * MS)).detach();
    handle.stop();
    runner.run_forever();
    assert_eq!(log.take(), ["ready"]);
    let before = runner.run(async { Instant::now() });
    handle.stop();
    handle.stop();
    runner.run_forever();
    assert_eq!(log.take(), ["not yet"]);
    handle.stop();
    runner.run_forever();
    assert_eq!(
        runner.run(async { (all_tasks().len(), before.elapsed()) }),
        (2, Duration::ZERO),
        "no jump to the timer"
    );

    let mut runner = common::runner(3);
    runner.handle().stop();
    runner.run_forever();
}

#[test]
fn what_is_left_is_frozen_and_then_cancelled_with_the_runner() {
    let _watch = watch();
    for workers in [1, 2] {
        let mut runner = runner(workers);
        let handle = runner.handle();
        let (dropped, ticks) = (Count::default(), Count::default());
        handle.create_task(hold(dropped.drops())).detach();
        let counted = ticks.clone();
        let stopper = handle.clone();
        handle
            .create_task(async move {
                loop {
                    if counted.add() % 10 == 9 {
                        stopper.stop();
                    }
                    yield_now().await;
                }
            })
            .detach();
        let mut before = 0;
        for _ in 0..5 {
            runner.run_forever();
            let now = ticks.get();
            assert!(now > before, "it goes on in the next run");
            thread::sleep(2 * MS);
            assert_eq!(ticks.get(), now, "nobody runs between the runs");
            before = now;
        }
        assert_eq!(dropped.get(), 0);
        drop(runner);
        assert_eq!(dropped.get(), 1);
        handle.stop();
        assert!(handle.call_soon(|| ()).is_err());
    }
}

#[test]
fn a_runtime_in_the_background_serves_plain_threads() {
    let _watch = watch();
    for workers in [1, 3] {
        let (give, given) = mpsc::channel();
        let background = thread::spawn(move || {
            let mut runner = Runner::new().workers(workers);
            give.send(runner.handle()).unwrap();
            runner.run_forever();
        });
        let handle: Handle = given.recv().unwrap();
        thread::scope(|scope| {
            for n in 0..4u32 {
                let handle = &handle;
                scope.spawn(move || {
                    let task = handle.create_task(async move {
                        sleep(MS).await;
                        assert!(current_task().unwrap().parent.is_none());
                        create_task(async move { n + 1 }).await.unwrap()
                    });
                    assert_eq!(task.join_blocking().unwrap(), n + 1);
                    let words = [n; 3];
                    assert_eq!(
                        handle.block_on(async {
                            sleep(MS).await;
                            words.len()
                        }),
                        3
                    );
                });
            }
        });
        let left = handle.create_task(hold(()));
        handle.stop();
        background.join().unwrap();
        assert!(left.join_blocking().is_err());
    }
}

#[test]
fn a_stop_does_nothing_to_a_run() {
    let _watch = watch();
    for workers in [1, 2] {
        let mut runner = runner(workers);
        let handle = runner.handle();
        runner.run(async {
            handle.stop();
            sleep(5 * MS).await;
        });
        // It is the next one's.
        runner.run_forever();
    }
}

#[test]
fn inside_a_task_it_is_refused() {
    let _watch = watch();
    let mut outer = runner(1);
    outer.run(async {
        let text = panic_of(|| runner(1).run_forever());
        assert!(text.starts_with("raddle::run inside a running task"), "{text}");
    });
}
