//! The futures that move a whole buffer, in as many system calls as it takes.
//!
//! They can be dropped half-way. A read then gives back what it has taken (`returned.rs`), so nothing is lost. A write
//! cannot call back what it has sent; whoever must know how much that was polls `&mut` the future and asks it.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::byte_stream::ByteStream;
use super::bytes::{self, ReadBytes, WriteBytes};
use crate::evented::Operation;
use crate::readiness::Direction;

/// The future of [`TcpStream::read_exact`](super::TcpStream::read_exact) and its like.
///
/// If it is dropped before it is ready, the bytes it has read go back to the stream, and the next read begins with them.
#[must_use = "futures do nothing unless awaited"]
pub struct ReadExact<'a, S: ReadBytes = std::net::TcpStream> {
    stream: &'a ByteStream<S>,
    operation: Operation<'a, S>,
    buffer: &'a mut [u8],
    filled: usize,
    /// What is in the buffer stays there.
    keeps: bool,
}

impl<'a, S: ReadBytes> ReadExact<'a, S> {
    #[track_caller]
    pub(super) fn new(stream: &'a ByteStream<S>, buffer: &'a mut [u8]) -> ReadExact<'a, S> {
        let operation = stream.evented.operation(Direction::Read, 1);
        ReadExact { stream, operation, buffer, filled: 0, keeps: false }
    }

    /// How many bytes of the buffer are filled so far.
    #[must_use]
    pub fn filled(&self) -> usize {
        self.filled
    }

    /// Ends it early: what has been read stays in the buffer, nothing goes back, and the number says how much it is.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use raddle::{UnixStream, timeout};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// raddle::run(async {
    ///     let (mut one, mut other) = UnixStream::pair()?;
    ///     other.write_all(b"hal").await?;
    ///     let mut buffer = [0; 4];
    ///     let mut read = one.read_exact(&mut buffer);
    ///     assert!(timeout(Duration::from_millis(1), &mut read).await.is_err());
    ///     let filled = read.keep();
    ///     assert_eq!(&buffer[..filled], b"hal");
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn keep(mut self) -> usize {
        self.keeps = true;
        self.filled
    }

    fn poll_some(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let rest = &mut self.buffer[self.filled..];
        match self.stream.returned.take(rest) {
            Some(count) => Poll::Ready(Ok(count)),
            None => self.operation.poll(cx, |socket| bytes::read(socket, rest)),
        }
    }
}

impl<S: ReadBytes> Future for ReadExact<'_, S> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.filled < this.buffer.len() {
            let error = match ready!(this.poll_some(cx)) {
                Ok(0) => ended_early(this.filled, this.buffer.len()),
                Err(error) => error,
                Ok(count) => {
                    this.filled += count;
                    continue;
                }
            };
            // It has come to an end of its own, if not to the one that was wished for.
            this.keeps = true;
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: ReadBytes> Drop for ReadExact<'_, S> {
    fn drop(&mut self) {
        if 0 < self.filled && self.filled < self.buffer.len() && !self.keeps {
            self.stream.returned.put_back(&self.buffer[..self.filled]);
        }
    }
}

#[cold]
fn ended_early(got: usize, wanted: usize) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, format!("the stream ended after {got} of {wanted} bytes"))
}

/// The future of [`TcpStream::write_all`](super::TcpStream::write_all) and its like.
#[must_use = "futures do nothing unless awaited"]
pub struct WriteAll<'a, S: WriteBytes = std::net::TcpStream> {
    operation: Operation<'a, S>,
    buffer: &'a [u8],
    written: usize,
}

impl<'a, S: WriteBytes> WriteAll<'a, S> {
    #[track_caller]
    pub(super) fn new(stream: &'a ByteStream<S>, buffer: &'a [u8]) -> WriteAll<'a, S> {
        WriteAll { operation: stream.evented.operation(Direction::Write, 1), buffer, written: 0 }
    }

    /// How many bytes of the buffer are written so far: the kernel has them, the peer perhaps not yet.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use raddle::{UnixStream, timeout};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// raddle::run(async {
    ///     let (mut one, _other) = UnixStream::pair()?;
    ///     let megabytes = vec![0; 8 << 20]; // more than fits, and nobody reads
    ///     let mut write = one.write_all(&megabytes);
    ///     assert!(timeout(Duration::from_millis(1), &mut write).await.is_err());
    ///     let rest = &megabytes[write.written()..];
    ///     assert!(!rest.is_empty());
    ///     Ok(())
    /// })
    /// # }
    /// ```
    #[must_use]
    pub fn written(&self) -> usize {
        self.written
    }
}

impl<S: WriteBytes> Future for WriteAll<'_, S> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.written < this.buffer.len() {
            let rest = &this.buffer[this.written..];
            match ready!(this.operation.poll(cx, |socket| bytes::write(socket, rest)))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => this.written += count,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: ReadBytes + fmt::Debug> fmt::Debug for ReadExact<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("ReadExact");
        fields.field("stream", self.stream.socket()).field("filled", &self.filled);
        fields.field("wanted", &self.buffer.len()).finish_non_exhaustive()
    }
}

impl<S: WriteBytes + fmt::Debug> fmt::Debug for WriteAll<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("WriteAll");
        fields.field("operation", &self.operation).field("written", &self.written);
        fields.field("wanted", &self.buffer.len()).finish_non_exhaustive()
    }
}
