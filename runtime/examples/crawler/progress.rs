//! A bar in the terminal, for who sits in front of it.

use std::io::{IsTerminal, Write, stderr};
use std::time::Duration;

use raddle::Instant;

const WIDTH: usize = 40;
/// Between two pictures.
const PAUSE: Duration = Duration::from_millis(50);

/// A bar that is drawn over itself on stderr, if that is a terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    is_shown: bool,
    next: Instant,
}

impl Progress {
    pub(crate) fn new() -> Progress {
        Progress { is_shown: stderr().is_terminal(), next: Instant::now() }
    }

    /// So much is done, of so much that is known of.
    pub(crate) fn show(&mut self, done: usize, known: usize, failed: usize) {
        if !self.is_shown || (done < known && Instant::now() < self.next) {
            return;
        }
        self.next = Instant::now() + PAUSE;
        let bar = "█".repeat(WIDTH * done / known.max(1));
        // Where nothing can be written, nobody misses it.
        _ = write!(stderr(), "\r{bar:░<WIDTH$} {done} of {known} pages, {failed} failed ");
    }

    /// Leaves the line to what comes next.
    pub(crate) fn end(self) {
        if self.is_shown {
            _ = write!(stderr(), "\r\x1b[K");
        }
    }
}
