//! Promises of cancelling: a request that a worker carries out, once, and never on the canceller's stack.

mod common;

use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use common::{Count, Log, hold, on_drop, runner, scaled, tell, virtual_runner, watch};
use raddle::{
    Event, Handle, Instant, Queue, TaskError, all_tasks, create_local_task, create_task, current_task, promise, sleep,
    to_thread, yield_now,
};

#[test]
fn cancel_says_whether_it_came_in_time() {
    let _watch = watch();
    runner(1).run(async {
        let task = create_task(hold(()));
        yield_now().await;
        assert!(task.cancel());
        assert!(task.cancel(), "asked again before the end");
        assert!(!task.is_cancelled() && !task.is_done(), "cancel only asks");
        yield_now().await;
        assert!(task.is_cancelled() && task.is_done());
        assert!(!task.cancel());
        assert!(matches!(task.await, Err(TaskError::Cancelled)));

        let task = create_task(async { 1 });
        yield_now().await;
        assert!(!task.cancel());
        assert!(!task.is_cancelled());
        assert_eq!(task.await.unwrap(), 1);
    });
}

#[test]
fn a_task_cancelled_before_its_first_poll_never_runs() {
    let _watch = watch();
    runner(1).run(async {
        let (polled, dropped) = (Count::default(), Count::default());
        for local in [false, true] {
            let (polled, on_drop) = (polled.clone(), dropped.drops());
            let body = async move {
                let _on_drop = on_drop;
                polled.add();
            };
            if local {
                let task = create_local_task(body);
                assert!(task.cancel());
                assert!(matches!(task.await, Err(TaskError::Cancelled)));
            } else {
                let task = create_task(body);
                assert!(task.cancel());
                assert!(matches!(task.await, Err(TaskError::Cancelled)));
            }
        }
        assert_eq!((polled.get(), dropped.get()), (0, 2));
    });
}

#[test]
fn cancel_while_running_lets_the_value_win() {
    // The poll is under way, seen by a flag, when another thread cancels; then it returns its value.
    let _watch = watch();
    runner(2).run(async {
        for _ in 0..50 {
            let (running, cancelled) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
            let (seen, go) = (running.clone(), cancelled.clone());
            let task = create_task(async move {
                running.store(true, Ordering::SeqCst);
                while !cancelled.load(Ordering::SeqCst) {
                    thread::yield_now();
                }
                "value"
            });
            let canceller = task.canceller();
            let canceller = thread::spawn(move || {
                while !seen.load(Ordering::SeqCst) {
                    thread::yield_now();
                }
                let in_time = canceller.cancel();
                go.store(true, Ordering::SeqCst);
                in_time
            });
            assert_eq!(task.await.unwrap(), "value");
            assert!(canceller.join().unwrap());
        }
    });
}

#[test]
fn cancel_while_running_ends_a_task_that_goes_on_waiting() {
    // As above, but the poll returns Pending: it is the last one, and nobody has to wake the task.
    let _watch = watch();
    runner(2).run(async {
        for _ in 0..50 {
            let (running, cancelled) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
            let (seen, go, polls) = (running.clone(), cancelled.clone(), Count::default());
            let counted = polls.clone();
            let task = create_task(poll_fn(move |_| -> Poll<()> {
                counted.add();
                running.store(true, Ordering::SeqCst);
                while !cancelled.load(Ordering::SeqCst) {
                    thread::yield_now();
                }
                Poll::Pending
            }));
            let canceller = task.canceller();
            let canceller = thread::spawn(move || {
                while !seen.load(Ordering::SeqCst) {
                    thread::yield_now();
                }
                canceller.cancel();
                go.store(true, Ordering::SeqCst);
            });
            assert!(matches!(task.await, Err(TaskError::Cancelled)));
            canceller.join().unwrap();
            assert_eq!(polls.get(), 1);
        }
    });
}

#[test]
fn a_task_may_cancel_itself() {
    // With a value in the same poll the value wins; at the next suspension, a yield included, the task ends.
    let _watch = watch();
    for workers in [1, 2] {
        runner(workers).run(async {
            for how in 0..4 {
                let (give, given) = promise::<raddle::Canceller>();
                let (after, dropped) = (Count::default(), Count::default());
                let (later, on_drop) = (after.clone(), dropped.drops());
                let task = create_task(async move {
                    let _on_drop = on_drop;
                    let myself = given.await.unwrap();
                    assert!(myself.cancel());
                    match how {
                        0 => return 5,
                        1 => pending().await,
                        2 => yield_now().await,
                        _ => sleep(Duration::from_secs(3600)).await,
                    }
                    later.add();
                    6
                });
                give.set(task.canceller()).unwrap();
                let ended = task.await;
                assert_eq!(ended.ok(), (how == 0).then_some(5), "way {how}");
                assert_eq!((after.get(), dropped.get()), (0, 1), "way {how}");
            }
        });
    }
}

