//! The futures of a writer.

use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::connection::Connection;
use crate::sync::EventWait;
use crate::waiting::{self, Kind};

/// The future of [`StreamWriter::drain`](super::StreamWriter::drain).
#[must_use = "futures do nothing unless awaited"]
pub struct Drain<'a> {
    connection: &'a Connection,
    waiting: Option<EventWait<'a>>,
    /// Gives others a turn now and then, although it need not wait.
    has_asked: bool,
    at: &'static Location<'static>,
}

impl<'a> Drain<'a> {
    #[track_caller]
    pub(super) fn new(connection: &'a Connection) -> Drain<'a> {
        Drain { connection, waiting: None, has_asked: false, at: Location::caller() }
    }
}

impl Future for Drain<'_> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.has_asked {
            ready!(raddle_io::budget::poll_proceed(cx));
            this.has_asked = true;
        }
        loop {
            if let Some(wait) = &mut this.waiting {
                if Pin::new(wait).poll(cx).is_pending() {
                    waiting::note(Kind::StreamDrain, waiting::object(this.connection), this.at);
                    return Poll::Pending;
                }
                this.waiting = None;
            }
            if !this.connection.must_wait() {
                return Poll::Ready(this.connection.error().map_or(Ok(()), Err));
            }
            this.waiting = Some(this.connection.writable.wait());
        }
    }
}

impl fmt::Debug for Drain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drain").field("connection", self.connection).finish()
    }
}

/// The future of [`StreamWriter::wait_closed`](super::StreamWriter::wait_closed).
#[must_use = "futures do nothing unless awaited"]
pub struct WaitClosed<'a> {
    connection: &'a Connection,
    waiting: EventWait<'a>,
    at: &'static Location<'static>,
}

impl<'a> WaitClosed<'a> {
    #[track_caller]
    pub(super) fn new(connection: &'a Connection) -> WaitClosed<'a> {
        WaitClosed { connection, waiting: connection.closed.wait(), at: Location::caller() }
    }
}

impl Future for WaitClosed<'_> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if Pin::new(&mut self.waiting).poll(cx).is_pending() {
            waiting::note(Kind::StreamClosed, waiting::object(self.connection), self.at);
            return Poll::Pending;
        }
        Poll::Ready(self.connection.error().map_or(Ok(()), Err))
    }
}

impl fmt::Debug for WaitClosed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitClosed").field("connection", self.connection).finish()
    }
}
