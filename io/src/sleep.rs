//! Waiting for a point in time.
//!
//! A [`Sleep`] costs nothing until it is polled: no clock is read, no timer made. The first poll that has to wait
//! registers it with the timers of the worker it is polled on. The task may be stolen afterwards, the timer stays; it
//! is cancelled in drop, from whichever thread.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::budget;
use crate::clock::{Instant, saturating_nanos};
use crate::context;
use crate::nursery::{self, Ticket};
use crate::reactor::Reactor;
use crate::shim::Arc;
use crate::timers::State;
use crate::waiting::{self, Kind};
use crate::wheel::Key;

/// Waits for a duration, counted from the first poll.
///
/// `sleep(Duration::ZERO)` gives way for exactly one turn. Any duration up to `Duration::MAX` is accepted; one that
/// is too long for the clock means "practically never". It never ends early, and up to about two milliseconds late on
/// an idle worker.
///
/// # Panics
/// When polled on a thread without a raddle runtime.
///
/// # Cancel safety
/// Dropping it cancels the timer and loses nothing. A new `sleep` starts from the beginning; to go on waiting, keep the
/// [`Sleep`] and await `&mut sleep`.
#[inline]
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    Sleep::new(Stage::Fresh, saturating_nanos(duration))
}

/// Waits until a point in time. One that is past gives way for exactly one turn.
///
/// # Panics
/// When polled on a thread without a raddle runtime.
///
/// # Cancel safety
/// Dropping it cancels the timer and loses nothing.
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep::new(Stage::Aimed, deadline.as_nanos())
}

/// The future of [`sleep`] and [`sleep_until`].
#[must_use = "futures do nothing unless awaited"]
pub struct Sleep {
    /// In the stages `Fresh` and `Young` the duration, later the deadline, in nanoseconds.
    nanos: u64,
    /// The timers this is registered with.
    home: Option<Arc<Reactor>>,
    /// With `index`: the registration, if there is a home.
    seq: u64,
    index: u32,
    stage: Stage,
    /// The line that made this.
    at: &'static Location<'static>,
}

// loom's `Arc` is bigger.
#[cfg(not(raddle_loom))]
const _: () = assert!(size_of::<Sleep>() <= 40, "a Sleep is small");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Not polled: `nanos` is a duration.
    Fresh,
    /// The deadline is known, no timer made.
    Aimed,
    /// It is or was in a nursery; the deadline is known there, or in the wheel.
    Young,
    /// A timer is or was registered.
    Registered,
    /// The deadline has come; ready as soon as the task has had its turn.
    Due,
    /// It was ready.
    Elapsed,
}

impl Sleep {
    #[inline]
    #[track_caller]
    fn new(stage: Stage, nanos: u64) -> Sleep {
        Sleep { nanos, home: None, seq: 0, index: 0, stage, at: Location::caller() }
    }

