//! Where async cleanup goes while a future is dropped: to the nearest party that can await it.
//!
//! Drop cannot wait. What a dropped future wants to have awaited (closing a connection, the end of a task that it was
//! awaiting) it hands over, and whoever drops it decides who awaits:
//!
//! 1. A raddle frame that cancels (`timeout`, `race`, a task group …) drops its inner future under [`collect`], and
//!    awaits what was collected before it returns. If it is itself dropped meanwhile, it hands the rest on.
//! 2. Without such a frame, the task being polled keeps it ([`keep`]): its harness looks after the poll, awaits it
//!    before the task is done, or, if the task goes on, in a task of its own that this one outlives.
//! 3. Outside of any task, it becomes a task of the runtime (`adopt.rs`).
//!
//! Drops go from outside in, field by field, and inside out along a chain of guards, so the order of handing over is
//! the order of awaiting: the innermost resource closes first.
//!
//! All lists are thread-local and live no longer than the drop, or the poll, that they belong to.

use std::cell::RefCell;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;

use super::join::Counted;

/// A cleanup that was handed over.
pub(crate) struct Cleanup {
    pub(crate) future: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// The line that asked for it.
    pub(crate) at: &'static Location<'static>,
}

/// Something to be awaited before whoever dropped it goes on.
pub(crate) enum Item {
    Cleanup(Cleanup),
    /// A task that was cancelled because its handle was dropped.
    End(Counted),
}

thread_local! {
    /// The list of the innermost frame that is dropping something on this thread.
    static FRAME: RefCell<Option<Vec<Item>>> = const { RefCell::new(None) };
    /// What the task being polled on this thread keeps.
    static KEPT: RefCell<Vec<Item>> = const { RefCell::new(Vec::new()) };
}

/// Runs `f`, which drops something, and returns what was handed over meanwhile. If `f` unwinds, that goes to the
/// enclosing frame or task.
pub(crate) fn collect(f: impl FnOnce()) -> Vec<Item> {
    struct Restore(Option<Vec<Item>>);
    impl Restore {
        fn close(&mut self) -> Vec<Item> {
            FRAME.with(|frame| frame.replace(self.0.take())).unwrap_or_default()
        }
    }
    impl Drop for Restore {
        fn drop(&mut self) {
            self.close().into_iter().for_each(super::adopt::hand_over);
        }
    }
    let mut outer = Restore(FRAME.with(|frame| frame.replace(Some(Vec::new()))));
    f();
    let collected = outer.close();
    std::mem::forget(outer);
    collected
}

/// Offers an item to the frame that is dropping something on this thread; it comes back if there is none.
pub(super) fn offer(item: Item) -> Result<(), Item> {
    let mut offered = Some(item);
    // A thread on its way out has no frames, and its locals may be gone.
    let _ = FRAME.try_with(|frame| {
        if let Some(list) = &mut *frame.borrow_mut() {
            list.extend(offered.take());
        }
    });
    offered.map_or(Ok(()), Err)
}

/// Leaves an item to the task being polled. The caller marks the worker.
pub(super) fn keep(item: Item) {
    KEPT.with(|kept| kept.borrow_mut().push(item));
}

/// How much the present poll has left to its task so far.
pub(crate) fn kept() -> usize {
    KEPT.with(|kept| kept.borrow().len())
}

/// Takes back what was left after `kept` said so: by a future that panicked, from whoever caught the panic.
pub(crate) fn take_kept_since(kept: usize) -> Vec<Item> {
    KEPT.with(|list| {
        let mut list = list.borrow_mut();
        let from = kept.min(list.len());
        list.split_off(from)
    })
}

/// What the poll that has just ended left to its task.
pub(super) fn take_kept() -> Vec<Item> {
    KEPT.with(RefCell::take)
}
