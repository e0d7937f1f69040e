//! `try … finally` whose `finally` may await.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::harness::adopt::hand_over;
use crate::harness::cleanups::Cleanups;
use crate::harness::collector::{self, Cleanup, Item};
use crate::scheduler::report::{ExceptionContext, catch, forget_payload, report};

/// How what was cleaned up after came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exit {
    /// It gave its value.
    Done,
    /// It was dropped before that: cancelled, or never awaited.
    Cancelled,
    /// It panicked.
    Panicked,
}

/// Adds [`finally`](FinallyExt::finally) to futures.
pub trait FinallyExt: Future + Sized {
    /// Awaits `cleanup` after this future, however it ends.
    ///
    /// When the future gives its value or panics, the cleanup is awaited here, and then the value is returned or the
    /// panic goes on. When it is dropped before that, the cleanup is handed to whoever dropped it: `timeout`, `race`,
    /// a task group, the task itself. They return only when it has ended, or when its grace has run out.
    ///
    /// The cleanup is given the [`Exit`]. It also runs when the future was never polled.
    ///
    /// # Cancel safety
    /// A cleanup that has begun goes on elsewhere when this is dropped.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use raddle::{Exit, FinallyExt, sleep, timeout};
    ///
    /// raddle::run(async {
    ///     let work = sleep(Duration::from_secs(60)).finally(|exit| async move {
    ///         sleep(Duration::from_millis(1)).await; // say goodbye
    ///         assert_eq!(exit, Exit::Cancelled);
    ///     });
    ///     // Returns after the goodbye.
    ///     assert!(timeout(Duration::from_millis(1), work).await.is_err());
    /// });
    /// ```
    #[track_caller]
    fn finally<C, F>(self, cleanup: C) -> Finally<Self, C, F, Self::Output>
    where
        C: FnOnce(Exit) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let guard = Guard { cleanup: Some(cleanup), at: Location::caller() };
        Finally { body: Some(self), ended: None, running: Running::new(guard.at), guard }
    }
}

impl<F: Future> FinallyExt for F {}

pin_project! {
    /// A future with a cleanup. Made by [`FinallyExt::finally`].
    #[must_use = "futures do nothing unless awaited"]
    pub struct Finally<B, C, F, T>
    where
        C: FnOnce(Exit) -> F,
        F: Future<Output = ()>,
        F: Send,
        F: 'static,
    {
        // The order of the fields is the order of the drops: the body, then its cleanup.
        #[pin]
        body: Option<B>,
        ended: Option<Ended<T>>,
        running: Running,
        guard: Guard<C, F>,
    }
}

/// A body's value, or its panic.
pub(super) type Ended<T> = Result<T, Crash>;

/// A panic, and the async cleanup that was handed over while it unwound.
pub(super) struct Crash {
    pub(super) payload: Box<dyn Any + Send>,
    pub(super) left: Vec<Item>,
}

impl Crash {
    pub(super) fn resume<T>(self) -> T {
        self.left.into_iter().for_each(hand_over);
        resume_unwind(self.payload)
    }
}

impl<B, C, F, T> Future for Finally<B, C, F, T>
where
    B: Future<Output = T>,
    C: FnOnce(Exit) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let mut this = self.project();
        if let Some(body) = this.body.as_mut().as_pin_mut() {
            let mut ended = ready!(poll_caught(body, cx));
            this.body.set(None);
            this.running.start(take_left(&mut ended), this.guard.take(Exit::of(&ended)));
            *this.ended = Some(ended);
        }
        ready!(this.running.poll(cx));
        match this.ended.take().expect("polled again after it was ready") {
            Ok(value) => Poll::Ready(value),
            Err(crash) => crash.resume(),
        }
    }
}

impl<B, C, F, T> fmt::Debug for Finally<B, C, F, T>
where
    C: FnOnce(Exit) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.body.is_some() { "<Finally>" } else { "<Finally cleaning up>" })
    }
}

impl Exit {
    pub(super) fn of<T>(ended: &Ended<T>) -> Exit {
        if ended.is_ok() { Exit::Done } else { Exit::Panicked }
    }
}

/// Polls once; a panic is a way to end.
pub(super) fn poll_caught<F: Future>(future: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<Ended<F::Output>> {
    let kept = collector::kept();
    match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
        Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(payload) => Poll::Ready(Err(Crash { payload, left: collector::take_kept_since(kept) })),
    }
}

/// What a body that panicked left behind, for whoever awaits it.
pub(super) fn take_left<T>(ended: &mut Ended<T>) -> Vec<Item> {
    ended.as_mut().err().map(|crash| std::mem::take(&mut crash.left)).unwrap_or_default()
}

/// A cleanup that is awaited in place, and goes on elsewhere when that is given up.
pub(super) struct Running {
    future: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    at: &'static Location<'static>,
}

impl Running {
    pub(super) fn new(at: &'static Location<'static>) -> Running {
        Running { future: None, at }
    }

    /// Begins with what the body left behind: it lies further in.
    pub(super) fn start(&mut self, left: Vec<Item>, future: Option<impl Future<Output = ()> + Send + 'static>) {
        self.future = match future {
            Some(future) if left.is_empty() => Some(Box::pin(future)),
            Some(future) => Some(Box::pin(async move {
                Cleanups::of(left).await;
                future.await;
            })),
            None => None,
        };
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Taken out for the poll: one that panics has ended.
        let Some(mut future) = self.future.take() else { return Poll::Ready(()) };
        let polled = future.as_mut().poll(cx);
        if polled.is_pending() {
            self.future = Some(future);
        }
        polled
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(future) = self.future.take() {
            hand_over(Item::Cleanup(Cleanup { future, at: self.at }));
        }
    }
}

/// A cleanup that has not begun; dropped, it is handed over.
struct Guard<C, F>
where
    C: FnOnce(Exit) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    cleanup: Option<C>,
    at: &'static Location<'static>,
}

impl<C, F> Guard<C, F>
where
    C: FnOnce(Exit) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    fn take(&mut self, exit: Exit) -> Option<F> {
        self.cleanup.take().map(|cleanup| cleanup(exit))
    }
}

impl<C, F> Drop for Guard<C, F>
where
    C: FnOnce(Exit) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    fn drop(&mut self) {
        let Some(cleanup) = self.cleanup.take() else { return };
        hand_over_made(|| cleanup(Exit::Cancelled), self.at);
    }
}

/// Makes a cleanup, in a drop, and hands it over. A panic while it is made is reported: this may be an unwinding.
pub(super) fn hand_over_made<F>(make: impl FnOnce() -> F, at: &'static Location<'static>)
where
    F: Future<Output = ()> + Send + 'static,
{
    match catch(make) {
        Ok(future) => hand_over(Item::Cleanup(Cleanup { future: Box::pin(future), at })),
        Err(panic) => {
            let context = ExceptionContext::new("async cleanup panicked before it began");
            report_here(context.with_panic(panic.message()).at(at));
            forget_payload(panic.into_payload());
        }
    }
}

fn report_here(context: ExceptionContext) {
    let worker = crate::scheduler::context::current();
    report(worker.and_then(|worker| worker.shared.config.on_exception.as_ref()), &context);
}
