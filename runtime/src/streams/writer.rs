//! The writing handle of a stream.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::AsyncWrite;

use super::connection::Connection;
use super::transport::Transport;
use super::writer_futures::{Drain, WaitClosed};
use crate::api::finally::Exit;
use crate::api::with::AsyncClose;
use crate::shim::Arc;

/// Writes to a connection without waiting: asyncio's `StreamWriter`.
///
/// What the kernel does not take at once is kept and sent in the background, also when the writer is dropped, and within
/// the runtime's grace when that ends. So [`write`](StreamWriter::write) gives no result: an error is that of the next
/// [`drain`](StreamWriter::drain) or [`wait_closed`](StreamWriter::wait_closed). Who writes much awaits `drain` in
/// between; else the bytes are kept in memory. A writer that never does is reported once.
///
/// Dropping it ends the sending side, once everything is sent; the connection is closed when its reader is dropped, too.
/// With [`with`](crate::with) it is closed and that is awaited, however its use ends.
///
/// # Examples
/// ```
/// use raddle::{open_connection, start_server, with};
///
/// raddle::run(async {
///     let server = start_server("127.0.0.1:0", async |mut reader, mut writer| {
///         writer.write(&reader.read_to_end().await?);
///         writer.close();
///         writer.wait_closed().await
///     })
///     .await?;
///     let (mut reader, writer) = open_connection(server.local_addrs()[0]).await?;
///     let echo = with(writer, async |writer| {
///         writer.write(b"all of it");
///         writer.shutdown_write();
///         reader.read_to_end().await
///     });
///     assert_eq!(echo.await?, "all of it");
///     Ok::<_, std::io::Error>(())
/// })
/// .unwrap();
/// ```
pub struct StreamWriter {
    connection: Arc<Connection>,
    /// Somebody else has taken the connection over.
    is_given_up: bool,
}

impl StreamWriter {
    pub(super) fn new(connection: Arc<Connection>) -> StreamWriter {
        StreamWriter { connection, is_given_up: false }
    }

    #[cfg(feature = "tls")]
    pub(super) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// Drops the handle and nothing else: the connection goes on without it.
    #[cfg(feature = "tls")]
    pub(super) fn give_up(mut self) {
        self.is_given_up = true;
    }

    /// Sends these bytes, or keeps what cannot be sent at once. Never waits.
    ///
    /// After [`shutdown_write`](StreamWriter::shutdown_write) or [`close`](StreamWriter::close) they are not accepted, and
    /// the next `drain` says so.
    pub fn write(&mut self, bytes: &[u8]) {
        self.connection.write(bytes);
    }

    /// Writes several buffers one after the other, in one go.
    pub fn write_vectored<B: AsRef<[u8]>>(&mut self, buffers: impl IntoIterator<Item = B>) {
        let mut buffers = buffers.into_iter();
        let Some(first) = buffers.next() else { return };
        let Some(second) = buffers.next() else { return self.write(first.as_ref()) };
        let mut all = [first.as_ref(), second.as_ref()].concat();
        buffers.for_each(|buffer| all.extend_from_slice(buffer.as_ref()));
        self.write(&all);
    }

    /// Waits until not too much is kept: at once below 64 KiB, else until 16 KiB are left
    /// ([`set_write_buffer_limits`](StreamWriter::set_write_buffer_limits)).
    ///
    /// # Errors
    /// The connection's; `BrokenPipe` if something was written after it was closed for writing.
    ///
    /// # Cancel safety
    /// Nothing is lost: what was written goes on being sent.
    #[track_caller]
    pub fn drain(&mut self) -> Drain<'_> {
        Drain::new(&self.connection)
    }

    /// Ends the sending side when everything is sent: the peer reads the end of the stream. Reading goes on. Over TLS
    /// that end is a `close_notify`, which some peers answer by closing both directions.
    pub fn shutdown_write(&mut self) {
        self.connection.end_writing();
    }

    /// Closes the connection when everything is sent, both sides: the reader, too, comes to the end of the stream. Over
    /// TLS, it is closed when the peer has answered the farewell, or has not in time.
    pub fn close(&mut self) {
        self.connection.close();
    }

    /// Closes the connection now. What was not sent is lost.
    pub fn abort(&mut self) {
        self.connection.abort();
    }

    /// Whether [`close`](StreamWriter::close) was called, or the connection has failed.
    pub fn is_closing(&self) -> bool {
        self.connection.is_closing()
    }

    /// Waits until everything is sent and the connection is closed. Without a [`close`](StreamWriter::close), until
    /// somebody else closes it.
    ///
    /// # Errors
    /// The connection's, if not everything could be sent.
    ///
    /// # Cancel safety
    /// Nothing is lost: closing goes on in the background.
    #[track_caller]
    pub fn wait_closed(&mut self) -> WaitClosed<'_> {
        WaitClosed::new(&self.connection)
    }

    /// How many bytes are kept.
    pub fn write_buffer_size(&self) -> usize {
        self.connection.with_outgoing(|out| out.len())
    }

    /// Above how many kept bytes [`drain`](StreamWriter::drain) waits, and until how many are left: 64 KiB and 16 KiB
    /// unless said otherwise.
    pub fn set_write_buffer_limits(&mut self, high: usize, low: usize) {
        self.connection.with_outgoing(|out| out.set_marks(high, low));
        self.connection.writable.set();
    }

    /// How many bytes are kept at most; with more, the connection has failed and is closed. No limit unless said
    /// otherwise.
    pub fn write_limit(&mut self, limit: usize) {
        self.connection.with_outgoing(|out| out.set_limit(limit));
    }

    /// The address of the other side.
    ///
    /// # Errors
    /// `NotConnected` if there is none any more; `Unsupported` for what has no such address.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        match self.connection.transport.socket() {
            Transport::Tcp(stream) => stream.peer_addr(),
            other => Err(no_address(other)),
        }
    }

    /// The address of this side.
    ///
    /// # Errors
    /// As [`peer_addr`](StreamWriter::peer_addr).
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match self.connection.transport.socket() {
            Transport::Tcp(stream) => stream.local_addr(),
            other => Err(no_address(other)),
        }
    }
}

fn no_address(transport: &Transport) -> io::Error {
    let text = format!("{transport:?} has no internet address");
    io::Error::new(io::ErrorKind::Unsupported, text)
}

impl AsyncClose for StreamWriter {
    /// Sends what is kept and closes the connection.
    async fn async_close(mut self, _exit: Exit) {
        self.close();
        // Whoever wants to know of an error waits by itself.
        let _ = self.wait_closed().await;
    }
}

/// Accepts as [`StreamWriter::write`] does, but waits first where [`StreamWriter::drain`] would.
impl AsyncWrite for StreamWriter {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.connection.poll_writable(cx))?;
        self.connection.write(bytes);
        match self.connection.error() {
            Some(error) => Poll::Ready(Err(error)),
            None => Poll::Ready(Ok(bytes.len())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.poll_flushed(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.end_writing();
        self.connection.poll_flushed(cx)
    }
}

impl Drop for StreamWriter {
    fn drop(&mut self) {
        if !self.is_given_up {
            self.connection.end_writing();
            self.connection.handle_is_gone();
        }
    }
}

impl fmt::Debug for StreamWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StreamWriter").field(&self.connection).finish()
    }
}
