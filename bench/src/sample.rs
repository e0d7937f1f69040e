//! One measurement of one workload on one runtime.

use std::time::Duration;

/// How large the workloads are.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    pub quick: bool,
}

impl Scale {
    pub fn of(self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }
}

/// What a workload found: a value for each metric of its row, and how many operations it counted while it ran.
#[derive(Debug)]
pub struct Sample {
    pub values: Vec<f64>,
    pub operations: usize,
}

impl Sample {
    /// Nanoseconds per operation.
    pub fn time(elapsed: Duration, operations: usize) -> Sample {
        Sample { values: vec![elapsed.as_nanos() as f64 / operations as f64], operations }
    }
}

/// Milliseconds, with their fraction.
pub fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// The value below which the share `share` of `values` lies.
pub fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share).round() as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_few_values() {
        assert_eq!(percentile(&mut [3.0], 0.99), 3.0);
        assert_eq!(percentile(&mut [3.0, 1.0, 2.0], 0.5), 2.0);
        assert_eq!(percentile(&mut [3.0, 1.0, 2.0], 1.0), 3.0);
    }
}
