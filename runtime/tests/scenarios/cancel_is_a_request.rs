//! What becomes of a task that is asked to end.
//!
//! In asyncio, a coroutine may catch the cancellation and return a value, or raise another error. Here `cancel` drops
//! the future, which cannot be refused: the first two lines say `cancelled=True`, where asyncio's say `False`. What
//! asyncio's say is got by the request that leaves the end to the task, `stop`: the two lines that were added. Nobody
//! needs to count the requests, so no line says `cancelling=`. The last one is as in asyncio: a task that ends itself is
//! cancelled, too, and has no use for a later request.

use std::future::{Future, pending};

use raddle::{Canceller, Promise, Task, TaskError, create_task, promise, sleep, stop_requested};

use super::support::{Out, truth};

pub(crate) const TEXT: &str = "\
returns_anyway: accepted=True cancelled=True -> CancelledError('')
raises_other: accepted=True cancelled=True -> CancelledError('')
returns_anyway, stopped: accepted=True cancelled=False -> 'value'
raises_other, stopped: accepted=True cancelled=False -> KeyError('other')
cancels_itself: accepted=False cancelled=True -> CancelledError('')";

pub(crate) async fn program(out: Out) {
    ask(&out, "returns_anyway", create_task(returns_anyway()), Task::cancel).await;
    ask(&out, "raises_other", create_task(raises_other()), Task::cancel).await;
    ask(&out, "returns_anyway, stopped", create_task(returns_anyway()), Task::stop).await;
    ask(&out, "raises_other, stopped", create_task(raises_other()), Task::stop).await;
    let (tell_it, itself) = promise();
    let task = create_task(cancels_itself(itself));
    introduce(&task, tell_it);
    ask(&out, "cancels_itself", task, Task::cancel).await;
}

type Ended = Result<&'static str, &'static str>;

async fn returns_anyway() -> Ended {
    stop_requested().await;
    Ok("'value'")
}

async fn raises_other() -> Ended {
    stop_requested().await;
    Err("KeyError('other')")
}

async fn cancels_itself(itself: impl Future<Output = Result<Canceller, raddle::Abandoned>>) -> Ended {
    itself.await.unwrap().cancel();
    pending().await
}

fn introduce(task: &Task<Ended>, to: Promise<Canceller>) {
    to.set(task.canceller()).unwrap();
}

async fn ask(out: &Out, name: &str, mut task: Task<Ended>, how: impl Fn(&Task<Ended>) -> bool) {
    sleep(out.ms(10)).await;
    let accepted = truth(how(&task));
    let ended = match (&mut task).await {
        Ok(Ok(text) | Err(text)) => text,
        Err(TaskError::Cancelled) => "CancelledError('')",
        Err(other) => panic!("{other:?}"),
    };
    out.line(format!("{name}: accepted={accepted} cancelled={} -> {ended}", truth(task.is_cancelled())));
}
