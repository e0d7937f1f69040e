//! Reading into a growing buffer, for those who build on sockets.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::task::{Context, Poll};

use rustix::buffer::spare_capacity;
use rustix::net::RecvFlags;

use super::byte_stream::ByteStream;
use super::split::Duplex;
use super::tcp_stream::TcpStream;
use super::unix_stream::UnixStream;
use crate::evented::Progress;
use crate::readiness::Direction;

macro_rules! poll_read_into {
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
                poll(self.bytes(), cx, buffer, room)
            }
        }
    )*};
}

poll_read_into!(TcpStream, UnixStream);

fn poll<S: AsRawFd + AsFd>(
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
