//! The two halves of a watch and the snapshot that they give. How a change is seen is told in `watch_state`.

use std::fmt;
use std::ops::Deref;
use std::panic::Location;

use super::channel_error::SendError;
use super::watch_futures::{WatchChanged, WatchWaitFor};
use super::watch_state::Shared;
use crate::shim::Arc;
use crate::shim::atomic::Ordering;

/// Makes a value that some change and others watch, and the first two halves of it.
///
/// Receivers see the newest value; one that is slow does not see those in between. For each value to reach each
/// receiver there is [`broadcast`](super::broadcast()).
///
/// # Examples
///
/// ```
/// raddle::run(async {
///     let (level, mut seen) = raddle::watch(1);
///     raddle::create_task(async move { level.send(2).unwrap() });
///     seen.changed().await.unwrap();
///     assert_eq!(*seen.borrow(), 2);
/// });
/// ```
pub fn watch<T>(value: T) -> (WatchSender<T>, WatchReceiver<T>) {
    let shared = Arc::new(Shared::new(value));
    (WatchSender { shared: shared.clone() }, WatchReceiver { shared, seen: 0 })
}

/// The sending half of a [`watch`]; clones change the same value.
///
/// When the last of them is dropped, receivers that have seen the last value get [`WatchClosed`](super::WatchClosed).
pub struct WatchSender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> WatchSender<T> {
    /// Replaces the value and tells every receiver; it never waits for one.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the value, if there is no receiver at the moment; the old value stays.
    ///
    /// # Panics
    ///
    /// If it is called in the closure of [`send_modify`](WatchSender::send_modify) on the same watch; and if a foreign
    /// waker panics, when the value has been sent and the others have been woken.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = raddle::watch(1);
    /// sender.send(2).unwrap();
    /// assert_eq!(*receiver.borrow(), 2);
    /// drop(receiver);
    /// assert_eq!(sender.send(3).unwrap_err().into_inner(), 3);
    /// ```
    #[track_caller]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.shared.send(Arc::new(value)).map_err(|value| {
            let value = Arc::try_unwrap(value).ok();
            SendError(value.expect("nobody has seen the value"))
        })
    }

    /// Lets `modify` change a clone of the value, puts that in its place, and tells every receiver, if there is one.
    ///
    /// No change is lost when several senders do this at the same time: they do it one after the other. Receivers see
    /// the old value until `modify` has returned, and keep it if it panics.
    ///
    /// # Panics
    ///
    /// If `modify` does, or if it sends into the same watch; and if a foreign waker panics, when the value has been
    /// sent and the others have been woken.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = raddle::watch(vec![1]);
    /// sender.send_modify(|list| list.push(2));
    /// assert_eq!(*receiver.borrow(), [1, 2]);
    /// ```
    #[track_caller]
    pub fn send_modify(&self, modify: impl FnOnce(&mut T))
    where
        T: Clone,
    {
        let modification = self.shared.modify();
        let mut value = T::clone(&self.borrow());
        modify(&mut value);
        modification.finish(Arc::new(value));
    }

    /// The value as it is now.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, _receiver) = raddle::watch(1);
    /// assert_eq!(*sender.borrow(), 1);
    /// ```
    pub fn borrow(&self) -> WatchRef<T> {
        WatchRef { value: self.shared.state.lock().value.clone() }
    }

    /// Makes a receiver that has seen the value as it is now.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, _) = raddle::watch(1);
    /// let receiver = sender.subscribe();
    /// assert!(!receiver.has_changed());
    /// sender.send(2).unwrap();
    /// assert!(receiver.has_changed());
    /// ```
    pub fn subscribe(&self) -> WatchReceiver<T> {
        let mut state = self.shared.state.lock();
        state.receivers += 1;
        let seen = state.version;
        drop(state);
        WatchReceiver { shared: self.shared.clone(), seen }
    }

    /// How many receivers there are.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = raddle::watch(1);
    /// let another = receiver.clone();
    /// assert_eq!(sender.receiver_count(), 2);
    /// # drop(another);
    /// ```
    pub fn receiver_count(&self) -> usize {
        self.shared.state.lock().receivers
    }
}

impl<T> Clone for WatchSender<T> {
    fn clone(&self) -> WatchSender<T> {
        // Relaxed: a count that is not zero stays so while this handle lives.
        self.shared.senders.fetch_add(1, Ordering::Relaxed);
        WatchSender { shared: self.shared.clone() }
    }
}

impl<T> Drop for WatchSender<T> {
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

impl<T> fmt::Debug for WatchSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_as(&self.shared, "WatchSender", f)
    }
}

fn fmt_as<T>(shared: &Shared<T>, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let state = shared.state.lock();
    let (version, receivers) = (state.version, state.receivers);
    let (waiting, is_closed) = (state.waiters.len(), state.is_closed);
    drop(state);
    f.debug_struct(name)
        .field("version", &version)
        .field("senders", &shared.senders.load(Ordering::Relaxed))
        .field("receivers", &receivers)
        .field("waiting", &waiting)
        .field("closed", &is_closed)
        .finish()
}

