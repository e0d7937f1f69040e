//! The reading handle of a stream.

use std::fmt;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_io::{AsyncBufRead, AsyncRead};

use super::DEFAULT_LIMIT;
use super::connection::Connection;
use super::feed::Feeder;
use super::reads::{Read, ReadExactly, ReadLine, ReadToEnd, ReadUntil};
use super::separators::{self, Separators};
use super::transport::Transport;
use crate::shim::Arc;
use crate::waiting::{self, Kind};

/// Room that is made for what has arrived, at least.
const ROOM: usize = 4 * 1024;
/// … and at most, if reads fill it; less where lines are short.
const MOST_ROOM: usize = 64 * 1024;
/// So much less than the room may be in use when a buffer is handed out as it is.
const WASTE_AT_MOST: usize = 2;

/// What has been read from a connection, by the line, the separator or the number of bytes: asyncio's `StreamReader`.
///
/// Made by [`open_connection`](super::open_connection) and given to the handler of
/// [`start_server`](super::start_server). Implements `AsyncRead` and `AsyncBufRead` of futures-io, too.
///
/// Dropping any of its reads half way loses nothing: what has arrived stays here for the next one.
///
/// # Examples
/// ```
/// use raddle::{open_connection, start_server};
///
/// raddle::run(async {
///     let server = start_server("127.0.0.1:0", async |mut reader, mut writer| {
///         let line = reader.read_line().await?;
///         writer.write(&line);
///         writer.drain().await
///     })
///     .await?;
///     let (mut reader, mut writer) = open_connection(server.local_addrs()[0]).await?;
///     writer.write(b"hello\n");
///     assert_eq!(reader.read_line().await?, "hello\n");
///     Ok::<_, std::io::Error>(())
/// })
/// .unwrap();
/// ```
pub struct StreamReader {
    connection: Arc<Connection>,
    /// What has arrived; taken up to `start`.
    buffer: Vec<u8>,
    start: usize,
    room: usize,
    is_over: bool,
    limit: usize,
}

impl StreamReader {
    pub(super) fn new(connection: Arc<Connection>, limit: usize) -> StreamReader {
        StreamReader { connection, buffer: Vec::new(), start: 0, room: ROOM, is_over: false, limit }
    }

    /// A reader that is fed by hand.
    #[track_caller]
    pub fn pair() -> (Feeder, StreamReader) {
        StreamReader::pair_with_limit(DEFAULT_LIMIT)
    }

    /// As [`StreamReader::pair`], with another limit than 64 KiB for lines and separators.
    #[track_caller]
    pub fn pair_with_limit(limit: usize) -> (Feeder, StreamReader) {
        let (feeder, feed) = Feeder::new();
        let connection = Connection::new(Transport::Fed(feed), Location::caller());
        (feeder, StreamReader::new(connection, limit))
    }

