//! Async cleanup: whoever cancels waits for it, innermost first, within the grace.

mod common;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use common::{Log, Reports, virtual_runner, watch};
use raddle::{
    AsyncClose, Exit, FinallyExt, Instant, Runner, TaskError, TaskGroup, create_task, defer_async, gather, promise,
    protect, race, sleep, task_group, timeout, to_thread, with, yield_now,
};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Takes 100 ms to close.
struct Conn {
    log: Log,
    name: &'static str,
}

impl Conn {
    fn new(log: &Log, name: &'static str) -> Conn {
        Conn { log: log.clone(), name }
    }
}

impl AsyncClose for Conn {
    async fn async_close(self, exit: Exit) {
        self.log.push(format!("closing {} {exit:?}", self.name));
        sleep(100 * MS).await;
        self.log.push(format!("closed {}", self.name));
    }
}

fn use_for_ever(conn: Conn) -> impl Future<Output = ()> + Send {
    with(conn, async |_| pending().await)
}

#[test]
fn a_timeout_returns_after_the_close() {
    let _watch = watch();
    let log: Log = Log::default();
    virtual_runner().run(async {
        let start = Instant::now();
        let error = timeout(50 * MS, use_for_ever(Conn::new(&log, "a"))).await.unwrap_err();
        assert_eq!(error.to_string(), "timed out after 50ms");
        assert_eq!(start.elapsed(), 150 * MS);
        assert_eq!(log.take(), ["closing a Cancelled", "closed a"]);
    });
}

#[test]
fn a_cancelled_task_is_not_done_before_its_close() {
    let _watch = watch();
    let log: Log = Log::default();
    virtual_runner().run(async {
        let task = create_task(use_for_ever(Conn::new(&log, "a")));
        yield_now().await;
        let start = Instant::now();
        assert!(task.cancel());
        yield_now().await;
        assert!(!task.is_done() && !task.is_cancelled());
        assert!(task.cancel(), "asked again while it closes: nothing is cut");
        assert!(matches!(task.await, Err(TaskError::Cancelled)));
        assert_eq!(start.elapsed(), 100 * MS);
        assert_eq!(log.take(), ["closing a Cancelled", "closed a"]);
    });
}

#[test]
fn the_end_of_the_run_waits_for_the_close() {
    let _watch = watch();
    let log: Log = Log::default();
    let mut runner = virtual_runner();
    runner.run(async {
        create_task(use_for_ever(Conn::new(&log, "a"))).detach();
        yield_now().await;
    });
    drop(runner);
    assert_eq!(log.take(), ["closing a Cancelled", "closed a"]);
}

#[test]
fn on_several_workers_the_end_of_the_run_waits_for_every_close() {
    let _watch = watch();
    let log: Log = Log::default();
    Runner::new().workers(2).run(async {
        for _ in 0..100 {
            create_task(use_for_ever(Conn::new(&log, "x"))).detach();
        }
        yield_now().await;
    });
    assert_eq!(log.take().iter().filter(|line| *line == "closed x").count(), 100);
}

#[test]
fn the_innermost_closes_first_and_one_after_the_other() {
    let _watch = watch();
    let log: Log = Log::default();
    virtual_runner().run(async {
        let (outer, inner) = (Conn::new(&log, "outer"), Conn::new(&log, "inner"));
        let nested = with(outer, async move |_| with(inner, async |_| pending::<()>().await).await);
        assert!(timeout(MS, nested).await.is_err());
        assert_eq!(log.take(), ["closing inner Cancelled", "closed inner", "closing outer Cancelled", "closed outer"]);
    });
}

#[test]
fn a_resource_is_closed_also_if_its_future_was_never_polled() {
    let _watch = watch();
    let log: Log = Log::default();
    virtual_runner().run(async {
        let task = create_task(use_for_ever(Conn::new(&log, "unborn")));
        task.cancel();
        assert!(task.await.is_err());
        drop(with(Conn::new(&log, "unpolled"), async |_| ()));
    });
    assert_eq!(
        log.take(),
        ["closing unborn Cancelled", "closed unborn", "closing unpolled Cancelled", "closed unpolled"]
    );
}

