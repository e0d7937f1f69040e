//! The futures that move bytes: one operation on one stream each.
//!
//! They are the same for every kind of stream; the type parameter says what the system has there, and is TCP's if it is
//! left out. Each makes its syscall inside the poll that returns what it brought, so a future that is dropped while it waits has
//! moved nothing.

use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::byte_stream::ByteStream;
use super::bytes::{self, PeekBytes, ReadBytes, WriteBytes};
use crate::evented::Operation;
use crate::readiness::Direction;

macro_rules! transfers {
    ($($(#[$meta:meta])* $name:ident, $bound:ident, $buffer:ident: $type:ty, $direction:ident, $attempt:path;)*) => {$(
        $(#[$meta])*
        #[must_use = "futures do nothing unless awaited"]
        pub struct $name<'a, S: $bound = std::net::TcpStream> {
            operation: Operation<'a, S>,
            $buffer: $type,
        }

        impl<'a, S: $bound> $name<'a, S> {
            pub(super) fn new(stream: &'a ByteStream<S>, $buffer: $type) -> $name<'a, S> {
                $name { operation: stream.evented.operation(Direction::$direction, 1), $buffer }
            }
        }

        impl<S: $bound> Future for $name<'_, S> {
            type Output = io::Result<usize>;

            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
                let this = &mut *self;
                if this.$buffer.is_empty() {
                    // Nothing to wait for.
                    return Poll::Ready(Ok(0));
                }
                this.operation.poll(cx, |socket| $attempt(socket, this.$buffer))
            }
        }

        impl<S: $bound + fmt::Debug> fmt::Debug for $name<'_, S> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).field("operation", &self.operation).finish_non_exhaustive()
            }
        }
    )*};
}

transfers! {
    /// The future of [`TcpStream::read`](super::TcpStream::read) and its like.
    Read, ReadBytes, buffer: &'a mut [u8], Read, bytes::read;
    /// The future of [`TcpStream::read_vectored`](super::TcpStream::read_vectored).
    ReadVectored, ReadBytes, buffers: &'a mut [IoSliceMut<'a>], Read, bytes::read_vectored;
    /// The future of [`TcpStream::peek`](super::TcpStream::peek).
    Peek, PeekBytes, buffer: &'a mut [u8], Read, bytes::peek;
    /// The future of [`TcpStream::write`](super::TcpStream::write) and its like.
    Write, WriteBytes, buffer: &'a [u8], Write, bytes::write;
    /// The future of [`TcpStream::write_vectored`](super::TcpStream::write_vectored) and its like.
    WriteVectored, WriteBytes, buffers: &'a [IoSlice<'a>], Write, bytes::write_vectored;
}

/// The future of [`TcpStream::read_exact`](super::TcpStream::read_exact) and its like.
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct ReadExact<'a, S: ReadBytes = std::net::TcpStream> {
    operation: Operation<'a, S>,
    buffer: &'a mut [u8],
    filled: usize,
}

impl<'a, S: ReadBytes> ReadExact<'a, S> {
    pub(super) fn new(stream: &'a ByteStream<S>, buffer: &'a mut [u8]) -> ReadExact<'a, S> {
        ReadExact { operation: stream.evented.operation(Direction::Read, 1), buffer, filled: 0 }
    }
}

impl<S: ReadBytes> Future for ReadExact<'_, S> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.filled < this.buffer.len() {
            let rest = &mut this.buffer[this.filled..];
            match ready!(this.operation.poll(cx, |socket| bytes::read(socket, rest)))? {
                0 => return Poll::Ready(Err(ended_early(this.filled, this.buffer.len()))),
                count => this.filled += count,
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cold]
fn ended_early(got: usize, wanted: usize) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, format!("the stream ended after {got} of {wanted} bytes"))
}

/// The future of [`TcpStream::write_all`](super::TcpStream::write_all) and its like.
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct WriteAll<'a, S: WriteBytes = std::net::TcpStream> {
    operation: Operation<'a, S>,
    rest: &'a [u8],
}

impl<'a, S: WriteBytes> WriteAll<'a, S> {
    pub(super) fn new(stream: &'a ByteStream<S>, buffer: &'a [u8]) -> WriteAll<'a, S> {
        WriteAll { operation: stream.evented.operation(Direction::Write, 1), rest: buffer }
    }
}

impl<S: WriteBytes> Future for WriteAll<'_, S> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while !this.rest.is_empty() {
            match ready!(this.operation.poll(cx, |socket| bytes::write(socket, this.rest)))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => this.rest = &this.rest[count..],
            }
        }
        Poll::Ready(Ok(()))
    }
}
