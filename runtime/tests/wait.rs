//! Promises of `wait`: it only looks, at the right moment, and leaves no trace.

mod common;

use std::future::pending;
use std::time::Duration;

use common::{Count, Log, hold, poll_once, runner, tell, virtual_runner, watch};
use raddle::{
    Instant, Task, TaskError, TaskGroup, WaitResult, When, all_tasks, create_task, promise, protect, sleep, task_group,
    wait, yield_now,
};

const MS: Duration = Duration::from_millis(1);

fn sleeper(ms: u32) -> Task<u32> {
    create_task(async move {
        sleep(ms * MS).await;
        ms
    })
}

fn seen(done: &[usize], pending: &[usize]) -> WaitResult {
    WaitResult { done: done.to_vec(), pending: pending.to_vec() }
}

#[test]
fn all_are_waited_for_unless_said_otherwise() {
    let _watch = watch();
    virtual_runner().run(async {
        let start = Instant::now();
        let mut tasks = [sleeper(30), sleeper(10), sleeper(20)];
        assert_eq!(wait(&mut tasks).until(When::FirstDone).await, seen(&[1], &[0, 2]));
        assert_eq!(start.elapsed(), 10 * MS);
        assert_eq!(wait(&mut tasks).until(When::FirstDone).await, seen(&[1], &[0, 2]), "done before counts");
        assert_eq!(start.elapsed(), 10 * MS);
        assert_eq!(wait(&mut tasks).await, seen(&[0, 1, 2], &[]));
        assert_eq!(start.elapsed(), 30 * MS);
        for (task, ms) in tasks.iter_mut().zip([30, 10, 20]) {
            assert_eq!(task.try_result().unwrap().unwrap(), ms);
        }
        assert_eq!(wait(&mut tasks).await, seen(&[0, 1, 2], &[]), "fetched is done");
    });
}

#[test]
fn all_that_end_in_one_turn_are_seen_together() {
    let _watch = watch();
    virtual_runner().run(async {
        let mut tasks = [sleeper(10), sleeper(20), sleeper(10)];
        assert_eq!(wait(&mut tasks).until(When::FirstDone).await, seen(&[0, 2], &[1]));
    });
}

#[test]
fn an_empty_slice_is_ready_at_once() {
    let _watch = watch();
    virtual_runner().run(async {
        for when in [When::FirstDone, When::FirstError, When::All] {
            let mut none: [Task<()>; 0] = [];
            assert!(poll_once(&mut wait(&mut none).until(when)).await.is_ready(), "{when:?}");
        }
    });
}

#[test]
fn a_panic_is_an_error_and_a_cancellation_is_none() {
    let _watch = watch();
    virtual_runner().run(async {
        let start = Instant::now();
        let mut tasks = [sleeper(50), sleeper(10), sleeper(20), sleeper(1)];
        tasks[3] = create_task(async {
            sleep(30 * MS).await;
            panic!("expected")
        });
        tasks[1].cancel();
        assert_eq!(wait(&mut tasks).until(When::FirstError).await, seen(&[1, 2, 3], &[0]));
        assert_eq!(start.elapsed(), 30 * MS);
        // Still there, so the next one ends at once; fetched, it counts no more.
        assert_eq!(wait(&mut tasks).until(When::FirstError).await.done, [1, 2, 3]);
        let Some(Err(TaskError::Panicked(panic))) = tasks[3].try_result() else { panic!("no panic") };
        assert_eq!(panic.message(), "expected");
        assert_eq!(wait(&mut tasks).until(When::FirstError).await, seen(&[0, 1, 2, 3], &[]));
        assert_eq!(start.elapsed(), 50 * MS);
    });
}

#[test]
fn what_went_to_the_group_is_an_error() {
    // The sibling has not ended when the wait has: it is protected.
    let _watch = watch();
    virtual_runner().run(async {
        let start = Instant::now();
        let (give, given) = promise::<[Task<()>; 2]>();
        let looker = create_task(async move {
            let mut tasks = given.await.unwrap();
            let looked = wait(&mut tasks).until(When::FirstError).await;
            (looked, start.elapsed(), wait(&mut tasks).await, tasks[0].try_result())
        });
        let ended = task_group(async |g: TaskGroup<&'static str>| {
            let failing = g.create_task(async {
                sleep(5 * MS).await;
                Err("expected")
            });
            let protected = g.create_task(async {
                protect(sleep(50 * MS)).await;
                Ok(())
            });
            tell(give, [failing, protected]);
            pending::<Result<(), _>>().await
        });
        assert!(ended.await.is_err());
        let (first, after, all, result) = looker.await.unwrap();
        assert_eq!((first, after), (seen(&[0], &[1]), 5 * MS));
        assert_eq!((all, start.elapsed()), (seen(&[0, 1], &[]), 50 * MS));
        assert!(matches!(result, Some(Err(TaskError::Failed))));
    });
}

