//! Ticks at a regular distance.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::budget;
use crate::clock::{Instant, saturating_nanos};
use crate::sleep::{Sleep, sleep_until};

/// A tick that is later than this counts as missed for [`MissedTickBehavior::Delay`]. Timers may be two milliseconds
/// late without anybody's fault; the rest is picked from thin air.
const TOLERANCE: Duration = Duration::from_millis(5);

/// What an [`Interval`] does when its owner comes late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MissedTickBehavior {
    /// Makes up for missed ticks, as fast as it is asked.
    #[default]
    Burst,
    /// Counts a whole period from the late tick on.
    Delay,
    /// Leaves missed ticks out and goes on in the old rhythm.
    Skip,
}

/// Ticks every `period`, the first time at once.
///
/// # Panics
/// If the period is zero.
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    Interval::new(None, period)
}

/// Ticks every `period`, the first time at `start`.
///
/// # Panics
/// If the period is zero.
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    Interval::new(Some(start), period)
}

/// A stream of ticks: see [`interval`].
#[derive(Debug)]
pub struct Interval {
    /// Until the next tick; `None` before the first one of an interval that begins at once.
    next: Option<Sleep>,
    period: Duration,
    behavior: MissedTickBehavior,
}

impl Interval {
    #[track_caller]
    fn new(start: Option<Instant>, period: Duration) -> Interval {
        assert!(!period.is_zero(), "an interval with a period of {period:?}: it must be longer than zero");
        Interval { next: start.map(sleep_until), period, behavior: MissedTickBehavior::default() }
    }

    /// Waits for the next tick and gives the time it was due.
    ///
    /// # Panics
    /// When polled on a thread without a raddle runtime.
    ///
    /// # Cancel safety
    /// No tick is lost if the future is dropped.
    #[track_caller]
    pub fn tick(&mut self) -> Tick<'_> {
        Tick { interval: self }
    }

    /// As [`Interval::tick`], for poll functions.
    ///
    /// # Panics
    /// On a thread without a raddle runtime.
    #[track_caller]
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        let Some(next) = &mut self.next else {
            ready!(budget::poll_proceed(cx));
            let now = Instant::now();
            self.next = Some(sleep_until(now + self.period));
            return Poll::Ready(now);
        };
        ready!(Pin::new(&mut *next).poll(cx));
        let due = next.deadline().unwrap_or(Instant::FAR_FUTURE);
        next.reset(after(due, Instant::now(), self.period, self.behavior));
        Poll::Ready(due)
    }

    /// What happens to ticks that nobody asked for in time.
    #[must_use]
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.behavior
    }

    /// Says what happens to ticks that nobody asked for in time; [`MissedTickBehavior::Burst`] unless said.
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.behavior = behavior;
    }

    /// The distance between two ticks.
    #[must_use]
    pub fn period(&self) -> Duration {
        self.period
    }

    /// Lets the next tick come one period from now.
    pub fn reset(&mut self) {
        let next = Instant::now() + self.period;
        match &mut self.next {
            Some(sleep) => sleep.reset(next),
            None => self.next = Some(sleep_until(next)),
        }
    }
}

/// When the tick after the one due at `due` comes, if that one was delivered at `now`.
fn after(due: Instant, now: Instant, period: Duration, behavior: MissedTickBehavior) -> Instant {
    match behavior {
        MissedTickBehavior::Burst => due + period,
        MissedTickBehavior::Delay if now - due > TOLERANCE => now + period,
        MissedTickBehavior::Delay => due + period,
        MissedTickBehavior::Skip => {
            let period_ns = saturating_nanos(period);
            let since_last_ns = saturating_nanos(now - due) % period_ns;
            now - Duration::from_nanos(since_last_ns) + period
        }
    }
}

/// The future of [`Interval::tick`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Tick<'a> {
    interval: &'a mut Interval,
}

impl Future for Tick<'_> {
    type Output = Instant;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Instant> {
        self.interval.poll_tick(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_ticks_burst_delay_or_are_skipped() {
        let at = |ms: u64| Instant::from_nanos(ms * 1_000_000);
        let period = Duration::from_millis(10);
        let next = |now, behavior| after(at(100), at(now), period, behavior);
        for behavior in [MissedTickBehavior::Burst, MissedTickBehavior::Delay, MissedTickBehavior::Skip] {
            assert_eq!(next(102, behavior), at(110), "{behavior:?}");
        }
        assert_eq!(next(135, MissedTickBehavior::Burst), at(110));
        assert_eq!(next(135, MissedTickBehavior::Delay), at(145));
        assert_eq!(next(135, MissedTickBehavior::Skip), at(140));
    }

    #[test]
    #[should_panic(expected = "a period of 0ns")]
    fn a_period_of_zero_is_refused() {
        let _ = interval(Duration::ZERO);
    }
}
