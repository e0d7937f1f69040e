//! The two directions of a stream, apart.

use std::error::Error;
use std::fmt;
use std::io::{self, IoSlice};
use std::os::fd::AsFd;

use super::byte_stream::{ByteStream, async_read, async_write};
use super::bytes::{PeekBytes, WriteBytes};
use super::tcp_stream::TcpStream;
use super::transfer::{Peek, Read, Write, WriteVectored};
use super::whole::{ReadExact, WriteAll};
use crate::shim::Arc;

/// A stream with two directions, of which one can be ended.
pub trait Duplex: fmt::Debug {
    /// What the system has there.
    type Socket: PeekBytes + WriteBytes + AsFd;

    /// Where its bytes go.
    fn bytes(&self) -> &ByteStream<Self::Socket>;

    /// Lets the peer read the end of the stream.
    fn end_writing(&self) -> io::Result<()>;
}

pub(super) fn borrowed<T: Duplex>(stream: &T) -> (ReadHalf<'_, T>, WriteHalf<'_, T>) {
    (ReadHalf { stream }, WriteHalf { stream })
}

pub(super) fn owned<T: Duplex>(stream: T) -> (OwnedReadHalf<T>, OwnedWriteHalf<T>) {
    let stream = Arc::new(stream);
    (OwnedReadHalf { stream: stream.clone() }, OwnedWriteHalf { stream, shuts_down: true })
}

/// The reading side of a stream that is lent out: see [`TcpStream::split`].
#[derive(Debug)]
pub struct ReadHalf<'s, T: Duplex = TcpStream> {
    stream: &'s T,
}

/// The writing side of a stream that is lent out: see [`TcpStream::split`].
#[derive(Debug)]
pub struct WriteHalf<'s, T: Duplex = TcpStream> {
    stream: &'s T,
}

/// The reading side of a stream: see [`TcpStream::into_split`].
#[derive(Debug)]
pub struct OwnedReadHalf<T: Duplex = TcpStream> {
    stream: Arc<T>,
}

/// The writing side of a stream: see [`TcpStream::into_split`]. Dropping it shuts that side down.
#[derive(Debug)]
pub struct OwnedWriteHalf<T: Duplex = TcpStream> {
    stream: Arc<T>,
    /// False only when the halves are put together again.
    shuts_down: bool,
}

impl<T: Duplex> OwnedReadHalf<T> {
    /// Puts two halves of one stream together again.
    ///
    /// # Errors
    /// They are halves of different streams; both come back.
    pub fn reunite(self, other: OwnedWriteHalf<T>) -> Result<T, ReuniteError<T>> {
        other.reunite(self)
    }
}

impl<T: Duplex> OwnedWriteHalf<T> {
    /// Puts two halves of one stream together again.
    ///
    /// # Errors
    /// They are halves of different streams; both come back.
    #[expect(clippy::missing_panics_doc, reason = "there are exactly two halves, and one of them is gone here")]
    pub fn reunite(mut self, other: OwnedReadHalf<T>) -> Result<T, ReuniteError<T>> {
        if !std::ptr::eq(self.stream(), other.stream()) {
            return Err(ReuniteError(other, self));
        }
        self.shuts_down = false;
        drop(self);
        Ok(Arc::try_unwrap(other.stream).expect("a stream has two halves"))
    }
}

impl<T: Duplex> Drop for OwnedWriteHalf<T> {
    fn drop(&mut self) {
        if self.shuts_down {
            // An error means that the connection is gone already.
            let _ = self.stream.end_writing();
        }
    }
}

macro_rules! halves {
    ($([$($generics:tt)*] $type:ty),*) => {$(
        impl<$($generics)*> $type {
            /// The stream, for its options and addresses.
            #[must_use]
            pub fn stream(&self) -> &T {
                &self.stream
            }

            pub(super) fn bytes(&self) -> &ByteStream<T::Socket> {
                self.stream.bytes()
            }
        }
    )*};
}

macro_rules! reading {
    ($([$($generics:tt)*] $type:ty),*) => {$(
        impl<$($generics)*> $type {
            /// See [`TcpStream::read`].
            ///
            /// # Errors
            /// As there.
            #[track_caller]
            pub fn read<'a>(&'a self, buffer: &'a mut [u8]) -> Read<'a, T::Socket> {
                Read::new(self.bytes(), buffer)
            }

            /// See [`TcpStream::peek`].
            ///
            /// # Errors
            /// As there.
            #[track_caller]
            pub fn peek<'a>(&'a self, buffer: &'a mut [u8]) -> Peek<'a, T::Socket> {
                Peek::new(self.bytes(), buffer)
            }

            /// See [`TcpStream::read_exact`].
            ///
            /// # Errors
            /// As there.
            #[track_caller]
            pub fn read_exact<'a>(&'a mut self, buffer: &'a mut [u8]) -> ReadExact<'a, T::Socket> {
                ReadExact::new(self.bytes(), buffer)
            }
        }
    )*};
}

macro_rules! writing {
    ($([$($generics:tt)*] $type:ty),*) => {$(
        impl<$($generics)*> $type {
            /// See [`TcpStream::write`].
            ///
            /// # Errors
            /// As there.
            #[track_caller]
            pub fn write<'a>(&'a self, buffer: &'a [u8]) -> Write<'a, T::Socket> {
                Write::new(self.bytes(), buffer)
            }

            /// See [`TcpStream::write_vectored`].
            ///
            /// # Errors
            /// As there.
            #[track_caller]
            pub fn write_vectored<'a>(&'a self, buffers: &'a [IoSlice<'a>]) -> WriteVectored<'a, T::Socket> {
                WriteVectored::new(self.bytes(), buffers)
            }

            /// See [`TcpStream::write_all`].
            ///
            /// # Errors
            /// As there.
            #[track_caller]
            pub fn write_all<'a>(&'a mut self, buffer: &'a [u8]) -> WriteAll<'a, T::Socket> {
                WriteAll::new(self.bytes(), buffer)
            }

            pub(super) fn end_writing(&self) -> io::Result<()> {
                self.stream.end_writing()
            }
        }
    )*};
}

halves!(['s, T: Duplex] ReadHalf<'s, T>, [T: Duplex] OwnedReadHalf<T>);
halves!(['s, T: Duplex] WriteHalf<'s, T>, [T: Duplex] OwnedWriteHalf<T>);
reading!(['s, T: Duplex] ReadHalf<'s, T>, [T: Duplex] OwnedReadHalf<T>);
writing!(['s, T: Duplex] WriteHalf<'s, T>, [T: Duplex] OwnedWriteHalf<T>);
async_read!(['s, T: Duplex] ReadHalf<'s, T>, [T: Duplex] OwnedReadHalf<T>);
async_write!(['s, T: Duplex] WriteHalf<'s, T>, [T: Duplex] OwnedWriteHalf<T>);

/// Two halves that are not of one stream.
#[derive(Debug)]
pub struct ReuniteError<T: Duplex = TcpStream>(pub OwnedReadHalf<T>, pub OwnedWriteHalf<T>);

impl<T: Duplex> fmt::Display for ReuniteError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("these halves are not of one stream")
    }
}

impl<T: Duplex> Error for ReuniteError<T> {}
