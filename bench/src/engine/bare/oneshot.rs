//! A value that is set once, for one who waits.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::here::Here;

pub struct Promise<T>(Here<Rc<Oneshot<T>>>);

pub struct Pending<T>(Here<Rc<Oneshot<T>>>);

struct Oneshot<T> {
    value: Cell<Option<T>>,
    waker: Cell<Option<Waker>>,
}

pub(super) fn oneshot<T>() -> (Promise<T>, Pending<T>) {
    let oneshot = Here::new(Rc::new(Oneshot { value: Cell::new(None), waker: Cell::new(None) }));
    (Promise(oneshot.clone()), Pending(oneshot))
}

impl<T> Promise<T> {
    pub(super) fn fulfil(self, value: T) {
        self.0.value.set(Some(value));
        if let Some(waker) = self.0.waker.take() {
            waker.wake();
        }
    }
}

impl<T> Future for Pending<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        if let Some(value) = self.0.value.take() {
            return Poll::Ready(value);
        }
        self.0.waker.set(Some(context.waker().clone()));
        Poll::Pending
    }
}
