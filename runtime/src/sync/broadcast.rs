//! The two halves of a broadcast and the future of a receiver. How a value gets to everybody is told in
//! `broadcast_state`.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::broadcast_state::{State, Taken};
use super::channel_error::{BroadcastTryRecvError, RecvError, SendError};
use super::coop;
use super::waiters::{Key, Released, Turn};
use crate::shim::atomic::{AtomicUsize, Ordering};
use crate::shim::{Arc, Mutex};
use crate::waiting::{self, Kind};

/// Makes a channel in which each receiver gets a clone of each value, and the first two halves of it.
///
/// A send never waits. `capacity` values are kept for those who have not taken them; a receiver that falls further
/// behind loses the oldest, and is told how many ([`RecvError::Lagged`]).
///
/// Receivers clone a value at the same time, so it must be [`Sync`] for them to be on several threads.
///
/// # Panics
///
/// If `capacity` is 0.
///
/// # Examples
///
/// ```
/// raddle::run(async {
///     let (news, mut reader) = raddle::broadcast(16);
///     let mut other = news.subscribe();
///     news.send("hello").unwrap();
///     assert_eq!(reader.recv().await, Ok("hello"));
///     assert_eq!(other.recv().await, Ok("hello"));
/// });
/// ```
#[track_caller]
pub fn broadcast<T: Clone>(capacity: usize) -> (BroadcastSender<T>, BroadcastReceiver<T>) {
    assert!(
        capacity > 0,
        "broadcast(0): what is kept for no value at all would reach nobody; use a capacity of at least 1"
    );
    let shared = Arc::new(Shared { senders: AtomicUsize::new(1), state: Mutex::new(State::new(capacity)) });
    (BroadcastSender { shared: shared.clone() }, BroadcastReceiver { shared, next: 0 })
}

struct Shared<T> {
    /// Each handle is counted in the `Arc`, too, which aborts long before this could overflow.
    senders: AtomicUsize,
    state: Mutex<State<T>>,
}

impl<T> Shared<T> {
    fn wake(&self, released: Released) {
        released.wake(&self.state, |state| &mut state.waiters);
    }

    fn fmt_as(&self, name: &str, next: Option<u64>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        let len = next.map_or(state.len() as u64, |next| state.end() - next);
        let (receivers, waiting, is_closed) = (state.receivers, state.waiters.len(), state.is_closed);
        drop(state);
        f.debug_struct(name)
            .field("len", &len)
            .field("senders", &self.senders.load(Ordering::Relaxed))
            .field("receivers", &receivers)
            .field("waiting", &waiting)
            .field("closed", &is_closed)
            .finish()
    }
}

/// The sending half of a [`broadcast`]; clones send to the same receivers.
///
/// When the last of them is dropped, receivers get what is there for them and then [`RecvError::Closed`].
pub struct BroadcastSender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> BroadcastSender<T> {
    /// Sends a value to everybody who receives now, and says how many they are; it never waits.
    ///
    /// Where the oldest value that is kept has to make room it is dropped.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the value, if there is no receiver at the moment.
    ///
    /// # Panics
    ///
    /// Only if a foreign waker panics; the value has been sent, and the others have been woken by then.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = raddle::broadcast(2);
    /// assert_eq!(sender.send('a').unwrap(), 1);
    /// drop(receiver);
    /// assert_eq!(sender.send('b').unwrap_err().into_inner(), 'b');
    /// ```
    pub fn send(&self, value: T) -> Result<usize, SendError<T>> {
        let value = Arc::new(value);
        let mut state = self.shared.state.lock();
        let receivers = state.receivers;
        if receivers == 0 {
            drop(state);
            return Err(SendError(Arc::try_unwrap(value).ok().expect("nobody has seen the value")));
        }
        let oldest = state.push(value);
        let released = state.waiters.release_all();
        drop(state);
        self.shared.wake(released);
        drop(oldest);
        Ok(receivers)
    }

