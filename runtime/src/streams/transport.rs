//! What a connection's bytes travel through.

use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::AsyncWrite;
use raddle_io::net::{TcpStream, UnixStream};

use super::feed::Feed;
use crate::shim::Arc;

/// A byte stream in both directions. One task at a time reads it, and one writes.
#[derive(Debug)]
pub(super) enum Transport {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// Fed by hand; what is written to it goes nowhere.
    Fed(Arc<Feed>),
}

impl Transport {
    /// Appends what has arrived: at least one byte, unless the stream has ended. Memory is made only when there may be
    /// something to put into it.
    pub(super) fn poll_read_into(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        room: usize,
    ) -> Poll<io::Result<usize>> {
        match self {
            Transport::Tcp(stream) => stream.poll_read_into(cx, buffer, room),
            Transport::Unix(stream) => stream.poll_read_into(cx, buffer, room),
            Transport::Fed(feed) => feed.poll_read_into(cx, buffer),
        }
    }

    /// Sends what it takes without waiting.
    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Transport::Tcp(stream) => stream.try_write(bytes),
            Transport::Unix(stream) => stream.try_write(bytes),
            Transport::Fed(_) => Ok(bytes.len()),
        }
    }

    pub(super) fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Transport::Tcp(stream) => Pin::new(&mut &*stream).poll_write(cx, bytes),
            Transport::Unix(stream) => Pin::new(&mut &*stream).poll_write(cx, bytes),
            Transport::Fed(_) => Poll::Ready(Ok(bytes.len())),
        }
    }

    /// Whether a direction can be ended without waiting.
    pub(super) fn ends_at_once(&self) -> bool {
        match self {
            Transport::Tcp(_) | Transport::Unix(_) | Transport::Fed(_) => true,
        }
    }

    /// Tells the peer that nothing more will come.
    pub(super) fn poll_end_writing(&self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shutdown(Shutdown::Write))
    }

    /// Ends a direction, or both, on the spot. Who waits for it is woken.
    pub(super) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Transport::Tcp(stream) => stream.shutdown(how),
            Transport::Unix(stream) => stream.shutdown(how),
            Transport::Fed(_) => Ok(()),
        }
    }
}
