//! One call after the other on threads for blocking calls, for somebody who may lose interest.
//!
//! A [`File`](super::File) and the process's output send at most one call at a time. Whoever waits for it may be dropped;
//! the errand stays with its owner, so the next operation waits for what the former has begun, and nothing overtakes.
//! Calls come in two kinds. What one of the first kind brings lies where the call has put it, whoever looks first. One of
//! the second owes somebody its error: if it is not told by [`Errand::poll_outcome`], it is kept for
//! [`Errand::take_owed`], and if nobody asks for it, reported.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::call::given_up;
use crate::scheduler::context;
use crate::scheduler::report::{ExceptionContext, report};
use crate::sync::{Pending, promise};
use crate::waiting::{self, Kind, NOWHERE};

/// What goes wrong where nobody waits any more.
const UNHEARD: &str = "a write that nobody waited for has failed";

/// At most one call at a time.
pub(crate) struct Errand {
    running: Option<Running>,
    owed: Option<io::Error>,
}

struct Running {
    outcome: Pending<io::Result<u64>>,
    owes: bool,
}

impl Errand {
    pub(crate) const fn new() -> Errand {
        Errand { running: None, owed: None }
    }

    /// Sends a call whose outcome nobody needs to be told. None may be under way.
    pub(crate) fn start(&mut self, call: impl FnOnce() -> io::Result<u64> + Send + 'static) -> io::Result<()> {
        self.send(call, false)
    }

    /// Sends a call whose error must be told. None may be under way.
    pub(crate) fn start_owing(&mut self, call: impl FnOnce() -> io::Result<u64> + Send + 'static) -> io::Result<()> {
        self.send(call, true)
    }

    fn send(&mut self, call: impl FnOnce() -> io::Result<u64> + Send + 'static, owes: bool) -> io::Result<()> {
        debug_assert!(self.running.is_none(), "one call at a time");
        let shared = context::runtime().ok_or_else(context::no_runtime)?;
        let (promise, outcome) = promise();
        let home = shared.clone();
        let job = move || {
            // What the call holds is dropped before its outcome is known.
            if let Err(Err(error)) = promise.set(call())
                && owes
            {
                home.report(&ExceptionContext::new(UNHEARD).with_error(error.to_string()));
            }
        };
        shared.blocking.start(Box::new(job))?;
        self.running = Some(Running { outcome, owes });
        Ok(())
    }

    /// Waits for the call that was sent by the caller itself.
    pub(crate) fn poll_outcome(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let running = self.running.as_mut().expect("polled again after it was ready");
        let polled = Pin::new(&mut running.outcome).poll(cx);
        if polled.is_pending() {
            // From which line, whoever called says.
            waiting::note(Kind::File, 0, NOWHERE);
        }
        let outcome = ready!(polled);
        self.running = None;
        Poll::Ready(outcome.unwrap_or_else(|_| Err(given_up())))
    }

    /// Waits for whatever was sent before.
    pub(crate) fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(running) = &self.running {
            let owes = running.owes;
            if let Err(error) = ready!(self.poll_outcome(cx))
                && owes
            {
                // Two cannot be owed: nobody sends a call that owes before the former error is told.
                self.owed.get_or_insert(error);
            }
        }
        Poll::Ready(())
    }

    /// The error of a call for which nobody waited.
    pub(crate) fn take_owed(&mut self) -> Option<io::Error> {
        self.owed.take()
    }
}

impl Drop for Errand {
    fn drop(&mut self) {
        let done = self.running.take().filter(|running| running.owes);
        let done = done.and_then(|mut running| running.outcome.try_get()).and_then(Result::ok).and_then(Result::err);
        if let Some(error) = self.owed.take().or(done) {
            let context = ExceptionContext::new(UNHEARD).with_error(error.to_string());
            match context::runtime() {
                Some(shared) => shared.report(&context),
                None => report(None, &context),
            }
        }
    }
}
