//! Points in time, and the only reader of the system's clock.
//!
//! An [`Instant`] is nanoseconds on `CLOCK_MONOTONIC`: a type of raddle's own, so that a test can run on a clock
//! that stands still until every task waits and then jumps to the next deadline. A [`Clock`] is either of the two; a
//! reactor owns one, and everything that asks for the time on that reactor's threads asks it. How a virtual one moves is
//! told in `virtual_clock.rs`.
//!
//! All arithmetic saturates at [`Instant::FAR_FUTURE`], which means "practically never". So a `Duration::MAX` needs
//! no special case anywhere: it is a deadline like others, only one that does not come.

use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::time::Duration;

use crate::advance::Advance;
use crate::shim::{Arc, Mutex};
use crate::virtual_clock::VirtualClock;

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

/// The source of time of a runtime: the system's monotonic clock, or a number that moves only when told.
///
/// A virtual clock is for tests, of one runtime at a time, with any number of workers: a program that sleeps for hours is
/// over at once, and every deadline is met exactly (timers go by whole milliseconds, rounded up, as on the real clock).
/// [`Clock::auto`] jumps to the next deadline whenever nothing can run; [`Clock::manual`] moves only by
/// [`advance`](Clock::advance).
///
/// # When nothing can run
///
/// Time stands still while a task is queued or being polled, on whichever worker, a stuck one included; while a socket or
/// pipe has an event that its task has not been told of; and while a blocking call, a name lookup or a call of
/// [`fs`](https://docs.rs/raddle) is at work or waits for a thread, but for calls that wait for their own runtime.
/// It does not wait for what the runtime knows nothing of: other processes, other computers, and threads of your own.
/// Where those are to come first, hold the time still with a blocking call that waits for them, or take
/// [`Clock::manual`].
#[derive(Clone)]
pub struct Clock {
    /// `None` for the real clock.
    own: Option<Arc<Virtual>>,
}

struct Virtual {
    clock: VirtualClock,
    bells: Mutex<Vec<Bell>>,
}

/// Who goes by a clock, and is to be told when somebody wants it moved.
struct Bell {
    owner: usize,
    ring: Box<dyn Fn() + Send + Sync>,
}

impl Clock {
    /// The system's monotonic clock.
    #[must_use]
    pub const fn real() -> Clock {
        Clock { own: None }
    }

    /// A clock that stands still until nothing can run, and then jumps to the next deadline. Clones show the same time.
    ///
    /// It is Trio's `MockClock` with an `autojump_threshold` of 0, and what tokio's `time::pause` does, with any number of
    /// workers.
    #[must_use]
    pub fn auto() -> Clock {
        Clock::new(true)
    }

    /// A clock that moves by [`advance`](Clock::advance) alone. Clones show the same time.
    ///
    /// At the end of a run it moves no more either: cleanup that sleeps then is cut when the runner's grace is over.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use raddle::{Clock, Runner, create_task, sleep};
    ///
    /// let clock = Clock::manual();
    /// Runner::new().workers(4).clock(clock.clone()).run(async {
    ///     let hour = create_task(sleep(Duration::from_secs(3600)));
    ///     clock.advance(Duration::from_secs(3599)).await;
    ///     assert!(!hour.is_done());
    ///     clock.advance(Duration::from_secs(1)).await;
    ///     assert!(hour.is_done());
    /// });
    /// ```
    #[must_use]
    pub fn manual() -> Clock {
        Clock::new(false)
    }

    fn new(jumps: bool) -> Clock {
        let clock = VirtualClock::new(VIRTUAL_START_NS, jumps);
        Clock { own: Some(Arc::new(Virtual { clock, bells: Mutex::new(Vec::new()) })) }
    }

    /// What this clock shows.
    #[must_use]
    pub fn now(&self) -> Instant {
        match &self.own {
            Some(own) => Instant(own.clock.now()),
            None => real_now(),
        }
    }

