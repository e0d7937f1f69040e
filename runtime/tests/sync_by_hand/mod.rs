//! Futures driven by hand, with wakers that count, so that the tests of the primitives need no executor.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

/// Counts its wakes.
#[derive(Default)]
pub(crate) struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A future in the test's hand.
pub(crate) struct Hand<F> {
    future: Option<Pin<Box<F>>>,
    count: Arc<Count>,
}

/// Takes a future into the hand.
pub(crate) fn hand<F: Future>(future: F) -> Hand<F> {
    Hand { future: Some(Box::pin(future)), count: Arc::default() }
}

/// Takes a future into the hand and polls it once; it must wait.
pub(crate) fn waiting<F: Future>(future: F) -> Hand<F> {
    let mut hand = hand(future);
    assert!(hand.poll().is_pending(), "the future should wait");
    hand
}

impl<F: Future> Hand<F> {
    pub(crate) fn poll(&mut self) -> Poll<F::Output> {
        let waker = Waker::from(self.count.clone());
        let future = self.future.as_mut().expect("the hand has let go of its future");
        future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    /// Polls with a waker that the future has not seen before.
    pub(crate) fn poll_elsewhere(&mut self) -> Poll<F::Output> {
        self.count = Arc::default();
        self.poll()
    }

    pub(crate) fn wakes(&self) -> usize {
        self.count.0.load(Ordering::SeqCst)
    }

    /// Drops the future, and keeps the waker's count.
    pub(crate) fn let_go(&mut self) {
        self.future = None;
    }

    /// How many clones of the waker exist besides the hand's own.
    pub(crate) fn wakers(&self) -> usize {
        Arc::strong_count(&self.count) - 1
    }

    /// The output of a future that must be ready.
    #[track_caller]
    pub(crate) fn ready(mut self) -> F::Output {
        match self.poll() {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("the future should be ready"),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Drives a future on this thread.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// A waker that panics when it is woken.
pub(crate) struct Bomb;

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {
        panic!("a foreign waker panics");
    }
}
