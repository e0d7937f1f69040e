//! What a sample takes beside what it measures: processor time, switches, memory, and system calls where perf counts them.

use std::fs;
use std::mem::MaybeUninit;

use raddle_bench::cpu;
use raddle_bench::sample::Sample;
use raddle_bench::workloads::memory::{resident, status};

use crate::measure::Spread;
use crate::servers::syscalls::Trace;

/// What one side's samples took, the median of each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cost {
    /// Nanoseconds of all threads for each operation.
    pub(crate) cpu: f64,
    /// How often a thread gave its processor up because it had to wait, for a thousand operations.
    pub(crate) switches: f64,
    /// By how many bytes the process was larger at its largest than before.
    pub(crate) peak: f64,
    /// For a thousand operations, if perf may count.
    pub(crate) calls: Option<f64>,
}

/// Both sides'.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Costs {
    pub(crate) raddle: Cost,
    pub(crate) tokio: Cost,
}

impl Cost {
    /// Runs a workload and watches.
    pub(crate) fn of(workload: impl FnOnce() -> Sample) -> (Sample, Cost) {
        forget_peak();
        let (cpu, switches, resident) = (cpu::of_this_process(), voluntary_switches(), resident());
        let sample = workload();
        let operations = sample.operations as f64;
        let cost = Cost {
            cpu: (cpu::of_this_process() - cpu).as_nanos() as f64 / operations,
            switches: (voluntary_switches() - switches) as f64 * 1000.0 / operations,
            peak: (status("VmHWM:") - resident).max(0.0),
            calls: None,
        };
        (sample, cost)
    }

    pub(crate) fn median(costs: &[Cost]) -> Cost {
        let median = |of: fn(&Cost) -> f64| Spread::of(costs.iter().map(of).collect()).median;
        Cost {
            cpu: median(|cost| cost.cpu),
            switches: median(|cost| cost.switches),
            peak: median(|cost| cost.peak),
            calls: None,
        }
    }
}

/// System calls of a workload for a thousand operations. What it measures is lost: being counted slows it down.
pub(crate) fn calls(workload: impl FnOnce() -> Sample) -> Option<f64> {
    let trace = Trace::of_this_process()?;
    let sample = workload();
    trace.stop().ok().map(|calls| calls as f64 * 1000.0 / sample.operations as f64)
}

/// Of all threads, also of those that have ended.
fn voluntary_switches() -> i64 {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the call writes one `rusage` to where it is told, which is large enough for one, and keeps nothing.
    let failed = unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) };
    assert_eq!(failed, 0, "a process may ask for its own usage");
    // SAFETY: of zeros, which are a valid `rusage`, or written by the call.
    unsafe { usage.assume_init() }.ru_nvcsw
}

/// From now on the peak is that of what follows. A kernel that can't forget leaves the peak of before, which is too high.
fn forget_peak() {
    _ = fs::write("/proc/self/clear_refs", "5");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_that_takes_memory_and_time_is_seen_to() {
        let (sample, cost) = Cost::of(|| {
            let bytes = std::hint::black_box(vec![1_u8; 64 << 20]);
            std::thread::sleep(std::time::Duration::from_millis(1));
            Sample { values: vec![0.0], operations: usize::from(bytes[7]) }
        });
        assert_eq!(sample.operations, 1);
        assert!(cost.peak >= (60 << 20) as f64, "{cost:?}");
        assert!(cost.cpu > 0.0 && cost.switches >= 1000.0, "{cost:?}");
    }
}
