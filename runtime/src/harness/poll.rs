//! One poll of a task, and what follows from it.

use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::cell::{Cell, Stored};
use super::collector::{self, collect};
use super::{adopt, drain, memory, stop, waker};
use crate::scheduler::context;
use crate::scheduler::report::{ExceptionContext, forget_payload};
use crate::scheduler::worker::{Flags, Worker};
use crate::task::error::{Panic, TaskError};
use crate::task::header::TaskRef;
use crate::task::held_context::HeldContext;
use crate::task::state::{AfterPending, Complete, Outcome, Start, Unjoined, Waiting};
use crate::task::status::{TaskInfo, TaskStatus};
use crate::waiting;

/// Polls the task's future once.
///
/// # Safety
/// The caller gives the right to poll and a reference away; the task was made with `S`; this thread is a worker of
/// the task's runtime, and its home if it is pinned.
pub(super) unsafe fn run<S: Stored>(task: TaskRef) {
    let Some(worker) = context::current() else { unreachable!("tasks are polled by workers") };
    match task.state().start() {
        Start::Poll => {}
        Start::PollCleanup => worker.set_cleaning(),
        // SAFETY: OWNED is ours.
        Start::Cancel => return unsafe { cancel::<S>(worker, task) },
        Start::Drain => return drain::resume(worker, task),
    }
    let waker = waker::borrowed(task);
    let mut cx = Context::from_waker(&waker);
    let polled = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: OWNED excludes every other access to the stage, and the task is not complete: it holds the future,
        // which never moves.
        unsafe { Pin::new_unchecked(&mut *(*Cell::<S>::stage(task).as_ptr()).future) }.poll(&mut cx)
    }));
    match polled {
        Ok(Poll::Pending) => {
            stop::look_again(worker, task);
            let flags = worker.take_flags();
            if flags.just_yielded() {
                return worker.push_back(task);
            }
            if !flags.are_quiet() {
                match follow_flags(worker, task, flags) {
                    Follow::GoOn => {}
                    Follow::Queued => return,
                    Follow::Failed => {
                        // SAFETY: OWNED is ours; the future, which said that it has failed, is not polled again.
                        return unsafe { finish::<S>(worker, task, Err(TaskError::Failed), Outcome::Value) };
                    }
                }
            }
            task.waiting().set(waiting::noted(), worker.moment());
            match task.state().after_pending() {
                AfterPending::Idle => {}
                AfterPending::Reschedule => worker.push_back(task),
                // SAFETY: OWNED is still ours.
                AfterPending::Cancel => unsafe { cancel::<S>(worker, task) },
            }
        }
        Ok(Poll::Ready(value)) => {
            // SAFETY: OWNED is ours, and the future was polled to its end.
            unsafe { finish::<S>(worker, task, Ok(value), Outcome::Value) };
        }
        Err(payload) => {
            let error = TaskError::Panicked(Panic::new(payload));
            // SAFETY: OWNED is ours; a future that panicked is not polled again, only dropped.
            unsafe { finish::<S>(worker, task, Err(error), Outcome::Panicked) };
        }
    }
}

/// How a task goes on after a poll that noted something.
enum Follow {
    GoOn,
    /// It is at the back of the queue.
    Queued,
    /// It has ended without a value.
    Failed,
}

/// What a pending poll left besides.
#[cold]
fn follow_flags(worker: &Worker, task: TaskRef, flags: Flags) -> Follow {
    if flags.young() {
        settle_timers(task);
    }
    if flags.failed() {
        if flags.keeping() {
            worker.set_keeping();
        }
        return Follow::Failed;
    }
    if flags.keeping() {
        adopt::outlive(worker, task, collector::take_kept());
    }
    if !flags.yielded() {
        return Follow::GoOn;
    }
    worker.push_back(task);
    Follow::Queued
}

/// Puts the timers that have survived the poll which made them into the wheel.
pub(super) fn settle_timers(task: TaskRef) {
    raddle_io::nursery::settle(&waker::borrowed(task));
}

/// Drops the future of a cancelled task, here on its worker.
#[cold]
unsafe fn cancel<S: Stored>(worker: &Worker, task: TaskRef) {
    // SAFETY: the caller's.
    unsafe { finish::<S>(worker, task, Err(TaskError::Cancelled), Outcome::Cancelled) };
}

