//! Waiting for something to become true of what a lock guards: asyncio's `Condition`.
//!
//! ```text
//!           first poll                   notify                    the lock is free
//!  Holding -----------> Away, in line ------------> Away, relocking ---------------> gives the guard
//! ```
//!
//! A waiter stands in the line before it gives up its lock. So whoever changes the value under the lock, and notifies
//! after that, finds it there: no notification falls between the waiter's look at the value and its wait.
//!
//! **A notification is kept until the guard is given.** A waiter that was notified by [`Condition::notify`] and is
//! dropped before it has the lock again passes the notification on to the first who waits then. (asyncio forgot to, up
//! to Python 3.12: one waiter was notified and cancelled, and another slept beside work to do.) Who was let go by
//! [`Condition::notify_all`] passes nothing on: so was everybody else.
//!
//! **Cancelling needs no lock.** asyncio takes the lock back even for a waiter that is cancelled, since its
//! `async with` is about to release it. Here the guard has gone into the future, so there is nobody to give it to.

use std::fmt;
use std::future::Future;
use std::mem::replace;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::condition_guard::ConditionGuard;
use super::coop;
use super::waiters::{Key, Left, Turn, Waiters, WakeBatch, wake_in_batches, wake_released};
use crate::shim::{Mutex, const_unless_loom};
use crate::waiting::{self, Kind};

/// A line of tasks that wait until something changes about the value of a [`Mutex`](super::Mutex).
///
/// [`wait`](Condition::wait) takes the guard of the mutex, gives the lock up while it waits to be notified, and gives
/// a guard back. [`wait_for`](Condition::wait_for) repeats that until a predicate holds.
///
/// Whoever has changed the value calls [`notify`](Condition::notify) or [`notify_all`](Condition::notify_all).
/// asyncio demands that the notifier holds the lock. Here it may, but need not: what counts is that the *change* was
/// made under the lock. (A notifier that drops its guard first spares the one it wakes a wait for the lock.)
///
/// A condition is not bound to one mutex; each waiter gets back the lock that it came with. Waiters are notified in the
/// order in which they came. A wait may end though the value is not what its task hopes for: another task may have
/// got the lock first, or a notification may have been passed on by a waiter that was cancelled. So `wait` belongs into
/// a loop; `wait_for` is one.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// raddle::run(async {
///     let state = Arc::new((raddle::Mutex::new(Vec::new()), raddle::Condition::new()));
///     let waiter = raddle::create_task({
///         let state = state.clone();
///         async move {
///             let (values, changed) = &*state;
///             let guard = values.lock().await;
///             let guard = changed.wait_for(guard, |values| values.len() >= 3).await;
///             guard.iter().sum::<u32>()
///         }
///     });
///     let (values, changed) = &*state;
///     for n in 1..=3 {
///         values.lock().await.push(n);
///         changed.notify(1);
///     }
///     assert_eq!(waiter.await.unwrap(), 6);
/// });
/// ```
pub struct Condition {
    waiters: Mutex<Waiters>,
}

impl Condition {
    const_unless_loom! {
        /// Makes a condition for which nobody waits.
        ///
        /// # Examples
        ///
        /// ```
        /// static CHANGED: raddle::Condition = raddle::Condition::new();
        /// CHANGED.notify_all();
        /// ```
        pub fn new() -> Condition {
            Condition { waiters: Mutex::new(Waiters::new()) }
        }
    }