/// The receiving half of a [`watch`]; a clone has seen what the original has.
pub struct WatchReceiver<T> {
    pub(super) shared: Arc<Shared<T>>,
    /// The number of the change that it saw last.
    pub(super) seen: u64,
}

impl<T> WatchReceiver<T> {
    /// Waits until there is a value that this receiver has not seen, and marks it as seen.
    ///
    /// # Errors
    ///
    /// [`WatchClosed`](super::WatchClosed) if each sender is gone and the last value has been seen.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped: a change that was not reported is reported by the next call.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, mut receiver) = raddle::watch(1);
    /// sender.send(2).unwrap();
    /// drop(sender);
    /// raddle::run(async {
    ///     assert_eq!(receiver.changed().await, Ok(()));
    ///     assert_eq!(receiver.changed().await, Err(raddle::WatchClosed));
    /// });
    /// ```
    #[track_caller]
    pub fn changed(&mut self) -> WatchChanged<'_, T> {
        WatchChanged::new(self, Location::caller())
    }

    /// Waits until the value, which may be the present one, satisfies `predicate`; gives it, and marks it as seen.
    ///
    /// # Errors
    ///
    /// [`WatchClosed`](super::WatchClosed) if each sender is gone and the last value does not satisfy it.
    ///
    /// # Panics
    ///
    /// If `predicate` does.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped, and nothing is marked as seen.
    ///
    /// # Examples
    ///
    /// ```
    /// raddle::run(async {
    ///     let (level, mut seen) = raddle::watch(1);
    ///     raddle::create_task(async move { level.send(5).unwrap() });
    ///     assert_eq!(*seen.wait_for(|level| *level > 3).await.unwrap(), 5);
    /// });
    /// ```
    #[track_caller]
    pub fn wait_for<F: FnMut(&T) -> bool>(&mut self, predicate: F) -> WatchWaitFor<'_, T, F> {
        WatchWaitFor::new(self, predicate, Location::caller())
    }

    /// The value as it is now; whether it counts as seen does not change.
    ///
    /// # Examples
    ///
    /// ```
    /// let (_sender, receiver) = raddle::watch(1);
    /// assert_eq!(*receiver.borrow(), 1);
    /// ```
    pub fn borrow(&self) -> WatchRef<T> {
        WatchRef { value: self.shared.state.lock().value.clone() }
    }

    /// The value as it is now, which counts as seen from here on.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, mut receiver) = raddle::watch(1);
    /// sender.send(2).unwrap();
    /// assert_eq!(*receiver.borrow_and_update(), 2);
    /// assert!(!receiver.has_changed());
    /// ```
    pub fn borrow_and_update(&mut self) -> WatchRef<T> {
        let (value, version) = self.look();
        self.seen = version;
        value
    }

    /// The value and its number.
    pub(super) fn look(&self) -> (WatchRef<T>, u64) {
        let state = self.shared.state.lock();
        (WatchRef { value: state.value.clone() }, state.version)
    }

    /// Is there a value that this receiver has not seen?
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = raddle::watch(1);
    /// assert!(!receiver.has_changed());
    /// sender.send(1).unwrap();
    /// assert!(receiver.has_changed(), "an equal value is a change, too");
    /// ```
    pub fn has_changed(&self) -> bool {
        self.shared.version() != self.seen
    }
}

impl<T> Clone for WatchReceiver<T> {
    fn clone(&self) -> WatchReceiver<T> {
        self.shared.state.lock().receivers += 1;
        WatchReceiver { shared: self.shared.clone(), seen: self.seen }
    }
}

impl<T> Drop for WatchReceiver<T> {
    fn drop(&mut self) {
        self.shared.state.lock().receivers -= 1;
    }
}

impl<T> fmt::Debug for WatchReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_as(&self.shared, "WatchReceiver", f)
    }
}

/// The value of a [`watch`] as it was when this was made: a snapshot that keeps nobody waiting.
///
/// It may be held as long as one likes, across `.await` too; a newer value does not change it.
pub struct WatchRef<T> {
    pub(super) value: Arc<T>,
}

impl<T> Deref for WatchRef<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Clone for WatchRef<T> {
    fn clone(&self) -> WatchRef<T> {
        WatchRef { value: self.value.clone() }
    }
}

impl<T: fmt::Debug> fmt::Debug for WatchRef<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Display> fmt::Display for WatchRef<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// What the types above promise about threads, checked when they are compiled.
const _: () = {
    const fn send<T: Send>() {}
    const fn sync<T: Sync>() {}
    const fn promises<T: Send + Sync>() {
        send::<WatchSender<T>>();
        sync::<WatchSender<T>>();
        send::<WatchReceiver<T>>();
        sync::<WatchReceiver<T>>();
        send::<WatchRef<T>>();
        sync::<WatchRef<T>>();
        send::<WatchChanged<'_, T>>();
        send::<WatchWaitFor<'_, T, fn(&T) -> bool>>();
    }
    promises::<u8>();
};
