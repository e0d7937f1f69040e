//! How much a task may do in one poll before it gives its worker back.
//!
//! A task whose sockets and timers are always ready would never return `Pending`, and its worker would serve nobody
//! else. So every operation at the bottom of an await (a read, an accept, a sleep that ends) takes one unit of its
//! thread's budget when it makes progress; with none left it wakes its own task and says `Pending`. A worker fills the
//! budget up before each poll, which is one store. Threads that are no workers have no limit.

use std::cell::Cell;
use std::task::{Context, Poll};

/// Units per poll. 128 is what others settled on; nothing here depends on it.
const PER_POLL: u16 = 128;

/// The budget of a thread that is no worker.
const UNLIMITED: u16 = u16::MAX;

thread_local! {
    static LEFT: Cell<u16> = const { Cell::new(UNLIMITED) };
}

/// Fills the budget of this thread up. A worker calls it before each poll.
#[inline]
pub fn reset() {
    LEFT.set(PER_POLL);
}

/// Takes the limit off this thread.
#[inline]
pub fn set_unlimited() {
    LEFT.set(UNLIMITED);
}

/// Whether an operation may make progress in this poll.
#[inline]
#[must_use]
pub fn has_remaining() -> bool {
    LEFT.get() > 0
}

/// Asks for leave to make progress, without taking a unit. Pending: the task has been woken, its turn comes again.
#[inline]
pub fn poll_remaining(cx: &mut Context<'_>) -> Poll<()> {
    if has_remaining() {
        return Poll::Ready(());
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// Takes units for progress that was made; what is missing is forgiven.
#[inline]
pub fn take(units: u16) {
    let left = LEFT.get();
    if left != UNLIMITED {
        LEFT.set(left.saturating_sub(units));
    }
}

/// Takes one unit, or wakes the task and gives way. For operations that know that they will make progress.
#[inline]
pub fn poll_proceed(cx: &mut Context<'_>) -> Poll<()> {
    let left = poll_remaining(cx);
    if left.is_ready() {
        take(1);
    }
    left
}

/// Runs `body` without a limit and puts the budget back as it was.
pub fn with_unlimited<R>(body: impl FnOnce() -> R) -> R {
    struct Restore(u16);
    impl Drop for Restore {
        fn drop(&mut self) {
            LEFT.set(self.0);
        }
    }
    let _restore = Restore(LEFT.replace(UNLIMITED));
    body()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    #[test]
    fn a_poll_gets_so_many_units_and_a_plain_thread_has_no_limit() {
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..100_000 {
            assert!(poll_proceed(&mut cx).is_ready());
        }
        reset();
        for _ in 0..PER_POLL {
            assert!(poll_proceed(&mut cx).is_ready());
        }
        assert!(poll_proceed(&mut cx).is_pending());
        assert!(with_unlimited(|| poll_proceed(&mut cx)).is_ready());
        assert!(poll_proceed(&mut cx).is_pending());
        set_unlimited();
        assert!(poll_proceed(&mut cx).is_ready());
    }
}
