//! How often each length of time was seen, in buckets that grow with what they hold.
//!
//! A bucket is as wide as a quarter of the power of two that it lies in, and holds its upper bound: so what is told of a
//! value is at most a quarter too much, and the powers of two of nanoseconds, which an exposition shows, are bounds
//! without a remainder. What takes 64 ns or less, about what two looks at the clock take, lies in the first bucket; what
//! takes longer than 68 s in the last.
//!
//! One thread at a time writes, others read meanwhile: each number is right, but a reader may see a value in its bucket and
//! not yet in the sum.

use crate::shim::atomic::{AtomicU64, Ordering};

/// The first bucket ends at this power of two of nanoseconds.
const FIRST: u32 = 6;
/// The last bucket begins at this one.
const LAST: u32 = 36;
/// Buckets in a power of two, as a power of two.
const PARTS: u32 = 2;
/// How many there are.
pub(crate) const BUCKETS: usize = 2 + (((LAST - FIRST) as usize) << PARTS);

/// The bucket that holds a length of time.
fn bucket_of(ns: u64) -> usize {
    let below = ns.saturating_sub(1);
    if below >> FIRST == 0 {
        return 0;
    }
    let power = below.ilog2();
    let part = (below >> (power - PARTS)) & ((1 << PARTS) - 1);
    let bucket = 1 + (((power - FIRST) as usize) << PARTS) + part as usize;
    bucket.min(BUCKETS - 1)
}

/// The longest time that a bucket holds, in nanoseconds; the last one has no bound.
pub(crate) fn upper_bound(bucket: usize) -> Option<u64> {
    let Some(above) = bucket.checked_sub(1) else { return Some(1 << FIRST) };
    if bucket + 1 == BUCKETS {
        return None;
    }
    let (power, part) = (FIRST + (above >> PARTS) as u32, (above & ((1 << PARTS) - 1)) as u64);
    Some(((1 << PARTS) + part + 1) << (power - PARTS))
}

/// A histogram that one thread at a time writes and anybody reads.
#[derive(Debug)]
pub(crate) struct Recorder {
    counts: [AtomicU64; BUCKETS],
    sum_ns: AtomicU64,
    max_ns: AtomicU64,
}

/// What a [`Recorder`] held when somebody looked.
#[derive(Clone)]
pub(crate) struct Recorded {
    pub(crate) counts: [u64; BUCKETS],
    pub(crate) sum_ns: u64,
    pub(crate) max_ns: u64,
}

impl Recorder {
    pub(crate) fn new() -> Recorder {
        Recorder {
            counts: [const { AtomicU64::new(0) }; BUCKETS],
            sum_ns: AtomicU64::new(0),
            max_ns: AtomicU64::new(0),
        }
    }

    /// Only one thread at a time calls this.
    pub(crate) fn record(&self, ns: u64) {
        // Relaxed, all of them: numbers that mean nothing but themselves, with one writer.
        let raise = |number: &AtomicU64, by: u64| {
            number.store(number.load(Ordering::Relaxed).saturating_add(by), Ordering::Relaxed);
        };
        raise(&self.counts[bucket_of(ns)], 1);
        raise(&self.sum_ns, ns);
        if ns > self.max_ns.load(Ordering::Relaxed) {
            self.max_ns.store(ns, Ordering::Relaxed);
        }
    }

    pub(crate) fn read(&self) -> Recorded {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Recorded {
            counts: std::array::from_fn(|bucket| read(&self.counts[bucket])),
            sum_ns: read(&self.sum_ns),
            max_ns: read(&self.max_ns),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bucket_ends_where_the_next_one_begins() {
        for bucket in 0..BUCKETS - 1 {
            let end = upper_bound(bucket).unwrap();
            assert_eq!(bucket_of(end), bucket, "{end} ns");
            assert_eq!(bucket_of(end + 1), bucket + 1, "{end} ns and one more");
        }
        assert_eq!(upper_bound(BUCKETS - 1), None);
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
        assert_eq!(bucket_of(0), 0);
    }

    #[test]
    fn powers_of_two_are_bounds_and_no_bound_is_a_quarter_too_much() {
        for power in FIRST..=LAST {
            assert_eq!(upper_bound(bucket_of(1 << power)), Some(1 << power));
        }
        for ns in (65..10_000).chain((1 << 20)..(1 << 20) + 5000).chain([(1 << 35) + 1, (1 << 36) - 1]) {
            let bound = upper_bound(bucket_of(ns)).unwrap();
            assert!(bound >= ns && (bound - ns) * 4 <= ns, "{ns} is told as {bound}");
        }
    }

    #[test]
    fn what_is_recorded_is_read() {
        let recorder = Recorder::new();
        for ns in [1, 64, 65, 1_000_000, u64::MAX] {
            recorder.record(ns);
        }
        let Recorded { counts, sum_ns, max_ns } = recorder.read();
        assert_eq!(counts.iter().sum::<u64>(), 5);
        assert_eq!((counts[0], counts[1], counts[BUCKETS - 1]), (2, 1, 1));
        assert_eq!((sum_ns, max_ns), (u64::MAX, u64::MAX), "a sum that is too long stays at its end");
    }
}
