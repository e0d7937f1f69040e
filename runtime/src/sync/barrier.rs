//! Tasks that wait for each other: asyncio's `Barrier`.
//!
//! Who arrives stands in the line, until the line and the newcomer are as many as the barrier wants. Then, under the
//! one lock and in one go, everybody in the line is granted a turn with an index in the order of arrival, and the
//! newcomer takes the last one. So a generation is as many waiters as stood there at the moment it was full:
//!
//! * A waiter that was cancelled before has left the line, and is counted by nobody. (CPython deals the indices on
//!   arrival and counts down for who leaves, so that the next to arrive gets an index that somebody has already.)
//! * One that is cancelled after it has passed like the others, who are not held up.
//! * Nobody can arrive in between, and who arrives next is of the next generation. There is no draining: asyncio keeps
//!   newcomers out until all of the last generation have woken up, since its waiters look at a state they share; here
//!   each has its own entry.
//!
//! To break the barrier is to release everybody in the line; a waiter that was released knows thereby that it failed.
//! Who had been granted a turn before that has passed, even if it has not run yet.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use super::coop;
use super::waiters::{Key, Turn, Waiters, wake_all, wake_released};
use crate::shim::{Mutex, const_unless_loom};
use crate::waiting::{self, Kind};

/// A place where so many tasks wait until all of them have arrived.
///
/// It can be used again and again: the next to arrive wait for each other. A task that is cancelled while it waits
/// has not arrived.
///
/// # Examples
///
/// ```
/// static ALL_HERE: raddle::Barrier = raddle::Barrier::new(3);
///
/// raddle::run(async {
///     let tasks = (0..3).map(|_| raddle::create_task(async { ALL_HERE.wait().await.unwrap().index }));
///     let tasks: Vec<_> = tasks.collect();
///     let mut indices: Vec<_> = raddle::gather(tasks).await.into_iter().map(Result::unwrap).collect();
///     indices.sort();
///     assert_eq!(indices, [0, 1, 2]);
/// });
/// ```
pub struct Barrier {
    parties: usize,
    state: Mutex<State>,
}

struct State {
    /// The note is the index that a waiter was given with its turn.
    line: Waiters<usize>,
    is_broken: bool,
}

impl Barrier {
    const_unless_loom! {
        /// Makes a barrier for so many tasks.
        ///
        /// # Panics
        ///
        /// If it is for 0 tasks.
        ///
        /// # Examples
        ///
        /// ```
        /// assert_eq!(raddle::Barrier::new(2).parties(), 2);
        /// ```
        pub fn new(parties: usize) -> Barrier {
            assert!(parties > 0, "Barrier::new(0): nobody could ever pass; use as many parties as tasks, at least 1");
            Barrier { parties, state: Mutex::new(State { line: Waiters::new(), is_broken: false }) }
        }
    }

    /// Waits until as many tasks wait as the barrier is for; then all of them pass.
    ///
    /// # Errors
    ///
    /// [`BrokenBarrier`], if the barrier is broken by [`abort`](Barrier::abort), now or while this waits, or
    /// [`reset`](Barrier::reset) while this waits.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped while it waits leaves the barrier, as if it had never come: the others wait for somebody
    /// else. If all had arrived before it was dropped, the others pass.
    ///
    /// # Examples
    ///
    /// ```
    /// let barrier = raddle::Barrier::new(2);
    /// raddle::run(async {
    ///     let (one, other) = raddle::gather((barrier.wait(), barrier.wait())).await;
    ///     assert_eq!((one.unwrap().index, other.unwrap().index), (0, 1));
    /// });
    /// ```
    #[track_caller]
    pub fn wait(&self) -> BarrierWait<'_> {
        BarrierWait { barrier: self, key: None, caller: Location::caller() }
    }

    /// Breaks the barrier: all who wait, and all who come, get [`BrokenBarrier`], until it is [`reset`](Barrier::reset).
    ///
    /// For tasks that would otherwise wait for one that has failed. Those who have passed already are not concerned.
    ///
    /// # Panics
    ///
    /// Only if a foreign waker panics; the others have been woken by then.
    ///
    /// # Examples
    ///
    /// ```
    /// let barrier = raddle::Barrier::new(2);
    /// barrier.abort();
    /// assert_eq!(raddle::run(barrier.wait()), Err(raddle::BrokenBarrier));
    /// ```
    pub fn abort(&self) {
        self.send_away(true);
    }

    /// Makes the barrier as it was at first: it is whole, and nobody waits. Those who wait get [`BrokenBarrier`].
    ///
    /// # Panics
    ///
    /// Only if a foreign waker panics; the others have been woken by then.
    ///
    /// # Examples
    ///
    /// ```
    /// let barrier = raddle::Barrier::new(1);
    /// barrier.abort();
    /// barrier.reset();
    /// assert!(raddle::run(barrier.wait()).is_ok());
    /// ```
    pub fn reset(&self) {
        self.send_away(false);
    }

    fn send_away(&self, is_broken: bool) {
        let mut state = self.state.lock();
        state.is_broken = is_broken;
        let released = state.line.release();
        drop(state);
        if released {
            wake_released(&self.state, |state| &mut state.line);
        }
    }

    /// How many tasks have to come.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(raddle::Barrier::new(3).parties(), 3);
    /// ```
    pub fn parties(&self) -> usize {
        self.parties
    }

    /// How many wait at this moment.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(raddle::Barrier::new(3).n_waiting(), 0);
    /// ```
    pub fn n_waiting(&self) -> usize {
        self.state.lock().line.len()
    }

    /// Has it been broken, and not been reset?
    ///
    /// # Examples
    ///
    /// ```
    /// let barrier = raddle::Barrier::new(3);
    /// barrier.abort();
    /// assert!(barrier.is_broken());
    /// ```
    pub fn is_broken(&self) -> bool {
        self.state.lock().is_broken
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        let (waiters, is_broken) = (state.line.len(), state.is_broken);
        drop(state);
        let mut barrier = f.debug_struct("Barrier");
        barrier.field("parties", &self.parties).field("broken", &is_broken).field("waiters", &waiters).finish()
    }
}

