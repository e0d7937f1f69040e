//! The way back: what hyper hands out, under the traits that raddle's own sockets have.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::futures_io::{AsyncRead, AsyncWrite};
use ::hyper::rt::{Read, ReadBuf, Write};
use pin_project_lite::pin_project;

pin_project! {
    /// Something that is read and written by hyper's traits, under those of futures-io: above all the connection that
    /// is left after an upgrade, for a WebSocket library.
    ///
    /// # Examples
    /// ```no_run
    /// use hyper::Request;
    /// use hyper::body::Incoming;
    /// use raddle::hyper::FuturesIo;
    ///
    /// async fn upgraded(request: Request<Incoming>) -> hyper::Result<impl futures_io::AsyncRead + futures_io::AsyncWrite> {
    ///     Ok(FuturesIo::new(hyper::upgrade::on(request).await?))
    /// }
    /// ```
    #[derive(Clone, Copy)]
    pub struct FuturesIo<T> {
        #[pin]
        io: T,
    }
}

impl<T> FuturesIo<T> {
    /// Takes it.
    pub fn new(io: T) -> FuturesIo<T> {
        FuturesIo { io }
    }

    /// What it was made of.
    pub fn get_ref(&self) -> &T {
        &self.io
    }

    /// What it was made of.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.io
    }

    /// What it was made of.
    pub fn into_inner(self) -> T {
        self.io
    }
}

impl<T: Read> AsyncRead for FuturesIo<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(self.project().io.poll_read(cx, buffer.unfilled()))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }
}

impl<T: Write> AsyncWrite for FuturesIo<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        self.project().io.poll_write(cx, buffer)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().io.poll_write_vectored(cx, buffers)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().io.poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().io.poll_shutdown(cx)
    }
}

impl<T: fmt::Debug> fmt::Debug for FuturesIo<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FuturesIo").field(&self.io).finish()
    }
}
