//! Waiting by the clock for what the kernel tells nobody about: 1 ms, twice as long each time, up to 50 ms.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::context;
use crate::sleep::{Sleep, sleep};

// Picked from thin air: short enough for a reader that is merely busy, long enough for one that has stopped.
const FIRST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(50);

/// Pauses between attempts that would block.
#[derive(Debug)]
pub(super) struct Pause {
    sleeping: Option<Sleep>,
    next: Duration,
}

impl Default for Pause {
    fn default() -> Pause {
        Pause { sleeping: None, next: FIRST }
    }
}

impl Pause {
    /// Attempts until one does not say would-block.
    pub(super) fn poll_attempts<R>(
        &mut self,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut() -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        loop {
            if let Some(sleeping) = &mut self.sleeping {
                ready!(Pin::new(sleeping).poll(cx));
                self.sleeping = None;
            }
            match attempt() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // Without a runtime it could not sleep.
                    context::current_or_error()?;
                    self.sleeping = Some(sleep(self.next));
                    self.next = (self.next * 2).min(LONGEST);
                }
                result => {
                    self.next = FIRST;
                    return Poll::Ready(result);
                }
            }
        }
    }
}
