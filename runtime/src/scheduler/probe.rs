//! Asking the system what a thread is doing.

use std::fs::File;
use std::os::unix::fs::FileExt;

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
            self.file = File::open(format!("/proc/self/task/{thread}/stat")).ok();
        }
        // The state follows the name, which ends with the last bracket: `4711 (name) S …`. 64 bytes hold both.
        let mut start = [0; 64];
        let read = self.file.as_ref().and_then(|file| file.read_at(&mut start, 0).ok()).unwrap_or(0);
        let name_end = start[..read].iter().rposition(|byte| *byte == b')');
        let state = name_end.and_then(|end| start[..read].get(end + 2));
        state != Some(&b'R')
    }
}
