//! One value from one task to another: asyncio's `Future` with `set_result`, in two halves that cannot be mixed up.
//!
//! Both halves share one allocation: a state word, a cell for the value, a cell for the waker of whoever awaits it.
//! There is no lock on the way of the value.
//!
//! | bit       | set by                 | cleared by | means                                                          |
//! |-----------|------------------------|------------|----------------------------------------------------------------|
//! | COMPLETE  | `Promise::{set, drop}` | never      | the promise is over; the value cell is as it will be           |
//! | WAITING   | `Pending::poll`        | `poll`     | the waker cell holds a waker to be woken by who completes      |
//! | ABANDONED | `Pending::drop`        | never      | nobody will take the value                                     |
//! | WATCHED   | `PromiseAbandoned`     | never      | somebody waits for ABANDONED in `watchers`                     |
//!
//! **Who may touch the value cell.** Before COMPLETE: the promise alone. After it: the pending, if the completing RMW
//! saw no ABANDONED; else the promise, which takes its value back. Both bits come by RMWs on the one word, so they have
//! an order, and each side learns from the value before its own RMW whether it came first or second.
//!
//! **Who may touch the waker cell.** While WAITING is down: the pending alone. While it is up: whoever first sets
//! COMPLETE or ABANDONED, so the completer takes the waker out if it saw WAITING without ABANDONED, and a pending
//! that is dropped takes it out if it saw WAITING without COMPLETE. To renew its waker the pending lowers WAITING
//! first; finding COMPLETE in that very RMW means that the cell is not its own any more, and that the value is there.
//!
//! **The feared interleaving**: the promise completes between the pending's look at the word and its announcement, sees
//! no WAITING, wakes nobody. But the announcement is an RMW as well, on the same word: it returns COMPLETE, and the
//! pending takes the value instead of going to sleep. Nothing here needs a fence or a SeqCst.
#![allow(unsafe_code)]

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use super::coop;
use super::waiters::{Key, Turn, Waiters, wake_released};
use crate::shim::atomic::{AtomicU8, Ordering};
use crate::shim::{Arc, Mutex, UnsafeCell};
use crate::waiting::{self, Kind};

const COMPLETE: u8 = 1;
const WAITING: u8 = 2;
const ABANDONED: u8 = 4;
const WATCHED: u8 = 8;

/// Makes the two halves of a value that is to come: the right to set it, and the future of it.
///
/// # Examples
///
/// ```
/// raddle::run(async {
///     let (answer, pending) = raddle::promise();
///     raddle::create_task(async move { answer.set(42) });
///     assert_eq!(pending.await, Ok(42));
/// });
/// ```
pub fn promise<T>() -> (Promise<T>, Pending<T>) {
    let shared = Arc::new(Shared {
        state: AtomicU8::new(0),
        value: UnsafeCell::new(None),
        waker: UnsafeCell::new(None),
        watchers: Mutex::new(None),
    });
    (Promise { shared: Some(shared.clone()) }, Pending { shared: Some(shared) })
}

struct Shared<T> {
    state: AtomicU8,
    value: UnsafeCell<Option<T>>,
    waker: UnsafeCell<Option<Waker>>,
    /// The futures of [`Promise::abandoned`], which few programs use: hence the box.
    watchers: Mutex<Option<Box<Waiters>>>,
}

// SAFETY: the value is moved from one thread to another and never shared, wakers may go anywhere, and who touches which
// cell when is decided by RMWs on `state` (the essay above).
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// Ends the promise, with whatever is in the value cell, and wakes who awaits it. Gives the value back if nobody
    /// can take it any more.
    ///
    /// # Safety
    ///
    /// The promise calls this, once.
    unsafe fn complete(&self) -> Option<T> {
        // Release: pairs with the Acquire in `poll`, `try_get` and `Pending::drop`, which read the value cell after it.
        // Acquire: pairs with the Release by which `poll` announced the waker in the cell that is read next.
        let before = self.state.fetch_or(COMPLETE, Ordering::AcqRel);
        debug_assert_eq!(before & COMPLETE, 0, "a promise was kept twice");
        if before & ABANDONED != 0 {
            // SAFETY: COMPLETE came after ABANDONED, so the value cell is still the promise's, which is calling.
            return unsafe { take(&self.value) };
        }
        if before & WAITING != 0 {
            // SAFETY: WAITING was up and COMPLETE came before any ABANDONED, so the waker cell is the completer's.
            let waker = unsafe { take(&self.waker) };
            waker.expect("WAITING says that there is a waker").wake();
        }
        None
    }

    fn is_abandoned(&self) -> bool {
        // Acquire: pairs with the Release in `Pending::drop`, so that who sees it sees what came before it.
        self.state.load(Ordering::Acquire) & ABANDONED != 0
    }
}

