//! `wait_for` with no time never starts a task that has not begun, but takes a result that is there, which beats a
//! timeout of the same moment.
//!
//! asyncio's `wait_for` makes a task of what it is given. Here it awaits in place, so the first one is given a task; a
//! plain future would be polled once, as everything in asyncio's `timeout(0)` is (the last line). And the third line is
//! what asyncio prints when the inner work swallows the cancellation: a drop cannot be swallowed, so whoever leaves the
//! end to the work asks it to stop, in place of cancelling it.
//! A negative time is a deadline that has passed.

use std::time::Duration;

use raddle::{Instant, create_task, deadline, promise, stop_requested, timeout_at, wait_for};

use super::support::{Out, has, truth};

pub(crate) const TEXT: &str = "\
zero timeout: TimeoutError, never started
zero timeout, done future: ready
suppressed: stubborn value
negative timeout: TimeoutError, future cancelled: True
timeout(0) around work that never suspends: no suspension | expired: False";

pub(crate) async fn program(out: Out) {
    let started = out.clone();
    let task = create_task(async move { started.line("must never print") });
    if wait_for(task, Duration::ZERO).await.is_err() {
        out.line("zero timeout: TimeoutError, never started");
    }
    let (promise_it, pending) = promise();
    promise_it.set("ready").unwrap();
    let value = wait_for(pending, Duration::ZERO).await.unwrap().unwrap();
    out.line(format!("zero timeout, done future: {value}"));

    let mut task = create_task(stubborn());
    let value = match wait_for(&mut task, out.ms(20)).await {
        Ok(value) => value,
        Err(_) => {
            task.stop();
            task.await
        }
    };
    out.line(format!("suppressed: {}", value.unwrap()));

    let (promise_it, pending) = promise::<()>();
    if timeout_at(Instant::now() - out.ms(1), pending).await.is_err() {
        let cancelled = truth(promise_it.is_abandoned());
        out.line(format!("negative timeout: TimeoutError, future cancelled: {cancelled}"));
    }
    let mut limit = None;
    let block = deadline(Instant::now(), async |given| {
        limit = Some(given);
        "no suspension"
    });
    let value = block.await.unwrap();
    let expired = truth(limit.unwrap().expired());
    out.line(format!("timeout(0) around work that never suspends: {value} | expired: {expired}"));
}

async fn stubborn() -> &'static str {
    stop_requested().await;
    "stubborn value"
}

/// A task may run on another worker before it can be cancelled; the rest is the same text.
pub(crate) fn all_but_the_start(printed: &[String]) {
    assert!(has(printed, "must never print") || printed[0] == "zero timeout: TimeoutError, never started");
    let text: Vec<_> = TEXT.lines().skip(1).collect();
    super::support::assert_order(printed, &text);
}
