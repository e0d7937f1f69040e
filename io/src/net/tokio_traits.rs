//! The sockets under tokio's traits, with the feature `tokio`: for codecs, TLS and whatever else is written against them.
//!
//! Nothing of tokio's runtime is in it: the sockets wait for raddle's reactor, as ever.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::split::{Duplex, OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use super::tcp_stream::TcpStream;
use super::uninit::receive_into;
use super::unix_stream::UnixStream;

/// Implements `tokio::io::AsyncRead` for types with a method `bytes`.
macro_rules! tokio_read {
    ($([$($generics:tt)*] $type:ty),*) => {$(
        impl<$($generics)*> AsyncRead for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffer: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                let room = buffer.remaining();
                if room == 0 {
                    return Poll::Ready(Ok(()));
                }
                if buffer.initialized().len() == buffer.capacity() {
                    // The usual case: a slice of bytes, which is read into as it is.
                    let polled = self.bytes().poll_read(cx, buffer.initialize_unfilled());
                    return polled.map_ok(|count| buffer.advance(count));
                }
                receive_into(self.bytes(), cx, room, |received| buffer.put_slice(received))
            }
        }
    )*};
}

/// Implements `tokio::io::AsyncWrite` for types with methods `bytes` and `end_writing`, which is their shutdown.
macro_rules! tokio_write {
    ($([$($generics:tt)*] $type:ty),*) => {$(
        impl<$($generics)*> AsyncWrite for $type {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
                self.bytes().poll_write(cx, buffer)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffers: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.bytes().poll_write_vectored(cx, buffers)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(match self.end_writing() {
                    // What the peer has reset needs no shutdown, and tokio's own sockets do not complain either.
                    Err(error) if error.kind() == ErrorKind::NotConnected => Ok(()),
                    other => other,
                })
            }
        }
    )*};
}

tokio_read!([] TcpStream, [] UnixStream, ['s, T: Duplex] ReadHalf<'s, T>, [T: Duplex] OwnedReadHalf<T>);
tokio_write!([] TcpStream, [] UnixStream, ['s, T: Duplex] WriteHalf<'s, T>, [T: Duplex] OwnedWriteHalf<T>);
