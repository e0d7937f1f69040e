//! A file behind the traits of `futures_io`.
//!
//! These functions do not know whether the one who calls is the one who called before. So a write returns as soon as its
//! bytes are on their way: what was taken is written, and what was not is the caller's still.

use std::io::{self, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncSeek, AsyncWrite};

use super::file::File;

impl AsyncRead for File {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let most = buffer.len();
        self.poll_taken(cx, |cursor| cursor.take(buffer), move |cursor| cursor.fill(most))
    }
}

impl AsyncWrite for File {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_settled(cx))?;
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        Poll::Ready(self.start_write(buffer))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_settled(cx)
    }

    /// Waits for what is under way. The file is closed when it is dropped.
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_settled(cx)
    }
}

impl AsyncSeek for File {
    /// Whoever asks for the same as the one before, who did not wait for the answer, is given that answer.
    fn poll_seek(mut self: Pin<&mut Self>, cx: &mut Context<'_>, to: SeekFrom) -> Poll<io::Result<u64>> {
        if self.seeking != Some(to) {
            ready!(self.poll_settled(cx))?;
            self.start_owing(move |cursor| cursor.seek(to))?;
            self.seeking = Some(to);
        }
        let place = ready!(self.errand.poll_outcome(cx));
        self.seeking = None;
        Poll::Ready(place.map_err(|error| self.about("seek in", error)))
    }
}
