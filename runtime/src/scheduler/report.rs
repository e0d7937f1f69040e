//! Errors that nobody awaits.

use std::any::Any;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Arc;

use crate::task::error::{Panic, TaskError, panic_message};
use crate::task::status::TaskInfo;

/// What went wrong where nobody could be told: asyncio's exception handler gets the same.
#[derive(Debug)]
#[non_exhaustive]
pub struct ExceptionContext {
    /// What happened, in a sentence.
    pub message: String,
    /// What the panic said, if it was one.
    pub panic: Option<String>,
    /// The error's own text, if it was one; the name of its type where only that is known.
    pub error: Option<String>,
    /// The error itself, for those who know its type.
    pub value: Option<Box<dyn Any + Send>>,
    /// The task it happened in, if it was in one.
    pub task: Option<TaskInfo>,
    /// The line that asked for what went wrong, where that is not the task's own.
    pub location: Option<&'static Location<'static>>,
}

pub(crate) type ExceptionHandler = dyn Fn(&ExceptionContext) + Send + Sync;

impl ExceptionContext {
    pub(crate) fn new(message: impl Into<String>) -> ExceptionContext {
        ExceptionContext { message: message.into(), panic: None, error: None, value: None, task: None, location: None }
    }

    pub(crate) fn with_panic(mut self, text: &str) -> ExceptionContext {
        self.panic = Some(text.to_owned());
        self
    }

    pub(crate) fn with_error(mut self, text: impl Into<String>) -> ExceptionContext {
        self.error = Some(text.into());
        self
    }

    /// An error whose type is not known to print itself: some that do are tried.
    pub(crate) fn with_value<E: Send + 'static>(mut self, error: E) -> ExceptionContext {
        self.error = Some(describe(&error));
        self.value = Some(Box::new(error));
        self
    }

    pub(crate) fn at(mut self, location: &'static Location<'static>) -> ExceptionContext {
        self.location = Some(location);
        self
    }

    pub(crate) fn in_task(mut self, task: TaskInfo) -> ExceptionContext {
        self.task = Some(task);
        self
    }

    fn print(&self) {
        let mut text = format!("raddle: {}", self.message);
        if let Some(panic) = &self.panic {
            text.push_str(&format!(": {panic}"));
        }
        if let Some(error) = &self.error {
            text.push_str(&format!(": {error}"));
        }
        if let Some(location) = &self.location {
            text.push_str(&format!("\n  from {location}"));
        }
        if let Some(task) = &self.task {
            text.push_str(&format!("\n  in {task:?}"));
        }
        eprintln!("{text}");
    }
}

/// The text of an error of a common type, else the name of its type.
fn describe<E: 'static>(error: &E) -> String {
    let any: &dyn Any = error;
    if let Some(error) = any.downcast_ref::<crate::BoxError>() {
        error.to_string()
    } else if let Some(error) = any.downcast_ref::<std::io::Error>() {
        error.to_string()
    } else if let Some(error) = any.downcast_ref::<TaskError>() {
        error.to_string()
    } else if let Some(error) = any.downcast_ref::<String>() {
        error.clone()
    } else if let Some(error) = any.downcast_ref::<&'static str>() {
        (*error).to_owned()
    } else {
        format!("an error of type {}", std::any::type_name::<E>())
    }
}

/// Tells the handler, or stderr where there is none or the handler panics.
pub(crate) fn report(handler: Option<&Arc<ExceptionHandler>>, context: &ExceptionContext) {
    #[cfg(feature = "tracing")]
    trace(context);
    let Some(handler) = handler else { return context.print() };
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| handler(context))) {
        context.print();
        eprintln!("raddle: the exception handler itself panicked: {}", panic_message(&*payload));
        forget_payload(payload);
    }
}

/// Tells those who listen with `tracing`, besides: errors as errors, all else as warnings. Whoever panics there is not
/// heard: there is nobody left to tell.
#[cfg(feature = "tracing")]
fn trace(context: &ExceptionContext) {
    let ExceptionContext { message, panic, error, task, location, .. } = context;
    let (panic, error) = (panic.as_deref(), error.as_deref());
    let (task, id) = (task.as_ref().map(|task| &*task.name), task.as_ref().map(|task| task.id.0));
    let from = location.map(tracing::field::display);
    let told = catch_unwind(AssertUnwindSafe(|| {
        if panic.is_some() || error.is_some() {
            tracing::error!(target: "raddle", panic, error, task, id, from, "{message}");
        } else {
            tracing::warn!(target: "raddle", task, id, from, "{message}");
        }
    }));
    let _ = told.map_err(forget_payload);
}

/// Lets go of a panic's payload, whose own drop may panic.
pub(crate) fn forget_payload(payload: Box<dyn Any + Send>) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(payload))).map_err(std::mem::forget);
}

/// Calls `f` and catches its panic.
pub(crate) fn catch<T>(f: impl FnOnce() -> T) -> Result<T, Panic> {
    catch_unwind(AssertUnwindSafe(f)).map_err(Panic::new)
}
