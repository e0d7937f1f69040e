//! The futures that move bytes: one operation on one stream each.
//!
//! They are the same for every kind of stream; the type parameter says what the system has there, and is TCP's if it is
//! left out. Each makes its syscall inside the poll that returns what it brought, so a future that is dropped while it
//! waits has moved nothing.

use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::byte_stream::ByteStream;
use super::bytes::{self, PeekBytes, ReadBytes, WriteBytes};
use crate::evented::Operation;
use crate::readiness::Direction;

macro_rules! transfers {
    ($($(#[$meta:meta])* $name:ident, $bound:ident, $buffer:ident: $type:ty, $direction:ident, $attempt:path $(, or $take:ident)?;)*) => {$(
        $(#[$meta])*
        #[must_use = "futures do nothing unless awaited"]
        pub struct $name<'a, S: $bound = std::net::TcpStream> {
            stream: &'a ByteStream<S>,
            operation: Operation<'a, S>,
            $buffer: $type,
        }

        impl<'a, S: $bound> $name<'a, S> {
            #[track_caller]
            pub(super) fn new(stream: &'a ByteStream<S>, $buffer: $type) -> $name<'a, S> {
                $name { stream, operation: stream.evented.operation(Direction::$direction, 1), $buffer }
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
                $(
                    if let Some(count) = this.stream.returned.$take(this.$buffer) {
                        return Poll::Ready(Ok(count));
                    }
                )?
                this.operation.poll(cx, |socket| $attempt(socket, this.$buffer))
            }
        }

        impl<S: $bound + fmt::Debug> fmt::Debug for $name<'_, S> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).field("stream", self.stream.socket()).finish_non_exhaustive()
            }
        }
    )*};
}

transfers! {
    /// The future of [`TcpStream::read`](super::TcpStream::read) and its like.
    Read, ReadBytes, buffer: &'a mut [u8], Read, bytes::read, or take;
    /// The future of [`TcpStream::read_vectored`](super::TcpStream::read_vectored).
    ReadVectored, ReadBytes, buffers: &'a mut [IoSliceMut<'a>], Read, bytes::read_vectored, or take_vectored;
    /// The future of [`TcpStream::peek`](super::TcpStream::peek).
    Peek, PeekBytes, buffer: &'a mut [u8], Read, bytes::peek, or peek;
    /// The future of [`TcpStream::write`](super::TcpStream::write) and its like.
    Write, WriteBytes, buffer: &'a [u8], Write, bytes::write;
    /// The future of [`TcpStream::write_vectored`](super::TcpStream::write_vectored) and its like.
    WriteVectored, WriteBytes, buffers: &'a [IoSlice<'a>], Write, bytes::write_vectored;
}
