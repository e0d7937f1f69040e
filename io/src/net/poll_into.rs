//! Reading into a growing buffer, and waiting without moving bytes, for those who build on sockets.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::task::{Context, Poll};

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::RecvFlags;

use super::byte_stream::ByteStream;
use super::split::Duplex;
use super::tcp_stream::TcpStream;
use super::unix_stream::UnixStream;
use crate::evented::Progress;
use crate::readiness::Direction;

macro_rules! poll_functions {
    ($($type:ty),*) => {$(
        impl $type {
            /// Appends what has arrived to `buffer`: at least one byte, or 0 at the end of the stream. `room` bytes are
            /// reserved when there may be something to read, and not before: who waits needs no memory. One task at a
            /// time.
            ///
            /// # Errors
            /// As those of `read`.
            #[doc(hidden)]
            pub fn poll_read_into(
                &self,
                cx: &mut Context<'_>,
                buffer: &mut Vec<u8>,
                room: usize,
            ) -> Poll<io::Result<usize>> {
                poll_read_into(self.bytes(), cx, buffer, room)
            }

            /// Ready when `try_read` may bring something. It is this direction's waker alone that is put in its place.
            /// One task at a time.
            ///
            /// # Errors
            /// As those of `read`.
            #[doc(hidden)]
            pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                if self.bytes().returned.is_any() {
                    return Poll::Ready(Ok(()));
                }
                poll_ready(self.bytes(), cx, Direction::Read, PollFlags::IN)
            }

            /// Ready when `try_write` may take something. As `poll_readable`, for the other direction.
            ///
            /// # Errors
            /// As those of `write`.
            #[doc(hidden)]
            pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                poll_ready(self.bytes(), cx, Direction::Write, PollFlags::OUT)
            }
        }
    )*};
}

poll_functions!(TcpStream, UnixStream);

fn poll_read_into<S: AsRawFd + AsFd>(
    stream: &ByteStream<S>,
    cx: &mut Context<'_>,
    buffer: &mut Vec<u8>,
    room: usize,
) -> Poll<io::Result<usize>> {
    if let Some(count) = stream.returned.take_with(room, |bytes| buffer.extend_from_slice(bytes)) {
        return Poll::Ready(Ok(count));
    }
    stream.evented.poll_operation(cx, Direction::Read, 1, |socket| {
        buffer.reserve(room);
        let wanted = buffer.capacity() - buffer.len();
        let (count, _) = rustix::net::recv(socket, spare_capacity(buffer), RecvFlags::empty())?;
        Ok(Progress::transfer(count, wanted))
    })
}

fn poll_ready<S: AsRawFd + AsFd>(
    stream: &ByteStream<S>,
    cx: &mut Context<'_>,
    direction: Direction,
    wanted: PollFlags,
) -> Poll<io::Result<()>> {
    // The kernel is asked only where the readiness word does not know: before the socket is registered, and after an
    // event.
    stream.evented.poll_operation(cx, direction, 0, |socket| {
        let mut fds = [PollFd::new(socket, wanted)];
        match rustix::event::poll(&mut fds, Some(&Timespec::default()))? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            _ => Ok(Progress::some(())),
        }
    })
}
