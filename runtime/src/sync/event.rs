//! A flag that tasks wait for: asyncio's `Event`.
//!
//! The flag changes only under the waiters' lock, and a waiter queues up only when it has seen, under that lock, that
//! the flag is down. So a `set` either comes before and is seen, or comes after and releases the waiter. Being
//! released is a fact about the waiter, not about the flag: a `clear` right after the `set` takes nothing back. The
//! atomic copy of the flag spares `is_set` and a `wait` on a set event the lock.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::coop;
use super::waiters::{Key, Turn, Waiters, wake_released};
use crate::shim::atomic::{AtomicBool, Ordering};
use crate::shim::{Mutex, const_unless_loom};

/// A flag that any number of tasks wait for until somebody sets it.
///
/// [`set`](Event::set) lets everybody go who waits at that moment, even if [`clear`](Event::clear) follows at once;
/// who comes after the `clear` waits for the next `set`. What was written before `set` is seen after `wait`.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// raddle::run(async {
///     let ready = Arc::new(raddle::Event::new());
///     let waiter = raddle::create_task({
///         let ready = ready.clone();
///         async move { ready.wait().await }
///     });
///     ready.set();
///     waiter.await.unwrap();
///     assert!(ready.is_set());
/// });
/// ```
pub struct Event {
    is_set: AtomicBool,
    waiters: Mutex<Waiters>,
}

impl Event {
    const_unless_loom! {
        /// Makes an event that is not set.
        ///
        /// # Examples
        ///
        /// ```
        /// static READY: raddle::Event = raddle::Event::new();
        /// assert!(!READY.is_set());
        /// ```
        pub fn new() -> Event {
            Event { is_set: AtomicBool::new(false), waiters: Mutex::new(Waiters::new()) }
        }
    }

    /// Raises the flag and wakes everybody who waits.
    ///
    /// # Panics
    ///
    /// Only if a foreign waker panics; the others have been woken by then.
    ///
    /// # Examples
    ///
    /// ```
    /// let event = raddle::Event::new();
    /// event.set();
    /// raddle::run(event.wait());
    /// ```
    pub fn set(&self) {
        let mut waiters = self.waiters.lock();
        // Release: pairs with the Acquire in `is_set`, so that who sees the flag sees what came before it.
        self.is_set.store(true, Ordering::Release);
        let released = waiters.release();
        drop(waiters);
        if released {
            wake_released(&self.waiters, |waiters| waiters);
        }
    }

    /// Lowers the flag. Who was released by an earlier `set` stays released.
    ///
    /// # Examples
    ///
    /// ```
    /// let event = raddle::Event::new();
    /// event.set();
    /// event.clear();
    /// assert!(!event.is_set());
    /// ```
    pub fn clear(&self) {
        let _waiters = self.waiters.lock();
        self.is_set.store(false, Ordering::Release);
    }

    /// Is the flag up?
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(!raddle::Event::new().is_set());
    /// ```
    pub fn is_set(&self) -> bool {
        // Acquire: pairs with the Release in `set`.
        self.is_set.load(Ordering::Acquire)
    }

    /// Waits until the flag is up, or is raised once if it is not.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped: it only stops waiting.
    ///
    /// # Examples
    ///
    /// ```
    /// let event = raddle::Event::new();
    /// event.set();
    /// raddle::run(async { event.wait().await });
    /// ```
    #[track_caller]
    pub fn wait(&self) -> EventWait<'_> {
        EventWait { event: self, key: None, caller: Location::caller() }
    }
}

impl Default for Event {
    fn default() -> Event {
        Event::new()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiters = self.waiters.lock().len();
        f.debug_struct("Event").field("set", &self.is_set()).field("waiters", &waiters).finish()
    }
}

/// The future of [`Event::wait`].
#[must_use = "a wait does nothing until it is awaited"]
pub struct EventWait<'a> {
    event: &'a Event,
    key: Option<Key>,
    pub(super) caller: &'static Location<'static>,
}

impl Future for EventWait<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.key.is_none() {
            ready!(coop::poll_proceed(cx));
            if this.event.is_set() {
                return Poll::Ready(());
            }
        }
        let mut fresh = None;
        loop {
            let mut waiters = this.event.waiters.lock();
            match waiters.turn(&mut this.key) {
                Turn::Granted | Turn::Released => return Poll::Ready(()),
                Turn::New if this.event.is_set() => return Poll::Ready(()),
                Turn::New | Turn::Waiting => {}
            }
            if waiters.wait(&mut this.key, cx.waker(), &mut fresh) {
                return Poll::Pending;
            }
            drop(waiters);
            fresh = Some(cx.waker().clone());
        }
    }
}

impl Drop for EventWait<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            // Two statements: the lock first, the waker after it.
            let left = self.event.waiters.lock().leave(key);
            drop(left);
        }
    }
}

impl fmt::Debug for EventWait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Event::wait at {}>", self.caller)
    }
}
