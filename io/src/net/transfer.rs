//! The futures that move bytes: one operation on one stream each.
//!
//! Each makes its syscall inside the poll that returns what it brought, so a future that is dropped while it waits has
//! moved nothing.

use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::tcp_stream::{self, TcpStream};
use crate::evented::Operation;
use crate::readiness::Direction;

type StreamOperation<'a> = Operation<'a, std::net::TcpStream>;

macro_rules! transfers {
    ($($(#[$meta:meta])* $name:ident, $buffer:ident: $type:ty, $direction:ident, $attempt:path;)*) => {$(
        $(#[$meta])*
        #[must_use = "futures do nothing unless awaited"]
        pub struct $name<'a> {
            operation: StreamOperation<'a>,
            $buffer: $type,
        }

        impl<'a> $name<'a> {
            pub(super) fn new(stream: &'a TcpStream, $buffer: $type) -> $name<'a> {
                $name { operation: stream.evented.operation(Direction::$direction, 1), $buffer }
            }
        }

        impl Future for $name<'_> {
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

        impl fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).field("operation", &self.operation).finish_non_exhaustive()
            }
        }
    )*};
}

transfers! {
    /// The future of [`TcpStream::read`] and its like.
    Read, buffer: &'a mut [u8], Read, tcp_stream::receive;
    /// The future of [`TcpStream::read_vectored`].
    ReadVectored, buffers: &'a mut [IoSliceMut<'a>], Read, tcp_stream::receive_vectored;
    /// The future of [`TcpStream::peek`].
    Peek, buffer: &'a mut [u8], Read, tcp_stream::peek;
    /// The future of [`TcpStream::write`] and its like.
    Write, buffer: &'a [u8], Write, tcp_stream::send;
    /// The future of [`TcpStream::write_vectored`] and its like.
    WriteVectored, buffers: &'a [IoSlice<'a>], Write, tcp_stream::send_vectored;
}

/// The future of [`TcpStream::read_exact`] and its like.
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct ReadExact<'a> {
    operation: StreamOperation<'a>,
    buffer: &'a mut [u8],
    filled: usize,
}

impl<'a> ReadExact<'a> {
    pub(super) fn new(stream: &'a TcpStream, buffer: &'a mut [u8]) -> ReadExact<'a> {
        ReadExact { operation: stream.evented.operation(Direction::Read, 1), buffer, filled: 0 }
    }
}

impl Future for ReadExact<'_> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.filled < this.buffer.len() {
            let rest = &mut this.buffer[this.filled..];
            match ready!(this.operation.poll(cx, |socket| tcp_stream::receive(socket, rest)))? {
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

/// The future of [`TcpStream::write_all`] and its like.
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct WriteAll<'a> {
    operation: StreamOperation<'a>,
    rest: &'a [u8],
}

impl<'a> WriteAll<'a> {
    pub(super) fn new(stream: &'a TcpStream, buffer: &'a [u8]) -> WriteAll<'a> {
        WriteAll { operation: stream.evented.operation(Direction::Write, 1), rest: buffer }
    }
}

impl Future for WriteAll<'_> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while !this.rest.is_empty() {
            match ready!(this.operation.poll(cx, |socket| tcp_stream::send(socket, this.rest)))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => this.rest = &this.rest[count..],
            }
        }
        Poll::Ready(Ok(()))
    }
}
