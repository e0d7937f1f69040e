//! `call_soon` is FIFO and never runs in place; timers go by deadline; a cancelled handle does not run. Threads reach
//! the loop from outside, and the end of `run` waits for them.
//!
//! What asyncio's program shows of a thread that outlives its awaiter takes real time, and is in `tests/callbacks.rs`.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use raddle::{Event, Handle, call_later, call_soon, create_task, sleep, to_thread};

use super::support::{Out, list, truth};
use crate::common::Log;

pub(crate) const TEXT: &str = "\
nothing ran in place: [] | handle cancelled: True
['soon 1', 'soon 2', 'later 0', 'later 10', 'later 20']
woken from a thread
thread got: from loop
thread error comes out: LookupError('in thread')";

pub(crate) async fn program(out: Out) {
    let order: Log = Log::default();
    let append = |text: &'static str| {
        let order = order.clone();
        move || order.push(text)
    };
    call_soon(append("soon 1"));
    call_later(out.ms(20), append("later 20"));
    call_later(out.ms(10), append("later 10"));
    call_later(Duration::ZERO, append("later 0"));
    let handle = call_soon(append("cancelled"));
    call_soon(append("soon 2"));
    let cancelled = truth(handle.cancel());
    out.line(format!("nothing ran in place: {} | handle cancelled: {cancelled}", list(order.take())));
    sleep(out.ms(40)).await;
    out.line(list(order.take()));

    let got = Arc::new(Event::new());
    let (handle, other) = (Handle::current(), got.clone());
    let caller = thread::spawn(move || handle.call_soon(move || other.set()).map(drop));
    to_thread(move || caller.join().unwrap().unwrap()).await.unwrap();
    got.wait().await;
    out.line("woken from a thread");

    let (handle, time) = (Handle::current(), out.ms(10));
    let outside = move || {
        let task = handle.create_task(async move {
            sleep(time).await;
            "from loop"
        });
        task.join_blocking().unwrap()
    };
    out.line(format!("thread got: {}", to_thread(outside).await.unwrap()));

    let failed = create_task(async { to_thread(|| Err::<(), _>("LookupError('in thread')")).await.unwrap() });
    out.line(format!("thread error comes out: {}", failed.await.unwrap().unwrap_err()));
}

/// Only one worker calls back in the order of asking, and nothing before its creator waits.
pub(crate) fn threads_come_out(printed: &[String]) {
    assert_eq!(printed[2..], TEXT.lines().skip(2).collect::<Vec<_>>());
}