#[test]
fn values_and_panics_go_on_after_the_close() {
    let _watch = watch();
    let log: Log = Log::default();
    let reports = Reports::default();
    reports.of(virtual_runner()).run(async {
        assert_eq!(with(Conn::new(&log, "a"), async |conn| conn.name.len()).await, 1);
        assert_eq!(log.take(), ["closing a Done", "closed a"]);
        let task = create_task(with(Conn::new(&log, "b"), async |_| panic!("in the body")));
        let Err(TaskError::Panicked(panic)) = task.await else { panic!("no panic") };
        assert_eq!(panic.message(), "in the body");
        assert_eq!(log.take(), ["closing b Panicked", "closed b"]);
        let ended = log.clone();
        let task = create_task(async { panic!("once more") }.finally(|exit| async move {
            sleep(MS).await;
            ended.push(format!("{exit:?}"));
        }));
        assert!(matches!(task.await, Err(TaskError::Panicked(_))));
        assert_eq!(log.take(), ["Panicked"]);
    });
}

#[test]
fn a_cleanup_that_has_begun_goes_on_when_its_awaiter_is_cancelled() {
    let _watch = watch();
    let log: Log = Log::default();
    virtual_runner().run(async {
        // The body ends at 10 ms, the close would take until 110 ms, the timeout strikes at 50 ms.
        let brief = with(Conn::new(&log, "a"), async |_| sleep(10 * MS).await);
        let start = Instant::now();
        assert!(timeout(50 * MS, brief).await.is_err());
        assert_eq!(start.elapsed(), 110 * MS);
        assert_eq!(log.take(), ["closing a Done", "closed a"]);
    });
}

#[test]
fn a_frame_dropped_while_it_waits_hands_the_rest_on() {
    let _watch = watch();
    let log: Log = Log::default();
    virtual_runner().run(async {
        let start = Instant::now();
        let inner = timeout(10 * MS, use_for_ever(Conn::new(&log, "a")));
        assert!(timeout(20 * MS, inner).await.is_err());
        assert_eq!(start.elapsed(), 110 * MS);
        assert_eq!(log.take(), ["closing a Cancelled", "closed a"]);
        let task = create_task(timeout(10 * MS, use_for_ever(Conn::new(&log, "b"))));
        sleep(20 * MS).await;
        task.cancel();
        assert!(matches!(task.await, Err(TaskError::Cancelled)));
        assert_eq!(log.take(), ["closing b Cancelled", "closed b"]);
    });
}

#[test]
fn without_a_frame_the_task_waits_before_it_is_done() {
    let _watch = watch();
    let log: Log = Log::default();
    virtual_runner().run(async {
        let of_task = log.clone();
        let task = create_task(async move {
            let mut unfinished = Box::pin(use_for_ever(Conn::new(&of_task, "a")));
            // As a foreign combinator would: poll it, and drop it.
            std::future::poll_fn(|cx| {
                let _ = unfinished.as_mut().poll(cx);
                std::task::Poll::Ready(())
            })
            .await;
            drop(unfinished);
            sleep(10 * MS).await;
            of_task.push("the task goes on");
            7
        });
        let start = Instant::now();
        assert_eq!(task.await.unwrap(), 7);
        assert_eq!(start.elapsed(), 100 * MS);
        assert_eq!(log.take(), ["closing a Cancelled", "the task goes on", "closed a"]);
    });
}

#[test]
fn main_waits_for_what_it_dropped() {
    let _watch = watch();
    let log: Log = Log::default();
    virtual_runner().run(async {
        let task = create_task(use_for_ever(Conn::new(&log, "a")));
        let _guard = {
            let log = log.clone();
            defer_async(async move {
                sleep(MS).await;
                log.push("deferred");
            })
        };
        assert!(timeout(MS, task).await.is_err(), "a task that is awaited and dropped is cancelled, and awaited");
        assert_eq!(log.take(), ["closing a Cancelled", "closed a"]);
    });
    assert_eq!(log.take(), ["deferred"]);
}

#[test]
fn a_deferred_future_can_be_disarmed() {
    let _watch = watch();
    let log: Log = Log::default();
    virtual_runner().run(async {
        let deferred = log.clone();
        let guard = defer_async(async move { deferred.push("ran") });
        guard.disarm().await;
        assert_eq!(log.take(), ["ran"]);
        let never = log.clone();
        drop(defer_async(async move { never.push("never") }).disarm());
    });
    assert!(log.take().is_empty());
}