#[test]
fn a_cancelled_future_is_dropped_by_a_worker_and_not_by_the_canceller() {
    let _watch = watch();
    let mut runner = runner(1).name("dropper");
    runner.run(async {
        let main = thread::current().id();
        let place = Log::<(thread::ThreadId, bool)>::default();
        let make = || {
            let place = place.clone();
            create_task(hold(on_drop(move || place.push((thread::current().id(), current_task().is_some())))))
        };
        let task = make();
        yield_now().await;
        task.cancel();
        assert_eq!(place.len(), 0, "the drop waits for a turn of its own");
        task.await.unwrap_err();
        assert_eq!(place.take(), [(main, true)]);

        let task = make();
        yield_now().await;
        let canceller = task.canceller();
        to_thread(move || canceller.cancel()).await.unwrap();
        task.await.unwrap_err();
        assert_eq!(place.take(), [(main, true)]);
    });
}

#[test]
fn cancelling_a_task_cancels_the_task_it_awaits() {
    let _watch = watch();
    runner(1).run(async {
        let dropped = Count::default();
        let inner = dropped.drops();
        let outer = create_task(async move {
            let middle = create_task(async move { create_task(hold(inner)).await });
            middle.await.unwrap().unwrap();
        });
        for _ in 0..5 {
            yield_now().await;
        }
        assert_eq!(all_tasks().len(), 4);
        outer.cancel();
        outer.await.unwrap_err();
        for _ in 0..5 {
            yield_now().await;
        }
        assert_eq!((dropped.get(), all_tasks().len()), (1, 1));
    });
}

#[test]
fn cancelling_a_waiter_takes_no_time() {
    // In virtual time: sleeping, waiting for a queue, an event, a lock, a child.
    let _watch = watch();
    virtual_runner().run(async {
        let start = Instant::now();
        let queue = Queue::<u8>::bounded(1);
        let taken = queue.clone();
        let tasks = vec![
            create_task(sleep(Duration::from_secs(3600))),
            create_task(async move { assert!(taken.get().await.is_err()) }),
            create_task(async { Event::new().wait().await }),
            create_task(async { create_task(hold(())).await.unwrap() }),
        ];
        yield_now().await;
        for task in &tasks {
            assert!(task.cancel());
        }
        for task in tasks {
            task.await.unwrap_err();
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        queue.put(1).await.unwrap();
        assert_eq!(queue.get().await.unwrap(), 1);
        assert!(Handle::current().metrics().workers.iter().all(|worker| worker.timers == 0));
    });
}

#[test]
fn cancel_crosses_everything() {
    // Tasks yield, finish, sleep and wait while other tasks and a thread cancel them: each future is dropped once,
    // each handle gets exactly one end.
    let _watch = watch();
    for workers in [1, 2, 4] {
        let (made, dropped) = (Count::default(), Count::default());
        let (values, cancelled) = runner(workers).run(async {
            let (mut values, mut cancelled) = (0, 0);
            for round in 0..scaled(10_000) {
                let tasks: Vec<_> = (0..20)
                    .map(|n| {
                        made.add();
                        let on_drop = dropped.drops();
                        create_task(async move {
                            let _on_drop = on_drop;
                            for _ in 0..n % 4 {
                                yield_now().await;
                            }
                            if n % 7 == 0 {
                                sleep(Duration::from_micros(50)).await;
                            }
                            n
                        })
                    })
                    .collect();
                let cancellers: Vec<_> = tasks.iter().map(|task| task.canceller()).collect();
                if round % 50 == 0 {
                    thread::spawn(move || cancellers.iter().filter(|task| task.cancel()).count());
                } else {
                    create_task(async move { cancellers.iter().filter(|task| task.cancel()).count() }).detach();
                }
                for (n, task) in tasks.into_iter().enumerate() {
                    match task.await {
                        Ok(value) => {
                            assert_eq!(value, n);
                            values += 1;
                        }
                        Err(TaskError::Cancelled) => cancelled += 1,
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            (values, cancelled)
        });
        assert_eq!(values + cancelled, made.get());
        assert_eq!(dropped.get(), made.get());
    }
}

#[test]
fn a_task_left_by_nobody_but_the_runtime_can_still_be_cancelled() {
    // Pending with no waker anywhere: it stays visible, and its canceller ends it.
    let _watch = watch();
    runner(2).run(async {
        let (dropped, seen) = promise();
        let task = create_task(hold(on_drop(move || tell(dropped, ()))));
        let (canceller, id) = (task.canceller(), task.id());
        task.detach();
        assert!(all_tasks().iter().any(|task| task.id == id));
        assert!(canceller.cancel());
        seen.await.unwrap();
    });
}
