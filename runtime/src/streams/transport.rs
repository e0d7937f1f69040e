//! What a connection's bytes travel through.

use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_io::AsyncWrite;
use raddle_io::net::{TcpStream, UnixStream};

use super::feed::Feed;
#[cfg(feature = "tls")]
use super::tls::Tls;
use crate::shim::Arc;

/// A byte stream in both directions. One task at a time reads it, and one writes.
#[derive(Debug)]
pub(super) enum Transport {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// Fed by hand; what is written to it goes nowhere.
    Fed(Arc<Feed>),
    #[cfg(feature = "tls")]
    Tls(Box<Tls>),
}

impl Transport {
    /// A TCP connection, whose small writes are sent at once, as asyncio's are: who writes in pieces has not finished,
    /// and would wait for the peer's acknowledgement of the first one.
    pub(super) fn tcp(stream: TcpStream) -> Transport {
        // Refused only by a connection that is gone, which will say so when it is used.
        let _ = stream.set_nodelay(true);
        Transport::Tcp(stream)
    }

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
            #[cfg(feature = "tls")]
            Transport::Tls(tls) => tls.poll_read_into(cx, buffer, room),
        }
    }

    /// Hands what has arrived to `take`, which says how much of it it takes: at least one byte, unless the stream has
    /// ended. For those who have a buffer of their own above TLS.
    #[cfg(all(feature = "tls", feature = "tower"))]
    pub(super) fn poll_read_with(
        &self,
        cx: &mut Context<'_>,
        take: &mut dyn FnMut(&[u8]) -> usize,
    ) -> Poll<io::Result<usize>> {
        match self {
            Transport::Tls(tls) => tls.poll_read_with(cx, take),
            Transport::Tcp(_) | Transport::Unix(_) | Transport::Fed(_) => {
                Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
            }
        }
    }

    /// Sends what it takes without waiting.
    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Transport::Tcp(stream) => stream.try_write(bytes),
            Transport::Unix(stream) => stream.try_write(bytes),
            Transport::Fed(_) => Ok(bytes.len()),
            #[cfg(feature = "tls")]
            Transport::Tls(tls) => tls.try_write(bytes),
        }
    }

    pub(super) fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Transport::Tcp(stream) => Pin::new(&mut &*stream).poll_write(cx, bytes),
            Transport::Unix(stream) => Pin::new(&mut &*stream).poll_write(cx, bytes),
            Transport::Fed(_) => Poll::Ready(Ok(bytes.len())),
            #[cfg(feature = "tls")]
            Transport::Tls(tls) => tls.poll_write(cx, bytes),
        }
    }

    /// Whether all that was taken has left. Else [`poll_flush`](Transport::poll_flush) has to see to it.
    pub(super) fn is_flushed(&self) -> bool {
        match self {
            Transport::Tcp(_) | Transport::Unix(_) | Transport::Fed(_) => true,
            #[cfg(feature = "tls")]
            Transport::Tls(tls) => tls.is_flushed(),
        }
    }

    /// Ready when all that was taken has left.
    #[cfg_attr(not(feature = "tls"), allow(unused_variables, reason = "only TLS keeps anything back"))]
    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Transport::Tcp(_) | Transport::Unix(_) | Transport::Fed(_) => Poll::Ready(Ok(())),
            #[cfg(feature = "tls")]
            Transport::Tls(tls) => tls.poll_flush(cx),
        }
    }

    /// Whether a direction can be ended without waiting.
    pub(super) fn ends_at_once(&self) -> bool {
        match self {
            Transport::Tcp(_) | Transport::Unix(_) | Transport::Fed(_) => true,
            #[cfg(feature = "tls")]
            Transport::Tls(_) => false,
        }
    }

    /// Tells the peer that nothing more will come.
    #[cfg_attr(not(feature = "tls"), allow(unused_variables, reason = "only TLS has something to send"))]
    pub(super) fn poll_end_writing(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Transport::Tcp(_) | Transport::Unix(_) | Transport::Fed(_) => Poll::Ready(self.shutdown(Shutdown::Write)),
            #[cfg(feature = "tls")]
            Transport::Tls(tls) => tls.poll_end_writing(cx),
        }
    }

    /// How long the farewell to the peer may take, where there is one: that nothing more comes, and the peer's answer.
    pub(super) fn farewell(&self) -> Option<Duration> {
        match self {
            Transport::Tcp(_) | Transport::Unix(_) | Transport::Fed(_) => None,
            #[cfg(feature = "tls")]
            Transport::Tls(tls) => Some(tls.shutdown_timeout()),
        }
    }

    /// This side has closed the connection: its reader is at the end of the stream, whatever the peer still sends.
    pub(super) fn end_reading(&self) {
        #[cfg(feature = "tls")]
        if let Transport::Tls(tls) = self {
            tls.end_reading();
        }
    }

    /// Ends a direction, or both, on the spot. Who waits for it is woken.
    pub(super) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Transport::Tcp(stream) => stream.shutdown(how),
            Transport::Unix(stream) => stream.shutdown(how),
            Transport::Fed(_) => Ok(()),
            #[cfg(feature = "tls")]
            Transport::Tls(tls) => tls.shutdown(how),
        }
    }

    /// Receives what is there without waiting, up to the size of `into`.
    #[cfg(feature = "tls")]
    pub(super) fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Transport::Tcp(stream) => stream.try_read(into),
            Transport::Unix(stream) => stream.try_read(into),
            Transport::Fed(_) | Transport::Tls(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Throws away what has arrived, up to a bound: the kernel resets a connection that is closed with bytes unread, and
    /// what was sent last, an alert or a farewell, may be lost with it.
    #[cfg(feature = "tls")]
    pub(super) fn discard(&self) {
        let mut nowhere = [0; 4096];
        for _ in 0..256 {
            if self.try_read(&mut nowhere).map_or(true, |count| count == 0) {
                return;
            }
        }
    }

    /// Ready when [`try_read`](Transport::try_read) may bring something. The waiter of the other direction stays.
    #[cfg(feature = "tls")]
    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Transport::Tcp(stream) => stream.poll_readable(cx),
            Transport::Unix(stream) => stream.poll_readable(cx),
            Transport::Fed(_) | Transport::Tls(_) => Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
        }
    }

    /// As [`poll_readable`](Transport::poll_readable), beside whoever polls.
    #[cfg(feature = "tls")]
    pub(super) async fn wait_readable(&self) -> io::Result<()> {
        match self {
            Transport::Tcp(stream) => stream.peek(&mut [0]).await.map(drop),
            Transport::Unix(stream) => stream.peek(&mut [0]).await.map(drop),
            Transport::Fed(_) | Transport::Tls(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Ready when [`try_write`](Transport::try_write) may take something. The waiter of the other direction stays.
    #[cfg(feature = "tls")]
    pub(super) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Transport::Tcp(stream) => stream.poll_writable(cx),
            Transport::Unix(stream) => stream.poll_writable(cx),
            Transport::Fed(_) | Transport::Tls(_) => Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
        }
    }

    /// Whether TLS can be put on top of it.
    #[cfg(feature = "tls")]
    pub(super) fn can_carry_tls(&self) -> bool {
        match self {
            Transport::Tcp(_) | Transport::Unix(_) => true,
            Transport::Fed(_) | Transport::Tls(_) => false,
        }
    }

    /// What has addresses: TLS looks through to what it travels on.
    pub(super) fn socket(&self) -> &Transport {
        match self {
            Transport::Tcp(_) | Transport::Unix(_) | Transport::Fed(_) => self,
            #[cfg(feature = "tls")]
            Transport::Tls(tls) => tls.socket(),
        }
    }
}
