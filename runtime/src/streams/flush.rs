//! The task that sends what a writer left behind.
//!
//! It exists while there is something to send or to end, one per connection, and counts as cleanup: the end of the
//! runtime lets it go on within the grace. If it is dropped all the same, the connection has failed.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use raddle_io::{Sleep, TimeoutError, sleep};

use super::connection::Connection;
use super::outgoing::{Next, Outgoing};
use crate::harness::adopt;
use crate::shim::Arc;

/// Starts it, by whom [`Outgoing::begin_sending`] made the sender.
pub(super) fn start(connection: &Arc<Connection>) {
    let connection = connection.clone();
    let mut flush = Flush { connection, bytes: Vec::new(), sent: 0, taken: 0, patience: None, is_over: false };
    // What can be done without waiting needs no task: to end a direction, most often.
    if flush.try_at_once() {
        return;
    }
    let at = flush.connection.at;
    adopt::start_cleanup(flush, at);
}

struct Flush {
    connection: Arc<Connection>,
    bytes: Vec<u8>,
    sent: usize,
    /// The transport has taken so many bytes, and they have not all left.
    taken: usize,
    /// How long the transport may take for its farewell.
    patience: Option<Sleep>,
    is_over: bool,
}

impl Flush {
    /// Does what can be done where nothing is to be sent. True: that was all.
    fn try_at_once(&mut self) -> bool {
        let waker = std::task::Waker::noop();
        let is_empty = self.connection.with_outgoing(|out| out.len() == 0);
        is_empty && self.connection.transport.ends_at_once() && {
            let _ = self.poll_on(&mut Context::from_waker(waker));
            self.is_over
        }
    }

    fn poll_on(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_send(cx))?;
            match self.connection.with_outgoing(Outgoing::next) {
                Next::Flush(count) => self.taken = count,
                Next::Send(bytes) => (self.bytes, self.sent) = (bytes, 0),
                Next::EndWriting => {
                    ready!(self.connection.transport.poll_end_writing(cx))?;
                    self.connection.with_outgoing(Outgoing::writing_ended);
                }
                Next::Close => {
                    // The peer's end of the stream, and after that nothing is left to fail.
                    let ended = ready!(self.poll_farewell(cx)).or_else(not_connected_is_closed);
                    self.is_over = true;
                    if ended.is_ok() {
                        self.connection.part();
                    }
                    return Poll::Ready(ended);
                }
                Next::Nothing => {
                    self.is_over = true;
                    self.connection.tell_waiter();
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let connection = &self.connection;
        loop {
            if self.taken > 0 {
                ready!(connection.transport.poll_flush(cx))?;
                let count = std::mem::take(&mut self.taken);
                if connection.with_outgoing(|out| out.sent(count)) {
                    connection.writable.set();
                }
                connection.tell_waiter();
            }
            if self.sent == self.bytes.len() {
                return Poll::Ready(Ok(()));
            }
            match ready!(connection.transport.poll_write(cx, &self.bytes[self.sent..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => (self.taken, self.sent) = (count, self.sent + count),
            }
        }
    }

    /// Tells the peer that nothing more comes, within the time that the transport may take for it.
    fn poll_farewell(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Poll::Ready(ended) = self.connection.transport.poll_end_writing(cx) {
            return Poll::Ready(ended);
        }
        let Some(limit) = self.connection.transport.farewell() else { return Poll::Pending };
        ready!(Pin::new(self.patience.get_or_insert_with(|| sleep(limit))).poll(cx));
        Poll::Ready(Err(TimeoutError::new(Some(limit)).into()))
    }
}

/// The peer was quicker.
fn not_connected_is_closed(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotConnected { Ok(()) } else { Err(error) }
}

impl Future for Flush {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let ended = ready!(this.poll_on(cx));
        this.is_over = true;
        if let Err(error) = ended {
            this.connection.fail(error);
        }
        Poll::Ready(())
    }
}

impl Drop for Flush {
    fn drop(&mut self) {
        if !self.is_over {
            let unsent = self.connection.with_outgoing(|out| out.len());
            let text = match unsent {
                0 => "the runtime ended before the peer was told of the end".to_owned(),
                _ => format!("the runtime ended before the last {unsent} bytes were sent"),
            };
            self.connection.fail(io::Error::new(io::ErrorKind::ConnectionAborted, text));
        }
    }
}
