//! A bounded channel, many to many, that closes itself when the last of a side is gone.
//!
//! The items, the two lines of waiters and the promises between them are `queue_state`'s, and so is the argument that
//! nothing is lost. A channel adds two counts. The last sender to go shuts the queue down softly: receivers get what is
//! there and then `None`. The last receiver to go shuts it down and takes out what nobody can receive any more, which
//! is dropped then and there and not with the last sender: a value may hold the promise of an answer, and whoever waits
//! for that one must be told. [`Receiver::close`] is the soft end from the other side.
//!
//! A future borrows the handle that made it, so on the side that went nobody waits.

use std::collections::VecDeque;
use std::fmt;
use std::panic::Location;

use super::channel_error::{TryRecvError, TrySendError};
use super::channel_futures::{ChannelClosed, ChannelRecv, ChannelSend};
use super::event::Event;
use super::queue_error::{TryGetError, TryPutError};
use super::queue_futures::{Get, Put};
use super::queue_state::{Shared, StoreOps};
use crate::shim::Arc;
use crate::shim::atomic::{AtomicUsize, Ordering};
use crate::waiting::Kind;

/// Makes a channel that holds at most `capacity` values, and the two halves of it; both can be cloned.
///
/// Each value goes to one receiver. Senders and receivers that wait are served in the order in which they came.
///
/// # Panics
///
/// If `capacity` is 0. (A channel that holds nothing could not promise both that a value is handed over and that a
/// receiver may be cancelled at any time.)
///
/// # Examples
///
/// ```
/// raddle::run(async {
///     let (sender, receiver) = raddle::channel(8);
///     raddle::create_task(async move {
///         for n in 0..3 {
///             if sender.send(n).await.is_err() {
///                 break; // nobody receives any more
///             }
///         }
///     });
///     let mut sum = 0;
///     while let Some(n) = receiver.recv().await {
///         sum += n;
///     }
///     assert_eq!(sum, 3);
/// });
/// ```
#[track_caller]
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(capacity > 0, "channel(0): a channel without room could never hold a value; use a capacity of at least 1");
    let channel = Arc::new(Channel {
        queue: Shared::new(VecDeque::new(), capacity),
        senders: AtomicUsize::new(1),
        receivers: AtomicUsize::new(1),
        closed: Event::new(),
    });
    (Sender { channel: channel.clone() }, Receiver { channel })
}

struct Channel<T> {
    queue: Shared<T, VecDeque<T>>,
    /// Each handle is counted in the `Arc`, too, which aborts long before these could overflow.
    senders: AtomicUsize,
    receivers: AtomicUsize,
    /// Set when nobody receives any more.
    closed: Event,
}

impl<T> Channel<T> {
    /// From here on sends fail. Gives back what `take` took.
    fn close(&self, take: impl FnOnce(&mut VecDeque<T>) -> Vec<T>) -> Vec<T> {
        /// Also if a foreign waker panics in `shut_down`.
        struct SetOnDrop<'a>(&'a Event);
        impl Drop for SetOnDrop<'_> {
            fn drop(&mut self) {
                self.0.set();
            }
        }
        let _closed = SetOnDrop(&self.closed);
        self.queue.shut_down(take)
    }

    fn len(&self) -> usize {
        self.queue.state.lock().items.len()
    }

    fn fmt_as(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.queue.state.lock();
        let (len, receiving, sending) = (state.items.len(), state.getters.len(), state.putters.len());
        let is_closed = state.is_shut_down;
        drop(state);
        f.debug_struct(name)
            .field("len", &len)
            .field("capacity", &self.queue.capacity)
            .field("senders", &self.senders.load(Ordering::Relaxed))
            .field("receivers", &self.receivers.load(Ordering::Relaxed))
            .field("sending", &sending)
            .field("receiving", &receiving)
            .field("closed", &is_closed)
            .finish()
    }
}

/// The sending half of a [`channel`]; clones send into the same one.
///
/// When the last of them is dropped, receivers get what is there and then `None`.
pub struct Sender<T> {
    channel: Arc<Channel<T>>,
}

impl<T> Sender<T> {
    /// Sends a value, waiting for room if there is none.
    ///
    /// # Errors
    ///
    /// [`SendError`](super::SendError) with the value, if nobody receives any more.
    ///
    /// # Cancel safety
    ///
    /// A send that is dropped sends nothing, and its value is dropped with it; room that had been kept for it goes to
    /// the next sender.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = raddle::channel(1);
    /// raddle::run(async { sender.send(1).await.unwrap() });
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// ```
    #[track_caller]
    pub fn send(&self, value: T) -> ChannelSend<'_, T> {
        ChannelSend { put: Put::new(&self.channel.queue, value, Kind::ChannelSend, Location::caller()) }
    }

    /// Sends a value if there is room now.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] with the value, if there is no room that nobody waits for, or nobody receives any more.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = raddle::channel(1);
    /// assert!(sender.try_send(1).is_ok());
    /// assert_eq!(sender.try_send(2).unwrap_err().into_inner(), 2);
    /// # drop(receiver);
    /// ```
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.channel.queue.try_put(value).map_err(|error| match error {
            TryPutError::Full(value) => TrySendError::Full(value),
            TryPutError::ShutDown(value) => TrySendError::Closed(value),
        })
    }

    /// Waits until nobody receives any more: the last receiver was dropped, or one of them closed the channel.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = raddle::channel::<u8>(1);
    /// drop(receiver);
    /// raddle::run(async { sender.closed().await });
    /// ```
    #[track_caller]
    pub fn closed(&self) -> ChannelClosed<'_> {
        ChannelClosed { wait: self.channel.closed.wait() }
    }

    /// Does nobody receive any more?
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = raddle::channel::<u8>(1);
    /// assert!(!sender.is_closed());
    /// drop(receiver);
    /// assert!(sender.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.channel.closed.is_set()
    }

    /// How many values are in the channel; those that were promised to a receiver that has not run yet count.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = raddle::channel(2);
    /// sender.try_send(1).unwrap();
    /// assert_eq!((sender.len(), receiver.len()), (1, 1));
    /// ```
    pub fn len(&self) -> usize {
        self.channel.len()
    }

    /// Is no value in the channel?
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, _receiver) = raddle::channel::<u8>(1);
    /// assert!(sender.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many values the channel may hold.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = raddle::channel::<u8>(3);
    /// assert_eq!((sender.capacity(), receiver.capacity()), (3, 3));
    /// ```
    pub fn capacity(&self) -> usize {
        self.channel.queue.capacity
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        // Relaxed: a count that is not zero stays so while this handle lives.
        self.channel.senders.fetch_add(1, Ordering::Relaxed);
        Sender { channel: self.channel.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // Relaxed: who comes to zero comes last, and what others have sent is ordered by the queue's lock.
        if self.channel.senders.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.channel.queue.shut_down(|_| Vec::new());
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.channel.fmt_as("Sender", f)
    }
}

