//! The sockets under hyper's traits, with the feature `hyper`.
//!
//! hyper lends memory without saying how much of it has been written to, and takes it back filled only through unsafe
//! code or by a copy: `uninit.rs` tells why it is a copy here. What is written goes out as it lies in hyper's buffers.

use std::io::{self, ErrorKind, IoSlice};
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::AsyncWrite as _;
use hyper::rt::{Read, ReadBufCursor, Write};

use super::tcp_stream::TcpStream;
use super::uninit::receive_into;
use crate::readiness::Direction;

/// Implements hyper's `Read` and `Write` for types whose `stream()` is a socket with an `evented` and futures-io's
/// traits.
macro_rules! hyper_read_write {
    ($($type:ty),*) => {$(
        impl Read for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                mut buffer: ReadBufCursor<'_>,
            ) -> Poll<io::Result<()>> {
                let room = buffer.remaining();
                if room == 0 {
                    return Poll::Ready(Ok(()));
                }
                self.stream().evented.poll_operation(cx, Direction::Read, 1, |socket| {
                    receive_into(socket, room, |received| buffer.put_slice(received))
                })
            }
        }

        impl Write for $type {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.stream()).poll_write(cx, buffer)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffers: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.stream()).poll_write_vectored(cx, buffers)
            }

            fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(match self.stream().shutdown(Shutdown::Write) {
                    // What the peer has reset needs no shutdown.
                    Err(error) if error.kind() == ErrorKind::NotConnected => Ok(()),
                    other => other,
                })
            }
        }
    )*};
}

hyper_read_write!(TcpStream);