#[test]
fn a_protected_section_is_finished_and_waited_for() {
    let _watch = watch();
    let log: Log = Log::default();
    virtual_runner().run(async {
        let section = |name: &'static str| {
            let log = log.clone();
            protect(async move {
                sleep(100 * MS).await;
                log.push(name);
                name.len()
            })
        };
        assert_eq!(section("whole").await, 5);
        let start = Instant::now();
        assert!(timeout(10 * MS, section("cut short")).await.is_err());
        assert_eq!(start.elapsed(), 100 * MS);
        assert!(timeout(10 * MS, section("never").for_at_most(20 * MS)).await.is_err());
        assert_eq!(start.elapsed(), 130 * MS);
        drop(section("not begun"));
        assert_eq!(log.take(), ["whole", "cut short"]);
    });
}

#[test]
fn what_exceeds_the_grace_is_cut_and_reported_with_name_and_line() {
    let _watch = watch();
    let (log, reports): (Log, _) = (Log::default(), Reports::default());
    reports.of(virtual_runner().grace(10 * MS)).run(async {
        let task = raddle::TaskBuilder::new().name("client").create(use_for_ever(Conn::new(&log, "a")));
        yield_now().await;
        let start = Instant::now();
        task.cancel();
        assert!(matches!(task.await, Err(TaskError::Cancelled)));
        assert_eq!(start.elapsed(), 10 * MS);
        assert!(timeout(50 * MS, use_for_ever(Conn::new(&log, "b"))).await.is_err());
        assert_eq!(start.elapsed(), 70 * MS);
        let error = timeout(50 * MS, use_for_ever(Conn::new(&log, "c"))).grace(20 * MS).await;
        assert!(error.is_err());
        assert_eq!(start.elapsed(), 140 * MS);
        create_task(use_for_ever(Conn::new(&log, "d"))).detach();
        yield_now().await;
    });
    assert!(log.take().iter().all(|line| line.starts_with("closing")), "none was closed");
    let reports = reports.take();
    assert_eq!(reports.len(), 4, "{reports:#?}");
    for (report, (task, grace)) in
        reports.iter().zip([("client", "10ms"), ("Task-1", "10ms"), ("Task-1", "20ms"), ("Task-3", "10ms")])
    {
        assert!(report.contains("cleanup exceeded the grace period of") && report.contains(grace), "{report}");
        assert!(report.contains(&format!("| {task} |")), "{report}");
        assert!(report.contains("tests/cleanup.rs:"), "{report}");
    }
}

#[test]
fn a_race_and_a_group_cut_what_exceeds_the_grace() {
    let _watch = watch();
    let (log, reports): (Log, _) = (Log::default(), Reports::default());
    reports.of(virtual_runner().grace(10 * MS)).run(async {
        let start = Instant::now();
        race((use_for_ever(Conn::new(&log, "loser")), sleep(5 * MS))).await;
        assert_eq!(start.elapsed(), 15 * MS);
        let group = task_group(async |g: TaskGroup| {
            g.create_task(use_for_ever(Conn::new(&log, "child")));
            sleep(5 * MS).await;
            g.cancel();
            use_for_ever(Conn::new(&log, "body")).await;
            Ok(())
        });
        assert!(group.await.unwrap_err().is_cancelled());
        assert_eq!(start.elapsed(), 30 * MS);
        let forced = task_group(async |g: TaskGroup| {
            g.create_task(use_for_ever(Conn::new(&log, "forced")));
            pending::<()>().await;
            Ok(())
        });
        assert!(timeout(5 * MS, forced).await.is_err());
        assert_eq!(start.elapsed(), 45 * MS);
    });
    assert!(log.take().iter().all(|line| line.starts_with("closing")), "none was closed");
    let reports = reports.take();
    assert_eq!(reports.len(), 4, "{reports:#?}");
    let tasks: Vec<_> = reports.iter().map(|report| report.split(" | ").nth(2).unwrap()).collect();
    assert_eq!(tasks, ["Task-1", "Task-1", "Task-2", "Task-3"], "{reports:#?}");
}

#[test]
fn at_the_end_of_the_run_cleanup_has_five_seconds() {
    let _watch = watch();
    let (log, reports): (Log, _) = (Log::default(), Reports::default());
    reports.of(virtual_runner()).run(async {
        for (name, time) in [("four", 4), ("six", 6), ("an hour", 3600)] {
            let log = log.clone();
            let task = pending::<()>().finally(move |_| async move {
                sleep(Duration::from_secs(time)).await;
                log.push(name);
            });
            create_task(task).detach();
        }
        yield_now().await;
    });
    assert_eq!(log.take(), ["four"]);
    let reports = reports.take();
    assert_eq!(reports.len(), 2, "{reports:#?}");
    assert!(reports.iter().all(|report| report.contains("grace period at the end of the runtime")), "{reports:#?}");
}

