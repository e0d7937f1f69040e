//! What makes tasks run: birth, polls, wakers, and the handle's half.

pub(crate) mod adopt;
pub(crate) mod ambient;
mod cell;
pub(crate) mod cleanups;
pub(crate) mod collector;
pub(crate) mod create;
mod drain;
pub(crate) mod join;
mod memory;
mod orphan;
mod poll;
pub(crate) mod stop;
#[cfg(feature = "tracing")]
mod traced;
pub(crate) mod waker;

use crate::scheduler::shared::Shared;
use crate::task::header::TaskRef;

/// The runtime that a task belongs to; none for a task that was offered after its runtime had ended.
pub(crate) fn runtime_of<'a>(task: TaskRef) -> Option<&'a Shared> {
    // SAFETY: the runtime lives while any of its tasks' memory does, and the caller holds a reference to the task.
    unsafe { task.runtime().cast::<Shared>().as_ref() }
}
