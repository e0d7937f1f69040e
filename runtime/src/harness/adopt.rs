//! Who awaits a cleanup that no frame collects.

use std::future::Future;
use std::panic::Location;

use super::cleanups::Cleanups;
use super::collector::{self, Item};
use super::create::{self, Birth};
use super::join::{Counted, Join};
use super::waker;
use crate::scheduler::context;
use crate::scheduler::report::{ExceptionContext, report};
use crate::scheduler::worker::Worker;
use crate::task::header::TaskRef;
use crate::task::side::Callback;
use crate::task::status::TaskStatus;

/// Gives an item to the nearest party that can await it.
pub(crate) fn hand_over(item: Item) {
    let Err(item) = collector::offer(item) else { return };
    match context::current() {
        Some(worker) if worker.current_task().is_some() => {
            collector::keep(item);
            worker.set_keeping();
        }
        Some(worker) => detach(worker, vec![item]),
        None => hand_over_outside(item),
    }
}

/// A thread that is no worker: the cleanup goes to the runtime that the thread belongs to, if it belongs to one.
#[cold]
fn hand_over_outside(item: Item) {
    // A task's end: the task has been cancelled, and nobody here can wait.
    let Item::Cleanup(cleanup) = item else { return };
    match context::home() {
        Some(shared) => {
            let at = cleanup.at;
            let cleanups = Cleanups::of(vec![Item::Cleanup(cleanup)]);
            // SAFETY: the future is `Send` and `'static`, and its output is `()`.
            let task = unsafe { create::create_outside(&shared, cleanups, Birth::of_cleanup(at)) };
            forget_handle(task);
        }
        None => {
            let text = format!(
                "async cleanup from {} was dropped on a thread without a runtime, and has not run; \
                 drop its future inside `raddle::run`",
                cleanup.at
            );
            report(None, &ExceptionContext::new(text));
        }
    }
}

/// Finds somebody for what is left when its task is past waiting.
pub(super) fn leave(items: Vec<Item>) {
    match context::current() {
        Some(worker) => detach(worker, items),
        None => items.into_iter().for_each(hand_over_outside),
    }
}

/// Awaits the items in a task of their own, which nobody waits for.
pub(crate) fn detach(worker: &Worker, items: Vec<Item>) {
    if items.iter().any(|item| matches!(item, Item::Cleanup(_))) {
        forget_handle(create_cleanup(worker, items));
    }
}

/// Awaits the items beside the running task, which is not done before they are.
pub(super) fn outlive(worker: &Worker, task: TaskRef, items: Vec<Item>) {
    let (ends, cleanups): (Vec<Item>, Vec<Item>) = items.into_iter().partition(|item| matches!(item, Item::End(_)));
    for end in ends {
        if let Item::End(other) = end {
            outlive_task(task, other.task());
        }
    }
    if !cleanups.is_empty() {
        let other = create_cleanup(worker, cleanups);
        outlive_task(task, other);
        forget_handle(other);
    }
}

fn outlive_task(task: TaskRef, other: TaskRef) {
    // A task that drops its own handle would wait for itself.
    if other == task || other.state().is_complete() {
        return;
    }
    task.side_or_make().adopt();
    let adopter = Counted::of(task);
    when_done(
        other,
        Box::new(move |_| {
            let task = adopter.task();
            task.side_or_make().adopted_ended();
            waker::wake_task(task);
        }),
    );
}

fn create_cleanup(worker: &Worker, items: Vec<Item>) -> TaskRef {
    let at = items.iter().find_map(|item| match item {
        Item::Cleanup(cleanup) => Some(cleanup.at),
        Item::End(_) => None,
    });
    let birth = Birth::of_cleanup(at.unwrap_or(Location::caller()));
    // SAFETY: `Cleanups` is `Send` and `'static`, and its output is `()`.
    unsafe { create::create_here(worker, Cleanups::of(items), birth) }
}

fn forget_handle(task: TaskRef) {
    // SAFETY: the handle's reference of a task that was just made; its output is `()`.
    drop_handle(unsafe { Join::<()>::new(task) });
}

fn drop_handle(mut join: Join<()>) {
    join.drop_handle();
}

/// Calls `callback` when the task has ended: on the worker that completes it, or here and now if it is over.
pub(crate) fn when_done(task: TaskRef, callback: Callback) {
    when_done_unless(task, 0, callback);
}

/// As [`when_done`], with a key other than 0 by which the callback can be taken off the side record again.
pub(crate) fn when_done_unless(task: TaskRef, key: usize, callback: Callback) {
    let side = task.side_or_make();
    side.push_callback(key, callback);
    if task.state().announce_callback() {
        return;
    }
    // Over, and its completer may not have looked: whoever takes the callbacks calls them.
    let status = TaskStatus::of(task, None);
    for callback in side.take_callbacks() {
        callback(status);
    }
}

/// Starts a task that belongs to nobody and counts as cleanup: the end of the runtime leaves it its grace. `at` is the
/// line that it is there for. Outside of any runtime the future is dropped.
pub(crate) fn start_cleanup<F>(future: F, at: &'static Location<'static>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let birth = Birth::of_cleanup(at);
    // SAFETY: the future is `Send` and `'static`, and its output is `()`.
    let task = unsafe {
        match (context::current(), context::home()) {
            (Some(worker), _) => create::create_here(worker, future, birth),
            (None, Some(shared)) => create::create_outside(&shared, future, birth),
            (None, None) => return drop(future),
        }
    };
    forget_handle(task);
}