    /// When this ends. `None` before the first poll of a [`sleep`], whose time has not begun.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Fresh => None,
            Stage::Young => Some(Instant::from_nanos(self.young_deadline())),
            Stage::Aimed | Stage::Registered | Stage::Due | Stage::Elapsed => Some(Instant::from_nanos(self.nanos)),
        }
    }

    /// A young one that has fired unseen knows no better than when the timers last fired.
    #[cold]
    fn young_deadline(&self) -> u64 {
        let Some(home) = &self.home else { return self.nanos };
        let known = nursery::deadline(home, self.key()).or_else(|| home.timers.when(self.key()));
        known.unwrap_or_else(|| home.timers.expired_until())
    }

    /// Waits until another point in time instead, also if it was ready before.
    pub fn reset(&mut self, deadline: Instant) {
        self.cancel();
        self.nanos = deadline.as_nanos();
        self.stage = Stage::Aimed;
    }

    /// Whether it was ready.
    #[must_use]
    pub fn is_elapsed(&self) -> bool {
        self.stage == Stage::Elapsed
    }

    /// Whether its time had come when it was polled first, so that all it waits for is the task's turn.
    #[doc(hidden)]
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.stage == Stage::Due
    }

    fn key(&self) -> Key {
        Key { index: self.index, seq: self.seq }
    }

    fn cancel(&mut self) {
        let Some(home) = self.home.take() else { return };
        let mut ticket = Ticket { home, key: self.key() };
        if self.stage == Stage::Young {
            match nursery::withdraw(ticket) {
                Ok(()) => return,
                Err(settled) => ticket = settled,
            }
        }
        // Dropped here, where no lock is held.
        drop(ticket.home.timers.cancel(ticket.key));
    }

    /// Learns the deadline and makes a timer; the first poll.
    #[track_caller]
    fn start(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.stage == Stage::Fresh
            && self.nanos != 0
            && let Some(ticket) = nursery::admit(cx.waker(), self.nanos)
        {
            (self.index, self.seq) = (ticket.key.index, ticket.key.seq);
            self.home = Some(ticket.home);
            self.stage = Stage::Young;
            return Poll::Pending;
        }
        self.start_in_wheel(cx)
    }

    #[track_caller]
    fn start_in_wheel(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let zero = self.stage == Stage::Fresh && self.nanos == 0;
        let now = if zero { Instant::from_nanos(0) } else { now_or_panic() };
        if self.stage == Stage::Fresh {
            self.nanos = (now + Duration::from_nanos(self.nanos)).as_nanos();
            self.stage = Stage::Aimed;
        }
        if self.nanos <= now.as_nanos() {
            self.stage = Stage::Due;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.register(now, cx);
        Poll::Pending
    }

    #[track_caller]
    fn register(&mut self, now: Instant, cx: &mut Context<'_>) {
        // Cloned first: a foreign waker may do anything, and what follows holds the context and a lock.
        let waker = cx.waker().clone();
        let (now_ns, when_ns) = (now.as_nanos(), self.nanos);
        let inserted = context::with_current(|context| {
            let reactor = &context.reactor;
            reactor.timers.insert(now_ns, when_ns, waker).map(|inserted| (reactor.clone(), inserted))
        });
        let Some(inserted) = inserted else { context::panic_no_timers(false) };
        // The refused waker is dropped by the panic, with no lock held.
        let Ok((home, inserted)) = inserted else { context::panic_no_timers(true) };
        if inserted.unpark {
            home.unpark();
        }
        (self.index, self.seq) = (inserted.key.index, inserted.key.seq);
        self.home = Some(home);
        self.stage = Stage::Registered;
    }

    /// As [`Sleep::check`], for one that was young when it was last polled, and may be so still.
    #[track_caller]
    fn check_young(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let home = self.home.as_ref().expect("young sleeps have a home");
        if nursery::has(home, self.key(), cx.waker()) {
            return Poll::Pending;
        }
        match home.timers.state(self.key(), cx.waker()) {
            State::Waiting => return Poll::Pending,
            State::OtherWaker => return self.settle(cx),
            State::Gone => self.nanos = home.timers.expired_until(),
            State::Closed => {
                self.nanos = (now_or_panic() + Duration::from_nanos(self.nanos)).as_nanos();
                self.stage = Stage::Registered;
                return self.check(cx);
            }
        }
        self.home = None;
        self.stage = Stage::Due;
        Poll::Ready(())
    }

    /// Makes the timer wake whoever polls it now, without waiting for the end of the poll that made it.
    #[track_caller]
    fn settle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let home = self.home.as_ref().expect("young sleeps have a home");
        let now_ns = home.clock().now().as_nanos();
        let when_ns = nursery::deadline(home, self.key()).unwrap_or_else(|| now_ns.saturating_add(self.nanos));
        match home.timers.settle_one(now_ns, self.key(), when_ns, cx.waker().clone()) {
            Ok((unpark, before)) => {
                drop(before);
                if unpark {
                    home.unpark();
                }
                Poll::Pending
            }
            // It fired, or was closed, in between.
            Err(unused) => {
                drop(unused);
                self.check_young(cx)
            }
        }
    }

    /// Looks whether the timer has fired, and sees to it that it wakes the task that asks.
    #[track_caller]
    fn check(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let home = self.home.as_ref().expect("registered sleeps have a home");
        match home.timers.state(self.key(), cx.waker()) {
            State::Waiting => return Poll::Pending,
            State::OtherWaker => match home.timers.replace_waker(self.key(), cx.waker().clone()) {
                Ok(replaced) => {
                    drop(replaced);
                    return Poll::Pending;
                }
                // It fired, or was closed, in between.
                Err(_unused) => return self.check(cx),
            },
            State::Gone => {}
            State::Closed => {
                let now = now_or_panic();
                if now.as_nanos() < self.nanos {
                    self.home = None;
                    self.register(now, cx);
                    return Poll::Pending;
                }
            }
        }
        self.home = None;
        self.stage = Stage::Due;
        Poll::Ready(())
    }
}

#[track_caller]
fn now_or_panic() -> Instant {
    let now = context::with_current(|context| {
        let reactor = &context.reactor;
        reactor.process().is_current().then(|| reactor.clock().now())
    });
    match now {
        Some(Some(now)) => now,
        Some(None) => context::panic_foreign_timers(),
        None => context::panic_no_timers(false),
    }
}

impl Future for Sleep {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let waits = match self.stage {
            Stage::Fresh | Stage::Aimed => self.start(cx),
            Stage::Young => self.check_young(cx),
            Stage::Registered => self.check(cx),
            Stage::Due => Poll::Ready(()),
            Stage::Elapsed => return Poll::Ready(()),
        };
        if waits.is_pending() {
            waiting::note_if_none(Kind::Sleep, 0, self.at);
            return Poll::Pending;
        }
        ready!(budget::poll_proceed(cx));
        self.stage = Stage::Elapsed;
        Poll::Ready(())
    }
}

impl Drop for Sleep {
    // In line: most timeouts never make a timer.
    #[inline]
    fn drop(&mut self) {
        if self.home.is_some() {
            self.cancel();
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Sleep");
        match self.deadline() {
            Some(deadline) => debug.field("deadline", &deadline),
            None => debug.field("duration", &Duration::from_nanos(self.nanos)),
        };
        debug.field("stage", &self.stage).finish()
    }
}
