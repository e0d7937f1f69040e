//! The handle of a queue and its methods. How items find their getters is told in `queue_state`.

use std::collections::VecDeque;
use std::fmt;
use std::panic::Location;

use super::queue_error::{TryGetError, TryPutError};
use super::queue_futures::{Get, Join, Put};
use super::queue_job::GetJob;
use super::queue_state::{Shared, Store};
use crate::shim::Arc;
use crate::waiting::Kind;

/// A queue between tasks: items come out in the order in which they were put.
///
/// Clones are handles to the same queue. Getters and putters that wait are served in the order in which they came.
/// `S` is where the items lie; it is a `VecDeque` but for [`PriorityQueue`](super::PriorityQueue) and
/// [`LifoQueue`](super::LifoQueue).
///
/// With several threads at work, what [`len`](Queue::len) and its like say may be out of date when it arrives.
///
/// # Examples
///
/// ```
/// raddle::run(async {
///     let queue = raddle::Queue::bounded(10);
///     let worker = raddle::create_task({
///         let queue = queue.clone();
///         async move {
///             let mut sum = 0;
///             while let Ok(job) = queue.get_job().await {
///                 sum += *job;
///             }
///             sum
///         }
///     });
///     for n in 1..=4 {
///         queue.put(n).await.unwrap();
///     }
///     queue.join().await;
///     queue.shutdown();
///     assert_eq!(worker.await.unwrap(), 10);
/// });
/// ```
pub struct Queue<T, S = VecDeque<T>> {
    pub(super) shared: Arc<Shared<T, S>>,
}

impl<T> Queue<T> {
    /// Makes a queue that holds at most `capacity` items; a put into a full one waits.
    ///
    /// # Panics
    ///
    /// If `capacity` is 0. (asyncio's `maxsize=0` is [`unbounded`](Queue::unbounded).)
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = raddle::Queue::<u8>::bounded(2);
    /// assert_eq!(queue.capacity(), Some(2));
    /// ```
    #[track_caller]
    pub fn bounded(capacity: usize) -> Queue<T> {
        Queue::with_store(VecDeque::new(), bound(capacity))
    }

    /// Makes a queue that takes as many items as there is memory for; a put never waits.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = raddle::Queue::<u8>::unbounded();
    /// assert_eq!(queue.capacity(), None);
    /// ```
    pub fn unbounded() -> Queue<T> {
        Queue::with_store(VecDeque::new(), usize::MAX)
    }
}

/// Checks the capacity of a bounded queue.
#[track_caller]
pub(super) fn bound(capacity: usize) -> usize {
    assert!(
        capacity > 0,
        "Queue::bounded(0): a queue without room could never hold an item; use a capacity of at least 1, or \
         unbounded() for what asyncio calls maxsize=0"
    );
    capacity
}

impl<T, S: Store<T>> Queue<T, S> {
    pub(super) fn with_store(items: S, capacity: usize) -> Queue<T, S> {
        Queue { shared: Arc::new(Shared::new(items, capacity)) }
    }