    /// Gives up the lock, waits to be notified, and takes the lock again.
    ///
    /// The lock is given up when the future is polled first, not before.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped: a notification that it had got goes to the next who waits. The guard
    /// went into the future, so the lock is free then, and not taken again.
    ///
    /// # Examples
    ///
    /// ```
    /// static COUNT: raddle::Mutex<u32> = raddle::Mutex::new(0);
    /// static CHANGED: raddle::Condition = raddle::Condition::new();
    ///
    /// raddle::run(async {
    ///     let mut count = COUNT.lock().await;
    ///     raddle::create_task(async {
    ///         *COUNT.lock().await += 1; // has to wait for the lock, which `wait` gives up
    ///         CHANGED.notify(1);
    ///     });
    ///     while *count == 0 {
    ///         count = CHANGED.wait(count).await;
    ///     }
    ///     assert_eq!(*count, 1);
    /// });
    /// ```
    #[track_caller]
    pub fn wait<G: ConditionGuard>(&self, guard: G) -> ConditionWait<'_, G> {
        ConditionWait {
            condition: self,
            stage: Stage::Holding(guard),
            key: None,
            owes_notification: false,
            caller: Location::caller(),
        }
    }

    /// Waits until the predicate holds of the value, and gives the guard under which it does.
    ///
    /// The predicate is asked at once, and again after each notification, always under the lock.
    ///
    /// # Panics
    ///
    /// If the predicate does; the lock is free then.
    ///
    /// # Cancel safety
    ///
    /// As [`wait`](Condition::wait): nothing is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// let (ready, changed) = (raddle::Mutex::new(true), raddle::Condition::new());
    /// raddle::run(async {
    ///     let guard = ready.lock().await;
    ///     let guard = changed.wait_for(guard, |ready| *ready).await;
    ///     assert!(*guard);
    /// });
    /// ```
    #[track_caller]
    pub fn wait_for<G, P>(&self, guard: G, predicate: P) -> ConditionWaitFor<'_, G, P>
    where
        G: ConditionGuard,
        P: FnMut(&G::Value) -> bool,
    {
        ConditionWaitFor { wait: self.wait(guard), predicate }
    }

    /// Notifies the first so many of those who wait, or all if there are fewer.
    ///
    /// Nothing is kept if nobody waits.
    ///
    /// # Panics
    ///
    /// Only if a foreign waker panics; the others have been woken by then.
    ///
    /// # Examples
    ///
    /// ```
    /// let changed = raddle::Condition::new();
    /// changed.notify(1);
    /// ```
    pub fn notify(&self, count: usize) {
        if count == 1 {
            return self.notify_first();
        }
        let mut left = None;
        wake_in_batches(&self.waiters, WakeBatch::new(), |waiters, batch| {
            let left = left.get_or_insert(count.min(waiters.len()));
            while *left > 0 && !batch.is_full() {
                batch.push(waiters.grant_first());
                *left -= 1;
            }
            *left > 0
        });
    }

    fn notify_first(&self) {
        let first = self.waiters.lock().grant_first();
        if let Some(waker) = first {
            waker.wake();
        }
    }

    /// Notifies everybody who waits at this moment.
    ///
    /// # Panics
    ///
    /// Only if a foreign waker panics; the others have been woken by then.
    ///
    /// # Examples
    ///
    /// ```
    /// let changed = raddle::Condition::new();
    /// changed.notify_all();
    /// ```
    pub fn notify_all(&self) {
        let released = self.waiters.lock().release();
        if released {
            wake_released(&self.waiters, |waiters| waiters);
        }
    }
}

impl Default for Condition {
    fn default() -> Condition {
        Condition::new()
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condition").field("waiters", &self.waiters.lock().len()).finish()
    }
}

/// Where the lock is.
enum Stage<G: ConditionGuard> {
    /// Here: the wait has not begun.
    Holding(G),
    /// Given up; this future takes it again.
    Away(G::Relocking),
    /// With the caller.
    Given,
}

/// The future of [`Condition::wait`].
#[must_use = "a wait does nothing until it is awaited, and drops the guard if it is not"]
pub struct ConditionWait<'a, G: ConditionGuard> {
    condition: &'a Condition,
    stage: Stage<G>,
    /// There from the first poll until the waiter has seen that it was notified.
    key: Option<Key>,
    /// It was notified, alone, and has not taken the lock again yet.
    owes_notification: bool,
    caller: &'static Location<'static>,
}

/// The guard is moved, never pinned.
impl<G: ConditionGuard> Unpin for ConditionWait<'_, G> {}

