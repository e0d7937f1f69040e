//! A value that is made once, by an async function, by whoever needs it first.
//!
//! The value lies in a cell that is written once. Beside it, under a short lock: whether somebody has the **turn** to
//! make the value, and the line of those who wait for it.
//!
//! Who comes and finds neither value nor turn taken takes the turn, an [`InitTurn`], runs its own closure and stores
//! what that gave: everybody in the line is released, and finds the value. A turn that ends without a value (the future
//! was dropped, the closure panicked or gave an error) is handed to the first in the line, who runs *its* closure. So
//! nobody waits for a future that nobody polls any more, and while somebody waits, somebody has the turn.
//!
//! Value and turn change under the lock only, so a waiter that has looked at both there and queues up cannot miss what
//! comes after. [`OnceCell::set`] needs no turn; a turn that is outrun by it finds the cell full and gives way.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::coop;
use super::waiters::{Key, Left, Turn, Waiters, wake_released};
use crate::shim::{Mutex, OnceLock, const_unless_loom};
use crate::waiting::{self, Kind};

/// A value that is made when it is needed first, by an async closure, and then is there for everybody.
///
/// # Examples
///
/// ```
/// static CONFIG: raddle::OnceCell<String> = raddle::OnceCell::new();
///
/// async fn config() -> &'static str {
///     CONFIG
///         .get_or_init(async || {
///             raddle::yield_now().await; // reads a file, asks a server
///             "config".to_owned()
///         })
///         .await
/// }
///
/// raddle::run(async {
///     assert_eq!(config().await, "config");
///     assert_eq!(CONFIG.get().unwrap(), "config");
/// });
/// ```
pub struct OnceCell<T> {
    value: OnceLock<T>,
    line: Mutex<Line>,
}

struct Line {
    /// Somebody has the turn to make the value, or has been granted it and has not looked yet.
    is_turn_taken: bool,
    waiters: Waiters,
}

impl<T> OnceCell<T> {
    const_unless_loom! {
        /// Makes an empty cell.
        ///
        /// # Examples
        ///
        /// ```
        /// static CONFIG: raddle::OnceCell<String> = raddle::OnceCell::new();
        /// assert!(CONFIG.get().is_none());
        /// ```
        pub fn new() -> OnceCell<T> {
            OnceCell {
                value: OnceLock::new(),
                line: Mutex::new(Line { is_turn_taken: false, waiters: Waiters::new() }),
            }
        }
    }

    /// The value, if it has been made.
    ///
    /// # Examples
    ///
    /// ```
    /// let cell = raddle::OnceCell::from(1);
    /// assert_eq!(cell.get(), Some(&1));
    /// ```
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// The value, if it has been made, to be changed.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut cell = raddle::OnceCell::from(1);
    /// *cell.get_mut().unwrap() += 1;
    /// assert_eq!(cell.into_inner(), Some(2));
    /// ```
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut()
    }

    /// The value; if it has not been made, this makes it, or waits for who does.
    ///
    /// Of many who come only one runs its closure, in its own future; the others wait for it, and go together when the
    /// value is there. A closure that asks for the value of its own cell waits for itself.
    ///
    /// # Panics
    ///
    /// If the closure does. The cell is empty then, and the next who waits runs its own closure.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped while its closure runs, that run is lost, and the next who waits runs its own closure. A
    /// future that waits for another one only stops waiting.
    ///
    /// # Examples
    ///
    /// ```
    /// let cell = raddle::OnceCell::new();
    /// raddle::run(async {
    ///     assert_eq!(cell.get_or_init(async || 1).await, &1);
    ///     assert_eq!(cell.get_or_init(async || 2).await, &1);
    /// });
    /// ```
    #[track_caller]
    pub fn get_or_init<F>(&self, init: F) -> impl Future<Output = &T> + use<'_, T, F>
    where
        F: AsyncFnOnce() -> T,
    {
        let enter = self.enter(Location::caller());
        async move {
            match enter.await {
                Entered::Value(value) => value,
                Entered::Turn(turn) => turn.store(init().await),
            }
        }
    }

    /// The value; if it has not been made, this tries to make it, or waits for who does.
    ///
    /// # Errors
    ///
    /// What the closure gave. The cell is empty then, and the next who waits runs its own closure.
    ///
    /// # Panics
    ///
    /// If the closure does, as [`get_or_init`](OnceCell::get_or_init).
    ///
    /// # Cancel safety
    ///
    /// As [`get_or_init`](OnceCell::get_or_init).
    ///
    /// # Examples
    ///
    /// ```
    /// let cell = raddle::OnceCell::new();
    /// raddle::run(async {
    ///     assert!(cell.get_or_try_init(async || "x".parse::<u8>()).await.is_err());
    ///     assert_eq!(cell.get_or_try_init(async || "7".parse::<u8>()).await, Ok(&7));
    /// });
    /// ```
    #[track_caller]
    pub fn get_or_try_init<E, F>(&self, init: F) -> impl Future<Output = Result<&T, E>> + use<'_, T, E, F>
    where
        F: AsyncFnOnce() -> Result<T, E>,
    {
        let enter = self.enter(Location::caller());
        async move {
            match enter.await {
                Entered::Value(value) => Ok(value),
                Entered::Turn(turn) => Ok(turn.store(init().await?)),
            }
        }
    }

    /// Gives the cell its value, and lets everybody go who waits for it.
    ///
    /// If somebody is making one at this moment, the value given here comes first: what that one makes is dropped, and
    /// it gets this one.
    ///
    /// # Errors
    ///
    /// The value, if there is one already.
    ///
    /// # Panics
    ///
    /// Only if a foreign waker panics; the value is there and the others have been woken by then.
    ///
    /// # Examples
    ///
    /// ```
    /// let cell = raddle::OnceCell::new();
    /// assert_eq!(cell.set(1), Ok(()));
    /// assert_eq!(cell.set(2), Err(2));
    /// ```
    pub fn set(&self, value: T) -> Result<(), T> {
        let mut line = self.line.lock();
        let result = self.value.set(value);
        let released = result.is_ok() && line.waiters.release();
        drop(line);
        if released {
            wake_released(&self.line, |line| &mut line.waiters);
        }
        result
    }

    /// Gives the value back, if it has been made.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(raddle::OnceCell::from(1).into_inner(), Some(1));
    /// ```
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    fn enter(&self, caller: &'static Location<'static>) -> Enter<'_, T> {
        Enter { cell: self, key: None, caller }
    }

    /// The turn ended without a value, unless there is one: the next in the line gets it.
    fn pass_on(&self) {
        let mut line = self.line.lock();
        let next = if self.value.get().is_none() { line.waiters.grant_first() } else { None };
        line.is_turn_taken = next.is_some();
        drop(line);
        if let Some(waker) = next {
            waker.wake();
        }
    }
}

