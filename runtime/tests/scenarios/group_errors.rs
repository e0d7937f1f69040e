//! The first child that fails makes the group cancel the others and the body. What fails while it is being cancelled
//! joins the group's error, in the order of happening; a mere cancellation does not. All have ended when the group
//! gives its error, and its owner goes on.
//!
//! A cleanup gives nothing, so the one that fails panics. Its task ended by cancellation all the same; that it failed
//! is known to the group's error, which is asked here for the states.

use std::time::Duration;

use raddle::{Failure, FinallyExt, TaskGroup, TaskId, TaskStatus, current_task, sleep, task_group, yield_now};

use super::support::{Out, cancelling, list};

pub(crate) const TEXT: &str = "\
first fails
body cancelled, cancelling = 1
quiet cancelled
cleanup fails
unhandled errors in a TaskGroup | [\"ValueError('first')\", \"KeyError('cleanup')\"]
cancelling = 0 | states: ['failed', 'cancelled', 'failed']
parent goes on";

pub(crate) async fn program(out: Out) {
    let mut tasks: Vec<TaskId> = Vec::new();
    let group = task_group(async |g: TaskGroup<String>| {
        tasks.push(g.create_task(fails_in_cleanup(out.clone())).id());
        tasks.push(g.create_task(quiet(out.clone())).id());
        tasks.push(g.create_task(fails(out.clone(), 30, "first")).id());
        let body = out.clone();
        let cancelled = |exit| async move { body.line(format!("body cancelled, cancelling = {}", cancelling(exit))) };
        sleep(LONG).finally(cancelled).await;
        Ok(())
    });
    let error = group.await.unwrap_err();
    let texts = error.failures().iter().map(|failure| match failure {
        Failure::Error { error, .. } => error.as_str(),
        Failure::Panicked { panic, .. } => panic.message(),
    });
    out.line(format!("unhandled errors in a TaskGroup | {}", list(texts)));
    let failed = |id: &TaskId| error.failures().iter().any(|failure| failure.task().id == *id);
    let states = tasks.iter().map(|id| if failed(id) { "failed" } else { "cancelled" });
    let cancelling = u8::from(current_task().unwrap().status == TaskStatus::Cancelling);
    out.line(format!("cancelling = {cancelling} | states: {}", list(states)));
    yield_now().await;
    out.line("parent goes on");
}

const LONG: Duration = Duration::from_secs(600);

async fn fails(out: Out, delay: u32, name: &str) -> Result<(), String> {
    sleep(out.ms(delay)).await;
    out.line(format!("{name} fails"));
    Err(format!("ValueError('{name}')"))
}

async fn fails_in_cleanup(out: Out) {
    let cleanup = |_| async move {
        sleep(out.ms(50)).await;
        out.line("cleanup fails");
        panic!("KeyError('cleanup')");
    };
    sleep(LONG).finally(cleanup).await;
}

async fn quiet(out: Out) {
    let cleanup = |_| async move {
        sleep(out.ms(20)).await;
        out.line("quiet cancelled");
    };
    sleep(LONG).finally(cleanup).await;
}
