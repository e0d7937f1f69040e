//! Reading into a growing buffer, for those who build on sockets.

use std::io;
use std::task::{Context, Poll};

use rustix::buffer::spare_capacity;
use rustix::net::RecvFlags;

use super::tcp_stream::TcpStream;
use crate::evented::Progress;
use crate::readiness::Direction;

impl TcpStream {
    /// Appends what has arrived to `buffer`: at least one byte, or 0 at the end of the stream. `room` bytes are reserved
    /// when there may be something to read, and not before: who waits needs no memory. One task at a time.
    ///
    /// # Errors
    /// As [`TcpStream::read`].
    #[doc(hidden)]
    pub fn poll_read_into(&self, cx: &mut Context<'_>, buffer: &mut Vec<u8>, room: usize) -> Poll<io::Result<usize>> {
        self.evented.poll_operation(cx, Direction::Read, 1, |socket| {
            buffer.reserve(room);
            let wanted = buffer.capacity() - buffer.len();
            let (count, _) = rustix::net::recv(socket, spare_capacity(buffer), RecvFlags::empty())?;
            Ok(Progress::transfer(count, wanted))
        })
    }
}
