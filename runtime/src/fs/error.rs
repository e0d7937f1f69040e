//! Errors that name what was attempted, and on which path.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// What the system said, and about what.
#[derive(Debug)]
struct PathError {
    attempt: &'static str,
    path: PathBuf,
    other: Option<PathBuf>,
    cause: io::Error,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {:?}", self.attempt, self.path)?;
        if let Some(other) = &self.other {
            write!(f, " to {other:?}")?;
        }
        write!(f, ": {}", self.cause)
    }
}

impl Error for PathError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}

/// The same error, with a path.
pub(super) fn about(attempt: &'static str, path: &Path, cause: io::Error) -> io::Error {
    io::Error::new(cause.kind(), PathError { attempt, path: path.to_owned(), other: None, cause })
}

/// The same error, with the path from which something goes and the one to which.
pub(super) fn about_both(attempt: &'static str, from: &Path, to: &Path, cause: io::Error) -> io::Error {
    io::Error::new(cause.kind(), PathError { attempt, path: from.to_owned(), other: Some(to.to_owned()), cause })
}
