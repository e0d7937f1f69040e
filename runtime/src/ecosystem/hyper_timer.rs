//! hyper's timers as raddle's sleeps.
//!
//! hyper counts in `std::time::Instant`, raddle in an instant of its own, which a test's virtual clock can make. Both
//! grow by nanoseconds, so one moment at which both are known leads from each to the other, and back to the same value.
//! What a virtual clock shows has a counterpart in that way, too, though std's clock never showed it.

use std::fmt;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};
use std::time::{Duration, Instant as StdInstant};

use ::hyper::rt::{self, Timer};
use raddle_io::{Clock, Instant, Sleep, sleep_until};

/// hyper's timers on raddle's clock: in a test with a virtual clock, hyper's timeouts are virtual as well.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use hyper::rt::Timer;
/// use raddle::{Clock, HyperTimer, Runner};
///
/// Runner::new().workers(1).clock(Clock::auto()).run(async {
///     let (timer, hour) = (HyperTimer::new(), Duration::from_secs(3600));
///     let start = timer.now();
///     timer.sleep(hour).await;
///     assert!(timer.now() - start >= hour);
/// });
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct HyperTimer(());

impl HyperTimer {
    /// A timer on the clock of the runtime that it is used in.
    #[must_use]
    pub fn new() -> HyperTimer {
        HyperTimer(())
    }
}

impl Timer for HyperTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(HyperSleep(sleep_until(Instant::now() + duration)))
    }

    fn sleep_until(&self, deadline: StdInstant) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(HyperSleep(sleep_until(from_std(deadline))))
    }

    fn now(&self) -> StdInstant {
        to_std(Instant::now())
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn rt::Sleep>>, deadline: StdInstant) {
        match sleep.as_mut().downcast_mut_pin::<HyperSleep>() {
            Some(ours) => ours.get_mut().0.reset(from_std(deadline)),
            // One that some other timer made.
            None => *sleep = self.sleep_until(deadline),
        }
    }
}

/// A [`Sleep`] in hyper's eyes.
struct HyperSleep(Sleep);

impl rt::Sleep for HyperSleep {}

impl Future for HyperSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl fmt::Debug for HyperSleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One moment on both clocks. std's is read first: a deadline counted on that clock comes late by the time between the
/// two looks, and never early.
fn anchor() -> (StdInstant, Instant) {
    static ANCHOR: OnceLock<(StdInstant, Instant)> = OnceLock::new();
    *ANCHOR.get_or_init(|| (StdInstant::now(), Clock::real().now()))
}

fn to_std(instant: Instant) -> StdInstant {
    let (std, ours) = anchor();
    let counterpart = match instant.checked_duration_since(ours) {
        Some(after) => std.checked_add(after),
        None => std.checked_sub(ours - instant),
    };
    counterpart.unwrap_or(std)
}

fn from_std(instant: StdInstant) -> Instant {
    let (std, ours) = anchor();
    match instant.checked_duration_since(std) {
        Some(after) => ours + after,
        None => ours - (std - instant),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_leads_to_the_other_clock_and_back() {
        let (std, ours) = anchor();
        for instant in [ours, Clock::real().now(), Clock::auto().now(), Instant::from_nanos(0), ours + Duration::MAX] {
            assert_eq!(from_std(to_std(instant)), instant);
        }
        let later = std + Duration::from_secs(5);
        assert_eq!(from_std(later) - ours, Duration::from_secs(5));
    }
}
