//! A request to end that is not the end, and one that meets a timeout.
//!
//! asyncio counts requests in `cancelling()`, and whoever swallows one takes it back with `uncancel()`, so that a
//! timeout can tell its own cancellation from another. Here whoever drops a future knows that it did, and nothing is
//! counted: the lines lack their `cancelling =`, and the one about `uncancel` is gone. What asyncio's counters are for
//! stays: a request may be noticed and work go on (`stop`), a timeout after that works as ever, and a cancellation from
//! outside that comes while a timeout cancels is not turned into a `TimeoutError`.

use std::time::Duration;

use raddle::{FinallyExt, TaskError, create_task, promise, sleep, stop_requested, timeout};

use super::support::{Out, truth};

pub(crate) const TEXT: &str = "\
caught
went on after an await
timeout converted
both: inside
both: CancelledError kept
both: cancelled = True";

pub(crate) async fn program(out: Out) {
    let task = create_task(catcher(out.clone()));
    sleep(out.ms(20)).await;
    task.stop();
    task.await.unwrap();

    let (tell_it, itself) = promise();
    let task = create_task(both(out.clone(), async { itself.await.unwrap() }));
    tell_it.set(task.canceller()).unwrap();
    let ended = task.await;
    out.line(format!("both: cancelled = {}", truth(matches!(ended, Err(TaskError::Cancelled)))));
}

const LONG: Duration = Duration::from_secs(600);

async fn catcher(out: Out) {
    stop_requested().await;
    out.line("caught");
    sleep(out.ms(10)).await;
    out.line("went on after an await");
    if timeout(out.ms(10), sleep(LONG)).await.is_err() {
        out.line("timeout converted");
    }
}

async fn both(out: Out, itself: impl Future<Output = raddle::Canceller>) {
    let itself = itself.await;
    let (inside, kept) = (out.clone(), out.clone());
    let block = async {
        let work = sleep(LONG).finally(|_| async move {
            inside.line("both: inside");
            itself.cancel(); // stands for a request from outside
            sleep(inside.ms(1)).await;
        });
        if timeout(out.ms(20), work).await.is_err() {
            out.line("both: TimeoutError (wrong)");
        }
    };
    block.finally(|_| async move { kept.line("both: CancelledError kept") }).await;
}
