//! Why a program could not be run.

use std::error::Error;
use std::fmt;
use std::io;

/// Why a program could not be run.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError {
    /// The system refused what worker 0 needs.
    Io(io::Error),
    /// Main was cancelled by Ctrl-C, or SIGTERM.
    Interrupted,
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::Io(error) => write!(f, "the runtime could not be started: {error}"),
            RunError::Interrupted => f.write_str("main was cancelled by Ctrl-C or SIGTERM"),
        }
    }
}

impl Error for RunError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            RunError::Io(error) => Some(error),
            RunError::Interrupted => None,
        }
    }
}
