//! What io asks of the runtime: names looked up off the workers, trouble told to somebody, and who settles young
//! timers.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Waker;

use super::context;
use super::report::{ExceptionContext, report};

/// Looks a name up on the threads of the runtime that this thread works for, as a worker or otherwise.
pub(super) fn resolve(host: String, port: u16) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>> {
    let started = context::runtime().ok_or_else(context::no_runtime).and_then(|runtime| {
        runtime.process.check()?;
        runtime.lookups.start(host, port)
    });
    Box::pin(async move {
        let given_up = |_| Err(io::Error::other("the name lookup was given up: the runtime ended"));
        started?.await.unwrap_or_else(given_up)
    })
}

/// Tells the runtime's exception handler.
pub(super) fn report_io(message: &str) {
    let handler = context::current().and_then(|worker| worker.shared.config.on_exception.clone());
    report(handler.as_ref(), &ExceptionContext::new(message));
}

/// Whether a waker is the own one of the task being polled here, whose harness settles its young timers after the poll.
/// Only where the watchdog looks on: it sees to it that a long poll does not make them late.
pub(super) fn settles(waker: &Waker) -> bool {
    let Some(worker) = context::current() else { return false };
    let settles = worker.shared.threads.is_watched() && (worker.shared.config.is_own_waker)(waker);
    if settles {
        worker.set_young();
    }
    settles
}