    /// Reads what is there, up to `n` bytes: at least one, unless the stream has ended, or `n` is 0.
    ///
    /// # Errors
    /// The connection's.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    #[track_caller]
    pub fn read(&mut self, n: usize) -> Read<'_> {
        Read { reader: self, n, at: Location::caller() }
    }

    /// Reads exactly `n` bytes. They may be more than the limit.
    ///
    /// # Errors
    /// [`ReadError::Incomplete`](super::ReadError::Incomplete) with what there was, if the stream ends before; the
    /// connection's.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    #[track_caller]
    pub fn read_exactly(&mut self, n: usize) -> ReadExactly<'_> {
        ReadExactly { reader: self, n, at: Location::caller() }
    }

    /// Reads a line, with its `\n`. At the end of the stream the last line may lack it; after that, lines are empty.
    ///
    /// # Errors
    /// [`ReadError::LimitOverrun`](super::ReadError::LimitOverrun) if the line is longer than the limit; as much of it
    /// as has arrived is thrown away, up to its end if that is known. The connection's.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    #[track_caller]
    pub fn read_line(&mut self) -> ReadLine<'_> {
        ReadLine(self.read_until(b'\n'))
    }

    /// Reads up to a separator, which is part of what it gives.
    ///
    /// # Errors
    /// [`ReadError::LimitOverrun`](super::ReadError::LimitOverrun) if what lies before the separator is longer than the
    /// limit; it stays where it is. [`ReadError::Incomplete`](super::ReadError::Incomplete) with what there was, if the
    /// stream ends before. The connection's.
    ///
    /// # Panics
    /// When a separator is empty.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    #[track_caller]
    pub fn read_until<S: Separators>(&mut self, separator: S) -> ReadUntil<'_, S> {
        separators::check(&separator);
        ReadUntil { reader: self, separator, looked_at: 0, at: Location::caller() }
    }

    /// Reads all that comes until the stream ends, however much that is.
    ///
    /// # Errors
    /// The connection's.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    #[track_caller]
    pub fn read_to_end(&mut self) -> ReadToEnd<'_> {
        ReadToEnd { reader: self, at: Location::caller() }
    }

    /// Whether everything has been read: the stream has ended, as a read found out, and nothing is left.
    pub fn is_at_eof(&self) -> bool {
        self.is_over && self.buffered().is_empty()
    }

    /// How many bytes a line, or what lies before a separator, may have.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// What has arrived and not been taken.
    pub fn buffered(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    pub(super) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// As [`StreamReader::poll_fetch`], for a future that was made at that line.
    pub(super) fn poll_fetch_at(
        &mut self,
        cx: &mut Context<'_>,
        at: &'static Location<'static>,
    ) -> Poll<io::Result<()>> {
        let polled = self.poll_fetch(cx);
        if polled.is_pending() {
            waiting::note(Kind::StreamRead, waiting::object(&*self.connection), at);
        }
        polled
    }

    /// Fetches more. Ready without an error: there is more, or the stream is over.
    pub(super) fn poll_fetch(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_over {
            return Poll::Ready(Ok(()));
        }
        if self.start > 0 {
            // Here, and not where bytes are taken out: a buffer with a hundred lines is moved once.
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        let fetched = self.connection.transport.poll_read_into(cx, &mut self.buffer, self.room);
        if fetched.is_pending() && self.buffer.is_empty() {
            // Who waits for the next request holds no memory.
            self.buffer = Vec::new();
        }
        let count = ready!(fetched)?;
        self.is_over = count == 0;
        let has_filled = self.buffer.len() == self.buffer.capacity();
        let most = MOST_ROOM.min(self.limit.max(ROOM));
        self.room = if has_filled { (self.room * 2).min(most) } else { self.room.max(ROOM * 2) / 2 };
        Poll::Ready(Ok(()))
    }

    /// Hands what has arrived over TLS to `take`, which says how much of it it takes, past the buffer of this reader. None
    /// is there if nobody reads otherwise.
    #[cfg(all(feature = "tls", feature = "tower"))]
    pub(crate) fn poll_read_with(
        &mut self,
        cx: &mut Context<'_>,
        take: &mut dyn FnMut(&[u8]) -> usize,
    ) -> Poll<io::Result<usize>> {
        debug_assert!(self.buffered().is_empty(), "{self:?}");
        self.connection.transport.poll_read_with(cx, take)
    }

    /// Takes the first `count` bytes out.
    pub(super) fn take(&mut self, count: usize) -> Bytes {
        if count == 0 {
            return Bytes::new();
        }
        let is_all = self.start == 0 && count == self.buffer.len();
        if is_all && self.buffer.capacity() <= count * WASTE_AT_MOST {
            return std::mem::take(&mut self.buffer).into();
        }
        let taken = Bytes::copy_from_slice(&self.buffered()[..count]);
        self.skip(count);
        taken
    }

    /// Throws the first `count` bytes away.
    pub(super) fn skip(&mut self, count: usize) {
        self.start += count;
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        }
    }
}

impl Drop for StreamReader {
    fn drop(&mut self) {
        self.connection.handle_is_gone();
    }
}

impl AsyncRead for StreamReader {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        if into.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let there = ready!(self.as_mut().poll_fill_buf(cx))?;
        let count = there.len().min(into.len());
        into[..count].copy_from_slice(&there[..count]);
        self.skip(count);
        Poll::Ready(Ok(count))
    }
}

impl AsyncBufRead for StreamReader {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        if this.buffered().is_empty() {
            ready!(this.poll_fetch(cx))?;
        }
        Poll::Ready(Ok(this.buffered()))
    }

    fn consume(mut self: Pin<&mut Self>, count: usize) {
        self.skip(count);
    }
}

impl fmt::Debug for StreamReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let buffered = self.buffered().len();
        f.debug_struct("StreamReader")
            .field("buffered", &buffered)
            .field("eof", &self.is_over)
            .field("limit", &self.limit)
            .field("transport", &self.connection.transport)
            .finish()
    }
}
