//! The futures of a reader. Each takes bytes out in the poll that returns them, and not before.

use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use super::read_error::ReadError;
use super::reader::StreamReader;
use super::separators::{self, Separators};

/// The future of [`StreamReader::read`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct Read<'a> {
    pub(super) reader: &'a mut StreamReader,
    pub(super) n: usize,
    pub(super) at: &'static Location<'static>,
}

impl Future for Read<'_> {
    type Output = io::Result<Bytes>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.n > 0 && this.reader.buffered().is_empty() {
            ready!(this.reader.poll_fetch_at(cx, this.at))?;
        }
        let count = this.n.min(this.reader.buffered().len());
        Poll::Ready(Ok(this.reader.take(count)))
    }
}

/// The future of [`StreamReader::read_exactly`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct ReadExactly<'a> {
    pub(super) reader: &'a mut StreamReader,
    pub(super) n: usize,
    pub(super) at: &'static Location<'static>,
}

impl Future for ReadExactly<'_> {
    type Output = Result<Bytes, ReadError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            let there = this.reader.buffered().len();
            if there >= this.n {
                return Poll::Ready(Ok(this.reader.take(this.n)));
            }
            if this.reader.is_over() {
                let partial = this.reader.take(there);
                return Poll::Ready(Err(ReadError::Incomplete { partial, expected: Some(this.n) }));
            }
            ready!(this.reader.poll_fetch_at(cx, this.at))?;
        }
    }
}

/// The future of [`StreamReader::read_until`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct ReadUntil<'a, S> {
    pub(super) reader: &'a mut StreamReader,
    pub(super) separator: S,
    /// Up to here no separator begins.
    pub(super) looked_at: usize,
    pub(super) at: &'static Location<'static>,
}

impl<S> Unpin for ReadUntil<'_, S> {}

impl<S: Separators> Future for ReadUntil<'_, S> {
    type Output = Result<Bytes, ReadError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            let (there, limit) = (this.reader.buffered(), this.reader.limit());
            if let Some(found) = separators::find(&this.separator, there, this.looked_at) {
                if found.start > limit {
                    return Poll::Ready(Err(ReadError::LimitOverrun { consumed: found.start }));
                }
                return Poll::Ready(Ok(this.reader.take(found.end)));
            }
            // The end of what is there may be the beginning of a separator.
            this.looked_at = (there.len() + 1).saturating_sub(separators::longest(&this.separator));
            if this.looked_at > limit {
                return Poll::Ready(Err(ReadError::LimitOverrun { consumed: this.looked_at }));
            }
            if this.reader.is_over() {
                let all = there.len();
                let partial = this.reader.take(all);
                return Poll::Ready(Err(ReadError::Incomplete { partial, expected: None }));
            }
            ready!(this.reader.poll_fetch_at(cx, this.at))?;
        }
    }
}

/// The future of [`StreamReader::read_line`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct ReadLine<'a>(pub(super) ReadUntil<'a, u8>);

impl Future for ReadLine<'_> {
    type Output = Result<Bytes, ReadError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let line = ready!(Pin::new(&mut self.0).poll(cx));
        Poll::Ready(match line {
            Err(ReadError::Incomplete { partial, .. }) => Ok(partial),
            Err(ReadError::LimitOverrun { consumed }) => {
                let reader = &mut *self.0.reader;
                let there = reader.buffered();
                let is_end_known = there.get(consumed) == Some(&b'\n');
                let thrown_away = if is_end_known { consumed + 1 } else { there.len() };
                reader.skip(thrown_away);
                Err(ReadError::LimitOverrun { consumed })
            }
            other => other,
        })
    }
}

/// The future of [`StreamReader::read_to_end`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct ReadToEnd<'a> {
    pub(super) reader: &'a mut StreamReader,
    pub(super) at: &'static Location<'static>,
}

impl Future for ReadToEnd<'_> {
    type Output = io::Result<Bytes>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let ReadToEnd { reader, at } = &mut *self;
        while !reader.is_over() {
            ready!(reader.poll_fetch_at(cx, at))?;
        }
        let all = reader.buffered().len();
        Poll::Ready(Ok(reader.take(all)))
    }
}
