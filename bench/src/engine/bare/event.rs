//! A flag that one task raises and another takes down.

use std::cell::Cell;
use std::future;
use std::task::{Poll, Waker};

use super::here::Here;

#[derive(Default)]
pub struct Event(Here<Flag>);

#[derive(Default)]
struct Flag {
    raised: Cell<bool>,
    waker: Cell<Option<Waker>>,
}

impl Event {
    pub(super) fn signal(&self) {
        self.0.raised.set(true);
        if let Some(waker) = self.0.waker.take() {
            waker.wake();
        }
    }

    pub(super) async fn signalled(&self) {
        future::poll_fn(|context| {
            if self.0.raised.take() {
                return Poll::Ready(());
            }
            self.0.waker.set(Some(context.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}
