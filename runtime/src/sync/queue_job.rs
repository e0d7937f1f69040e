//! An item that says by itself when the work on it is done.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::queue::Queue;
use super::queue_error::QueueShutDown;
use super::queue_futures::Get;
use super::queue_state::Store;
use crate::waiting::Kind;

/// The future of [`Queue::get_job`].
#[must_use = "nothing is taken until this is awaited"]
pub struct GetJob<'a, T, S: Store<T> = VecDeque<T>> {
    queue: &'a Queue<T, S>,
    get: Get<'a, T, S>,
    caller: &'static Location<'static>,
}

impl<'a, T, S: Store<T>> GetJob<'a, T, S> {
    pub(super) fn new(queue: &'a Queue<T, S>, caller: &'static Location<'static>) -> GetJob<'a, T, S> {
        GetJob { queue, get: Get::new(&queue.shared, Kind::QueueGet, caller), caller }
    }
}

impl<T, S: Store<T>> Future for GetJob<'_, T, S> {
    type Output = Result<Job<T, S>, QueueShutDown>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let item = ready!(Pin::new(&mut this.get).poll(cx));
        Poll::Ready(item.map(|item| Job { item: Some(item), queue: this.queue.clone() }))
    }
}

impl<T, S: Store<T>> fmt::Debug for GetJob<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Queue::get_job at {}>", self.caller)
    }
}

/// An item with the duty to say that it is done, which dropping it does: a worker that fails or is cancelled half-way
/// does not leave [`Queue::join`] hanging.
///
/// # Examples
///
/// ```
/// let queue = raddle::Queue::unbounded();
/// queue.try_put(String::from("a")).unwrap();
/// raddle::run(async {
///     let mut job = queue.get_job().await.unwrap();
///     job.push('b');
///     assert_eq!(job.into_inner(), "ab");
///     queue.join().await;
/// });
/// ```
#[must_use = "a job is done as soon as it is dropped"]
pub struct Job<T, S: Store<T> = VecDeque<T>> {
    /// There until the job ends.
    item: Option<T>,
    queue: Queue<T, S>,
}

impl<T, S: Store<T>> Job<T, S> {
    /// Marks the job as done and gives the item away.
    #[expect(clippy::missing_panics_doc, reason = "a job has its item until it ends")]
    pub fn into_inner(mut self) -> T {
        self.item.take().expect("a job has its item until it ends")
    }
}

impl<T, S: Store<T>> Deref for Job<T, S> {
    type Target = T;

    fn deref(&self) -> &T {
        self.item.as_ref().expect("a job has its item until it ends")
    }
}

impl<T, S: Store<T>> DerefMut for Job<T, S> {
    fn deref_mut(&mut self) -> &mut T {
        self.item.as_mut().expect("a job has its item until it ends")
    }
}

impl<T, S: Store<T>> Drop for Job<T, S> {
    fn drop(&mut self) {
        // More `task_done` than items is that caller's mistake; here is no place to panic.
        let _known = self.queue.shared.mark_done(1);
    }
}

impl<T: fmt::Debug, S: Store<T>> fmt::Debug for Job<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Job").field(&**self).finish()
    }
}
