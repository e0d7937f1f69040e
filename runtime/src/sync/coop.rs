//! The one place where the primitives ask the cooperative budget.
//!
//! An operation asks once, when it is about to make progress or to queue up for the first time; a waiter whose turn
//! has come is never refused, since it has just let others run. The models know no budget.

use std::task::{Context, Poll};

/// Takes one unit of the task's budget; `Pending` means that it is spent and the task has been woken to come back.
#[cfg(not(raddle_loom))]
#[inline]
pub(super) fn poll_proceed(cx: &mut Context<'_>) -> Poll<()> {
    raddle_io::budget::poll_proceed(cx)
}

/// Under loom every operation may proceed.
#[cfg(raddle_loom)]
pub(super) fn poll_proceed(_cx: &mut Context<'_>) -> Poll<()> {
    Poll::Ready(())
}