    /// Makes a receiver that gets what is sent from now on.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, _) = raddle::broadcast(2);
    /// let mut receiver = sender.subscribe();
    /// sender.send(1).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// ```
    pub fn subscribe(&self) -> BroadcastReceiver<T> {
        subscribe(&self.shared)
    }

    /// How many receivers there are.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = raddle::broadcast::<u8>(2);
    /// let another = sender.subscribe();
    /// assert_eq!(sender.receiver_count(), 2);
    /// # drop((receiver, another));
    /// ```
    pub fn receiver_count(&self) -> usize {
        self.shared.state.lock().receivers
    }

    /// How many values are kept for receivers that have not taken them.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, mut receiver) = raddle::broadcast(2);
    /// sender.send(1).unwrap();
    /// assert_eq!(sender.len(), 1);
    /// receiver.try_recv().unwrap();
    /// assert_eq!(sender.len(), 0);
    /// ```
    pub fn len(&self) -> usize {
        self.shared.state.lock().len()
    }

    /// Has each receiver taken everything?
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, _receiver) = raddle::broadcast::<u8>(2);
    /// assert!(sender.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn subscribe<T>(shared: &Arc<Shared<T>>) -> BroadcastReceiver<T> {
    let mut state = shared.state.lock();
    let next = state.end();
    state.join(next);
    drop(state);
    BroadcastReceiver { shared: shared.clone(), next }
}

impl<T> Clone for BroadcastSender<T> {
    fn clone(&self) -> BroadcastSender<T> {
        // Relaxed: a count that is not zero stays so while this handle lives.
        self.shared.senders.fetch_add(1, Ordering::Relaxed);
        BroadcastSender { shared: self.shared.clone() }
    }
}

impl<T> Drop for BroadcastSender<T> {
    fn drop(&mut self) {
        // Relaxed: who comes to zero comes last, and what others have sent is ordered by the state's lock.
        if self.shared.senders.fetch_sub(1, Ordering::Relaxed) > 1 {
            return;
        }
        let mut state = self.shared.state.lock();
        state.is_closed = true;
        let released = state.waiters.release_all();
        drop(state);
        self.shared.wake(released);
    }
}

impl<T> fmt::Debug for BroadcastSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fmt_as("BroadcastSender", None, f)
    }
}

/// The receiving half of a [`broadcast`]: it gets a clone of each value that was sent since it was made.
///
/// A clone gets what the original has yet to get; [`resubscribe`](BroadcastReceiver::resubscribe) starts afresh.
pub struct BroadcastReceiver<T> {
    shared: Arc<Shared<T>>,
    /// The number of the message that it takes next.
    next: u64,
}

impl<T: Clone> BroadcastReceiver<T> {
    /// Takes the next value, waiting for one if there is none.
    ///
    /// # Errors
    ///
    /// [`RecvError::Lagged`] if values were lost because this receiver was too slow; the next call gives the oldest that
    /// is left. [`RecvError::Closed`] if each sender is gone and nothing is left.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, mut receiver) = raddle::broadcast(2);
    /// sender.send(1).unwrap();
    /// assert_eq!(raddle::run(receiver.recv()), Ok(1));
    /// ```
    #[track_caller]
    pub fn recv(&mut self) -> BroadcastRecv<'_, T> {
        BroadcastRecv { receiver: self, key: None, caller: Location::caller() }
    }

    /// Takes the next value if there is one now.
    ///
    /// # Errors
    ///
    /// [`BroadcastTryRecvError`] if there is none, or some were lost; it says which.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, mut receiver) = raddle::broadcast(2);
    /// sender.send(1).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// assert_eq!(receiver.try_recv(), Err(raddle::BroadcastTryRecvError::Empty));
    /// ```
    pub fn try_recv(&mut self) -> Result<T, BroadcastTryRecvError> {
        // Two statements: the lock first, the clone after it.
        let taken = self.shared.state.lock().take(&mut self.next);
        match taken {
            Some(taken) => taken.map(Taken::into_value).map_err(BroadcastTryRecvError::from),
            None => Err(BroadcastTryRecvError::Empty),
        }
    }
}

