//! The end of a runtime, step by step.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::harness::create;
use crate::harness::join::release_walked;
use crate::harness::waker::wake_task;
use crate::scheduler::phase::Phase;
use crate::scheduler::report::{ExceptionContext, catch, forget_payload};
use crate::scheduler::shared::Shared;
use crate::scheduler::worker::Worker;
use crate::task::header::TaskRef;
use crate::task::status::TaskInfo;

/// A task whose birth crossed the walk is found by the next one.
const WALK_EVERY: Duration = Duration::from_millis(20);

/// A worker that is not stuck does its part at once, and gets this much time even where the grace is used up.
const A_MOMENT: Duration = Duration::from_millis(100);

/// Ends a runtime, on worker 0's thread, after main has ended (step 1) and its value is kept.
pub(super) fn shut_down(shared: &Arc<Shared>, worker: &Worker) {
    let grace = shared.config.shutdown_grace();
    let began = Instant::now();
    let deadline = began + grace;
    // Asked for again and again: somebody may lose patience.
    let patience = || if shared.ending.is_cut_short() { began } else { deadline };
    shared.ending.set_deadline(shared.clock().now() + grace);
    // 2. What is created from here on is cancelled at birth: a worker drops its future.
    shared.phase.set(Phase::Closing);
    shared.threads.notify_all();
    // 3. Every task that lives is cancelled; 4. workers run until the last has ended.
    cancel_all(shared, worker, patience);
    // Threads outside may still have created tasks; from here on they cannot, so the second count is the last.
    shared.close_outside();
    cancel_all(shared, worker, patience);
    // 5. What is stuck in a poll is reported and left behind.
    report_stuck_tasks(shared);
    // 6. Blocking threads; and nobody is left to hear what a name lookup finds.
    let a_moment = Instant::now() + A_MOMENT;
    if !shared.blocking.close(|| patience().max(a_moment)) {
        let text = "a blocking call outlasted the runtime's grace period; its thread is left behind";
        shared.report(&ExceptionContext::new(text));
    }
    shared.lookups.abandon();
    // 7. Workers leave.
    shared.threads.close();
    shared.close_queues();
    shared.phase.set(Phase::Stopped);
    shared.threads.notify_all();
    shared.unpark_others();
    let a_moment = Instant::now() + A_MOMENT;
    for index in shared.threads.join(|| patience().max(a_moment)) {
        let who = shared.name_of(index);
        let text = format!("{who} is stuck in a poll; its thread is left behind until that poll ends");
        shared.report(&ExceptionContext::new(text));
    }
    worker.enter(|| {
        drop_main_context(shared, worker);
        worker.drain();
    });
    // 8. Sockets and timers learn that their home is gone; the task memory closes.
    worker.reactor.shut_down();
    worker.close_arena();
    shared.close_outside_arena();
    shared.spares.close_arenas();
}

/// Cancels every task and runs until the last has ended. Cleanup has until the deadline, and is cut then.
fn cancel_all(shared: &Shared, worker: &Worker, deadline: impl Fn() -> Instant) {
    cancel_until(shared, worker, |now| now >= deadline() || shared.is_cleanup_overdue());
    if shared.live_tasks() > 0 {
        shared.ending.end_grace();
        let last_moment = deadline().max(Instant::now()) + A_MOMENT;
        cancel_until(shared, worker, |now| now >= last_moment);
    }
}

fn cancel_until(shared: &Shared, worker: &Worker, is_over: impl Fn(Instant) -> bool) {
    while shared.live_tasks() > 0 && !is_over(Instant::now()) {
        worker.enter(|| {
            shared.walk(|task| {
                end_task(shared, task);
                release_walked(task);
            })
        });
        let until = Instant::now() + WALK_EVERY;
        worker.run_until(|| {
            let now = Instant::now();
            shared.live_tasks() == 0 || now >= until || is_over(now)
        });
    }
}

/// What is no cleanup ends now; cleanup learns that it has little time left, or none.
pub(super) fn end_task(shared: &Shared, task: TaskRef) {
    if task.state().snapshot().is_cleanup() && !shared.ending.is_grace_over() {
        wake_task(task);
    } else {
        create::cancel(task);
    }
}

/// The context variables of main, which no other run will see.
fn drop_main_context(shared: &Shared, worker: &Worker) {
    worker.main_context.take().drop_each(|value| {
        if let Err(panic) = catch(|| drop(value)) {
            let text = "a context variable's value panicked while it was dropped";
            shared.report(&ExceptionContext::new(text).with_panic(panic.message()));
            forget_payload(panic.into_payload());
        }
    });
}

fn report_stuck_tasks(shared: &Shared) {
    if shared.live_tasks() == 0 {
        return;
    }
    shared.walk(|task| {
        let text = "a task is stuck in a poll beyond the runtime's grace period and is left behind";
        shared.report(&ExceptionContext::new(text).in_task(TaskInfo::of(task, None)));
        release_walked(task);
    });
}
