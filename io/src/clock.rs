//! Points in time, and the only reader of the system's clock.
//!
//! An [`Instant`] is nanoseconds on `CLOCK_MONOTONIC`: a type of raddle's own, so that a test can run on a clock
//! that stands still until every task waits and then jumps to the next deadline. A [`Clock`] is either of the two; a
//! reactor owns one, and everything that asks for the time on that reactor's threads asks it.
//!
//! All arithmetic saturates at [`Instant::FAR_FUTURE`], which means "practically never". So a `Duration::MAX` needs
//! no special case anywhere: it is a deadline like others, only one that does not come.

use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::time::Duration;

use crate::shim::Arc;
use crate::shim::atomic::{AtomicU64, Ordering};

/// Where a virtual clock starts. Not zero, so that a test may subtract from it and code that takes 0 for "never
/// happened" is not misled.
const VIRTUAL_START_NS: u64 = 1_000_000_000_000;

/// A point in time on the monotonic clock, virtual in tests that ask for it.
///
/// Arithmetic saturates: adding a duration that is too long gives [`Instant::FAR_FUTURE`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The deadline that does not come: what any too long duration leads to.
    pub const FAR_FUTURE: Instant = Instant(u64::MAX);

    /// The time from `earlier` to this instant; zero if `earlier` is later.
    #[must_use]
    pub fn duration_since(&self, earlier: Instant) -> Duration {
        self.saturating_duration_since(earlier)
    }

    /// The time from `earlier` to this instant; zero if `earlier` is later.
    #[must_use]
    pub fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The time from `earlier` to this instant; `None` if `earlier` is later.
    #[must_use]
    pub fn checked_duration_since(&self, earlier: Instant) -> Option<Duration> {
        self.0.checked_sub(earlier.0).map(Duration::from_nanos)
    }

    /// This instant plus a duration; `None` if that lies at or beyond [`Instant::FAR_FUTURE`].
    #[must_use]
    pub fn checked_add(&self, duration: Duration) -> Option<Instant> {
        let sum = *self + duration;
        (sum != Instant::FAR_FUTURE).then_some(sum)
    }

    /// This instant minus a duration; `None` if that lies before the clock's zero.
    #[must_use]
    pub fn checked_sub(&self, duration: Duration) -> Option<Instant> {
        let duration_ns = u64::try_from(duration.as_nanos()).ok()?;
        self.0.checked_sub(duration_ns).map(Instant)
    }

    /// Nanoseconds since the clock's zero.
    #[doc(hidden)]
    #[must_use]
    pub const fn as_nanos(&self) -> u64 {
        self.0
    }

    /// The instant so many nanoseconds after the clock's zero.
    #[doc(hidden)]
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Instant {
        Instant(nanos)
    }
}

/// A duration in nanoseconds, `u64::MAX` for anything too long.
#[inline]
pub(crate) fn saturating_nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, duration: Duration) -> Instant {
        Instant(self.0.saturating_add(saturating_nanos(duration)))
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;

    fn sub(self, duration: Duration) -> Instant {
        Instant(self.0.saturating_sub(saturating_nanos(duration)))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl SubAssign<Duration> for Instant {
    fn sub_assign(&mut self, duration: Duration) {
        *self = *self - duration;
    }
}

impl Sub<Instant> for Instant {
    type Output = Duration;

    fn sub(self, earlier: Instant) -> Duration {
        self.saturating_duration_since(earlier)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Instant::FAR_FUTURE => f.write_str("Instant(far future)"),
            Instant(nanos) => write!(f, "Instant({:?})", Duration::from_nanos(nanos)),
        }
    }
}

/// The source of time of a reactor: the system's monotonic clock, or a number that moves only when told.
#[derive(Clone, Debug)]
pub struct Clock {
    /// The virtual time; `None` for the real clock.
    virtual_ns: Option<Arc<AtomicU64>>,
}

impl Clock {
    /// The system's monotonic clock.
    #[must_use]
    pub const fn real() -> Clock {
        Clock { virtual_ns: None }
    }

    /// A clock that stands still until [`Clock::advance_to`] moves it. Clones show the same time.
    #[must_use]
    pub fn auto() -> Clock {
        Clock { virtual_ns: Some(Arc::new(AtomicU64::new(VIRTUAL_START_NS))) }
    }

    /// What this clock shows.
    #[must_use]
    pub fn now(&self) -> Instant {
        match &self.virtual_ns {
            // Acquire: pairs with the AcqRel in `advance_to`, so that what was done before the jump is seen after it.
            Some(time) => Instant(time.load(Ordering::Acquire)),
            None => real_now(),
        }
    }

    /// Whether this clock moves only when told.
    #[must_use]
    pub fn is_virtual(&self) -> bool {
        self.virtual_ns.is_some()
    }

    /// Moves a virtual clock forward; never backward. Does nothing to the real one.
    pub fn advance_to(&self, to: Instant) {
        if let Some(time) = &self.virtual_ns {
            // AcqRel: pairs with the Acquire in `now`.
            time.fetch_max(to.0, Ordering::AcqRel);
        }
    }
}

fn real_now() -> Instant {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Instant(time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adding_any_duration_saturates() {
        let now = Clock::real().now();
        assert_eq!(now + Duration::MAX, Instant::FAR_FUTURE);
        assert_eq!(now.checked_add(Duration::MAX), None);
        assert_eq!(Instant::FAR_FUTURE + Duration::MAX, Instant::FAR_FUTURE);
        assert_eq!(now - Duration::MAX, Instant::from_nanos(0));
        assert_eq!(now - (now + Duration::from_secs(1)), Duration::ZERO);
    }

    /// Nanoseconds since the system was started, and none of the jumps that the time of day makes.
    #[test]
    fn the_real_clock_is_the_monotonic_one() {
        let system = || {
            let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
            Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32).as_nanos()
        };
        let (before, now, after) = (system(), Clock::real().now(), system());
        assert!((before..=after).contains(&u128::from(now.as_nanos())), "{before} {now:?} {after}");
    }

    #[test]
    fn a_virtual_clock_moves_only_forward_and_only_when_told() {
        let clock = Clock::auto();
        let start = clock.now();
        assert_eq!(clock.now(), start);
        clock.clone().advance_to(start + Duration::from_secs(1));
        assert_eq!(clock.now() - start, Duration::from_secs(1));
        clock.advance_to(start);
        assert_eq!(clock.now() - start, Duration::from_secs(1));
    }
}
