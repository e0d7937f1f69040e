//! How a task can fail to give a value.

use std::any::Any;
use std::error::Error;
use std::fmt;

use crate::shim::Mutex;

/// Why awaiting a task gave no value.
#[derive(Debug)]
#[non_exhaustive]
pub enum TaskError {
    /// The task was cancelled: by `cancel`, with whoever awaited it, or because its runtime ended.
    Cancelled,
    /// The task panicked.
    Panicked(Panic),
    /// The task's error went to its group.
    Failed,
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TaskError::Cancelled => f.write_str("task was cancelled"),
            TaskError::Panicked(panic) => write!(f, "task panicked: {}", panic.message()),
            TaskError::Failed => f.write_str("task failed; its error went to its task group"),
        }
    }
}

impl Error for TaskError {}

/// A panic that was caught in a task or a thread.
pub struct Panic(Box<Caught>);

struct Caught {
    message: Box<str>,
    payload: Mutex<Box<dyn Any + Send>>,
}

impl Panic {
    pub(crate) fn new(payload: Box<dyn Any + Send>) -> Panic {
        Panic(Box::new(Caught { message: panic_message(&*payload).into(), payload: Mutex::new(payload) }))
    }

    /// What the panic said, if it said it in words.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The value that `panic!` or `panic_any` was called with.
    pub fn into_payload(self) -> Box<dyn Any + Send> {
        self.0.payload.into_inner()
    }

    /// Lets the panic go on in the calling thread.
    ///
    /// # Panics
    /// Always: that is what it is for.
    pub fn resume(self) -> ! {
        std::panic::resume_unwind(self.into_payload())
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Panic").field(&self.message()).finish()
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "(a panic whose payload is no text)"
    }
}
