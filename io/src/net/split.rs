//! The two directions of a TCP connection, apart.

use std::error::Error;
use std::fmt;
use std::io::IoSlice;
use std::net::Shutdown;

use super::tcp_stream::TcpStream;
use super::tcp_stream_traits::{delegate_read, delegate_write};
use super::transfer::{Peek, Read, ReadExact, Write, WriteAll, WriteVectored};
use crate::shim::Arc;

pub(super) fn borrowed(stream: &TcpStream) -> (ReadHalf<'_>, WriteHalf<'_>) {
    (ReadHalf { stream }, WriteHalf { stream })
}

pub(super) fn owned(stream: TcpStream) -> (OwnedReadHalf, OwnedWriteHalf) {
    let stream = Arc::new(stream);
    (OwnedReadHalf { stream: stream.clone() }, OwnedWriteHalf { stream, shuts_down: true })
}

/// The reading side of a stream that is lent out: see [`TcpStream::split`].
#[derive(Debug)]
pub struct ReadHalf<'s> {
    stream: &'s TcpStream,
}

/// The writing side of a stream that is lent out: see [`TcpStream::split`].
#[derive(Debug)]
pub struct WriteHalf<'s> {
    stream: &'s TcpStream,
}

/// The reading side of a stream: see [`TcpStream::into_split`].
#[derive(Debug)]
pub struct OwnedReadHalf {
    stream: Arc<TcpStream>,
}

/// The writing side of a stream: see [`TcpStream::into_split`]. Dropping it shuts that side down.
#[derive(Debug)]
pub struct OwnedWriteHalf {
    stream: Arc<TcpStream>,
    /// False only when the halves are put together again.
    shuts_down: bool,
}

impl ReadHalf<'_> {
    /// The stream, for its options and addresses.
    #[must_use]
    pub fn stream(&self) -> &TcpStream {
        self.stream
    }
}

impl WriteHalf<'_> {
    /// The stream, for its options and addresses.
    #[must_use]
    pub fn stream(&self) -> &TcpStream {
        self.stream
    }
}

impl OwnedReadHalf {
    /// The stream, for its options and addresses.
    #[must_use]
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Puts two halves of one stream together again.
    ///
    /// # Errors
    /// They are halves of different streams; both come back.
    pub fn reunite(self, other: OwnedWriteHalf) -> Result<TcpStream, ReuniteError> {
        other.reunite(self)
    }
}

impl OwnedWriteHalf {
    /// The stream, for its options and addresses.
    #[must_use]
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Puts two halves of one stream together again.
    ///
    /// # Errors
    /// They are halves of different streams; both come back.
    #[expect(clippy::missing_panics_doc, reason = "there are exactly two halves, and one of them is gone here")]
    pub fn reunite(mut self, other: OwnedReadHalf) -> Result<TcpStream, ReuniteError> {
        if !std::ptr::eq(self.stream(), other.stream()) {
            return Err(ReuniteError(other, self));
        }
        self.shuts_down = false;
        drop(self);
        Ok(Arc::try_unwrap(other.stream).expect("a stream has two halves"))
    }
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        if self.shuts_down {
            // An error means that the connection is gone already.
            let _ = self.stream.shutdown(Shutdown::Write);
        }
    }
}

macro_rules! reading {
    ($($type:ty),*) => {$(
        impl $type {
            /// See [`TcpStream::read`].
            ///
            /// # Errors
            /// As there.
            #[track_caller]
            pub fn read<'a>(&'a self, buffer: &'a mut [u8]) -> Read<'a> {
                self.stream().read(buffer)
            }

            /// See [`TcpStream::peek`].
            ///
            /// # Errors
            /// As there.
            #[track_caller]
            pub fn peek<'a>(&'a self, buffer: &'a mut [u8]) -> Peek<'a> {
                self.stream().peek(buffer)
            }

            /// See [`TcpStream::read_exact`].
            ///
            /// # Errors
            /// As there.
            #[track_caller]
            pub fn read_exact<'a>(&'a mut self, buffer: &'a mut [u8]) -> ReadExact<'a> {
                ReadExact::new(self.stream(), buffer)
            }
        }
    )*};
}

macro_rules! writing {
    ($($type:ty),*) => {$(
        impl $type {
            /// See [`TcpStream::write`].
            ///
            /// # Errors
            /// As there.
            #[track_caller]
            pub fn write<'a>(&'a self, buffer: &'a [u8]) -> Write<'a> {
                self.stream().write(buffer)
            }

            /// See [`TcpStream::write_vectored`].
            ///
            /// # Errors
            /// As there.
            #[track_caller]
            pub fn write_vectored<'a>(&'a self, buffers: &'a [IoSlice<'a>]) -> WriteVectored<'a> {
                self.stream().write_vectored(buffers)
            }

            /// See [`TcpStream::write_all`].
            ///
            /// # Errors
            /// As there.
            #[track_caller]
            pub fn write_all<'a>(&'a mut self, buffer: &'a [u8]) -> WriteAll<'a> {
                WriteAll::new(self.stream(), buffer)
            }
        }
    )*};
}

reading!(ReadHalf<'_>, OwnedReadHalf);
writing!(WriteHalf<'_>, OwnedWriteHalf);
delegate_read!(ReadHalf<'_>, OwnedReadHalf);
delegate_write!(WriteHalf<'_>, OwnedWriteHalf);

/// Two halves that are not of one stream.
#[derive(Debug)]
pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

impl fmt::Display for ReuniteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("these halves are not of one stream")
    }
}

impl Error for ReuniteError {}