impl<T> BroadcastReceiver<T> {
    /// Makes a receiver that gets what is sent from now on, whatever this one has yet to get.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = raddle::broadcast(2);
    /// sender.send(1).unwrap();
    /// let mut afresh = receiver.resubscribe();
    /// sender.send(2).unwrap();
    /// assert_eq!(afresh.try_recv(), Ok(2));
    /// ```
    #[must_use = "a receiver that is dropped receives nothing"]
    pub fn resubscribe(&self) -> BroadcastReceiver<T> {
        subscribe(&self.shared)
    }

    /// How many values were sent that this receiver has not got; those that it missed, being too slow, count.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = raddle::broadcast(2);
    /// sender.send(1).unwrap();
    /// assert_eq!(receiver.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        (self.shared.state.lock().end() - self.next) as usize
    }

    /// Has this receiver got everything?
    ///
    /// # Examples
    ///
    /// ```
    /// let (_sender, receiver) = raddle::broadcast::<u8>(2);
    /// assert!(receiver.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Clone for BroadcastReceiver<T> {
    fn clone(&self) -> BroadcastReceiver<T> {
        self.shared.state.lock().join(self.next);
        BroadcastReceiver { shared: self.shared.clone(), next: self.next }
    }
}

impl<T> Drop for BroadcastReceiver<T> {
    fn drop(&mut self) {
        // Two statements: the lock first, the values after it.
        let nobodys = self.shared.state.lock().leave(self.next);
        drop(nobodys);
    }
}

impl<T> fmt::Debug for BroadcastReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fmt_as("BroadcastReceiver", Some(self.next), f)
    }
}

/// The future of [`BroadcastReceiver::recv`].
#[must_use = "nothing is taken until this is awaited"]
pub struct BroadcastRecv<'a, T> {
    receiver: &'a mut BroadcastReceiver<T>,
    key: Option<Key>,
    caller: &'static Location<'static>,
}

impl<T: Clone> Future for BroadcastRecv<'_, T> {
    type Output = Result<T, RecvError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.key.is_none() {
            ready!(coop::poll_proceed(cx));
        }
        let mut fresh = None;
        loop {
            let mut state = this.receiver.shared.state.lock();
            let turn = state.waiters.turn(&mut this.key);
            if let Some(taken) = state.take(&mut this.receiver.next) {
                debug_assert_ne!(turn, Turn::Waiting, "whoever has something to take is released");
                drop(state);
                return Poll::Ready(taken.map(Taken::into_value));
            }
            if state.waiters.wait(&mut this.key, cx.waker(), &mut fresh) {
                waiting::note(Kind::Broadcast, waiting::object(&*this.receiver.shared), this.caller);
                return Poll::Pending;
            }
            drop(state);
            fresh = Some(cx.waker().clone());
        }
    }
}

impl<T> Drop for BroadcastRecv<'_, T> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            // Two statements: the lock first, the waker after it.
            let left = self.receiver.shared.state.lock().waiters.leave(key);
            drop(left);
        }
    }
}

impl<T> fmt::Debug for BroadcastRecv<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<BroadcastReceiver::recv at {}>", self.caller)
    }
}

/// What the types above promise about threads, checked when they are compiled.
const _: () = {
    const fn send<T: Send>() {}
    const fn sync<T: Sync>() {}
    const fn promises<T: Send + Sync>() {
        send::<BroadcastSender<T>>();
        sync::<BroadcastSender<T>>();
        send::<BroadcastReceiver<T>>();
        sync::<BroadcastReceiver<T>>();
        send::<BroadcastRecv<'_, T>>();
    }
    promises::<u8>();
};