impl<T> Default for OnceCell<T> {
    fn default() -> OnceCell<T> {
        OnceCell::new()
    }
}

impl<T> From<T> for OnceCell<T> {
    fn from(value: T) -> OnceCell<T> {
        let cell = OnceCell::new();
        let _nobody_was_faster = cell.value.set(value);
        cell
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line.lock();
        let (is_turn_taken, waiters) = (line.is_turn_taken, line.waiters.len());
        drop(line);
        let mut cell = f.debug_struct("OnceCell");
        match self.get() {
            Some(value) => cell.field("value", value),
            None if is_turn_taken => cell.field("value", &format_args!("<being made>")),
            None => cell.field("value", &format_args!("<empty>")),
        };
        cell.field("waiters", &waiters).finish()
    }
}

/// What there is for who comes.
enum Entered<'a, T> {
    Value(&'a T),
    Turn(InitTurn<'a, T>),
}

/// The right and duty to make the value; dropping it passes it on.
struct InitTurn<'a, T> {
    cell: &'a OnceCell<T>,
}

impl<'a, T> InitTurn<'a, T> {
    fn store(self, value: T) -> &'a T {
        let cell = self.cell;
        // Outrun by `set`: the value is dropped here, outside the lock.
        drop(cell.set(value));
        cell.get().expect("a cell that was set has a value")
    }
}

impl<T> Drop for InitTurn<'_, T> {
    fn drop(&mut self) {
        self.cell.pass_on();
    }
}

/// Waits for the value, or for the turn to make it.
struct Enter<'a, T> {
    cell: &'a OnceCell<T>,
    key: Option<Key>,
    caller: &'static Location<'static>,
}

impl<'a, T> Future for Enter<'a, T> {
    type Output = Entered<'a, T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Entered<'a, T>> {
        let this = self.get_mut();
        let cell = this.cell;
        if this.key.is_none() {
            ready!(coop::poll_proceed(cx));
            if let Some(value) = cell.get() {
                return Poll::Ready(Entered::Value(value));
            }
        }
        let mut fresh = None;
        loop {
            let mut line = cell.line.lock();
            let turn = line.waiters.turn(&mut this.key);
            if let Some(value) = cell.get() {
                return Poll::Ready(Entered::Value(value));
            }
            if turn == Turn::Granted || (turn == Turn::New && !line.is_turn_taken) {
                line.is_turn_taken = true;
                return Poll::Ready(Entered::Turn(InitTurn { cell }));
            }
            if line.waiters.wait(&mut this.key, cx.waker(), &mut fresh) {
                waiting::note(Kind::OnceCell, waiting::object(cell), this.caller);
                return Poll::Pending;
            }
            drop(line);
            fresh = Some(cx.waker().clone());
        }
    }
}

impl<T> Drop for Enter<'_, T> {
    fn drop(&mut self) {
        let Some(key) = self.key.take() else { return };
        let left = self.cell.line.lock().waiters.leave(key);
        if let Left::Granted = left {
            self.cell.pass_on();
        }
    }
}
