//! The context of whoever runs here: of the task that is being polled, or else of this thread.
//!
//! A task without variables has no record of any kind, so neither a poll nor a birth knows of contexts: a birth looks
//! whether the creator has a side record, an end whether the task has one. A variable that is read finds its task by
//! way of the worker.

use std::cell::RefCell;

use super::create::current_task;
use crate::task::header::TaskRef;
use crate::task::held_context::{Before, HeldContext};
use crate::task::side::Side;
use crate::task::variables::{Key, Value, Variables};

thread_local! {
    /// The context of this thread where it runs no task.
    static THREAD: RefCell<HeldContext> = const { RefCell::new(HeldContext::new()) };
}

/// Calls `f` with the present context; None at the end of a thread whose own is gone. `f` moves values about and
/// drops none, so it calls nobody who could come back here.
fn with<R>(f: impl FnOnce(&mut HeldContext) -> R) -> Option<R> {
    match current_task() {
        Some(task) => Some(task.side_or_make().with_context(f)),
        None => THREAD.try_with(|thread| f(&mut thread.borrow_mut())).ok(),
    }
}

/// As [`with`], for those who only look. None: nothing is set.
fn look<R>(f: impl FnOnce(&HeldContext) -> R) -> Option<R> {
    match current_task() {
        Some(task) => task.side().map(|side| side.with_context(|context| f(context))),
        None => THREAD.try_with(|thread| f(&thread.borrow())).ok(),
    }
}

pub(crate) fn get(key: &'static Key) -> Option<Value> {
    look(|context| context.get(key)).flatten()
}

pub(crate) fn set(key: &'static Key, value: Value) {
    let before = with(|context| context.set(key, value));
    drop(before);
}

/// All values.
pub(crate) fn copy() -> Variables {
    look(HeldContext::copy).unwrap_or_default()
}

/// What something that is started here begins with.
pub(crate) fn for_child() -> HeldContext {
    HeldContext::Own(look(HeldContext::for_child).flatten().unwrap_or_default())
}

/// Gives a task that nobody else knows yet what its creator hands down.
#[cold]
pub(super) fn hand_down(child: TaskRef) {
    if let Some(variables) = look(HeldContext::for_child).flatten() {
        begin_with(child, HeldContext::Own(variables));
    }
}

/// Gives a task that nobody else knows yet its context.
pub(crate) fn begin_with(task: TaskRef, context: HeldContext) {
    debug_assert!(task.side().is_none(), "a new task has no side record yet");
    task.side_or_insert(Side::with(context));
}

/// Calls `f` in that context, and puts the present one back.
pub(crate) fn run_in<R>(context: HeldContext, f: impl FnOnce() -> R) -> R {
    struct Leave(Option<HeldContext>);
    impl Drop for Leave {
        fn drop(&mut self) {
            let left = with(|context| std::mem::replace(context, self.0.take().unwrap_or_default()));
            drop(left);
        }
    }
    let _leave = Leave(with(|present| std::mem::replace(present, context)));
    f()
}

/// A variable has a value of its own as long as this is there.
pub(crate) struct Scope<'a> {
    key: &'static Key,
    /// Where the value lies outside of the scope.
    value: &'a mut Option<Value>,
    before: Option<Before>,
}

impl Scope<'_> {
    pub(crate) fn enter<'a>(key: &'static Key, value: &'a mut Option<Value>) -> Scope<'a> {
        let before = value.take().and_then(|value| with(|context| context.begin_scope(key, value)));
        Scope { key, value, before }
    }
}

impl Drop for Scope<'_> {
    fn drop(&mut self) {
        if let Some(before) = self.before.take() {
            *self.value = with(|context| context.end_scope(self.key, before)).flatten();
        }
    }
}
