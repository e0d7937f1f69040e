//! Promises of `to_thread`: blocking calls beside the workers.

mod common;

use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use common::{Count, on_drop, runner, scaled, tell, watch};
use raddle::{create_task, gather, promise, run, sleep, timeout, to_thread};

#[test]
fn values_come_back_and_workers_go_on() {
    // The call waits for a task of the same, only worker.
    let _watch = watch();
    for workers in [1, 2] {
        runner(workers).run(async {
            let (go, gone) = mpsc::channel();
            let call = to_thread(move || gone.recv().unwrap() + 1);
            create_task(async move { go.send(1).unwrap() }).detach();
            assert_eq!(call.await.unwrap(), 2);
        });
    }
}

#[test]
fn a_call_starts_at_once_also_if_nobody_awaits_it() {
    let _watch = watch();
    run(async {
        let (said, heard) = promise();
        drop(to_thread(move || tell(said, thread::current().name().map(str::to_owned))));
        let name = heard.await.unwrap().unwrap();
        assert!(name.starts_with("raddle-blocking-"), "{name}");
    });
}

#[test]
fn no_more_threads_than_allowed_and_as_many_as_needed() {
    // Three calls wait for each other, so three threads are there; a hundred more calls never see a fourth.
    let _watch = watch();
    runner(2).blocking_threads(3).run(async {
        let all = Arc::new(Barrier::new(3));
        let meet = (0..3).map(|_| {
            let all = all.clone();
            to_thread(move || all.wait().is_leader())
        });
        let leaders = gather(meet).await.into_iter().filter(|leads| matches!(leads, Ok(true))).count();
        assert_eq!(leaders, 1);
        let (inside, most) = (Count::default(), Arc::new(std::sync::Mutex::new(0)));
        let calls = (0..100).map(|_| {
            let (inside, most) = (Arc::new(inside.clone()), most.clone());
            to_thread(move || {
                let mut most = most.lock().unwrap();
                inside.add();
                *most += 1;
            })
        });
        gather(calls).await;
        let names = gather((0..100).map(|_| to_thread(|| thread::current().name().unwrap().to_owned()))).await;
        let names: std::collections::HashSet<_> = names.into_iter().map(Result::unwrap).collect();
        assert!(names.len() <= 3, "{names:?}");
        assert_eq!((inside.get(), *most.lock().unwrap()), (100, 100));
    });
}

#[test]
fn whoever_waits_may_leave_and_the_value_is_dropped() {
    let _watch = watch();
    runner(2).run(async {
        let (go, gone) = mpsc::channel::<()>();
        let (dropped, seen) = promise();
        let call = to_thread(move || {
            let _ = gone.recv();
            on_drop(move || tell(dropped, ()))
        });
        assert!(timeout(Duration::from_millis(5), call).await.is_err());
        drop(go);
        seen.await.unwrap();
    });
}

#[test]
fn many_short_calls_are_all_done() {
    let _watch = watch();
    for (workers, threads) in [(1, 1), (2, 2), (4, 8)] {
        let done = Count::default();
        runner(workers).blocking_threads(threads).run(async {
            let calls = (0..scaled(20_000)).map(|n| {
                let done = done.clone();
                create_task(async move {
                    let twice = to_thread(move || n * 2).await.unwrap();
                    done.add();
                    twice
                })
            });
            let values = gather(calls).await;
            assert!(values.into_iter().map(Result::unwrap).eq((0..scaled(20_000)).map(|n| n * 2)));
        });
        assert_eq!(done.get(), scaled(20_000));
    }
}

#[test]
fn calls_still_in_the_queue_are_run_before_the_end() {
    // One thread, many calls, none awaited: the end of the run waits for all.
    let _watch = watch();
    let done = Count::default();
    runner(2).blocking_threads(1).run(async {
        for _ in 0..500 {
            let done = done.clone();
            drop(to_thread(move || done.add()));
        }
    });
    assert_eq!(done.get(), 500);
}

#[test]
fn a_call_is_no_task_and_may_wait_for_tasks() {
    let _watch = watch();
    runner(1).run(async {
        let handle = raddle::Handle::current();
        let call = to_thread(move || {
            assert!(raddle::current_task().is_none());
            assert!(raddle::Handle::try_current().is_none());
            handle.block_on(async {
                sleep(Duration::from_millis(1)).await;
                5
            })
        });
        assert_eq!(call.await.unwrap(), 5);
    });
}
