//! When the messages of one connection should leave.

use std::time::Duration;

use raddle::Instant;

/// The times of one connection's messages: every so many of all of them, from the start on.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    start: Instant,
    /// Messages per second over all connections.
    rate: usize,
    /// The number, over all, of this connection's next message, and how many there are between two of them.
    next: usize,
    step: usize,
}

impl Schedule {
    pub(crate) fn new(start: Instant, rate: usize, connection: usize, connections: usize) -> Schedule {
        Schedule { start, rate, next: connection, step: connections }
    }

    /// When the next message should leave.
    pub(crate) fn due(&self) -> Instant {
        // By multiplication, so that roundings do not add up.
        let nanos = self.next as u128 * 1_000_000_000 / self.rate as u128;
        self.start + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// The next message is settled.
    pub(crate) fn advance(&mut self) {
        self.next += self.step;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_take_turns() {
        let start = Instant::now();
        let mut schedules = [0, 1].map(|connection| Schedule::new(start, 1000, connection, 2));
        let mut due = Vec::new();
        for _ in 0..2 {
            for schedule in &mut schedules {
                due.push((schedule.due() - start).as_millis());
                schedule.advance();
            }
        }
        assert_eq!(due, [0, 1, 2, 3]);
    }
}
