//! A flag that tasks wait for: asyncio's `Event`.
//!
//! Sets are counted, and `cleared` is the number of the last set that a clear has undone: the flag is up while there have
//! been more. A set counts itself under the waiters' lock, and a waiter queues up only when it has seen, under that lock,
//! that the flag is down. So a `set` either comes before and is seen, or comes after and releases the waiter. Being
//! released is a fact about the waiter, not about the flag: it remembers how many sets there were when it queued up, and
//! one more lets it go, whatever a `clear` does meanwhile. It needs no lock to see that, and its entry is taken out by
//! the `set`.
//!
//! **The feared interleaving** is a task that clears the flag and then looks for work, while another brings work and sets
//! it: the clear undoes that set, and the look does not see the work. But a clear, which takes no lock, undoes the sets
//! that it has seen and no other, and with them it has seen what came before them. (Of two clears at a time the one that
//! has seen more prevails.)

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use super::coop;
use super::waiters::{Key, Turn, Waiters};
use crate::shim::atomic::{AtomicU64, Ordering};
use crate::shim::{Mutex, const_unless_loom};
use crate::waiting::{self, Kind};

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
    /// How many sets there were: a copy of the line's.
    sets: AtomicU64,
    /// How many of them have been undone.
    cleared: AtomicU64,
    line: Mutex<Line>,
}

struct Line {
    sets: u64,
    waiters: Waiters,
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
            let line = Line { sets: 0, waiters: Waiters::new() };
            Event { sets: AtomicU64::new(0), cleared: AtomicU64::new(0), line: Mutex::new(line) }
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
        let mut line = self.line.lock();
        line.sets += 1;
        // Release: pairs with the Acquire in `sets`, so that who sees the count sees what came before it.
        self.sets.store(line.sets, Ordering::Release);
        let released = line.waiters.release_all();
        drop(line);
        released.wake(&self.line, |line| &mut line.waiters);
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
        let sets = self.sets();
        // Relaxed, here and in `is_set`: whoever has to see this clear is ordered after it by other means.
        if self.cleared.load(Ordering::Relaxed) < sets {
            self.cleared.fetch_max(sets, Ordering::Relaxed);
        }
    }

    /// Is the flag up?
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(!raddle::Event::new().is_set());
    /// ```
    pub fn is_set(&self) -> bool {
        self.sets() > self.cleared.load(Ordering::Relaxed)
    }

    #[inline]
    fn sets(&self) -> u64 {
        // Acquire: pairs with the Release in `set`.
        self.sets.load(Ordering::Acquire)
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
        EventWait { event: self, key: None, sets: 0, caller: Location::caller() }
    }
}

impl Default for Event {
    fn default() -> Event {
        Event::new()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiters = self.line.lock().waiters.len();
        f.debug_struct("Event").field("set", &self.is_set()).field("waiters", &waiters).finish()
    }
}

/// The future of [`Event::wait`].
#[must_use = "a wait does nothing until it is awaited"]
pub struct EventWait<'a> {
    event: &'a Event,
    key: Option<Key>,
    /// With a key: how many sets there had been when it queued up.
    sets: u64,
    pub(super) caller: &'static Location<'static>,
}

impl EventWait<'_> {
    fn queue_up(&mut self, waker: Waker) -> Poll<()> {
        let mut line = self.event.line.lock();
        if self.event.is_set() {
            return Poll::Ready(());
        }
        self.sets = line.sets;
        self.key = Some(line.waiters.push(waker, ()));
        self.note();
        Poll::Pending
    }

    /// Polled again, and maybe by somebody else, before its time.
    #[cold]
    fn renew(&mut self, waker: &Waker) -> Poll<()> {
        let mut fresh = None;
        loop {
            let mut line = self.event.line.lock();
            if line.waiters.turn(&mut self.key) != Turn::Waiting {
                return Poll::Ready(());
            }
            if line.waiters.wait(&mut self.key, waker, &mut fresh) {
                drop(line);
                drop(fresh);
                self.note();
                return Poll::Pending;
            }
            drop(line);
            // Cloned with no lock held, and only for another task than before.
            fresh = Some(waker.clone());
        }
    }

    #[inline]
    fn note(&self) {
        waiting::note(Kind::Event, waiting::object(self.event), self.caller);
    }
}

impl Future for EventWait<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.key.is_none() {
            ready!(coop::poll_proceed(cx));
            return if this.event.is_set() { Poll::Ready(()) } else { this.queue_up(cx.waker().clone()) };
        }
        if this.event.sets() == this.sets {
            return this.renew(cx.waker());
        }
        // The set that let it go takes its entry out, or has done so.
        this.key = None;
        Poll::Ready(())
    }
}

impl Drop for EventWait<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            // Two statements: the lock first, the waker after it.
            let left = self.event.line.lock().waiters.leave(key);
            drop(left);
        }
    }
}

impl fmt::Debug for EventWait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Event::wait at {}>", self.caller)
    }
}
