//! Asking the system what a thread is doing.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::Duration;

/// The open file that says what one thread of this process is doing.
#[derive(Default)]
pub(super) struct Probe {
    thread: u32,
    file: Option<File>,
}

impl Probe {
    /// Whether the thread waits for something in the system, rather than runs or waits for a core. Where the system
    /// does not say, it counts as blocked.
    pub(super) fn is_blocked(&mut self, thread: u32) -> bool {
        if self.thread != thread || self.file.is_none() {
            self.thread = thread;
            // `running`, or the number of the system call and its arguments. (`stat` says it, too, and much else: it
            // takes 11.5 µs to read, this 2.8.)
            self.file = File::open(format!("/proc/self/task/{thread}/syscall")).ok();
        }
        let mut start = [0; 8];
        let read = self.file.as_ref().and_then(|file| file.read_at(&mut start, 0).ok()).unwrap_or(0);
        !start[..read].starts_with(b"running")
    }
}

/// The processor time that the thread has used, if the system says so.
pub(super) fn cpu_time(thread: u32) -> Option<Duration> {
    // Time on a core, time waiting for one, and how often, in nanoseconds. The file is not kept: it is asked for seldom.
    let text = std::fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shim::atomic::{AtomicBool, AtomicU32, Ordering};

    fn this_thread() -> u32 {
        rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs()
    }

    #[test]
    fn a_thread_that_spins_is_not_blocked() {
        let (id, end) = (AtomicU32::new(0), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                id.store(this_thread(), Ordering::Relaxed);
                while !end.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
            // Blocked at first, perhaps: it may not have begun to spin.
            let mut probe = Probe::default();
            while id.load(Ordering::Relaxed) == 0 || probe.is_blocked(id.load(Ordering::Relaxed)) {
                std::thread::yield_now();
            }
            end.store(true, Ordering::Relaxed);
        });
        assert!(Probe::default().is_blocked(u32::MAX), "no such thread: the system does not say");
    }

    #[test]
    fn a_thread_that_sleeps_in_the_system_is_blocked() {
        let (say, hear) = std::sync::mpsc::channel();
        let (end, wait) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            say.send(this_thread()).unwrap();
            let _ = wait.recv();
        });
        let id = hear.recv().unwrap();
        let mut probe = Probe::default();
        while !probe.is_blocked(id) {
            std::thread::yield_now();
        }
        drop(end);
        thread.join().unwrap();
    }

    #[test]
    fn processor_time_passes_for_who_computes() {
        let thread = this_thread();
        let Some(before) = cpu_time(thread) else { return };
        // The system counts when the thread changes, and at its ticks.
        while cpu_time(thread).unwrap() < before + Duration::from_millis(1) {
            std::hint::spin_loop();
        }
        assert_eq!(cpu_time(u32::MAX), None, "no such thread");
    }
}