#[test]
fn a_timeout_ends_the_wait_alone() {
    let _watch = watch();
    virtual_runner().run(async {
        let start = Instant::now();
        let mut tasks = [sleeper(30), sleeper(10)];
        let waiting = wait(&mut tasks).timeout(20 * MS);
        sleep(5 * MS).await;
        assert_eq!(waiting.await, seen(&[1], &[0]), "counted from the first poll");
        assert_eq!(start.elapsed(), 25 * MS);
        assert_eq!(wait(&mut tasks).timeout(Duration::MAX).await, seen(&[0, 1], &[]));
        assert_eq!(start.elapsed(), 30 * MS);
        assert_eq!(wait(&mut [sleeper(1)]).timeout(Duration::ZERO).await, seen(&[], &[0]));
    });
}

#[test]
fn a_task_that_was_only_waited_for_is_not_cancelled_with_its_handle() {
    let _watch = watch();
    for workers in [1, 2] {
        runner(workers).run(async {
            let (ended, dropped) = (Count::default(), Count::default());
            let guard = dropped.drops();
            let counted = ended.clone();
            let mut tasks = [create_task(async move {
                sleep(20 * MS).await;
                counted.add();
                drop(guard);
            })];
            {
                let mut waiting = wait(&mut tasks);
                assert!(poll_once(&mut waiting).await.is_pending());
            }
            assert_eq!(wait(&mut tasks).timeout(MS).await, seen(&[], &[0]));
            drop(tasks);
            while dropped.get() == 0 {
                sleep(MS).await;
            }
            assert_eq!(ended.get(), 1, "it ran to its end");
        });
    }
}

#[test]
fn a_cancelled_waiter_cancels_nothing() {
    let _watch = watch();
    virtual_runner().run(async {
        let log = Log::<String>::default();
        let kept = log.clone();
        let waiter = create_task(async move {
            let mut tasks = [create_task(async move {
                sleep(10 * MS).await;
                kept.push("ended");
            })];
            wait(&mut tasks).await
        });
        yield_now().await;
        yield_now().await;
        waiter.cancel();
        assert!(matches!(waiter.await, Err(TaskError::Cancelled)));
        sleep(20 * MS).await;
        assert_eq!(log.take(), ["ended"]);
    });
}

#[test]
fn a_wait_that_ended_keeps_no_waker_of_its_task() {
    let _watch = watch();
    virtual_runner().run(async {
        let mut tasks = [create_task(hold(()))];
        let wakes = Count::default();
        let waker = {
            struct Counting(Count);
            impl std::task::Wake for Counting {
                fn wake(self: std::sync::Arc<Self>) {
                    self.0.add();
                }
            }
            std::sync::Arc::new(Counting(wakes.clone()))
        };
        for _ in 0..100 {
            let mut waiting = wait(&mut tasks);
            let polled = std::pin::Pin::new(&mut waiting);
            let own = std::task::Waker::from(waker.clone());
            assert!(polled.poll(&mut std::task::Context::from_waker(&own)).is_pending());
        }
        assert_eq!(std::sync::Arc::strong_count(&waker), 1, "nothing is left at the task");
        tasks[0].cancel();
        wait(&mut tasks).await;
        assert_eq!(wakes.get(), 0);
    });
}

#[test]
fn many_workers_end_what_one_task_waits_for() {
    let _watch = watch();
    runner(3).run(async {
        for _ in 0..common::scaled(500) {
            let waited = create_task(async {
                let mut tasks: Vec<_> = (0..20u32).map(|n| create_task(async move { n })).collect();
                let mut left = tasks.len();
                while left > 0 {
                    wait(&mut tasks).until(When::FirstDone).await;
                    tasks.retain_mut(|task| task.try_result().is_none());
                    assert!(tasks.len() < left);
                    left = tasks.len();
                }
                let mut all: Vec<_> = (0..20u32).map(|n| create_task(async move { n })).collect();
                assert!(wait(&mut all).await.pending.is_empty());
            });
            waited.await.unwrap();
        }
        assert_eq!(all_tasks().len(), 1);
    });
}

#[test]
fn a_task_that_waits_may_go_to_any_worker() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let _watch = watch();
    virtual_runner().run(async {
        let mut tasks = [sleeper(1)];
        drop(is_send(wait(&mut tasks).timeout(MS)));
    });
}
