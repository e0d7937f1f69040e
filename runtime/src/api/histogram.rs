//! How long things took: `Histogram`.

use std::fmt;
use std::time::Duration;

use crate::scheduler::histogram::{BUCKETS, Recorded, upper_bound};

/// How many samples there were of each length of time, to a quarter.
///
/// A bucket's bounds lie a quarter of a power of two of nanoseconds apart, from 64 ns to 68 s: what is told of a sample is
/// up to 25 % more than it was, and never less. Count, sum and [`max`](Histogram::max) are exact.
///
/// # Examples
/// ```
/// use raddle::{Handle, Runner, yield_now};
///
/// Runner::new().sample_polls(1).run(async {
///     for _ in 0..100 {
///         yield_now().await;
///     }
///     let polls = Handle::current().metrics().poll_time();
///     assert!(polls.count() >= 100);
///     assert!(polls.quantile(0.5).unwrap() <= polls.quantile(0.99).unwrap());
///     println!("{polls}"); // 100 samples: median 128 ns, 99 % within 384 ns, longest 500 ns
/// });
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Histogram {
    counts: Box<[u64; BUCKETS]>,
    sum_ns: u64,
    max_ns: u64,
}

/// Samples of about one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bucket {
    /// They took longer than this.
    pub above: Duration,
    /// They took no longer than this; `None` for the bucket of what took longest, more than 68 s.
    pub up_to: Option<Duration>,
    /// How many there were.
    pub count: u64,
}

impl Histogram {
    pub(super) fn new() -> Histogram {
        Histogram { counts: Box::new([0; BUCKETS]), sum_ns: 0, max_ns: 0 }
    }

    pub(super) fn of(recorded: Recorded) -> Histogram {
        let Recorded { counts, sum_ns, max_ns } = recorded;
        Histogram { counts: Box::new(counts), sum_ns, max_ns }
    }

    /// How many samples there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Whether there was none.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// All their lengths together.
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum_ns)
    }

    /// The longest; zero if there was none.
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.max_ns)
    }

    /// Their mean, if there was one.
    pub fn mean(&self) -> Option<Duration> {
        self.sum_ns.checked_div(self.count()).map(Duration::from_nanos)
    }

    /// What the share `q` of the samples did not exceed: `quantile(0.5)` is the median. `None` if there was none.
    ///
    /// It is not less than the exact one, and at most a quarter more; nor is it more than [`max`](Histogram::max).
    ///
    /// # Panics
    /// When `q` does not lie between 0 and 1.
    #[track_caller]
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        assert!((0.0..=1.0).contains(&q), "quantile({q}): a share lies between 0 and 1");
        let count = self.count();
        // The first sample for 0, the last for 1.
        let rank = ((count as f64 * q).ceil() as u64).clamp(1, count.max(1));
        let mut seen = 0;
        let bucket = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(upper_bound(bucket).map_or(self.max(), |bound| Duration::from_nanos(bound).min(self.max())))
    }

    /// The buckets that have samples, shortest times first.
    pub fn buckets(&self) -> impl Iterator<Item = Bucket> + '_ {
        self.counts.iter().enumerate().filter(|(_, count)| **count > 0).map(|(bucket, count)| Bucket {
            above: bucket.checked_sub(1).and_then(upper_bound).map_or(Duration::ZERO, Duration::from_nanos),
            up_to: upper_bound(bucket).map(Duration::from_nanos),
            count: *count,
        })
    }

    /// How many samples took no longer than `bound_ns`, which is a power of two.
    pub(super) fn count_within(&self, bound_ns: u64) -> u64 {
        let within = (0..BUCKETS).filter(|bucket| upper_bound(*bucket).is_some_and(|bound| bound <= bound_ns));
        within.map(|bucket| self.counts[bucket]).sum()
    }

    /// Takes another one's samples in.
    pub fn merge(&mut self, other: &Histogram) {
        self.counts.iter_mut().zip(other.counts.iter()).for_each(|(count, more)| *count += more);
        self.sum_ns = self.sum_ns.saturating_add(other.sum_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
    }
}

impl fmt::Display for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(median), Some(most)) = (self.quantile(0.5), self.quantile(0.99)) else {
            return f.write_str("no samples");
        };
        let (count, max) = (self.count(), self.max());
        let s = if count == 1 { "" } else { "s" };
        write!(f, "{count} sample{s}: median {median:.3?}, 99 % within {most:.3?}, longest {max:.3?}")
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Histogram of {self}>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheduler::histogram::Recorder;

    fn of(lengths: impl IntoIterator<Item = u64>) -> Histogram {
        let recorder = Recorder::new();
        lengths.into_iter().for_each(|ns| recorder.record(ns));
        Histogram::of(recorder.read())
    }

    #[test]
    fn quantiles_are_at_most_a_quarter_too_much() {
        let lengths: Vec<u64> = (1..=10_000).map(|n| n * n).collect();
        let histogram = of(lengths.iter().copied());
        for (q, rank) in [(0.0, 1), (0.001, 10), (0.5, 5000), (0.9, 9000), (0.99, 9900), (1.0, 10_000)] {
            let (exact, told) = (lengths[rank - 1].max(64), histogram.quantile(q).unwrap().as_nanos() as u64);
            assert!(told >= exact && (told - exact) * 4 <= exact, "{q}: {exact} told as {told}");
        }
        assert_eq!(histogram.quantile(1.0), Some(histogram.max()));
        assert_eq!(histogram.sum(), Duration::from_nanos(lengths.iter().sum()));
        assert_eq!(histogram.mean(), Some(histogram.sum() / 10_000));
    }

    #[test]
    fn without_samples_there_is_no_quantile() {
        let none = Histogram::new();
        assert_eq!((none.quantile(0.5), none.mean(), none.count()), (None, None, 0));
        assert_eq!(none.buckets().count(), 0);
        assert_eq!(format!("{none} {none:?}"), "no samples <Histogram of no samples>");
    }

    #[test]
    #[should_panic(expected = "quantile(99): a share lies between 0 and 1")]
    fn a_percentage_is_no_share() {
        of([1]).quantile(99.0);
    }

    #[test]
    fn buckets_tell_bounds_and_counts() {
        let hour = 3_600_000_000_000;
        let buckets: Vec<_> = of([10, 1000, 1024, 1025, hour]).buckets().collect();
        let ns = Duration::from_nanos;
        let bucket = |above, up_to: Option<u64>, count| Bucket { above: ns(above), up_to: up_to.map(ns), count };
        assert_eq!(
            buckets,
            [bucket(0, Some(64), 1), bucket(896, Some(1024), 2), bucket(1024, Some(1280), 1), bucket(1 << 36, None, 1)]
        );
    }

    #[test]
    fn merging_adds_up() {
        let (mut all, more) = (of([100, 200]), of([1_000_000]));
        all.merge(&more);
        assert_eq!(all, of([100, 200, 1_000_000]));
        assert_eq!(all.count_within(1 << 10), 2);
        assert_eq!(all.to_string(), "3 samples: median 224.000ns, 99 % within 1.000ms, longest 1.000ms");
    }
}