#[test]
fn cleanup_may_use_tasks_while_the_runtime_ends() {
    let _watch = watch();
    let log: Log = Log::default();
    virtual_runner().run(async {
        let of_task = log.clone();
        let task = pending::<()>().finally(move |_| async move {
            let goodbyes = ["a", "b"].map(|name| {
                create_task(async move {
                    sleep(MS).await;
                    name
                })
            });
            for goodbye in gather(goodbyes).await {
                of_task.push(goodbye.unwrap());
            }
        });
        create_task(task).detach();
        yield_now().await;
    });
    assert_eq!(log.take(), ["a", "b"]);
}

#[test]
fn a_cleanup_that_panics_is_reported_and_the_next_one_runs() {
    let _watch = watch();
    let (log, reports): (Log, _) = (Log::default(), Reports::default());
    reports.of(virtual_runner()).run(async {
        let outer = Conn::new(&log, "outer");
        let inner = pending::<()>().finally(|_| async { panic!("while cleaning up") });
        assert!(timeout(MS, with(outer, async move |_| inner.await)).await.is_err());
        let unmade = pending::<()>().finally(|_| -> std::future::Ready<()> { panic!("before it began") });
        assert!(timeout(MS, unmade).await.is_err());
    });
    assert_eq!(log.take(), ["closing outer Cancelled", "closed outer"]);
    let reports = reports.take();
    assert_eq!(reports.len(), 2, "{reports:#?}");
    assert!(reports[0].contains("while cleaning up") && reports[1].contains("before it began"), "{reports:#?}");
}

#[test]
fn a_timeout_may_leave_the_cleanup_behind() {
    let _watch = watch();
    let log: Log = Log::default();
    virtual_runner().run(async {
        let start = Instant::now();
        assert!(timeout(50 * MS, use_for_ever(Conn::new(&log, "a"))).detach_cleanup().await.is_err());
        assert_eq!(start.elapsed(), 50 * MS);
        assert!(log.take().is_empty());
        sleep(HOUR).await;
        assert_eq!(log.take(), ["closing a Cancelled", "closed a"]);
    });
}

#[test]
fn a_future_dropped_in_a_blocking_call_is_cleaned_up_on_the_runtime() {
    let _watch = watch();
    let log: Log = Log::default();
    let (closed, seen) = promise();
    Runner::new().workers(2).run(async {
        let guard = defer_async(async move { closed.set(()).unwrap() });
        to_thread(move || drop(guard)).await.unwrap();
        seen.await.unwrap();
        let on_worker = use_for_ever(Conn::new(&log, "x"));
        to_thread(move || drop(on_worker)).await.unwrap();
    });
    assert_eq!(log.take(), ["closing x Cancelled", "closed x"]);
}

#[test]
fn whoever_drops_an_awaited_task_does_not_end_before_it() {
    let _watch = watch();
    let log: Log = Log::default();
    virtual_runner().run(async {
        let of_task = log.clone();
        let outer = create_task(async move {
            let inner = create_task(use_for_ever(Conn::new(&of_task, "inner")));
            inner.await
        });
        sleep(MS).await;
        outer.cancel();
        assert!(outer.await.is_err());
        assert_eq!(log.take(), ["closing inner Cancelled", "closed inner"]);
    });
}

#[test]
fn an_output_with_cleanup_that_nobody_takes_is_cleaned_up() {
    let _watch = watch();
    let log: Log = Log::default();
    virtual_runner().run(async {
        let conn = Conn::new(&log, "a");
        create_task(async move { Box::new(with(conn, async |_| ())) as Box<dyn Send> }).detach();
        sleep(HOUR).await;
        assert_eq!(log.take(), ["closing a Cancelled", "closed a"]);
        let kept = Arc::new(());
        let task = create_task(async { 1 });
        let in_callback = defer_async({
            let (log, kept) = (log.clone(), kept.clone());
            async move {
                log.push("after the callback");
                drop(kept);
            }
        });
        task.on_done(move |_| drop(in_callback));
        task.await.unwrap();
        sleep(HOUR).await;
        assert_eq!(log.take(), ["after the callback"]);
        assert_eq!(Arc::strong_count(&kept), 1);
    });
}
