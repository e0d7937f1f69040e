//! What the queues have to know of a task: that it can be linked. The real header needs the pages it lies in.

use std::ptr::NonNull;

use crate::shim::UnsafeCell;

/// A task that is only a number.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) next: UnsafeCell<Option<TaskRef>>,
    pub(crate) number: usize,
}

/// A pointer to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TaskRef(NonNull<Header>);

// SAFETY: as of the real one: a header is made for being reached from any thread.
unsafe impl Send for TaskRef {}

impl TaskRef {
    /// A task for the rest of the process; models are too small to mind.
    pub(crate) fn leaked(number: usize) -> TaskRef {
        TaskRef(NonNull::from(Box::leak(Box::new(Header { next: UnsafeCell::new(None), number }))))
    }

    pub(crate) fn new(header: NonNull<Header>) -> TaskRef {
        TaskRef(header)
    }

    pub(crate) fn pointer(self) -> NonNull<Header> {
        self.0
    }

    pub(crate) fn header<'a>(self) -> &'a Header {
        // SAFETY: leaked.
        unsafe { self.0.as_ref() }
    }
}
