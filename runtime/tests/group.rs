//! Task groups: no child outlives its group, and no error is lost.

mod common;

use std::fmt;
use std::future::pending;
use std::io;
use std::time::Duration;

use common::{Count, Log, Reports, runner, virtual_runner, watch};
use raddle::{
    BoxError, Event, Failure, FinallyExt, GroupError, Instant, TaskError, TaskGroup, TaskStatus, create_task, sleep,
    task_group, timeout, yield_now,
};

const MS: Duration = Duration::from_millis(1);

#[derive(Debug)]
struct Boom(&'static str);

impl fmt::Display for Boom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Boom {}

impl From<TaskError> for Boom {
    fn from(_: TaskError) -> Boom {
        Boom("a task error")
    }
}

/// Fails after that many milliseconds.
async fn fail_after(time: u32, text: &'static str) -> Result<(), Boom> {
    sleep(time * MS).await;
    Err(Boom(text))
}

fn texts<E: fmt::Display>(error: &GroupError<E>) -> Vec<String> {
    error.failures().iter().map(ToString::to_string).collect()
}

#[test]
fn a_group_gives_the_value_of_its_body_when_all_children_have_ended() {
    let _watch = watch();
    let log: Log = Log::default();
    virtual_runner().run(async {
        let start = Instant::now();
        let borrowed = String::from("borrowed");
        let value = task_group(async |g: TaskGroup| {
            for n in [30, 10, 20] {
                let log = log.clone();
                g.create_task(async move {
                    sleep(n * MS).await;
                    log.push(n.to_string());
                });
            }
            Ok(borrowed.len())
        });
        assert_eq!(value.await.unwrap(), 8);
        assert_eq!(start.elapsed(), 30 * MS);
        assert_eq!(log.take(), ["10", "20", "30"]);
    });
}

#[test]
fn an_empty_group_ends_at_once() {
    virtual_runner().run(async {
        assert_eq!(task_group(async |_g: TaskGroup| Ok(1)).await.unwrap(), 1);
    });
}

#[test]
fn the_first_error_cancels_body_and_siblings_and_waits_for_their_cleanup() {
    let _watch = watch();
    let log: Log = Log::default();
    virtual_runner().run(async {
        let start = Instant::now();
        let slow_end = |name: &'static str| {
            let log = log.clone();
            pending::<()>().finally(move |exit| async move {
                sleep(10 * MS).await;
                log.push(format!("{name} {exit:?}"));
            })
        };
        let error = task_group(async |g: TaskGroup<Boom>| {
            g.create_task(slow_end("sibling"));
            g.create_task(fail_after(5, "boom"));
            slow_end("body").await;
            Ok(())
        })
        .await
        .unwrap_err();
        assert_eq!(texts(&error), ["boom"]);
        assert!(!error.is_cancelled());
        assert_eq!(start.elapsed(), 15 * MS);
        let mut ends = log.take();
        ends.sort();
        assert_eq!(ends, ["body Cancelled", "sibling Cancelled"]);
    });
}

#[test]
fn every_failure_is_kept_in_the_order_of_happening() {
    let _watch = watch();
    virtual_runner().run(async {
        let error = task_group(async |g: TaskGroup<Boom>| {
            g.create_task(async {
                yield_now().await;
                Err::<(), _>(Boom("first"))
            });
            g.create_task(async {
                yield_now().await;
                // In the same turn: not cancelled yet, as it was ready.
                panic!("second");
                #[allow(unreachable_code, reason = "a group's task gives `()` or a `Result`")]
                ()
            });
            g.create_task(pending::<()>());
            Err::<(), _>(fail_after(60_000, "too late").await.unwrap_err())
        })
        .await
        .unwrap_err();
        assert_eq!(texts(&error)[0], "first");
        assert!(texts(&error).len() <= 2);
        assert_eq!(error.errors().count(), 1);
        assert_eq!(&*error.first().unwrap().task().name, "Task-2");
        assert_eq!(error.into_first().0, "first");
    });
}