/// The receiving half of a [`channel`]; clones receive from the same one, each value goes to one of them.
///
/// When the last of them is dropped, values that nobody took are dropped, and senders get theirs back.
pub struct Receiver<T> {
    channel: Arc<Channel<T>>,
}

impl<T> Receiver<T> {
    /// Takes the next value, waiting for one if there is none; `None` when each sender is gone and nothing is left.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped: a value that was kept for it goes to the next receiver, or stays
    /// first in the channel.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = raddle::channel(1);
    /// sender.try_send(1).unwrap();
    /// drop(sender);
    /// raddle::run(async {
    ///     assert_eq!(receiver.recv().await, Some(1));
    ///     assert_eq!(receiver.recv().await, None);
    /// });
    /// ```
    #[track_caller]
    pub fn recv(&self) -> ChannelRecv<'_, T> {
        ChannelRecv { get: Get::new(&self.channel.queue, Kind::ChannelRecv, Location::caller()) }
    }

    /// Takes the next value if there is one now.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`] if there is no value that nobody waits for; it says whether there may be one later.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = raddle::channel(1);
    /// sender.try_send(1).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// assert_eq!(receiver.try_recv(), Err(raddle::TryRecvError::Empty));
    /// ```
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.channel.queue.try_get().map_err(|error| match error {
            TryGetError::Empty => TryRecvError::Empty,
            TryGetError::ShutDown => TryRecvError::Closed,
        })
    }

    /// Ends the channel for everybody: sends fail, and receivers get what is there and then `None`.
    ///
    /// Senders that wait get their value back. A second call changes nothing.
    ///
    /// # Panics
    ///
    /// Only if a foreign waker panics; the channel is closed by then.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = raddle::channel(2);
    /// sender.try_send(1).unwrap();
    /// receiver.close();
    /// assert!(sender.try_send(2).is_err());
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// assert_eq!(receiver.try_recv(), Err(raddle::TryRecvError::Closed));
    /// ```
    pub fn close(&self) {
        self.channel.close(|_| Vec::new());
    }

    /// Will there be no more values than those that are there?
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = raddle::channel::<u8>(1);
    /// drop(sender);
    /// assert!(receiver.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.channel.queue.state.lock().is_shut_down
    }

    /// How many values are in the channel; those that were promised to a receiver that has not run yet count.
    ///
    /// # Examples
    ///
    /// ```
    /// let (_sender, receiver) = raddle::channel::<u8>(1);
    /// assert_eq!(receiver.len(), 0);
    /// ```
    pub fn len(&self) -> usize {
        self.channel.len()
    }

    /// Is no value in the channel?
    ///
    /// # Examples
    ///
    /// ```
    /// let (_sender, receiver) = raddle::channel::<u8>(1);
    /// assert!(receiver.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many values the channel may hold.
    ///
    /// # Examples
    ///
    /// ```
    /// let (_sender, receiver) = raddle::channel::<u8>(3);
    /// assert_eq!(receiver.capacity(), 3);
    /// ```
    pub fn capacity(&self) -> usize {
        self.channel.queue.capacity
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Receiver<T> {
        // Relaxed: a count that is not zero stays so while this handle lives.
        self.channel.receivers.fetch_add(1, Ordering::Relaxed);
        Receiver { channel: self.channel.clone() }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // Relaxed: who comes to zero comes last, and what others have done is ordered by the queue's lock.
        if self.channel.receivers.fetch_sub(1, Ordering::Relaxed) == 1 {
            let nobodys = self.channel.close(StoreOps::take_all);
            drop(nobodys);
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.channel.fmt_as("Receiver", f)
    }
}

/// What the types above promise about threads, checked when they are compiled.
const _: () = {
    const fn send<T: Send>() {}
    const fn sync<T: Sync>() {}
    const fn promises<T: Send>() {
        send::<Sender<T>>();
        sync::<Sender<T>>();
        send::<Receiver<T>>();
        sync::<Receiver<T>>();
        send::<ChannelSend<'_, T>>();
        send::<ChannelRecv<'_, T>>();
    }
    promises::<std::cell::Cell<u8>>();
};
