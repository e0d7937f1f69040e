//! Promises of `spawn_reported`: an error reaches whoever fetches it, or `on_exception`, and never both.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Reports, hold, poll_once, runner, virtual_runner, watch};
use raddle::{BoxError, ReportedTask, TaskError, sleep, spawn_reported, timeout, yield_now};

const MS: Duration = Duration::from_millis(1);
const UNFETCHED: &str = "a task failed, and nobody fetched its error | no panic";

async fn fail(ms: u32, text: &str) -> Result<(), BoxError> {
    sleep(ms * MS).await;
    Err(text.into())
}

#[test]
fn an_error_that_nobody_fetched_is_reported_with_its_task() {
    let _watch = watch();
    let reports = Reports::default();
    reports.of(virtual_runner()).run(async {
        // Dropped before the end, detached before the end, dropped after the end.
        drop(spawn_reported(fail(1, "dropped")));
        let named = spawn_reported(fail(2, "detached"));
        named.set_name("importer");
        named.detach();
        let ended = spawn_reported(fail(3, "too late"));
        sleep(5 * MS).await;
        assert!(ended.is_done());
        assert_eq!(
            reports.take(),
            [format!("{UNFETCHED} | Task-2 | error dropped"), format!("{UNFETCHED} | importer | error detached")]
        );
        drop(ended);
        assert_eq!(reports.take(), [format!("{UNFETCHED} | Task-4 | error too late")]);
    });
    assert_eq!(reports.len(), 0);
}

#[test]
fn an_error_that_was_fetched_is_not_reported() {
    let _watch = watch();
    let reports = Reports::default();
    reports.of(virtual_runner()).run(async {
        let error = spawn_reported(fail(1, "awaited")).await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "awaited");
        let mut task = spawn_reported(fail(1, "asked for"));
        assert!(task.try_result().is_none());
        sleep(2 * MS).await;
        assert_eq!(task.try_result().unwrap().unwrap().unwrap_err().to_string(), "asked for");
        drop(task);
        drop(spawn_reported(async { Ok::<_, BoxError>(vec![1]) }));
        sleep(MS).await;
    });
    assert_eq!(reports.take(), [""; 0]);
}

#[test]
fn a_cancelled_task_has_no_error_and_a_panic_is_reported() {
    let _watch = watch();
    let reports = Reports::default();
    reports.of(virtual_runner()).run(async {
        let task = spawn_reported(fail(1, "cancelled"));
        assert!(task.cancel());
        assert!(matches!(task.await, Err(TaskError::Cancelled)));
        // With its awaiter, as any task.
        assert!(timeout(MS, spawn_reported(fail(5, "left"))).await.is_err());
        let mut kept: ReportedTask<(), String> = spawn_reported(async { panic!("expected") });
        assert!(poll_once(&mut kept).await.is_pending());
        yield_now().await;
        drop(kept);
    });
    let told = reports.take();
    assert!(told.len() == 1 && told[0].starts_with("a task panicked, and nobody awaits it | expected"), "{told:?}");
}

#[test]
fn the_handler_gets_the_error_itself() {
    #[derive(Debug, PartialEq)]
    struct Code(u32);
    impl std::fmt::Display for Code {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "code {}", self.0)
        }
    }
    let _watch = watch();
    let seen = Arc::new(Mutex::new(None));
    let kept = seen.clone();
    let mut runner = virtual_runner().debug(false).on_exception(move |context| {
        let code = context.value.as_ref().and_then(|value| value.downcast_ref::<Code>()).map(|code| code.0);
        let task = format!("{:?}", context.task.as_ref().unwrap());
        *kept.lock().unwrap() = Some((code, context.error.clone(), task));
    });
    runner.run(async {
        spawn_reported(async { Err::<(), _>(Code(7)) });
        yield_now().await;
        yield_now().await;
    });
    let (code, text, task) = seen.lock().unwrap().take().unwrap();
    assert_eq!((code, text.as_deref()), (Some(7), Some("code 7")));
    let expected = "<Task finished name='Task-2' fut=the_handler_gets_the_error_itself spawned at ";
    assert!(task.starts_with(expected) && task.contains("spawn_reported.rs"), "{task}");
}

#[test]
fn an_error_that_is_let_go_outside_of_the_runtime_is_reported() {
    let _watch = watch();
    for workers in [1, 2] {
        let reports = Reports::default();
        let mut runner = reports.of(runner(workers));
        let task = runner.run(async {
            let task = spawn_reported(async { Err::<(), _>("left over") });
            while !task.is_done() {
                sleep(MS).await;
            }
            spawn_reported(async {
                hold(()).await;
                Err::<(), _>("never")
            });
            [task]
        });
        drop(runner);
        assert_eq!(reports.len(), 0);
        std::thread::spawn(move || drop(task)).join().unwrap();
        let told = reports.take();
        assert!(told.len() == 1 && told[0].ends_with("error left over"), "{told:?}");
    }
}
