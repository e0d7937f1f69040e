//! What a future is told that did not complete in time. The combinators are the runtime's: they await cleanup.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

/// A future did not complete in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeoutError {
    after: Option<Duration>,
}

impl TimeoutError {
    /// An error that names how long was waited, if that is known.
    #[doc(hidden)]
    #[must_use]
    pub fn new(after: Option<Duration>) -> TimeoutError {
        TimeoutError { after }
    }
}

impl fmt::Display for TimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.after {
            Some(duration) => write!(f, "timed out after {duration:?}"),
            None => f.write_str("timed out: the deadline has passed"),
        }
    }
}

impl Error for TimeoutError {}

impl From<TimeoutError> for io::Error {
    fn from(error: TimeoutError) -> io::Error {
        io::Error::new(io::ErrorKind::TimedOut, error)
    }
}
