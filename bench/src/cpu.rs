//! Processor time and processor choice.

use std::fs;
use std::io;
use std::time::Duration;

use rustix::thread::CpuSet;
use rustix::time::{ClockId, clock_gettime};

/// The processor time that all threads of this process have used.
pub fn of_this_process() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The processor time that the threads of another process have used, in user and in kernel mode, as its scheduler counts
/// it: in nanoseconds. What threads used that have ended is not in it.
pub fn of_process(id: u32) -> io::Result<Duration> {
    let mut sum = Duration::ZERO;
    for thread in fs::read_dir(format!("/proc/{id}/task"))? {
        let path = thread?.path().join("schedstat");
        let text = match fs::read_to_string(&path) {
            // It ended meanwhile: before its file was opened, or before it was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => continue,
            text => text?,
        };
        sum += on_processor(&text)
            .ok_or_else(|| io::Error::other(format!("{} reads strangely: {text:?}", path.display())))?;
    }
    Ok(sum)
}

/// The first of three numbers.
fn on_processor(schedstat: &str) -> Option<Duration> {
    schedstat.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// Pins the calling thread, and every process and thread that it starts while the guard lives, to one core.
pub struct Pinned {
    before: CpuSet,
}

impl Pinned {
    pub fn to_one_core() -> io::Result<Pinned> {
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
    fn the_first_number_is_the_time_on_a_processor() {
        assert_eq!(on_processor("1234567 89 10\n"), Some(Duration::from_nanos(1_234_567)));
        assert_eq!(on_processor(""), None);
    }

    #[test]
    fn a_process_has_used_some() {
        assert!(of_process(std::process::id()).unwrap() > Duration::ZERO);
    }
}
