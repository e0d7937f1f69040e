//! What happens to the bytes of one direction of one connection, as a function of the seed.

use std::time::Duration;

/// How bad the network is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chaos {
    pub(crate) seed: u64,
    /// The longest delay of a piece.
    pub(crate) delay: Duration,
    /// How many of a hundred directions end badly.
    pub(crate) faults: u64,
    /// Before how many bytes those end.
    pub(crate) within: u64,
}

impl Chaos {
    /// Delays up to 5 ms, every fifth direction ends within 64 KiB.
    pub(crate) fn seeded(seed: u64) -> Chaos {
        Chaos { seed, delay: Duration::from_millis(5), faults: 20, within: 64 * 1024 }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    ToServer,
    ToClient,
}

/// How a direction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Both sides read the end of the stream in the middle of something.
    Truncate,
    /// Both sides get a reset.
    Reset,
    /// The receiver reads the end of the stream, and the other direction goes on.
    HalfClose,
}

/// What to do next with what was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Wait, then hand on so many bytes.
    Send {
        length: usize,
        delay: Duration,
    },
    End(Fate),
}

/// The fate of one direction.
#[derive(Debug)]
pub(crate) struct Plan {
    rng: Rng,
    chaos: Chaos,
    passed: u64,
    end: Option<(u64, Fate)>,
    /// How many bytes more go in one piece.
    piece: usize,
    /// How many pieces more are single bytes.
    crumbs: usize,
}

impl Plan {
    pub(crate) fn new(chaos: Chaos, connection: u64, direction: Direction) -> Plan {
        let mut rng = Rng::new(chaos.seed ^ (connection * 2 + direction as u64).wrapping_mul(0xd134_2543_de82_ef95));
        let fate = [Fate::Truncate, Fate::Reset, Fate::HalfClose][rng.below(3) as usize];
        let end = (rng.below(100) < chaos.faults).then(|| (rng.below(chaos.within), fate));
        Plan { rng, chaos, passed: 0, end, piece: 0, crumbs: 0 }
    }

    /// What to do when `available` bytes, at least one, wait.
    pub(crate) fn next(&mut self, available: usize) -> Step {
        let mut most = available;
        if let Some((end, fate)) = self.end {
            if end == self.passed {
                return Step::End(fate);
            }
            most = most.min(usize::try_from(end - self.passed).unwrap_or(usize::MAX));
        }
        let delay = if self.piece == 0 { self.new_piece() } else { Duration::ZERO };
        let length = self.piece.min(most);
        self.piece -= length;
        self.passed += length as u64;
        Step::Send { length, delay }
    }

    /// One of eight pieces is delayed, one of eight begins a row of single bytes.
    fn new_piece(&mut self) -> Duration {
        self.piece = match self.crumbs {
            0 if self.rng.below(8) == 0 => {
                self.crumbs = 1 + self.rng.below(32) as usize;
                1
            }
            0 => 1 + self.rng.below(4096) as usize,
            _ => {
                self.crumbs -= 1;
                1
            }
        };
        match self.rng.below(8) {
            0 => self.chaos.delay.mul_f64(self.rng.below(1000) as f64 / 999.0),
            _ => Duration::ZERO,
        }
    }
}

/// Marsaglia's xorshift64* (2003).
#[derive(Debug)]
struct Rng(u64);

impl Rng {
    fn new(seed: u64) -> Rng {
        let mut rng = Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        // Seeds that differ little begin alike.
        (0..8).for_each(|_| _ = rng.below(1));
        rng
    }

    /// A number below `end`, which is not 0.
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the plan does to `total` bytes that come in pieces of `chunk`: the lengths sent, and the end.
    fn walk(mut plan: Plan, total: usize, chunk: usize) -> (Vec<usize>, u64, Option<Fate>) {
        let (mut left, mut cuts, mut position) = (total, Vec::new(), 0);
        while left > 0 {
            let mut available = chunk.min(left);
            left -= available;
            while available > 0 {
                match plan.next(available) {
                    Step::End(fate) => return (cuts, plan.passed, Some(fate)),
                    Step::Send { length, delay } => {
                        assert!(length > 0 && length <= available && delay <= plan.chaos.delay);
                        available -= length;
                        position += length;
                        if plan.piece == 0 {
                            cuts.push(position);
                        }
                    }
                }
            }
        }
        (cuts, plan.passed, None)
    }

    #[test]
    fn a_plan_depends_on_the_seed_and_not_on_how_the_bytes_come() {
        for number in 0..50 {
            let plan = || Plan::new(Chaos::seeded(7), number, Direction::ToClient);
            assert_eq!(walk(plan(), 100_000, 4096), walk(plan(), 100_000, 13));
            let other = Plan::new(Chaos::seeded(8), number, Direction::ToClient);
            assert_ne!(walk(plan(), 100_000, 4096).0, walk(other, 100_000, 4096).0);
        }
    }

    #[test]
    fn all_fates_occur_and_most_connections_live() {
        let fates: Vec<_> = (0..1000)
            .map(|number| walk(Plan::new(Chaos::seeded(1), number, Direction::ToServer), 100_000, 4096).2)
            .collect();
        for fate in [Fate::Truncate, Fate::Reset, Fate::HalfClose] {
            assert!(fates.contains(&Some(fate)), "{fate:?}");
        }
        assert!((700..900).contains(&fates.iter().filter(|fate| fate.is_none()).count()));
    }
}
