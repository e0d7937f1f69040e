//! The sockets under tokio's traits, with the feature `tokio`: for codecs, TLS and whatever else is written against them.
//!
//! Nothing of tokio's runtime is in it: the sockets wait for raddle's reactor, as ever.

use std::io::{self, ErrorKind, IoSlice};
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::AsyncWrite as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use super::tcp_stream::TcpStream;
use super::uninit::receive_into;
use crate::readiness::Direction;

/// Implements `tokio::io::AsyncRead` for types whose `stream()` is a socket with an `evented` and futures-io's traits.
macro_rules! tokio_read {
    ($($type:ty),*) => {$(
        impl AsyncRead for $type {
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
                    let polled = futures_io::AsyncRead::poll_read(
                        Pin::new(&mut self.stream()),
                        cx,
                        buffer.initialize_unfilled(),
                    );
                    return polled.map_ok(|count| buffer.advance(count));
                }
                self.stream().evented.poll_operation(cx, Direction::Read, 1, |socket| {
                    receive_into(socket, room, |received| buffer.put_slice(received))
                })
            }
        }
    )*};
}

/// Implements `tokio::io::AsyncWrite` for types as above. Their shutdown closes the direction of writing.
macro_rules! tokio_write {
    ($($type:ty),*) => {$(
        impl AsyncWrite for $type {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.stream()).poll_write(cx, buffer)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffers: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.stream()).poll_write_vectored(cx, buffers)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(match self.stream().shutdown(Shutdown::Write) {
                    // What the peer has reset needs no shutdown, and tokio's own sockets do not complain either.
                    Err(error) if error.kind() == ErrorKind::NotConnected => Ok(()),
                    other => other,
                })
            }
        }
    )*};
}

tokio_read!(TcpStream, ReadHalf<'_>, OwnedReadHalf);
tokio_write!(TcpStream, WriteHalf<'_>, OwnedWriteHalf);
