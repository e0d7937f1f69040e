//! What the work under an expired timeout can still do about the outcome.
//!
//! In asyncio it may swallow the cancellation, and the block exits normally. A drop cannot be swallowed; that the block
//! is left without an error is for its owner to say, who does not look at the `TimeoutError`. Another error from the
//! cleanup takes the `TimeoutError`'s place in asyncio and has it as its context; here the owner gets its
//! `TimeoutError` in any case and the cleanup's panic goes to the exception handler: the two lines where asyncio has one.
//! A task group in the block has cancelled its children before, and an error of the body's own that is called the same
//! is not taken for the timeout's.

use std::io;
use std::time::Duration;

use raddle::yield_now;
use raddle::{
    BoxError, FinallyExt, Instant, TaskGroup, TaskStatus, current_task, deadline, sleep, task_group, timeout,
};

use super::support::{Out, truth};
use crate::common::Log;

pub(crate) const TEXT: &str = "\
swallowed
normal exit, expired: True cancelling: 0
can await afterwards
exception handler: ValueError('from cleanup')
TimeoutError
group: TimeoutError, bare; children cancelled: [1, 2]
raised by the body itself | expired: False";

pub(crate) async fn program(out: Out) {
    swallow(&out).await;
    other(&out).await;
    group(&out).await;
    own_timeout_error(&out).await;
}

const LONG: Duration = Duration::from_secs(600);

async fn swallow(out: &Out) {
    let (cleanup, mut limit) = (out.clone(), None);
    let block = deadline(Instant::now() + out.ms(20), async |given| {
        limit = Some(given);
        sleep(LONG).finally(|_| async move { cleanup.line("swallowed") }).await;
    });
    let _ = block.await;
    let cancelling = u8::from(current_task().unwrap().status == TaskStatus::Cancelling);
    out.line(format!("normal exit, expired: {} cancelling: {cancelling}", truth(limit.unwrap().expired())));
    yield_now().await;
    out.line("can await afterwards");
}

async fn other(out: &Out) {
    let work = sleep(LONG).finally(|_| async { panic!("ValueError('from cleanup')") });
    if timeout(out.ms(20), work).await.is_err() {
        out.line("TimeoutError");
    }
}

async fn group(out: &Out) {
    let stopped = Log::<u32>::default();
    let child = |n: u32| {
        let stopped = stopped.clone();
        sleep(LONG).finally(move |_| async move { stopped.push(n) })
    };
    let group = task_group(async |g: TaskGroup| {
        g.create_task(child(1));
        g.create_task(child(2));
        Ok::<(), BoxError>(())
    });
    if timeout(out.ms(20), group).await.is_err() {
        let mut stopped = stopped.take();
        stopped.sort();
        out.line(format!("group: TimeoutError, bare; children cancelled: {stopped:?}"));
    }
}

async fn own_timeout_error(out: &Out) {
    let mut limit = None;
    let block = deadline(Instant::now() + LONG, async |given| {
        limit = Some(given);
        Err::<(), _>(io::Error::new(io::ErrorKind::TimedOut, "raised by the body itself"))
    });
    if let Ok(Err(error)) = block.await {
        out.line(format!("{error} | expired: {}", truth(limit.unwrap().expired())));
    }
}