/// The future of [`Barrier::wait`].
#[must_use = "a wait does nothing until it is awaited"]
pub struct BarrierWait<'a> {
    barrier: &'a Barrier,
    key: Option<Key>,
    caller: &'static Location<'static>,
}

impl Future for BarrierWait<'_> {
    type Output = Result<BarrierTurn, BrokenBarrier>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.key.is_none() {
            ready!(coop::poll_proceed(cx));
            return this.arrive(cx.waker().clone());
        }
        let mut fresh = None;
        loop {
            let mut state = this.barrier.state.lock();
            let index = this.key.and_then(|key| state.line.note(key).copied());
            match state.line.turn(&mut this.key) {
                Turn::Granted => return Poll::Ready(index.map(BarrierTurn::new).ok_or(BrokenBarrier)),
                Turn::Released => return Poll::Ready(Err(BrokenBarrier)),
                Turn::New | Turn::Waiting => {}
            }
            if state.line.wait(&mut this.key, cx.waker(), &mut fresh) {
                waiting::note(Kind::Barrier, waiting::object(this.barrier), this.caller);
                return Poll::Pending;
            }
            drop(state);
            fresh = Some(cx.waker().clone());
        }
    }
}

impl BarrierWait<'_> {
    fn arrive(&mut self, waker: Waker) -> Poll<Result<BarrierTurn, BrokenBarrier>> {
        let last = self.barrier.parties - 1;
        let mut state = self.barrier.state.lock();
        if state.is_broken {
            return Poll::Ready(Err(BrokenBarrier));
        }
        if state.line.len() < last {
            self.key = Some(state.line.push(waker, 0));
            waiting::note(Kind::Barrier, waiting::object(self.barrier), self.caller);
            return Poll::Pending;
        }
        let wakers = state.pass();
        drop(state);
        wake_all(wakers);
        Poll::Ready(Ok(BarrierTurn::new(last)))
    }
}

impl State {
    /// Everybody in the line passes.
    fn pass(&mut self) -> Vec<Waker> {
        let mut wakers = Vec::with_capacity(self.line.len());
        while let Some(note) = self.line.first_note() {
            *note = wakers.len();
            wakers.extend(self.line.grant_first());
        }
        wakers
    }
}

impl Drop for BarrierWait<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            // Two statements: the lock first, the waker after it.
            let left = self.barrier.state.lock().line.leave(key);
            drop(left);
        }
    }
}

impl fmt::Debug for BarrierWait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Barrier::wait at {}>", self.caller)
    }
}

/// Which of those who passed a [`Barrier`] together this one is.
///
/// # Examples
///
/// ```
/// let turn = raddle::run(raddle::Barrier::new(1).wait()).unwrap();
/// assert_eq!(turn, raddle::BarrierTurn { index: 0, is_leader: true });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarrierTurn {
    /// From 0 to the number of parties less 1, in the order of arrival; each is given once.
    pub index: usize,
    /// One of them is: the first, whose index is 0. For what has to be done once.
    pub is_leader: bool,
}

impl BarrierTurn {
    fn new(index: usize) -> BarrierTurn {
        BarrierTurn { index, is_leader: index == 0 }
    }
}

/// The barrier is broken, or was reset while the task waited.
///
/// # Examples
///
/// ```
/// let barrier = raddle::Barrier::new(2);
/// barrier.abort();
/// assert_eq!(raddle::run(barrier.wait()), Err(raddle::BrokenBarrier));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenBarrier;

impl fmt::Display for BrokenBarrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the barrier was broken by abort(), or reset() while this task waited; not all parties will arrive, call \
             reset() before it is used again",
        )
    }
}

impl Error for BrokenBarrier {}
