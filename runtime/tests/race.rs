//! race and try_gather: whoever loses is cancelled, and waited for.

mod common;

use std::future::pending;
use std::time::Duration;

use common::{Count, Log, runner, virtual_runner, watch};
use raddle::{Event, FinallyExt, Instant, Task, TaskError, create_task, race, sleep, timeout, try_gather, yield_now};

const MS: Duration = Duration::from_millis(1);

async fn after(time: u32, value: u32) -> u32 {
    sleep(time * MS).await;
    value
}

async fn fail_after(time: u32, text: &'static str) -> Result<u32, String> {
    sleep(time * MS).await;
    Err(text.to_owned())
}

async fn succeed_after(time: u32, value: u32) -> Result<u32, String> {
    Ok(after(time, value).await)
}

#[test]
fn the_first_wins_and_the_others_are_dropped() {
    let _watch = watch();
    virtual_runner().run(async {
        let start = Instant::now();
        assert_eq!(race((after(30, 1), after(10, 2), after(20, 3))).await, 2);
        assert_eq!(race([after(30, 1), after(10, 2)]).await, 2);
        assert_eq!(race((1..100).map(|n| after(100 - n, n))).await, 99);
        assert_eq!(start.elapsed(), 21 * MS);
        assert_eq!(race((async { 1 }, async { 2 })).await, 1, "of several that end at once, the first");
    });
}

#[test]
fn a_race_returns_after_the_cleanup_of_the_losers() {
    let _watch = watch();
    let log: Log = Log::default();
    virtual_runner().run(async {
        let loser = |name: &'static str| {
            let log = log.clone();
            pending::<u32>().finally(move |exit| async move {
                sleep(10 * MS).await;
                log.push(format!("{name} {exit:?}"));
            })
        };
        let start = Instant::now();
        assert_eq!(race((loser("a"), after(5, 1), loser("b"))).await, 1);
        assert_eq!(start.elapsed(), 15 * MS, "side by side");
        assert_eq!(log.take(), ["a Cancelled", "b Cancelled"]);
        // Dropped while it waits: the rest goes on in the timeout.
        assert!(timeout(7 * MS, race((loser("c"), after(5, 1)))).await.is_err());
        assert_eq!(log.take(), ["c Cancelled"]);
        assert_eq!(start.elapsed(), 30 * MS);
    });
}

#[test]
fn a_task_that_loses_is_cancelled_and_not_left_behind() {
    let _watch = watch();
    for workers in [1, 2] {
        runner(workers).run(async {
            let dropped = Count::default();
            let tasks: Vec<Task<u32>> = (0..200)
                .map(|n| {
                    let drops = dropped.drops();
                    create_task(async move {
                        let _drops = drops;
                        if n == 0 {
                            return n;
                        }
                        pending().await
                    })
                })
                .collect();
            yield_now().await;
            assert_eq!(race(tasks).await.unwrap(), 0);
            assert_eq!(dropped.get(), 200, "all of them have ended when the race returns");
        });
    }
}

#[test]
#[should_panic(expected = "race of no futures")]
fn a_race_of_nothing_is_refused() {
    drop(race(Vec::<std::future::Ready<u32>>::new()));
}

#[test]
fn try_gather_gives_all_values_in_order() {
    let _watch = watch();
    virtual_runner().run(async {
        let start = Instant::now();
        assert_eq!(try_gather((succeed_after(20, 1), succeed_after(10, 2))).await, Ok((1, 2)));
        assert_eq!(try_gather((0..50).map(|n| succeed_after(50 - n, n))).await, Ok((0..50).collect()));
        assert_eq!(start.elapsed(), 70 * MS);
        assert_eq!(try_gather(Vec::<std::future::Ready<Result<u32, String>>>::new()).await, Ok(vec![]));
    });
}

#[test]
fn the_first_error_cancels_the_rest_and_waits_for_it() {
    let _watch = watch();
    virtual_runner().run(async {
        let start = Instant::now();
        let log: Log = Log::default();
        let cleaned = log.clone();
        let slow = succeed_after(60_000, 1).finally(move |exit| async move {
            sleep(10 * MS).await;
            cleaned.push(format!("{exit:?}"));
        });
        assert_eq!(try_gather((slow, fail_after(5, "boom"))).await, Err("boom".to_owned()));
        assert_eq!((start.elapsed(), log.take()), (15 * MS, vec!["Cancelled".to_owned()]));
        let mixed = [fail_after(20, "later"), fail_after(10, "sooner")];
        assert_eq!(try_gather(mixed).await, Err("sooner".to_owned()));
        assert_eq!(start.elapsed(), 25 * MS);
    });
}

#[test]
fn keep_going_lets_the_rest_end() {
    let _watch = watch();
    virtual_runner().run(async {
        let start = Instant::now();
        let log: Log = Log::default();
        let slow = async {
            sleep(20 * MS).await;
            log.push("went on");
            Ok(1)
        };
        assert_eq!(try_gather((slow, fail_after(5, "boom"))).keep_going().await, Err("boom".to_owned()));
        assert_eq!((start.elapsed(), log.take()), (20 * MS, vec!["went on".to_owned()]));
    });
}

#[test]
fn tasks_in_try_gather_end_with_it() {
    let _watch = watch();
    virtual_runner().run(async {
        let go = std::sync::Arc::new(Event::new());
        let dropped = Count::default();
        let tasks: Vec<_> = (0..40)
            .map(|n| {
                let (go, drops) = (go.clone(), dropped.drops());
                create_task(async move {
                    let _drops = drops;
                    if n == 39 {
                        return Err(TaskError::Failed);
                    }
                    go.wait().await;
                    Ok(n)
                })
            })
            .collect();
        assert!(try_gather(tasks.into_iter().map(Task::flatten)).await.is_err());
        assert_eq!(dropped.get(), 40);
    });
}
