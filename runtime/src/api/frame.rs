//! A future in place whose cancellation is awaited: what `timeout` and its kin are built on.
//!
//! The life of a frame: its future runs; it ends, or the frame's owner cancels it; then the cleanup that the future
//! handed over while it was dropped is awaited; then the owner goes on. A frame that is dropped before that drops its
//! future first, then hands the rest of the cleanup to the next party outside.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::finally::{Ended, poll_caught, take_left};
use crate::harness::adopt;
use crate::harness::cleanups::Cleanups;
use crate::harness::collector::{Item, collect};
use crate::scheduler::context;

pin_project! {
    /// A future, and its cleanup once it was cancelled.
    #[derive(Default)]
    pub(crate) struct Frame<F> {
        // `None` once it has ended or was cancelled.
        #[pin]
        future: Option<F>,
        cleanups: Cleanups,
    }
}

impl<F: Future> Frame<F> {
    #[inline]
    pub(crate) fn new(future: F) -> Frame<F> {
        Frame { future: Some(future), cleanups: Cleanups::default() }
    }

    /// Whether the future has neither ended nor been cancelled.
    #[inline]
    pub(crate) fn is_running(&self) -> bool {
        self.future.is_some()
    }

    /// Polls the future, and drops it when it has ended.
    ///
    /// # Panics
    /// When it has ended or was cancelled.
    #[inline]
    pub(crate) fn poll_future(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let future = this.future.as_mut().as_pin_mut().expect("polled again after it was ready");
        let polled = future.poll(cx);
        if polled.is_ready() {
            this.future.set(None);
        }
        polled
    }

    /// As [`Frame::poll_future`]; a panic is a way to end, with cleanup to await.
    pub(crate) fn poll_caught(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended<F::Output>> {
        let mut this = self.project();
        let future = this.future.as_mut().as_pin_mut().expect("polled again after it was ready");
        let mut polled = poll_caught(future, cx);
        if let Poll::Ready(ended) = &mut polled {
            this.cleanups.extend(take_left(ended));
            let left = collect(|| this.future.set(None));
            this.cleanups.extend(left);
        }
        polled
    }

    /// Drops the future and keeps what it hands over.
    pub(crate) fn cancel(self: Pin<&mut Self>) {
        self.cancel_and(|item| item);
    }

    /// As [`Frame::cancel`]; what is handed over is looked at first.
    pub(crate) fn cancel_and(self: Pin<&mut Self>, look: impl FnMut(Item) -> Item) {
        let mut this = self.project();
        let handed_over = collect(|| this.future.set(None));
        this.cleanups.extend(handed_over.into_iter().map(look).collect());
    }

    /// Awaits what was handed over.
    pub(crate) fn poll_cleanup(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let cleanups = self.project().cleanups;
        if cleanups.is_empty() { Poll::Ready(()) } else { Pin::new(cleanups).poll(cx) }
    }

    pub(crate) fn set_grace(self: Pin<&mut Self>, grace: Duration) {
        self.project().cleanups.set_grace(grace);
    }

    /// Lets what was handed over go on alone.
    pub(crate) fn detach_cleanup(self: Pin<&mut Self>) {
        let items = self.project().cleanups.take_items();
        match context::current() {
            Some(worker) => adopt::detach(worker, items),
            None => items.into_iter().for_each(adopt::hand_over),
        }
    }
}
