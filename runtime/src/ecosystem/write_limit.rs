//! A connection whose peer must take what is written to it.
//!
//! A client that asks and never reads would otherwise stay as long as it likes: its head came in time, and no more is
//! waited for than that the kernel takes the next bytes. So the time of each wait is limited, and any byte that is taken
//! ends the wait.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ::hyper::rt::{Read, ReadBufCursor, Write};
use raddle_io::{Sleep, sleep};

use super::requests::Requests;

/// A connection that fails with `TimedOut` when its peer has taken nothing for so long.
pub(super) struct WriteLimited<I> {
    io: I,
    limit: Duration,
    /// While a write waits, of which these are told.
    patience: Option<Sleep>,
    requests: Arc<Requests>,
}

impl<I> WriteLimited<I> {
    pub(super) fn new(io: I, limit: Duration, requests: Arc<Requests>) -> WriteLimited<I> {
        WriteLimited { io, limit, patience: None, requests }
    }

    /// What the connection says, or the end of the patience with it.
    fn limited<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            if self.patience.take().is_some() {
                self.requests.set_writing(false);
            }
            return written;
        }
        let limit = self.limit;
        let patience = self.patience.get_or_insert_with(|| {
            self.requests.set_writing(true);
            sleep(limit)
        });
        Pin::new(patience).poll(cx).map(|()| {
            let text = format!("the client has taken nothing of what was written to it for {limit:?}");
            Err(io::Error::new(io::ErrorKind::TimedOut, text))
        })
    }
}

impl<I: Read + Unpin> Read for WriteLimited<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<I: Write + Unpin> Write for WriteLimited<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.limited(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, buffers);
        self.limited(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        self.limited(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ended = Pin::new(&mut self.io).poll_shutdown(cx);
        self.limited(cx, ended)
    }
}
