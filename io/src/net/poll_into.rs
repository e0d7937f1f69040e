//! Reading into a growing buffer, and waiting without moving bytes, for those who build on sockets.

use std::io;
use std::task::{Context, Poll};

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
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

    /// Ready when [`TcpStream::try_read`] may bring something. It is this direction's waker alone that is put in its
    /// place. One task at a time.
    ///
    /// # Errors
    /// As [`TcpStream::read`].
    #[doc(hidden)]
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_ready(cx, Direction::Read, PollFlags::IN)
    }

    /// Ready when [`TcpStream::try_write`] may take something. As [`TcpStream::poll_readable`], for the other direction.
    ///
    /// # Errors
    /// As [`TcpStream::write`].
    #[doc(hidden)]
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_ready(cx, Direction::Write, PollFlags::OUT)
    }

    fn poll_ready(&self, cx: &mut Context<'_>, direction: Direction, wanted: PollFlags) -> Poll<io::Result<()>> {
        // The kernel is asked only where the readiness word does not know: before the socket is registered, and after
        // an event.
        self.evented.poll_operation(cx, direction, 0, |socket| {
            let mut fds = [PollFd::new(socket, wanted)];
            match poll(&mut fds, Some(&Timespec::default()))? {
                0 => Err(io::ErrorKind::WouldBlock.into()),
                _ => Ok(Progress::some(())),
            }
        })
    }
}
