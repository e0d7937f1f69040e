//! The last stretch of a task: its future is gone, its output is there, and the cleanup that it adopted is awaited.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::cleanups::Cleanups;
use super::collector;
use super::poll::{complete, end_context, settle_timers};
use super::waker;
use crate::scheduler::worker::{Flags, Worker};
use crate::task::header::TaskRef;
use crate::task::side;
use crate::task::state::{AfterPending, Outcome};
use crate::waiting::{self, Kind, NOWHERE};

/// Ends a task whose last poll kept cleanup, or that has a side record; by the holder of OWNED.
#[cold]
pub(super) fn end(worker: &Worker, task: TaskRef, outcome: Outcome, flags: Flags) {
    if flags.young() {
        settle_timers(task);
    }
    let kept = collector::take_kept();
    if kept.is_empty() && !task.side().is_some_and(side::Side::has_adopted) {
        end_context(worker, task);
        return complete(worker, task, outcome);
    }
    let rest = Box::pin(Rest { cleanups: Cleanups::of(kept), task });
    task.state().begin_drain();
    go_on(worker, task, side::Drain { outcome, rest });
}

/// Polls the drain of a task that was woken.
#[cold]
pub(super) fn resume(worker: &Worker, task: TaskRef) {
    let drain = task.side().and_then(side::Side::take_drain);
    go_on(worker, task, drain.expect("a draining task has its drain"));
}

fn go_on(worker: &Worker, task: TaskRef, mut drain: side::Drain) {
    let waker = waker::borrowed(task);
    let polled = drain.rest.as_mut().poll(&mut Context::from_waker(&waker));
    let flags = worker.take_flags();
    if flags.young() {
        settle_timers(task);
    }
    if polled.is_ready() {
        drop(drain.rest);
        end_context(worker, task);
        return complete(worker, task, drain.outcome);
    }
    task.side_or_make().put_drain(drain);
    if flags.yielded() || flags.keeping() {
        // It yielded, or a cleanup left more to await: another look.
        return worker.push_back(task);
    }
    waiting::note_if_none(Kind::Cleanup, 0, NOWHERE);
    task.waiting().set(waiting::noted(), worker.moment());
    match task.state().after_pending() {
        AfterPending::Idle => {}
        AfterPending::Reschedule | AfterPending::Cancel => worker.push_back(task),
    }
}

/// Everything that stands between the task's output and its completion.
struct Rest {
    cleanups: Cleanups,
    /// The task that this is the drain of; it completes after the drain is gone.
    task: TaskRef,
}

impl Future for Rest {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let kept = collector::take_kept();
            self.cleanups.extend(kept);
            if Pin::new(&mut self.cleanups).poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.cleanups.extend(collector::take_kept());
            if self.cleanups.is_empty() {
                break;
            }
        }
        match self.task.side() {
            Some(side) if side.has_adopted() => Poll::Pending,
            _ => Poll::Ready(()),
        }
    }
}
