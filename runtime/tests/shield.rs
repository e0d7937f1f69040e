//! Promises of `shield`: the awaiter leaves, the work goes on.

mod common;

use std::time::Duration;

use common::{Count, Log, Reports, hold, runner, tell, virtual_runner, watch};
use raddle::{Instant, TaskError, create_task, promise, shield, sleep, timeout, yield_now};

const MS: Duration = Duration::from_millis(1);

#[test]
fn the_work_starts_at_the_call_and_goes_on_when_the_awaiter_leaves() {
    let _watch = watch();
    virtual_runner().run(async {
        let start = Instant::now();
        let log = Log::<String>::default();
        let work = |name: &'static str| {
            let log = log.clone();
            async move {
                log.push(format!("{name} begins"));
                sleep(20 * MS).await;
                log.push(format!("{name} ends"));
            }
        };
        drop(shield(work("unawaited")));
        let waiting = shield(work("left"));
        yield_now().await;
        assert_eq!(log.take(), ["unawaited begins", "left begins"]);
        assert!(timeout(5 * MS, waiting).await.is_err());
        assert_eq!(start.elapsed(), 5 * MS, "nobody waits");
        sleep(20 * MS).await;
        assert_eq!(log.take(), ["unawaited ends", "left ends"]);
    });
}

#[test]
fn a_task_given_to_a_dropped_shield_goes_on_though_it_was_awaited_before() {
    let _watch = watch();
    for workers in [1, 2] {
        runner(workers).run(async {
            let (said, heard) = promise();
            let mut task = create_task(async move {
                sleep(20 * MS).await;
                tell(said, 1);
            });
            assert!(timeout(MS, &mut task).await.is_err());
            assert!(timeout(MS, shield(task)).await.is_err());
            assert_eq!(heard.await.unwrap(), 1);
        });
    }
}

#[test]
fn a_panic_of_the_work_is_the_awaiters_or_is_reported() {
    let _watch = watch();
    let reports = Reports::default();
    reports.of(virtual_runner()).run(async {
        let awaiter = create_task(async { shield(async { panic!("seen") }).await });
        let Err(TaskError::Panicked(panic)) = awaiter.await else { panic!("no panic") };
        assert_eq!(panic.message(), "seen");
        assert_eq!(reports.len(), 0);
        drop(shield(async { panic!("unseen") }));
        sleep(MS).await;
    });
    let told = reports.take();
    assert!(told.len() == 1 && told[0].starts_with("a task panicked, and nobody awaits it | unseen"), "{told:?}");
}

#[test]
fn the_end_of_the_runtime_cancels_work_and_awaiter() {
    let _watch = watch();
    for workers in [1, 2] {
        let (dropped, came) = (Count::default(), Count::default());
        let (guards, counted) = ([dropped.drops(), dropped.drops()], came.clone());
        runner(workers).run(async move {
            let [work, awaiter] = guards;
            create_task(async move {
                let _guard = awaiter;
                shield(hold(work)).await;
                counted.add();
            })
            .detach();
            sleep(MS).await;
        });
        assert_eq!((dropped.get(), came.get()), (2, 0));
    }
}