/// Takes what is in a cell.
///
/// # Safety
///
/// The caller is the one who may touch the cell at this moment.
unsafe fn take<V>(cell: &UnsafeCell<Option<V>>) -> Option<V> {
    // SAFETY: by this function's contract nobody else touches the cell.
    cell.with_mut(|place| unsafe { (*place).take() })
}

/// The right to give a value to whoever holds the [`Pending`]; it can be used once.
///
/// A promise that is dropped without a value tells so: the pending gives [`Abandoned`].
pub struct Promise<T> {
    /// There until the promise is over.
    shared: Option<Arc<Shared<T>>>,
}

impl<T> Promise<T> {
    /// Gives the value and wakes who awaits it.
    ///
    /// # Errors
    ///
    /// The value, if the [`Pending`] is gone.
    ///
    /// # Panics
    ///
    /// Only if the waker of the one who awaits it is a foreign one that panics; the value has been given by then.
    ///
    /// # Examples
    ///
    /// ```
    /// let (promise, pending) = raddle::promise();
    /// drop(pending);
    /// assert_eq!(promise.set(1), Err(1));
    /// ```
    pub fn set(mut self, value: T) -> Result<(), T> {
        let shared = self.shared.take().expect("a promise has its half until it is over");
        // SAFETY: COMPLETE is not set, since only this promise sets it; so the value cell is the promise's.
        shared.value.with_mut(|place| unsafe { *place = Some(value) });
        // SAFETY: the promise calls, and it ends here.
        unsafe { shared.complete() }.map_or(Ok(()), Err)
    }

    /// Waits until the [`Pending`] is dropped, so that work nobody waits for can be given up.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// let (promise, pending) = raddle::promise::<u8>();
    /// drop(pending);
    /// raddle::run(async { promise.abandoned().await });
    /// ```
    #[track_caller]
    pub fn abandoned(&self) -> PromiseAbandoned<'_, T> {
        PromiseAbandoned { shared: self.shared(), key: None, caller: Location::caller() }
    }

    /// Has the [`Pending`] been dropped?
    ///
    /// # Examples
    ///
    /// ```
    /// let (promise, pending) = raddle::promise::<u8>();
    /// assert!(!promise.is_abandoned());
    /// # drop(pending);
    /// ```
    pub fn is_abandoned(&self) -> bool {
        self.shared().is_abandoned()
    }

    fn shared(&self) -> &Shared<T> {
        self.shared.as_ref().expect("a promise has its half until it is over")
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            // SAFETY: the promise calls, and it ends here.
            let nothing = unsafe { shared.complete() };
            debug_assert!(nothing.is_none(), "a promise that was never kept had a value");
        }
    }
}

impl<T> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promise").field("abandoned", &self.is_abandoned()).finish_non_exhaustive()
    }
}

/// The future of a [`promise`]: the value, or [`Abandoned`] if the promise was dropped without one.
///
/// # Cancel safety
///
/// It may be awaited by `&mut` and dropped half-way: a value that comes later is still there. Dropping the pending
/// itself gives the value back to the promise's holder (`set` returns it) or drops it, if it had already come.
#[must_use = "a pending value does nothing until it is awaited"]
pub struct Pending<T> {
    /// There until the result has been given.
    shared: Option<Arc<Shared<T>>>,
}

impl<T> Pending<T> {
    /// Takes the result if it is there; `None` while it is not, and after it has been given.
    ///
    /// # Examples
    ///
    /// ```
    /// let (promise, mut pending) = raddle::promise();
    /// assert_eq!(pending.try_get(), None);
    /// promise.set(1).unwrap();
    /// assert_eq!(pending.try_get(), Some(Ok(1)));
    /// assert_eq!(pending.try_get(), None);
    /// ```
    pub fn try_get(&mut self) -> Option<Result<T, Abandoned>> {
        let shared = self.shared.as_ref()?;
        // Acquire: pairs with the Release in `complete`.
        let is_complete = shared.state.load(Ordering::Acquire) & COMPLETE != 0;
        // SAFETY: the line above.
        is_complete.then(|| unsafe { self.finish() })
    }

    /// Gives the result and lets go of the promise.
    ///
    /// # Safety
    ///
    /// COMPLETE has been seen, by an Acquire.
    unsafe fn finish(&mut self) -> Result<T, Abandoned> {
        let shared = self.shared.take().expect("a pending value was polled again after it had given its result");
        // SAFETY: COMPLETE is set, ABANDONED can only be set by this pending, which is no more: the value cell is ours.
        unsafe { take(&shared.value) }.ok_or(Abandoned)
    }
}

