//! Promises of `as_completed`: order, errors in their place, the time limit, and what becomes of the rest.

mod common;

use std::time::Duration;

use common::{Count, Log, hold, on_drop, panic_of, runner, scaled, virtual_runner, watch};
use raddle::{FinallyExt, Instant, Task, TaskError, as_completed, create_task, sleep, timeout, yield_now};

const MS: Duration = Duration::from_millis(1);

fn sleeper(ms: u32) -> Task<u32> {
    create_task(async move {
        sleep(ms * MS).await;
        ms
    })
}

#[test]
fn results_come_in_order_of_completion_with_errors_in_their_place() {
    let _watch = watch();
    virtual_runner().run(async {
        let tasks = [sleeper(30), sleeper(20), sleeper(10), create_task(async { panic!("expected") })];
        tasks[1].cancel();
        // The order is noted also while nobody asks.
        let mut results = as_completed(tasks);
        sleep(50 * MS).await;
        let start = Instant::now();
        assert!(matches!(results.next().await, Some((1, Err(TaskError::Cancelled)))));
        assert!(matches!(results.next().await, Some((3, Err(TaskError::Panicked(_))))));
        assert!(matches!(results.next().await, Some((2, Ok(10)))));
        assert!(matches!(results.next().await, Some((0, Ok(30)))));
        assert!(results.next().await.is_none());
        assert!(results.next().await.is_none());
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert!(as_completed(Vec::<Task<()>>::new()).next().await.is_none());
    });
}

#[test]
fn a_next_that_is_given_up_loses_nothing() {
    let _watch = watch();
    virtual_runner().run(async {
        let mut results = as_completed([sleeper(30), sleeper(20)]);
        for _ in 0..3 {
            assert!(timeout(5 * MS, results.next()).await.is_err());
        }
        assert_eq!(results.next().await.unwrap().1.unwrap(), 20);
        assert_eq!(results.next().await.unwrap().1.unwrap(), 30);
    });
}

#[test]
fn the_time_counts_from_the_first_poll_and_is_said_to_be_up_once() {
    let _watch = watch();
    virtual_runner().run(async {
        let mut results = as_completed([sleeper(30), sleeper(50), sleeper(1)]).timeout(20 * MS);
        sleep(5 * MS).await;
        assert_eq!(results.next().await.unwrap().unwrap().0, 2);
        let start = Instant::now();
        assert!(results.next().await.unwrap().is_err());
        assert_eq!(start.elapsed(), 20 * MS, "not since the call");
        assert_eq!(results.next().await.unwrap().unwrap().0, 0);
        assert_eq!(results.next().await.unwrap().unwrap().0, 1);
        assert!(results.next().await.is_none());

        let mut results = as_completed([sleeper(1)]).timeout(20 * MS);
        assert!(results.next().await.unwrap().is_ok());
        sleep(30 * MS).await;
        assert!(results.next().await.is_none(), "nothing was late");
    });
}

#[test]
fn whoever_drops_the_rest_waits_for_its_end() {
    // Neither task was ever polled through its handle, and one has not even begun.
    let _watch = watch();
    let log = Log::<String>::default();
    virtual_runner().run(async {
        let start = Instant::now();
        let closing = |ms: u32, log: Log| async move {
            let (held, end) = (log.clone(), log);
            let _guard = on_drop(move || held.push(format!("dropped {ms}")));
            std::future::pending::<()>()
                .finally(move |_| async move {
                    sleep(ms * MS).await;
                    end.push(format!("closed {ms}"));
                })
                .await;
        };
        let work = async {
            let mut results = as_completed([10, 20].map(|ms| create_task(closing(ms, log.clone()))));
            results.next().await;
        };
        assert!(timeout(5 * MS, work).await.is_err());
        assert_eq!(start.elapsed(), 25 * MS);
        log.push("went on");
        let lines = log.take();
        assert_eq!(lines.last().unwrap(), "went on");
        assert!(
            ["dropped 10", "closed 10", "dropped 20", "closed 20"].iter().all(|line| lines.iter().any(|l| l == line))
        );

        let counted = Count::default();
        let unborn = create_task(hold(counted.drops()));
        drop(as_completed([unborn]));
        yield_now().await;
        assert_eq!(counted.get(), 1);
    });
}

#[test]
fn a_detached_rest_runs_on() {
    let _watch = watch();
    for limited in [false, true] {
        virtual_runner().run(async move {
            let log = Log::<u32>::default();
            let mut tasks = [10, 20].map(|ms| {
                let log = log.clone();
                create_task(async move {
                    sleep(ms * MS).await;
                    log.push(ms);
                })
            });
            // Also one that was polled before, whose handle would cancel it.
            assert!(common::poll_once(&mut tasks[1]).await.is_pending());
            let mut results = as_completed(tasks).detach_rest();
            assert_eq!(results.next().await.unwrap().0, 0);
            if limited {
                drop(results.timeout(MS));
            } else {
                drop(results);
            }
            sleep(50 * MS).await;
            assert_eq!(log.take(), [10, 20]);
        });
    }
}

#[test]
fn a_fetched_task_is_refused() {
    let _watch = watch();
    virtual_runner().run(async {
        let mut task = create_task(async {});
        (&mut task).await.unwrap();
        let text = panic_of(move || as_completed([create_task(async {}), task]));
        assert_eq!(text, "as_completed: the result of task 1 was fetched before; leave that task out");
    });
}

#[test]
fn every_result_comes_once_from_whatever_worker() {
    let _watch = watch();
    for workers in [1, 3] {
        runner(workers).run(async move {
            let all = scaled(20_000);
            let counted = create_task(async move {
                let mut results = as_completed((0..all).map(|n| {
                    create_task(async move {
                        if n % 3 == 0 {
                            yield_now().await;
                        }
                        n
                    })
                }));
                let mut seen = vec![false; all];
                while let Some((index, result)) = results.next().await {
                    assert_eq!(result.unwrap(), index);
                    assert!(!std::mem::replace(&mut seen[index], true));
                }
                seen.into_iter().filter(|seen| *seen).count()
            });
            assert_eq!(counted.await.unwrap(), all);
        });
    }
}

#[cfg(feature = "stream")]
#[test]
fn it_is_a_stream() {
    use std::future::poll_fn;
    use std::pin::Pin;

    use futures_core::Stream;

    async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
        poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await
    }
    let _watch = watch();
    virtual_runner().run(async {
        let mut results = as_completed([sleeper(20), sleeper(10)]);
        assert_eq!(results.size_hint(), (2, Some(2)));
        assert_eq!(next(&mut results).await.unwrap().0, 1);
        let mut results = results.timeout(5 * MS);
        assert!(next(&mut results).await.unwrap().is_err());
        assert_eq!(next(&mut results).await.unwrap().unwrap().0, 0);
        assert!(next(&mut results).await.is_none());
    });
}
