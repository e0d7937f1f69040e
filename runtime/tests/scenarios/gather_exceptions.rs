//! `gather` of tasks gives errors and cancellations as values in their places. Of `try_gather`, the first error comes
//! out at once, a child's cancellation as well, by which the one who awaits is not cancelled. Tasks that were only lent
//! go on.

use std::time::Duration;

use raddle::{Task, TaskError, TaskStatus, call_later, create_task, current_task, gather, sleep, try_gather};

use super::support::{Out, list, truth};

pub(crate) const TEXT: &str = "\
ok finished
['ok', \"ValueError('bad')\", \"CancelledError('')\"]
CancelledError from child; my cancelling = 0 | sibling done: False
ok finished
ok";

pub(crate) async fn program(out: Out) {
    let tasks = [create_task(ok(out.clone())), create_task(bad()), create_task(victim())];
    let canceller = tasks[2].canceller();
    call_later(out.ms(20), move || {
        canceller.cancel();
    });
    let ended = gather(tasks.map(Task::flatten)).await;
    out.line(list(ended.into_iter().map(|ended| ended.unwrap_or_else(|error| error.0))));

    let (mut victim, mut sibling) = (create_task(victim()), create_task(ok(out.clone())));
    let canceller = victim.canceller();
    call_later(out.ms(20), move || {
        canceller.cancel();
    });
    if let Err(TaskError::Cancelled) = try_gather([&mut victim, &mut sibling]).await {
        let cancelling = u8::from(current_task().unwrap().status == TaskStatus::Cancelling);
        let done = truth(sibling.is_done());
        out.line(format!("CancelledError from child; my cancelling = {cancelling} | sibling done: {done}"));
    }
    out.line(sibling.await.unwrap().unwrap());
}

/// Python's text of an error.
#[derive(Debug)]
struct Repr(&'static str);

impl From<TaskError> for Repr {
    fn from(error: TaskError) -> Repr {
        assert!(matches!(error, TaskError::Cancelled));
        Repr("CancelledError('')")
    }
}

async fn ok(out: Out) -> Result<&'static str, Repr> {
    sleep(out.ms(50)).await;
    out.line("ok finished");
    Ok("ok")
}

async fn bad() -> Result<&'static str, Repr> {
    Err(Repr("ValueError('bad')"))
}

async fn victim() -> Result<&'static str, Repr> {
    sleep(Duration::from_secs(600)).await;
    Ok("never")
}
