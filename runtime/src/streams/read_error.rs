//! What can go wrong while a stream is read.

use std::error::Error;
use std::fmt;
use std::io;

use bytes::Bytes;

/// Why a read gave no value: asyncio's `IncompleteReadError`, `LimitOverrunError`, or the connection's own error.
///
/// `?` turns it into an [`io::Error`] of the kinds `UnexpectedEof` and `InvalidData`, or the connection's own; that can
/// be turned back.
///
/// # Examples
/// ```
/// use raddle::{ReadError, StreamReader};
///
/// let (feeder, mut reader) = StreamReader::pair();
/// feeder.feed_data(b"half");
/// feeder.feed_eof();
/// match raddle::run(reader.read_exactly(8)) {
///     Err(ReadError::Incomplete { partial, expected }) => {
///         assert_eq!((&partial[..], expected), (&b"half"[..], Some(8)));
///     }
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// The stream ended before what was asked for.
    Incomplete {
        /// What there was. It has been taken out.
        partial: Bytes,
        /// How many bytes were asked for; `None` if a separator was.
        expected: Option<usize>,
    },
    /// The separator was not found within the limit, or what lies before it is longer.
    LimitOverrun {
        /// How many bytes certainly belong to what is too long.
        consumed: usize,
    },
    /// The connection's error.
    Io(io::Error),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Incomplete { partial, expected: Some(expected) } => {
                write!(f, "the stream ended after {} of {expected} bytes", partial.len())
            }
            ReadError::Incomplete { partial, expected: None } => {
                write!(f, "the stream ended after {} bytes, before the separator", partial.len())
            }
            ReadError::LimitOverrun { consumed } => {
                write!(f, "no separator within the limit: {consumed} bytes without one")
            }
            ReadError::Io(error) => error.fmt(f),
        }
    }
}

impl Error for ReadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ReadError::Io(error) => Some(error),
            ReadError::Incomplete { .. } | ReadError::LimitOverrun { .. } => None,
        }
    }
}

/// An `io::Error` that was made of a `ReadError` becomes that again.
impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> ReadError {
        error.downcast::<ReadError>().unwrap_or_else(ReadError::Io)
    }
}

impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> io::Error {
        match error {
            ReadError::Io(error) => error,
            ReadError::Incomplete { .. } => io::Error::new(io::ErrorKind::UnexpectedEof, error),
            ReadError::LimitOverrun { .. } => io::Error::new(io::ErrorKind::InvalidData, error),
        }
    }
}
