//! A task slot's way back to its page.

use super::poll::drop_context;
use crate::scheduler::context;
use crate::task::arena;
use crate::task::header::TaskRef;

/// Frees a task's slot.
///
/// # Safety
/// The state word said so: the task is complete, its output gone, and no reference left.
#[inline]
pub(super) unsafe fn free(task: TaskRef) {
    if task.side().is_some() {
        // SAFETY: the caller's promise.
        unsafe { free_side(task) };
    }
    let arena = task.arena();
    let own = context::current().filter(|worker| worker.owns(arena));
    // SAFETY: the caller's promise.
    let slot = unsafe { task.retire() };
    match own {
        // SAFETY: free, and of this worker's arena.
        Some(worker) => unsafe { worker.free(slot) },
        // SAFETY: free, and the caller's.
        None => unsafe { arena::free_foreign(slot) },
    }
}

/// # Safety
/// As [`free`].
#[cold]
unsafe fn free_side(task: TaskRef) {
    // SAFETY: the caller's promise.
    if let Some(side) = unsafe { task.take_side() } {
        // Empty, unless somebody set a variable after the end of the task: its output's destructor, say.
        drop_context(task, side.into_context());
    }
}
