//! The timer of the kernel's that ends the sleep of a worker whose next deadline is far away.
//!
//! A sleep with a time limit costs the kernel 200 ns more than one without: it puts a timer in and takes it out again.
//! Servers have deadlines that hardly ever come (the client that is given thirty seconds) and sleep thirty thousand
//! times a second between them. So a far deadline is told to a timerfd, once, and the worker sleeps without a limit.
//!
//! ```text
//!   off ──sleep until T, far away──> set for T ──it rings, whoever fetches the event──> off
//!                                     │    ^
//!                                     └────┘ sleep until an earlier time, still far away: set anew
//! ```
//!
//! It may ring too early: deadlines are put off, or cancelled, and it is left as it is. That ends one sleep in vain, and no
//! more than one in [`FAR`]. It must not ring too late: what is slept until is compared with what it is set for before each
//! sleep, and the event that says it rang turns it off. Both happen under the lock of those who poll, so nobody sleeps who
//! relies on an alarm that another has heard.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

/// What is nearer is left to the sleep's own limit. To set a timerfd costs as much as two such limits, so that it is worth its
/// price where a worker sleeps three times in that time.
pub(crate) const FAR: Duration = Duration::from_millis(10);

/// No alarm is set.
const OFF: u64 = u64::MAX;

/// An alarm in one epoll. The times are those of the reactor's clock, in nanoseconds.
#[derive(Debug)]
pub(crate) struct Alarm {
    /// None if there was none to be had: sleeps have limits, then.
    timer: Option<OwnedFd>,
    rings_at: u64,
}

impl Alarm {
    /// Made with its reactor, so that the files of a program do not become more while it runs. Too many are open, say:
    /// nothing but speed is lost.
    pub(crate) fn new(registry: &Registry, token: Token) -> Alarm {
        Alarm { timer: make(registry, token).ok(), rings_at: OFF }
    }

    /// Whether it rings by then.
    pub(crate) fn rings_by(&self, until_ns: u64) -> bool {
        self.rings_at <= until_ns
    }

    /// Makes it ring at `until_ns`, which is so far away. False: it can't, and rings as it would have.
    #[cold]
    pub(crate) fn set(&mut self, until_ns: u64, away: Duration) -> bool {
        let is_set = self.timer.as_ref().is_some_and(|timer| set(timer, away).is_ok());
        if is_set {
            self.rings_at = until_ns;
        }
        is_set
    }

    /// It rang.
    pub(crate) fn rang(&mut self) {
        self.rings_at = OFF;
    }
}

fn make(registry: &Registry, token: Token) -> io::Result<OwnedFd> {
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
    registry.register(&mut SourceFd(&timer.as_raw_fd()), token, Interest::READABLE)?;
    Ok(timer)
}

/// Counted from now, so that it matters to nobody what the kernel's clock says. An event that was not fetched is none any
/// more.
fn set(timer: &OwnedFd, away: Duration) -> io::Result<()> {
    let never = Timespec { tv_sec: 0, tv_nsec: 0 };
    let first =
        Timespec { tv_sec: i64::try_from(away.as_secs()).unwrap_or(i64::MAX), tv_nsec: away.subsec_nanos().into() };
    timerfd_settime(timer, TimerfdTimerFlags::empty(), &Itimerspec { it_interval: never, it_value: first })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::{Events, Poll};

    const MILLISECOND: Duration = Duration::from_millis(1);

    /// Edge-triggered, and never read: each ring is told once.
    #[test]
    fn it_rings_each_time_it_is_set() {
        let mut poll = Poll::new().unwrap();
        let (mut events, mut alarm) = (Events::with_capacity(4), Alarm::new(poll.registry(), Token(3)));
        for until in [5, 9, 7] {
            assert!(!alarm.rings_by(until));
            assert!(alarm.set(until, MILLISECOND));
            assert!(alarm.rings_by(until) && alarm.rings_by(until + 1) && !alarm.rings_by(until - 1));
            poll.poll(&mut events, None).unwrap();
            assert!(events.iter().all(|event| event.token() == Token(3)) && !events.is_empty());
            alarm.rang();
        }
    }

    #[test]
    fn it_can_be_set_for_an_earlier_time() {
        let mut poll = Poll::new().unwrap();
        let (mut events, mut alarm) = (Events::with_capacity(4), Alarm::new(poll.registry(), Token(3)));
        assert!(alarm.set(1_000_000_000_000, Duration::MAX));
        assert!(!alarm.rings_by(5));
        assert!(alarm.set(5, MILLISECOND));
        poll.poll(&mut events, None).unwrap();
        assert!(!events.is_empty());
    }
}
