//! Who waits for one thing, in the order of coming.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::task::{Context, Waker};

/// Nobody leaves before being woken: whoever has been added must be polled because of that alone, and not dropped.
#[derive(Default)]
pub(super) struct Waiters(RefCell<VecDeque<Waker>>);

impl Waiters {
    pub(super) fn add(&self, context: &Context<'_>) {
        self.0.borrow_mut().push_back(context.waker().clone());
    }

    pub(super) fn wake_one(&self) {
        let first = self.0.borrow_mut().pop_front();
        if let Some(waker) = first {
            waker.wake();
        }
    }

    pub(super) fn wake_all(&self) {
        while !self.0.borrow().is_empty() {
            self.wake_one();
        }
    }
}