impl<G: ConditionGuard> ConditionWait<'_, G> {
    fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<G> {
        if let Stage::Holding(_) = self.stage {
            ready!(coop::poll_proceed(cx));
            self.begin(cx);
            waiting::note(Kind::Condition, waiting::object(self.condition), self.caller);
            return Poll::Pending;
        }
        ready!(self.poll_notified(cx));
        let Stage::Away(relocking) = &mut self.stage else {
            panic!("the future of Condition::wait was polled again after it had given its guard");
        };
        let Poll::Ready(guard) = Pin::new(relocking).poll(cx) else {
            waiting::note_at(self.caller);
            return Poll::Pending;
        };
        self.owes_notification = false;
        self.stage = Stage::Given;
        Poll::Ready(guard)
    }

    /// Stands in the line first, and gives the lock up after that.
    fn begin(&mut self, cx: &mut Context<'_>) {
        let waker = cx.waker().clone();
        self.key = Some(self.condition.waiters.lock().push(waker, ()));
        if let Stage::Holding(guard) = replace(&mut self.stage, Stage::Given) {
            self.stage = Stage::Away(guard.unlock());
        }
    }

    fn poll_notified(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut fresh = None;
        while self.key.is_some() {
            let mut waiters = self.condition.waiters.lock();
            let turn = waiters.turn(&mut self.key);
            if turn == Turn::Waiting {
                if waiters.wait(&mut self.key, cx.waker(), &mut fresh) {
                    waiting::note(Kind::Condition, waiting::object(self.condition), self.caller);
                    return Poll::Pending;
                }
                drop(waiters);
                fresh = Some(cx.waker().clone());
            }
            self.owes_notification = turn == Turn::Granted;
        }
        Poll::Ready(())
    }

    fn take_guard(&mut self) -> Option<G> {
        match replace(&mut self.stage, Stage::Given) {
            Stage::Holding(guard) => Some(guard),
            other => {
                self.stage = other;
                None
            }
        }
    }
}

impl<G: ConditionGuard> Future for ConditionWait<'_, G> {
    type Output = G;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<G> {
        self.get_mut().poll_wait(cx)
    }
}

impl<G: ConditionGuard> Drop for ConditionWait<'_, G> {
    fn drop(&mut self) {
        if self.key.is_none() && !self.owes_notification {
            return;
        }
        let mut waiters = self.condition.waiters.lock();
        let left = self.key.take().map(|key| waiters.leave(key));
        let owes_notification = self.owes_notification || matches!(left, Some(Left::Granted));
        let next = if owes_notification { waiters.grant_first() } else { None };
        drop(waiters);
        drop(left);
        if let Some(waker) = next {
            waker.wake();
        }
    }
}

impl<G: ConditionGuard> fmt::Debug for ConditionWait<'_, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Condition::wait at {}>", self.caller)
    }
}

/// The future of [`Condition::wait_for`].
#[must_use = "a wait does nothing until it is awaited, and drops the guard if it is not"]
pub struct ConditionWaitFor<'a, G: ConditionGuard, P> {
    /// In the stage `Holding` whenever the predicate is asked.
    wait: ConditionWait<'a, G>,
    predicate: P,
}

/// The predicate is called, never pinned.
impl<G: ConditionGuard, P> Unpin for ConditionWaitFor<'_, G, P> {}

impl<G, P> Future for ConditionWaitFor<'_, G, P>
where
    G: ConditionGuard,
    P: FnMut(&G::Value) -> bool,
{
    type Output = G;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<G> {
        let this = self.get_mut();
        loop {
            if let Stage::Holding(guard) = &this.wait.stage
                && (this.predicate)(guard.value())
                && let Some(guard) = this.wait.take_guard()
            {
                return Poll::Ready(guard);
            }
            let guard = ready!(this.wait.poll_wait(cx));
            this.wait.stage = Stage::Holding(guard);
        }
    }
}

impl<G: ConditionGuard, P> fmt::Debug for ConditionWaitFor<'_, G, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Condition::wait_for at {}>", self.wait.caller)
    }
}