impl<T> Future for Pending<T> {
    type Output = Result<T, Abandoned>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let shared = this.shared.as_ref().expect("a pending value was polled again after it had given its result");
        // Acquire: pairs with the Release in `complete`.
        let state = shared.state.load(Ordering::Acquire);
        if state & COMPLETE != 0 {
            ready!(coop::poll_proceed(cx));
            // SAFETY: COMPLETE was seen by the load.
            return Poll::Ready(unsafe { this.finish() });
        }
        if state & WAITING != 0 {
            // AcqRel: Acquire pairs with `complete` in case it came first, Release hands it the cell as it is.
            let before = shared.state.fetch_and(!WAITING, Ordering::AcqRel);
            if before & COMPLETE != 0 {
                // SAFETY: COMPLETE was seen by the RMW.
                return Poll::Ready(unsafe { this.finish() });
            }
        }
        // WAITING is down: the waker cell is ours until we raise it. What was in it is dropped after that.
        // SAFETY: see the line above.
        let old = unsafe { take(&shared.waker) };
        let (new, old) = match old {
            Some(old) if old.will_wake(cx.waker()) => (old, None),
            other => (cx.waker().clone(), other),
        };
        // SAFETY: as above.
        shared.waker.with_mut(|place| unsafe { *place = Some(new) });
        // Release: hands the waker to the Acquire in `complete`. Acquire: pairs with the Release in `complete`, in case it
        // came first; then it did not see this WAITING, and the cell is still ours.
        let before = shared.state.fetch_or(WAITING, Ordering::AcqRel);
        drop(old);
        if before & COMPLETE == 0 {
            waiting::note(Kind::Promise, waiting::object(&**shared), Location::caller());
            return Poll::Pending;
        }
        // SAFETY: as above: nobody saw this WAITING.
        drop(unsafe { take(&shared.waker) });
        // SAFETY: COMPLETE was seen by the RMW.
        Poll::Ready(unsafe { this.finish() })
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        let Some(shared) = self.shared.take() else { return };
        // Acquire: pairs with the Release in `complete`. Release: pairs with the Acquire in `is_abandoned`.
        let before = shared.state.fetch_or(ABANDONED, Ordering::AcqRel);
        if before & COMPLETE != 0 {
            // SAFETY: COMPLETE came before ABANDONED, so the value cell is the pending's.
            drop(unsafe { take(&shared.value) });
        } else if before & WAITING != 0 {
            // SAFETY: WAITING was up, and ABANDONED came before COMPLETE, so the waker cell is the pending's.
            drop(unsafe { take(&shared.waker) });
        }
        if before & WATCHED != 0 && watch_list(&mut shared.watchers.lock()).release() {
            wake_released(&shared.watchers, watch_list);
        }
    }
}

fn watch_list(watchers: &mut Option<Box<Waiters>>) -> &mut Waiters {
    watchers.get_or_insert_with(|| Box::new(Waiters::new()))
}

impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.as_ref().map(|shared| shared.state.load(Ordering::Relaxed));
        let text = match state {
            None => "<Pending finished>",
            Some(state) if state & COMPLETE != 0 => "<Pending ready>",
            Some(state) if state & WAITING != 0 => "<Pending awaited>",
            Some(_) => "<Pending>",
        };
        f.write_str(text)
    }
}

/// The future of [`Promise::abandoned`].
#[must_use = "a wait does nothing until it is awaited"]
pub struct PromiseAbandoned<'a, T> {
    shared: &'a Shared<T>,
    key: Option<Key>,
    caller: &'static Location<'static>,
}

impl<T> Future for PromiseAbandoned<'_, T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.key.is_none() {
            ready!(coop::poll_proceed(cx));
            if this.shared.is_abandoned() {
                return Poll::Ready(());
            }
        }
        let mut fresh = None;
        loop {
            let mut watchers = this.shared.watchers.lock();
            let list = watch_list(&mut watchers);
            let turn = list.turn(&mut this.key);
            // The bit before the look: a pending that is dropped after it sees WATCHED and comes for the list, whose lock
            // is held here until the waiter is in it. AcqRel: pairs with the RMW in `Pending::drop`.
            let gone = turn == Turn::Released
                || this.shared.state.fetch_or(WATCHED, Ordering::AcqRel) & ABANDONED != 0 && turn == Turn::New;
            if gone {
                return Poll::Ready(());
            }
            if list.wait(&mut this.key, cx.waker(), &mut fresh) {
                waiting::note(Kind::PromiseAbandoned, waiting::object(this.shared), this.caller);
                return Poll::Pending;
            }
            drop(watchers);
            fresh = Some(cx.waker().clone());
        }
    }
}

impl<T> Drop for PromiseAbandoned<'_, T> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            // Two statements: the lock first, the waker after it.
            let left = watch_list(&mut self.shared.watchers.lock()).leave(key);
            drop(left);
        }
    }
}

impl<T> fmt::Debug for PromiseAbandoned<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Promise::abandoned at {}>", self.caller)
    }
}

/// The promise was dropped without a value.
///
/// # Examples
///
/// ```
/// let (promise, pending) = raddle::promise::<u8>();
/// drop(promise);
/// assert_eq!(raddle::run(pending), Err(raddle::Abandoned));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abandoned;

impl fmt::Display for Abandoned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the promise was dropped without a value; its holder ended, failed or was cancelled before set()")
    }
}

impl Error for Abandoned {}
