//! How often the watchdog looks.
//!
//! A look costs 10 to 20 µs of processor time, most of it the switch to the watchdog and back. Five hundred a second were
//! 2 % of what a busy HTTP server on one core took. So where no worker was stuck for a second of looks, they become fewer:
//! the first long poll after that is found later, all others as soon as ever. (Go's `sysmon` slows down in the same way,
//! to 10 ms.) On a single core a look takes it from a worker, and a rescuer gets it only in turn, so looks are fewest there.

use std::time::Duration;

/// Between two looks while somebody seems to be in a long poll.
const SLOW: Duration = Duration::from_millis(1);
const USUAL: Duration = Duration::from_millis(2);
const CALM: Duration = Duration::from_millis(5);
const CALM_ON_ONE_CORE: Duration = Duration::from_millis(10);
/// Nobody was stuck for so long: it is calm.
const UNTIL_CALM: Duration = Duration::from_secs(1);
/// All were parked for so long: the watchdog sleeps.
const UNTIL_SLEEP: Duration = Duration::from_millis(250);

/// What a look saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sight {
    /// A worker is stuck.
    pub(super) stuck: bool,
    /// A worker may be in a long poll.
    pub(super) slow: bool,
    /// All workers are parked.
    pub(super) parked: bool,
}

/// The time between two looks, and what it follows from. Times are those of looks: what passes while the watchdog sleeps
/// counts for nothing.
#[derive(Debug)]
pub(super) struct Pace {
    tick: Duration,
    calm: Duration,
    unstuck_for: Duration,
    parked_for: Duration,
}

impl Pace {
    /// The first look comes at once: what it sees is what later ones compare with. `slow_poll` is how long a poll lasts that
    /// is to be reported, if any is: it is looked at twice meanwhile.
    pub(super) fn new(cores: usize, slow_poll: Option<Duration>) -> Pace {
        let calm = if cores > 1 { CALM } else { CALM_ON_ONE_CORE };
        let calm = slow_poll.map_or(calm, |limit| calm.min(limit / 2).max(USUAL));
        Pace { tick: Duration::ZERO, calm, unstuck_for: Duration::ZERO, parked_for: Duration::ZERO }
    }

    /// How long to wait for the next look.
    pub(super) fn tick(&self) -> Duration {
        self.tick
    }

    /// The next look comes at once, as the first did.
    pub(super) fn begin_anew(&mut self) {
        (self.tick, self.parked_for) = (Duration::ZERO, Duration::ZERO);
    }

    /// After a look, which came a tick after the one before. True: the watchdog may sleep.
    pub(super) fn after(&mut self, sight: Sight) -> bool {
        self.unstuck_for = if sight.stuck { Duration::ZERO } else { self.unstuck_for.saturating_add(self.tick) };
        self.parked_for = if sight.parked { self.parked_for + self.tick } else { Duration::ZERO };
        self.tick = match sight {
            Sight { slow: true, .. } => SLOW,
            _ if self.unstuck_for >= UNTIL_CALM => self.calm,
            _ => USUAL,
        };
        self.parked_for >= UNTIL_SLEEP
    }
}

#[cfg(all(test, not(raddle_loom)))]
mod tests {
    use super::*;

    const BUSY: Sight = Sight { stuck: false, slow: false, parked: false };

    /// Looks until that much time has passed.
    fn look_for(pace: &mut Pace, time: Duration, sight: Sight) {
        let mut passed = Duration::ZERO;
        while passed < time {
            passed += pace.tick();
            pace.after(sight);
        }
    }

    #[test]
    fn looks_become_fewer_after_a_second_in_which_nobody_was_stuck() {
        let limit = 2 * USUAL + SLOW;
        for (cores, slow_poll, calm) in [
            (1, None, CALM_ON_ONE_CORE),
            (2, None, CALM),
            (1, Some(limit), limit / 2),
            (2, Some(USUAL), USUAL),
            (2, Some(Duration::MAX), CALM),
        ] {
            let mut pace = Pace::new(cores, slow_poll);
            look_for(&mut pace, UNTIL_CALM - USUAL, BUSY);
            assert_eq!(pace.tick(), USUAL);
            look_for(&mut pace, USUAL, BUSY);
            assert_eq!(pace.tick(), calm);
            pace.after(Sight { slow: true, ..BUSY });
            assert_eq!(pace.tick(), SLOW, "somebody may be stuck");
            pace.after(Sight { slow: true, stuck: true, parked: false });
            look_for(&mut pace, UNTIL_CALM - USUAL, BUSY);
            assert_eq!(pace.tick(), USUAL, "somebody was stuck");
        }
    }

    #[test]
    fn it_sleeps_after_a_quarter_of_a_second_with_all_parked_and_looks_at_once_when_it_wakes() {
        let parked = Sight { parked: true, ..BUSY };
        let mut pace = Pace::new(2, None);
        pace.after(parked);
        look_for(&mut pace, UNTIL_SLEEP - USUAL, parked);
        assert!(pace.after(parked));
        pace.begin_anew();
        assert_eq!(pace.tick(), Duration::ZERO);
        assert!(!pace.after(parked));
        look_for(&mut pace, UNTIL_SLEEP / 2, parked);
        pace.after(BUSY);
        look_for(&mut pace, UNTIL_SLEEP - USUAL, parked);
        assert!(!pace.after(BUSY), "somebody was awake");
    }
}