#[test]
fn the_bodys_error_and_panic_are_failures_of_the_group() {
    let _watch = watch();
    virtual_runner().run(async {
        let child = Count::default();
        let drops = child.drops();
        let error = task_group(async |g: TaskGroup<Boom>| {
            g.create_task(async move {
                let _drops = drops;
                pending::<()>().await;
            });
            yield_now().await;
            Err::<(), _>(Boom("body"))
        })
        .await
        .unwrap_err();
        assert_eq!((texts(&error), child.get()), (vec!["body".to_owned()], 1));
        assert_eq!(&*error.first().unwrap().task().name, "Task-1");
        let error = task_group(async |_g: TaskGroup<Boom>| -> Result<(), Boom> { panic!("oh") }).await.unwrap_err();
        assert!(matches!(error.first(), Some(Failure::Panicked { panic, .. }) if panic.message() == "oh"));
    });
}

#[test]
fn a_failed_child_says_so_to_whoever_awaits_it() {
    let _watch = watch();
    virtual_runner().run(async {
        let mut kept = None;
        let error = task_group(async |g: TaskGroup<Boom>| {
            kept = Some(g.create_task(fail_after(1, "boom")));
            Ok(())
        })
        .await
        .unwrap_err();
        assert_eq!(texts(&error), ["boom"]);
        let kept = kept.unwrap();
        assert!(kept.is_done() && !kept.is_cancelled());
        assert_eq!(kept.status(), TaskStatus::Finished);
        assert!(matches!(kept.await, Err(TaskError::Failed)));
    });
}

#[test]
fn a_child_that_is_cancelled_alone_disturbs_nobody() {
    let _watch = watch();
    virtual_runner().run(async {
        let value = task_group(async |g: TaskGroup| {
            let child = g.create_task(pending::<()>());
            yield_now().await;
            child.cancel();
            assert!(matches!(child.await, Err(TaskError::Cancelled)));
            Ok(7)
        });
        assert_eq!(value.await.unwrap(), 7);
    });
}

#[test]
fn children_may_start_children_while_the_group_waits() {
    let _watch = watch();
    let count = Count::default();
    fn spread(g: TaskGroup, depth: u32, count: Count) {
        let again = g.clone();
        g.create_task(async move {
            sleep(MS).await;
            count.add();
            if depth > 0 {
                spread(again.clone(), depth - 1, count.clone());
                spread(again, depth - 1, count);
            }
        });
    }
    for workers in [1, 2] {
        let before = count.get();
        let count = count.clone();
        runner(workers).run(async {
            task_group(async |g: TaskGroup| {
                spread(g, 6, count.clone());
                Ok(())
            })
            .await
            .unwrap();
            assert_eq!(count.get() - before, 127);
        });
    }
}

#[test]
fn a_group_that_is_over_gives_cancelled_tasks() {
    let _watch = watch();
    virtual_runner().run(async {
        let mut kept = None;
        task_group(async |g: TaskGroup| {
            kept = Some(g);
            Ok(())
        })
        .await
        .unwrap();
        let group = kept.unwrap();
        assert_eq!(format!("{group:?}"), "<TaskGroup tasks=0 errors=0 closed>");
        let ran = Count::default();
        let late = group.create_task({
            let ran = ran.clone();
            async move {
                ran.add();
            }
        });
        assert!(matches!(late.await, Err(TaskError::Cancelled)));
        assert_eq!(ran.get(), 0);
        let started = group.start(async |started: raddle::Started<u32>| started.set(1));
        assert!(matches!(started.await, Err(TaskError::Cancelled)));
    });
}

