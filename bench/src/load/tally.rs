//! What all connections have seen together.
//!
//! Each connection counts into one of a few parts, so that on several workers they rarely meet at a lock.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

const PARTS: usize = 8;

/// Latencies up to an hour, to three digits.
const LONGEST: Duration = Duration::from_secs(3600);
const DIGITS: u8 = 3;

/// The counts of a run.
#[derive(Debug)]
pub(crate) struct Tally {
    parts: [Mutex<Part>; PARTS],
    lateness: Mutex<Histogram<u64>>,
    errors: Mutex<Errors>,
}

#[derive(Debug)]
struct Part {
    latency: Histogram<u64>,
    messages: u64,
    unfinished: u64,
}

#[derive(Debug, Default)]
struct Errors {
    count: u64,
    first: Option<String>,
}

/// The counts of a run at its end. Times are in nanoseconds.
#[derive(Debug)]
pub(crate) struct Sum {
    pub(crate) latency: Histogram<u64>,
    pub(crate) lateness: Histogram<u64>,
    pub(crate) messages: u64,
    pub(crate) unfinished: u64,
    pub(crate) errors: u64,
    pub(crate) first_error: Option<String>,
}

impl Tally {
    pub(crate) fn new() -> Tally {
        let part = || Mutex::new(Part { latency: histogram(), messages: 0, unfinished: 0 });
        Tally { parts: std::array::from_fn(|_| part()), lateness: Mutex::new(histogram()), errors: Mutex::default() }
    }

    /// A message is back.
    pub(crate) fn message(&self, connection: usize, latency: Duration) {
        let mut part = lock(&self.parts[connection % PARTS]);
        part.messages += 1;
        record(&mut part.latency, latency);
    }

    /// A message will not be waited for any longer.
    pub(crate) fn unfinished(&self, connection: usize, waited: Duration) {
        let mut part = lock(&self.parts[connection % PARTS]);
        part.unfinished += 1;
        record(&mut part.latency, waited);
    }

    /// How much later than it should this program itself got round to a message.
    pub(crate) fn lateness(&self, lateness: Duration) {
        record(&mut lock(&self.lateness), lateness);
    }

    pub(crate) fn error(&self, text: String) {
        let mut errors = lock(&self.errors);
        errors.count += 1;
        errors.first.get_or_insert(text);
    }

    /// Messages and errors until now.
    pub(crate) fn so_far(&self) -> (u64, u64) {
        (self.parts.iter().map(|part| lock(part).messages).sum(), lock(&self.errors).count)
    }

    pub(crate) fn sum(&self) -> Sum {
        let errors = lock(&self.errors);
        let mut sum = Sum {
            latency: histogram(),
            lateness: lock(&self.lateness).clone(),
            messages: 0,
            unfinished: 0,
            errors: errors.count,
            first_error: errors.first.clone(),
        };
        for part in &self.parts {
            let part = lock(part);
            sum.latency.add(&part.latency).expect("all histograms have the same bounds");
            sum.messages += part.messages;
            sum.unfinished += part.unfinished;
        }
        sum
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST.as_nanos() as u64, DIGITS).expect("good bounds")
}

fn record(histogram: &mut Histogram<u64>, time: Duration) {
    histogram.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
