//! An error that more than one is told.

use std::io;

use crate::shim::Arc;

/// An error that can be told more than once.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    kind: io::ErrorKind,
    code: Option<i32>,
    text: Arc<str>,
}

impl Failure {
    pub(super) fn new(kind: io::ErrorKind, text: String) -> Failure {
        Failure { kind, code: None, text: text.into() }
    }

    pub(super) fn aborted() -> Failure {
        Failure::new(io::ErrorKind::ConnectionAborted, "the connection was aborted".to_owned())
    }

    pub(super) fn to_error(&self) -> io::Error {
        match self.code {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(self.kind, &*self.text),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure { kind: error.kind(), code: error.raw_os_error(), text: error.to_string().into() }
    }
}
