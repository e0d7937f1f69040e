//! Processor time and processor choice.

use std::fs;
use std::io;
use std::time::Duration;

use rustix::thread::CpuSet;
use rustix::time::{ClockId, clock_gettime};

/// The unit of times in /proc, USER_HZ, is part of Linux's interface and 100 per second.
const MILLIS_PER_TICK: u64 = 10;

/// The processor time that all threads of this process have used.
pub(crate) fn of_this_process() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The processor time that another process has used, in user and in kernel mode, to the scheduler tick.
pub(crate) fn of_process(id: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    ticks(&stat)
        .map(|ticks| Duration::from_millis(ticks * MILLIS_PER_TICK))
        .ok_or_else(|| io::Error::other(format!("/proc/{id}/stat reads strangely: {stat:?}")))
}

/// Fields 14 and 15; the name in field 2 stands in parentheses and may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// Pins the calling thread, and every process and thread that it starts while the guard lives, to one core.
pub(crate) struct Pinned {
    before: CpuSet,
}

impl Pinned {
    pub(crate) fn to_one_core() -> io::Result<Pinned> {
        let before = rustix::thread::sched_getaffinity(None)?;
        let core = (0..CpuSet::MAX_CPU).find(|&core| before.is_set(core)).expect("this thread runs somewhere");
        let mut one = CpuSet::new();
        one.set(core);
        rustix::thread::sched_setaffinity(None, &one)?;
        Ok(Pinned { before })
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // What was allowed before is allowed still, unless someone took the core away: then there is nothing to restore.
        _ = rustix::thread::sched_setaffinity(None, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_found_behind_a_strange_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 12 30 0 0 20 0 1 0 5";
        assert_eq!(ticks(stat), Some(42));
        assert_eq!(ticks("7 (a"), None);
    }
}