    /// Puts an item, waiting for room if there is none.
    ///
    /// # Errors
    ///
    /// [`PutError`](super::PutError) with the item, if the queue is shut down before there is room.
    ///
    /// # Cancel safety
    ///
    /// A put that is dropped puts nothing, and its item is dropped with it; room that had been kept for it goes to the
    /// next putter.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = raddle::Queue::bounded(1);
    /// raddle::run(async { queue.put("item").await.unwrap() });
    /// assert_eq!(queue.len(), 1);
    /// ```
    #[track_caller]
    pub fn put(&self, item: T) -> Put<'_, T, S> {
        Put::new(&self.shared, item, Kind::QueuePut, Location::caller())
    }

    /// Puts an item if there is room now.
    ///
    /// # Errors
    ///
    /// [`TryPutError`] with the item, if there is no room that nobody waits for, or the queue is shut down.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = raddle::Queue::bounded(1);
    /// assert!(queue.try_put(1).is_ok());
    /// assert_eq!(queue.try_put(2).unwrap_err().into_inner(), 2);
    /// ```
    pub fn try_put(&self, item: T) -> Result<(), TryPutError<T>> {
        self.shared.try_put(item)
    }

    /// Takes the next item, waiting for one if there is none.
    ///
    /// # Errors
    ///
    /// [`QueueShutDown`](super::QueueShutDown) if the queue is shut down and has no items left.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped: an item that was kept for it goes to the next getter, or stays
    /// first in the queue.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = raddle::Queue::unbounded();
    /// queue.try_put(1).unwrap();
    /// assert_eq!(raddle::run(queue.get()), Ok(1));
    /// ```
    #[track_caller]
    pub fn get(&self) -> Get<'_, T, S> {
        Get::new(&self.shared, Kind::QueueGet, Location::caller())
    }

    /// Takes the next item if there is one now.
    ///
    /// # Errors
    ///
    /// [`TryGetError`] if there is no item that nobody waits for; it says whether there may be one later.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = raddle::Queue::unbounded();
    /// queue.try_put(1).unwrap();
    /// assert_eq!(queue.try_get(), Ok(1));
    /// assert_eq!(queue.try_get(), Err(raddle::TryGetError::Empty));
    /// ```
    pub fn try_get(&self) -> Result<T, TryGetError> {
        self.shared.try_get()
    }

    /// Takes the next item as a [`Job`](super::Job), which marks itself as done when it is dropped.
    ///
    /// # Errors
    ///
    /// [`QueueShutDown`](super::QueueShutDown) if the queue is shut down and has no items left.
    ///
    /// # Cancel safety
    ///
    /// As [`get`](Queue::get): nothing is lost. A worker that is cancelled in the middle of a job drops the job, so
    /// [`join`](Queue::join) does not hang.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = raddle::Queue::unbounded();
    /// queue.try_put(20).unwrap();
    /// raddle::run(async {
    ///     let job = queue.get_job().await.unwrap();
    ///     assert_eq!(*job + 1, 21);
    ///     drop(job);
    ///     queue.join().await;
    /// });
    /// ```
    #[track_caller]
    pub fn get_job(&self) -> GetJob<'_, T, S> {
        GetJob::new(self, Location::caller())
    }

    /// Says that the work on an item that [`get`](Queue::get) gave is done; [`join`](Queue::join) waits for that.
    ///
    /// # Panics
    ///
    /// If it is called more often than items were put.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = raddle::Queue::unbounded();
    /// queue.try_put(1).unwrap();
    /// raddle::run(async {
    ///     queue.get().await.unwrap();
    ///     queue.task_done();
    ///     queue.join().await;
    /// });
    /// ```
    #[track_caller]
    pub fn task_done(&self) {
        assert!(
            self.shared.mark_done(1),
            "Queue::task_done was called more often than items were put (0 of them are unfinished); call it once for \
             each item that get() gave, and not at all for those of get_job()"
        );
    }

    /// Waits until each item that was put is done, by [`task_done`](Queue::task_done) or by the drop of its [`Job`](super::Job).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = raddle::Queue::<u8>::unbounded();
    /// raddle::run(async { queue.join().await });
    /// ```
    #[track_caller]
    pub fn join(&self) -> Join<'_, T, S> {
        Join::new(&self.shared, Location::caller())
    }

    /// Ends the queue softly: it takes no more items, and getters get what is there before they get an error.
    ///
    /// Puts that wait get their item back. A second call changes nothing.
    ///
    /// # Panics
    ///
    /// Only if a foreign waker panics; the others have been woken by then.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = raddle::Queue::unbounded();
    /// queue.try_put(1).unwrap();
    /// queue.shutdown();
    /// assert!(queue.try_put(2).is_err());
    /// assert_eq!(queue.try_get(), Ok(1));
    /// assert_eq!(queue.try_get(), Err(raddle::TryGetError::ShutDown));
    /// ```
    pub fn shutdown(&self) {
        self.shared.shut_down(|_| Vec::new());
    }

    /// Ends the queue at once and gives back the items that nobody took, in order; they count as done.
    ///
    /// # Panics
    ///
    /// Only if a foreign waker panics; the others have been woken by then, and the items are lost.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = raddle::Queue::unbounded();
    /// queue.try_put(1).unwrap();
    /// assert_eq!(queue.shutdown_now(), [1]);
    /// assert_eq!(queue.try_get(), Err(raddle::TryGetError::ShutDown));
    /// ```
    pub fn shutdown_now(&self) -> Vec<T> {
        self.shared.shut_down(S::take_all)
    }

    /// How many items are in the queue; those that were promised to a getter that has not run yet count.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(raddle::Queue::<u8>::unbounded().len(), 0);
    /// ```
    pub fn len(&self) -> usize {
        self.shared.state.lock().items.len()
    }

    /// Is no item in the queue?
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(raddle::Queue::<u8>::unbounded().is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Are there as many items in the queue as it may hold?
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = raddle::Queue::bounded(1);
    /// queue.try_put(1).unwrap();
    /// assert!(queue.is_full());
    /// ```
    pub fn is_full(&self) -> bool {
        self.len() >= self.shared.capacity
    }

    /// How many items it may hold; `None` is without bound.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(raddle::Queue::<u8>::bounded(3).capacity(), Some(3));
    /// ```
    pub fn capacity(&self) -> Option<usize> {
        (self.shared.capacity != usize::MAX).then_some(self.shared.capacity)
    }

    pub(super) fn fmt_as(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.state.lock();
        let (len, getters, putters) = (state.items.len(), state.getters.len(), state.putters.len());
        let (unfinished, is_shut_down) = (state.unfinished, state.is_shut_down);
        drop(state);
        f.debug_struct(name)
            .field("len", &len)
            .field("capacity", &self.capacity())
            .field("getters", &getters)
            .field("putters", &putters)
            .field("unfinished", &unfinished)
            .field("shut_down", &is_shut_down)
            .finish()
    }
}

impl<T, S> Clone for Queue<T, S> {
    fn clone(&self) -> Queue<T, S> {
        Queue { shared: self.shared.clone() }
    }
}

impl<T, S: Store<T>> fmt::Debug for Queue<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_as("Queue", f)
    }
}