#[test]
fn cancel_ends_the_group_without_an_error() {
    let _watch = watch();
    virtual_runner().run(async {
        let error = task_group(async |g: TaskGroup| {
            let canceller = g.clone();
            g.create_task(async move {
                sleep(MS).await;
                canceller.cancel();
                canceller.cancel();
            });
            pending::<()>().await;
            Ok(())
        })
        .await
        .unwrap_err();
        assert!(error.is_cancelled() && error.first().is_none());
        assert_eq!(error.to_string(), "task group was cancelled");
        let kept = task_group(async |g: TaskGroup| {
            g.create_task(pending::<()>());
            g.cancel();
            Ok("the body had its value")
        });
        assert_eq!(kept.await.unwrap(), "the body had its value");
        let own = task_group(async |g: TaskGroup| {
            g.cancel();
            pending::<()>().await;
            Ok(())
        });
        assert!(own.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn start_waits_until_the_child_is_ready() {
    let _watch = watch();
    virtual_runner().run(async {
        let log: Log = Log::default();
        let served = log.clone();
        task_group(async |g: TaskGroup| {
            let port = g
                .start(|started| async move {
                    sleep(5 * MS).await;
                    started.set(80);
                    sleep(5 * MS).await;
                    served.push("served");
                })
                .await?;
            log.push(format!("ready {port}"));
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(log.take(), ["ready 80", "served"]);
        let error = task_group(async |g: TaskGroup<Boom>| {
            let never: Result<u32, _> = g.start(|_started| fail_after(1, "before it was ready")).await;
            assert!(matches!(never, Err(TaskError::Failed)));
            Ok(())
        })
        .await
        .unwrap_err();
        assert_eq!(texts(&error), ["before it was ready"]);
    });
}

#[test]
fn a_group_dropped_by_force_ends_its_children_before_its_owner_goes_on() {
    let _watch = watch();
    let ended = Count::default();
    let reports = Reports::default();
    for workers in [1, 2] {
        let (ended, before) = (ended.clone(), ended.get());
        reports.of(runner(workers)).run(async {
            let group = task_group(async |g: TaskGroup| {
                for _ in 0..10 {
                    let ended = ended.clone();
                    g.create_task(pending::<()>().finally(|_| async move {
                        sleep(5 * MS).await;
                        ended.add();
                    }));
                }
                pending::<()>().await;
                Ok(())
            });
            assert!(timeout(5 * MS, group).await.is_err());
            assert_eq!(ended.get() - before, 10);
        });
    }
    assert_eq!(reports.len(), 0);
}

#[test]
fn errors_of_a_group_dropped_by_force_are_reported() {
    let _watch = watch();
    let reports = Reports::default();
    reports.of(virtual_runner()).run(async {
        let go = Event::new();
        let late = task_group(async |g: TaskGroup| {
            // Fails while the group waits for the other child.
            g.create_task(async { Err::<(), _>(io::Error::other("early").into()) });
            g.create_task(pending::<()>().finally(|_| sleep(100 * MS)));
            go.wait().await;
            Ok(())
        });
        assert!(timeout(10 * MS, late).await.is_err());
        let task = create_task(async {
            task_group(async |g: TaskGroup<Boom>| {
                g.create_task(async { Err::<(), _>(Boom("of a type of our own")) });
                g.create_task(pending::<()>().finally(|_| sleep(100 * MS)));
                Ok(())
            })
            .await
        });
        sleep(MS).await;
        task.cancel();
        assert!(matches!(task.await, Err(TaskError::Cancelled)));
    });
    let reports = reports.take();
    assert_eq!(reports.len(), 2, "{reports:#?}");
    assert!(reports[0].contains("error early") && reports[0].contains("Task-2"), "{reports:#?}");
    assert!(reports[1].contains("Boom"), "{reports:#?}");
}

#[test]
fn nested_errors_print_as_a_tree() {
    let _watch = watch();
    virtual_runner().run(async {
        let error = task_group(async |g: TaskGroup| {
            g.create_task(async {
                task_group(async |inner: TaskGroup<Boom>| {
                    inner.create_task(fail_after(0, "deep"));
                    Ok(())
                })
                .await?;
                Ok::<(), BoxError>(())
            });
            Ok(())
        })
        .await
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "1 failure in a task group\n└─ Task-2: 1 failure in a task group\n   └─ Task-3: deep"
        );
    });
}

#[test]
fn a_group_tells_its_state() {
    let _watch = watch();
    virtual_runner().run(async {
        let _ = task_group(async |g: TaskGroup<Boom>| {
            assert_eq!(format!("{g:?}"), "<TaskGroup tasks=0 errors=0>");
            g.create_task(pending::<()>());
            let child = g.create_task(fail_after(0, "boom"));
            assert_eq!(format!("{g:?}"), "<TaskGroup tasks=2 errors=0>");
            assert!(
                format!("{child:?}").starts_with("<Task pending name='Task-3' fut=fail_after spawned at"),
                "{child:?}"
            );
            let seen = g.clone();
            pending::<()>()
                .finally(move |_| async move { assert!(format!("{seen:?}").ends_with("cancelling>")) })
                .await;
            Ok(())
        })
        .await;
    });
}

/// A failure and a cancellation from outside in the same turn: CPython forgot the cancellation until 3.12.
#[test]
fn a_failure_does_not_hide_a_cancellation_from_outside() {
    let _watch = watch();
    let reports = Reports::default();
    reports.of(virtual_runner()).run(async {
        let fail = std::sync::Arc::new(Event::new());
        let went_on = Count::default();
        let parent = create_task({
            let (fail, went_on) = (fail.clone(), went_on.clone());
            async move {
                let group = task_group(async |g: TaskGroup<Boom>| {
                    g.create_task(async move {
                        fail.wait().await;
                        Err::<(), _>(Boom("boom"))
                    });
                    g.create_task(pending::<()>().finally(|_| sleep(MS)));
                    Ok(())
                });
                let _ = group.await;
                went_on.add();
                pending::<()>().await;
            }
        });
        sleep(MS).await;
        fail.set();
        yield_now().await;
        parent.cancel();
        assert!(matches!(parent.await, Err(TaskError::Cancelled)));
        assert_eq!(went_on.get(), 0);
    });
    assert_eq!(reports.take().len(), 1, "the failure has nobody else to go to");
}

/// Cleanup gives nothing, so a panic is how it fails; it is a failure like any other.
#[test]
fn a_cleanup_that_panics_is_a_failure_of_its_group() {
    let _watch = watch();
    let reports = Reports::default();
    for workers in [1, 2] {
        reports.of(runner(workers)).run(async {
            let error = task_group(async |g: TaskGroup<Boom>| {
                g.create_task(pending::<()>().finally(|_| async {
                    sleep(40 * MS).await;
                    panic!("in a child's cleanup")
                }));
                g.create_task(fail_after(5, "boom"));
                pending::<()>().finally(|_| async { panic!("in the body's cleanup") }).await;
                Ok(())
            })
            .await
            .unwrap_err();
            let text = ["boom", "panicked: in the body's cleanup", "panicked: in a child's cleanup"];
            assert_eq!(texts(&error), text);
            let names: Vec<_> = error.failures().iter().map(|failure| failure.task().id).collect();
            assert!(names[0] != names[1] && names[1] != names[2] && names[0] != names[2]);
        });
    }
    assert_eq!(reports.take(), [""; 0]);
    reports.of(virtual_runner()).run(async {
        let group = task_group(async |g: TaskGroup| {
            g.create_task(pending::<()>().finally(|_| async { panic!("nobody takes it") }));
            Ok(())
        });
        assert!(timeout(MS, group).await.is_err());
        let mut kept = None;
        task_group(async |g: TaskGroup| {
            kept = Some(g);
            Ok(())
        })
        .await
        .unwrap();
        let late = kept.unwrap().create_task(pending::<()>().finally(|_| async { panic!("too late") }));
        assert!(matches!(late.await, Err(TaskError::Cancelled)));
    });
    let reports = reports.take();
    assert_eq!(reports.len(), 2, "{reports:#?}");
    assert!(reports[0].contains("nobody takes it") && reports[1].contains("too late"), "{reports:#?}");
}