/// Puts the output in the future's place and completes the task.
unsafe fn finish<S: Stored>(worker: &Worker, task: TaskRef, output: Result<S::Output, TaskError>, outcome: Outcome) {
    let output = ManuallyDrop::new(output);
    // SAFETY: OWNED is the caller's; the future is dropped once, and the output written once, over it.
    unsafe {
        let stage = Cell::<S>::stage(task).as_ptr();
        let drop_future = || ManuallyDrop::drop(&mut (*stage).future);
        guard(task, "a task's future panicked while it was dropped", drop_future);
        (*stage).output = output;
    }
    stop::look_again(worker, task);
    let flags = worker.take_flags();
    if !flags.are_quiet() || task.has_side() {
        return drain::end(worker, task, outcome, flags);
    }
    complete(worker, task, outcome);
}

/// Ends the task. Not generic: everything that depends on the future is behind the vtable.
pub(super) fn complete(worker: &Worker, task: TaskRef, outcome: Outcome) {
    match task.state().complete(outcome) {
        Complete::Done => worker.count_end(),
        Complete::Tell(waiting) => tell(worker, task, waiting),
        Complete::JoinGone => {
            // SAFETY: OWNED is ours and JOIN is gone for good: the output is ours.
            unsafe { drop_output(task, outcome) };
            match task.state().complete_unjoined(outcome) {
                Unjoined::Done => worker.count_end(),
                Unjoined::Tell(waiting) => tell(worker, task, waiting),
                Unjoined::Free => {
                    // SAFETY: the transition said so.
                    unsafe { memory::free(task) };
                    worker.count_end();
                }
            }
        }
    }
}

/// Lets go of the values of the task's context variables, before anybody learns that it has ended. Main's are for the
/// next main.
#[cold]
pub(super) fn end_context(worker: &Worker, task: TaskRef) {
    let Some(side) = task.side() else { return };
    let context = side.take_context();
    if worker.main.get() == Some(task) {
        worker.main_context.replace(context);
    } else {
        drop_context(task, context);
    }
}

/// Drops each value on its own: one that panics keeps no other.
pub(super) fn drop_context(task: TaskRef, context: HeldContext) {
    if context.is_own_and_empty() {
        return;
    }
    let what = "a context variable's value panicked while it was dropped";
    context.drop_each(|value| guard_and_detach(task, what, || drop(value)));
}

/// Tells whoever waits for the end, on the reference that the completing transition left.
#[inline]
fn tell(worker: &Worker, task: TaskRef, waiting: Waiting) {
    if waiting.joiner {
        // SAFETY: the transition that completed the task saw the slot filled.
        let joiner = unsafe { task.header().join.take() };
        if let Some(foreign) = waker::wake_own(worker, joiner) {
            wake_foreign(task, foreign);
        }
    }
    if waiting.callbacks {
        call_back(task);
    }
    waker::release(task);
    worker.count_end();
}

#[cold]
fn wake_foreign(task: TaskRef, joiner: Waker) {
    guard(task, "the waker of whoever awaits a task panicked", || joiner.wake());
}

#[cold]
fn call_back(task: TaskRef) {
    let Some(side) = task.side() else { return };
    let status = TaskStatus::of(task, None);
    for callback in side.take_callbacks() {
        guard_and_detach(task, "an on_done callback panicked", || callback(status));
    }
}

/// Drops an output that nobody will fetch; a panic in it is reported, since nobody will see it.
///
/// # Safety
/// The output is there and the caller's.
pub(super) unsafe fn drop_output(task: TaskRef, outcome: Outcome) {
    let vtable = task.header().vtable;
    match outcome {
        Outcome::Value if !vtable.value_needs_drop => return,
        Outcome::Value | Outcome::Cancelled => {}
        Outcome::Panicked => {
            // SAFETY: the caller's promise.
            if let Some(text) = unsafe { (vtable.unseen_panic)(task) } {
                let context = ExceptionContext::new("a task panicked, and nobody awaits it").with_panic(&text);
                report(task, context);
            }
        }
    }
    // SAFETY: the caller's promise.
    let drop_output = || unsafe { (vtable.drop_output)(task) };
    guard_and_detach(task, "a task's output panicked while it was dropped", drop_output);
}

/// Calls foreign code when its task is past waiting for cleanup: what is handed over becomes a task.
fn guard_and_detach(task: TaskRef, what: &str, f: impl FnOnce()) {
    let left = collect(|| guard(task, what, f));
    if !left.is_empty() {
        adopt::leave(left);
    }
}

/// Calls foreign code on a task's behalf; its panic is reported.
fn guard(task: TaskRef, what: &str, f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        let panic = Panic::new(payload);
        report(task, ExceptionContext::new(what).with_panic(panic.message()));
        forget_payload(panic.into_payload());
    }
}

#[cold]
fn report(task: TaskRef, context: ExceptionContext) {
    if let Some(shared) = super::runtime_of(task) {
        shared.report(&context.in_task(TaskInfo::of(task, None)));
    }
}