    /// Whether this clock moves only when told, or when nothing can run.
    #[must_use]
    pub fn is_virtual(&self) -> bool {
        self.own.is_some()
    }

    /// Moves a virtual clock forward by a duration, from one deadline to the next.
    ///
    /// First everything runs that can. Then the clock moves to the earliest deadline within the duration, the timers that
    /// are due fire in order, and what they wake runs until nothing can run any more; and so on. When this ends, all
    /// that was due by then has been done, its consequences included, and the clock shows the end of the duration. So a
    /// task that sleeps a second three times over sees three seconds one after the other in one `advance` by three, and
    /// an [`interval`](crate::interval) misses no tick.
    ///
    /// It begins at the first poll. Several at a time add up: each begins where the one before it ends. On a clock that
    /// [jumps by itself](Clock::auto) it is a sleep that also waits for what is done at its end. What it cannot wait for is
    /// told [above](Clock#when-nothing-can-run). If no runtime goes by the clock the time moves at once.
    ///
    /// # Panics
    /// On the [real clock](Clock::real), which nobody moves.
    ///
    /// # Cancel safety
    /// The time that has passed has passed; the rest of the way is not gone.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use raddle::{Clock, Instant, create_task, interval};
    ///
    /// # raddle::Runner::new().workers(2).clock(Clock::manual()).run(async {
    /// let begun = Instant::now();
    /// let ticking = create_task(async move {
    ///     let mut ticks = interval(Duration::from_secs(1));
    ///     for n in 0..60 {
    ///         assert_eq!(ticks.tick().await - begun, Duration::from_secs(n));
    ///     }
    /// });
    /// Clock::current().advance(Duration::from_secs(60)).await;
    /// assert!(ticking.is_done());
    /// # });
    /// ```
    #[track_caller]
    pub fn advance(&self, duration: Duration) -> Advance {
        assert!(
            self.is_virtual(),
            "Clock::advance: nobody can move the real clock; run the program by a clock of its own, with \
             Runner::clock(Clock::manual()) or #[raddle::test(clock = manual)], and advance that one"
        );
        Advance::new(self.clone(), duration)
    }

    /// Moves a virtual clock forward, never backward, and nothing else: whoever calls this looks after the timers. Does
    /// nothing to the real one.
    #[doc(hidden)]
    pub fn move_to(&self, to: Instant) {
        if let Some(own) = &self.own {
            own.clock.hold().move_to(to.0);
        }
    }

    /// The virtual clock behind this, for whoever moves it.
    #[doc(hidden)]
    #[must_use]
    pub fn as_virtual(&self) -> Option<&VirtualClock> {
        self.own.as_ref().map(|own| &own.clock)
    }

    /// Has `ring` called, which ends a worker's sleep, when somebody wants a virtual clock moved.
    pub(crate) fn follow(&self, owner: usize, ring: impl Fn() + Send + Sync + 'static) {
        if let Some(own) = &self.own {
            own.bells.lock().push(Bell { owner, ring: Box::new(ring) });
        }
    }

    pub(crate) fn unfollow(&self, owner: usize) {
        if let Some(own) = &self.own {
            let mut bells = own.bells.lock();
            let place = bells.iter().position(|bell| bell.owner == owner);
            let bell = place.map(|place| bells.swap_remove(place));
            drop(bells);
            drop(bell);
        }
    }

    /// Tells who goes by a virtual clock that somebody wants it moved. False: nobody does.
    pub(crate) fn ring(&self) -> bool {
        let Some(own) = &self.own else { return false };
        let bells = own.bells.lock();
        bells.iter().for_each(|bell| (bell.ring)());
        !bells.is_empty()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.own {
            Some(own) => f.debug_tuple("Clock").field(&own.clock).finish(),
            None => f.write_str("Clock(real)"),
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
        clock.clone().move_to(start + Duration::from_secs(1));
        assert_eq!(clock.now() - start, Duration::from_secs(1));
        clock.move_to(start);
        assert_eq!(clock.now() - start, Duration::from_secs(1));
    }
}
