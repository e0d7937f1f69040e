//! Deadlines that move, cancel scopes, and cooperative stops.

mod common;

use std::future::pending;
use std::time::Duration;

use common::{Log, runner, virtual_runner, watch};
use raddle::{
    CancelScope, FinallyExt, Instant, TaskError, TaskGroup, create_task, deadline, gather, is_stopping, protect,
    run_until_stopped, sleep, stop_requested, task_group, yield_now,
};

const MS: Duration = Duration::from_millis(1);

#[test]
fn a_deadline_strikes_unless_it_is_moved() {
    let _watch = watch();
    virtual_runner().run(async {
        let start = Instant::now();
        let struck = deadline(start + 10 * MS, async |limit| {
            assert_eq!(limit.when(), Some(start + 10 * MS));
            pending::<()>().await;
        });
        assert!(struck.await.is_err());
        assert_eq!(start.elapsed(), 10 * MS);
        let moved = deadline(start + 20 * MS, async |limit| {
            limit.reschedule(start + 50 * MS);
            sleep(30 * MS).await;
            limit.reschedule(None);
            sleep(60 * MS).await;
            limit.expired()
        });
        assert_eq!(moved.await, Ok(false));
        assert_eq!(start.elapsed(), 100 * MS);
    });
}

#[test]
fn a_deadline_moved_into_the_past_strikes_at_the_next_suspension() {
    let _watch = watch();
    virtual_runner().run(async {
        let log: Log = Log::default();
        let start = Instant::now();
        let mut kept = None;
        let struck = deadline(None, async |limit| {
            kept = Some(limit.clone());
            limit.reschedule(start);
            log.push("goes on");
            yield_now().await;
            log.push("never");
        });
        assert!(struck.await.is_err());
        assert!(kept.unwrap().expired());
        assert_eq!((log.take(), start.elapsed()), (vec!["goes on".to_owned()], Duration::ZERO));
    });
}

#[test]
fn a_deadline_can_be_moved_from_outside() {
    let _watch = watch();
    virtual_runner().run(async {
        let start = Instant::now();
        let (give, limit) = raddle::promise();
        let task = create_task(deadline(None, move |limit| async move {
            drop(give.set(limit));
            pending::<()>().await;
        }));
        let limit: raddle::Deadline = limit.await.unwrap();
        sleep(5 * MS).await;
        limit.reschedule(start + 8 * MS);
        assert!(task.await.unwrap().is_err());
        assert_eq!(start.elapsed(), 8 * MS);
    });
}

#[test]
fn whichever_deadline_strikes_first_owns_the_error() {
    let _watch = watch();
    virtual_runner().run(async {
        let now = Instant::now();
        let outer = deadline(now + 30 * MS, async |outer| {
            let inner = deadline(now + 10 * MS, async |_| pending::<()>().await).await;
            assert!(inner.is_err() && !outer.expired());
            "went on"
        });
        assert_eq!(outer.await, Ok("went on"));
        let now = Instant::now();
        let outer = deadline(now + 10 * MS, async |_| deadline(now + 30 * MS, async |_| pending::<()>().await).await);
        assert!(outer.await.is_err());
        assert_eq!(now.elapsed(), 10 * MS);
    });
}

#[test]
fn a_scope_cancels_what_runs_in_it_and_what_will() {
    let _watch = watch();
    virtual_runner().run(async {
        let scope = CancelScope::new();
        assert_eq!(scope.run(async { 1 }).await, Some(1));
        let runs: Vec<_> = (0..3).map(|_| create_task(scope.run(pending::<()>()))).collect();
        yield_now().await;
        assert!(!scope.is_cancelled());
        scope.clone().cancel();
        for run in gather(runs).await {
            assert_eq!(run.unwrap(), None);
        }
        assert!(scope.is_cancelled());
        assert_eq!(scope.run(pending::<()>()).await, None);
        assert_eq!(scope.run(async { "ready at once" }).await, Some("ready at once"));
    });
}

#[test]
fn scopes_nest_and_wait_for_cleanup() {
    let _watch = watch();
    virtual_runner().run(async {
        let start = Instant::now();
        let log: Log = Log::default();
        let (outer, inner) = (CancelScope::with_deadline(start + 10 * MS), CancelScope::new());
        let cleaned = log.clone();
        let nested = outer.run(inner.run(pending::<()>().finally(move |_| async move {
            sleep(5 * MS).await;
            cleaned.push("cleaned");
        })));
        assert_eq!(nested.await, None);
        assert!(outer.is_cancelled() && !inner.is_cancelled());
        assert_eq!((start.elapsed(), log.take()), (15 * MS, vec!["cleaned".to_owned()]));
        // The shielded part is finished.
        let scope = CancelScope::with_deadline(start + 20 * MS);
        let finished = log.clone();
        let shielded = scope.run(protect(async move {
            sleep(20 * MS).await;
            finished.push("finished");
        }));
        assert_eq!(shielded.await, None);
        assert_eq!((start.elapsed(), log.take()), (35 * MS, vec!["finished".to_owned()]));
    });
}

#[test]
fn a_scopes_deadline_can_be_moved() {
    let _watch = watch();
    virtual_runner().run(async {
        let start = Instant::now();
        let scope = CancelScope::with_deadline(start + 10 * MS);
        let mover = scope.clone();
        let task = create_task(scope.run(pending::<()>()));
        sleep(5 * MS).await;
        mover.reschedule(start + 40 * MS);
        assert_eq!(task.await.unwrap(), None);
        assert_eq!((start.elapsed(), scope.deadline()), (40 * MS, Some(start + 40 * MS)));
    });
}

#[test]
fn a_stop_reaches_a_task_and_its_descendants() {
    let _watch = watch();
    for workers in [1, 2] {
        runner(workers).run(async {
            let task = create_task(async {
                task_group(async |g: TaskGroup| {
                    let child = g.create_task(async {
                        stop_requested().await;
                        assert!(is_stopping());
                        create_task(async { is_stopping() }).await.map_err(Into::into)
                    });
                    assert!(child.await?, "inherited at birth as well");
                    Ok(())
                })
                .await
                .unwrap();
                run_until_stopped(pending::<()>()).await
            });
            let other = create_task(async {
                yield_now().await;
                is_stopping()
            });
            sleep(5 * MS).await;
            assert!(task.stop());
            assert_eq!(task.await.unwrap(), None);
            assert!(!other.await.unwrap() && !is_stopping());
        });
    }
}

#[test]
fn a_stop_is_seen_however_the_waiting_is_wrapped() {
    let _watch = watch();
    virtual_runner().run(async {
        // Twenty in one gather: each has a waker of its own.
        let task = create_task(async { gather((0..20).map(|_| stop_requested())).await.len() });
        yield_now().await;
        task.stop();
        assert_eq!(task.await.unwrap(), 20);
    });
}

#[test]
fn who_does_not_stop_is_cancelled_after_the_grace() {
    let _watch = watch();
    virtual_runner().run(async {
        let start = Instant::now();
        let polite = create_task(async {
            stop_requested().await;
            sleep(5 * MS).await;
            "saved"
        });
        yield_now().await;
        assert_eq!(polite.cancel_after_stop(10 * MS).await.unwrap(), "saved");
        let deaf = create_task(pending::<()>());
        assert!(matches!(deaf.cancel_after_stop(10 * MS).await, Err(TaskError::Cancelled)));
        assert_eq!(start.elapsed(), 15 * MS);
    });
}
