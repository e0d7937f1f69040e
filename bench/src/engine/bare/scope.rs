//! A value that is there while one future is polled.

use std::cell::Cell;
use std::future::{self, Future};
use std::pin::pin;

thread_local! {
    static VALUE: Cell<usize> = const { Cell::new(0) };
}

pub(super) fn value() -> usize {
    VALUE.get()
}

pub(super) async fn with_value<F: Future>(value: usize, future: F) -> F::Output {
    let mut future = pin!(future);
    future::poll_fn(|context| {
        let outside = VALUE.replace(value);
        let polled = future.as_mut().poll(context);
        VALUE.set(outside);
        polled
    })
    .await
}
