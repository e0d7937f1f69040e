//! What deadlines and cancel scopes share: a limit that can be moved from anywhere, and the futures that it bounds.
//!
//! The limit is behind a lock, with the wakers of the runs. Whoever changes it wakes the runs, which look again: a run
//! leaves its waker before it looks for the last time, so a change is either seen or wakes it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use pin_project_lite::pin_project;
use raddle_io::{Instant, Sleep, budget, sleep_until};

use super::frame::Frame;
use crate::shim::Mutex;

/// A limit. Clones are the same one.
#[derive(Clone)]
pub(super) struct Bounds(Arc<Mutex<State>>);

struct State {
    when: Option<Instant>,
    reached: bool,
    /// The runs that wait, by number.
    runs: Vec<(u64, Waker)>,
    numbered: u64,
}

impl Bounds {
    pub(super) fn new(when: Option<Instant>) -> Bounds {
        Bounds(Arc::new(Mutex::new(State { when, reached: false, runs: Vec::new(), numbered: 0 })))
    }

    pub(super) fn when(&self) -> Option<Instant> {
        self.0.lock().when
    }

    /// Moves the deadline, or takes it away. Of no consequence once it was reached.
    pub(super) fn reschedule(&self, when: Option<Instant>) {
        self.change(|state| state.when = when);
    }

    /// Ends the runs now.
    pub(super) fn reach(&self) {
        self.change(|state| state.reached = true);
    }

    pub(super) fn is_reached(&self) -> bool {
        self.0.lock().reached
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.0.lock();
        change(&mut state);
        let runs = std::mem::take(&mut state.runs);
        drop(state);
        runs.into_iter().for_each(|(_, run)| run.wake());
    }

    /// Bounds a future.
    pub(super) fn run<F: Future>(&self, future: F) -> Bounded<F> {
        let mut state = self.0.lock();
        state.numbered += 1;
        let number = state.numbered;
        drop(state);
        Bounded { frame: Frame::new(future), watch: Watch { bounds: self.clone(), number, armed: None }, spared: false }
    }
}

pin_project! {
    /// A future that ends early when its limit is reached: `None`, after its async cleanup.
    pub(super) struct Bounded<F> {
        #[pin]
        frame: Frame<F>,
        watch: Watch,
        // Reached when there was no budget left.
        spared: bool,
    }
}

impl<F> Bounded<F> {
    pub(super) fn bounds(&self) -> &Bounds {
        &self.watch.bounds
    }
}

impl<F: Future> Future for Bounded<F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        let mut this = self.project();
        if this.frame.is_running() {
            if let Poll::Ready(output) = this.frame.as_mut().poll_future(cx) {
                return Poll::Ready(Some(output));
            }
            // A future that did not come to its work for want of budget has one more turn. It has no more than one: a
            // future that uses up the whole budget each time must not keep its limit from being seen.
            ready!(budget::with_unlimited(|| this.watch.poll(cx)));
            if !budget::has_remaining() && !std::mem::replace(this.spared, true) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            this.frame.as_mut().cancel();
        }
        ready!(this.frame.poll_cleanup(cx));
        Poll::Ready(None)
    }
}

/// One run's view of its limit.
struct Watch {
    bounds: Bounds,
    number: u64,
    armed: Option<(Instant, Sleep)>,
}

impl Watch {
    /// Ready when the limit is reached.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let when = match self.look(cx) {
            Look::Reached => return Poll::Ready(()),
            Look::Unlimited => {
                self.armed = None;
                return Poll::Pending;
            }
            Look::Until(when) => when,
        };
        if self.armed.as_ref().is_none_or(|(armed, _)| *armed != when) {
            if when <= Instant::now() {
                self.bounds.reach();
                return Poll::Ready(());
            }
            self.armed = Some((when, sleep_until(when)));
        }
        if let Some((_, sleep)) = &mut self.armed {
            ready!(Pin::new(sleep).poll(cx));
        }
        self.bounds.reach();
        Poll::Ready(())
    }

    /// Looks at the limit; unless it is reached, `cx` is woken when it changes.
    fn look(&self, cx: &Context<'_>) -> Look {
        let waker = cx.waker().clone();
        let mut state = self.bounds.0.lock();
        if state.reached {
            drop(state);
            return Look::Reached;
        }
        let when = state.when;
        let place = state.runs.iter().position(|(number, _)| *number == self.number);
        let before = match place {
            Some(place) => Some(std::mem::replace(&mut state.runs[place].1, waker)),
            None => {
                state.runs.push((self.number, waker));
                None
            }
        };
        drop(state);
        drop(before);
        when.map_or(Look::Unlimited, Look::Until)
    }
}

enum Look {
    Reached,
    Until(Instant),
    Unlimited,
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut state = self.bounds.0.lock();
        let place = state.runs.iter().position(|(number, _)| *number == self.number);
        let waker = place.map(|place| state.runs.swap_remove(place));
        drop(state);
        drop(waker);
    }
}
