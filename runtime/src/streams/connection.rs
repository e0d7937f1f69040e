//! A connection: one transport behind a reader and a writer.
//!
//! The reader uses the transport's reading side alone. The writing side is the writer's while nobody sends, else the
//! sending task's (`flush`); `Outgoing` says whose turn it is, under its lock. No system call is made under it and nobody
//! is woken.
//!
//! Two events stand for what others wait for: `writable` for `drain`, `closed` for `wait_closed`. The feared interleaving
//! is a drainer that clears `writable` after the last bytes have left: it clears under the lock, having seen the pause;
//! who ends the pause sets the event after it has held that lock. So a set follows every clear that was not too late.
//!
//! A server closes and aborts connections from other threads. Feared: a close while the writer sends on the spot, which
//! would end the connection between two of its bytes. Who writes is the one who sends, so the close is left to it.

use std::fmt;
use std::io;
use std::net::Shutdown;
use std::panic::Location;
use std::task::{Context, Poll};

use super::clients::Client;
use super::flush;
use super::outgoing::{Outgoing, Phase, Rest, Write};
#[cfg(feature = "tls")]
use super::parting;
use super::transport::Transport;
use crate::scheduler::context;
use crate::scheduler::report::{ExceptionContext, report};
use crate::shim::{Arc, Mutex};
use crate::sync::Event;

/// What the two handles of a connection share.
pub(super) struct Connection {
    pub(super) transport: Transport,
    outgoing: Mutex<Outgoing>,
    pub(super) writable: Event,
    pub(super) closed: Event,
    /// The server's account of this connection, while it is open.
    client: Mutex<Option<Client>>,
    /// The line that opened it, or the server.
    pub(super) at: &'static Location<'static>,
}

impl Connection {
    pub(super) fn new(transport: Transport, at: &'static Location<'static>) -> Arc<Connection> {
        Arc::new(Connection {
            transport,
            outgoing: Mutex::new(Outgoing::new()),
            writable: Event::new(),
            closed: Event::new(),
            client: Mutex::new(None),
            at,
        })
    }

    /// Counts it among a server's clients until it is closed.
    pub(super) fn belongs_to(&self, client: Client) {
        *self.client.lock() = Some(client);
    }

    /// Another connection takes its place: TLS over this one.
    #[cfg(feature = "tls")]
    pub(super) fn is_replaced_by(&self, other: &Arc<Connection>) {
        let client = self.client.lock().take();
        if let Some(client) = client {
            client.is_now(other);
            other.belongs_to(client);
        }
    }

    /// Looks at, or changes, what is to be sent. `look` runs under the lock: no I/O, no waking.
    pub(super) fn with_outgoing<R>(&self, look: impl FnOnce(&mut Outgoing) -> R) -> R {
        look(&mut self.outgoing.lock())
    }

    /// Sends bytes, or keeps them to be sent.
    pub(super) fn write(self: &Arc<Self>, mut bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        match self.with_outgoing(|out| out.write(bytes)) {
            Write::Refused => return,
            Write::TooMuch => return self.is_closed_now(),
            Write::Kept => return self.warn_if_too_much(),
            Write::AtOnce => {}
        }
        // Nobody else writes: the writer is not shared, and there is no task that sends.
        let mut taken = 0;
        while !bytes.is_empty() {
            match self.transport.try_write(bytes) {
                Ok(0) => return self.fail(io::ErrorKind::WriteZero.into()),
                Ok(count) => (taken, bytes) = (count, &bytes[count..]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return self.fail(error),
            }
        }
        // Of the last bytes that were taken: those before them had to leave first.
        let held_back = if self.transport.is_flushed() { 0 } else { taken };
        match self.with_outgoing(|out| out.end_at_once(held_back, bytes)) {
            Rest::Nothing => {}
            Rest::TooMuch => self.is_closed_now(),
            Rest::ToSend => {
                self.warn_if_too_much();
                flush::start(self);
            }
        }
    }

    /// Sees to it that somebody sends what is kept, and ends what is to be ended.
    pub(super) fn send_rest(self: &Arc<Self>) {
        if self.with_outgoing(Outgoing::begin_sending) {
            flush::start(self);
        }
    }

    /// Ends the sending side when everything is sent.
    pub(super) fn end_writing(self: &Arc<Self>) {
        self.with_outgoing(Outgoing::end_writing);
        self.send_rest();
    }

    /// Ends both directions when everything is sent.
    pub(super) fn close(self: &Arc<Self>) {
        self.with_outgoing(Outgoing::close);
        self.send_rest();
    }

    /// One of the two handles has gone. Where a farewell is due, the last to go has the connection closed for it: without
    /// one, it is closed when nobody holds it any more.
    pub(super) fn handle_is_gone(self: &Arc<Self>) {
        if self.transport.farewell().is_some() && self.with_outgoing(Outgoing::handle_is_gone) {
            self.close();
        }
    }

    /// Ends both directions now; what was not sent is lost.
    pub(super) fn abort(&self) {
        // First, since the reader is woken next: a handler that reads the end lets go of the connection, and a farewell
        // would pass off as whole what was cut short.
        self.with_outgoing(Outgoing::abort);
        self.transport.end_reading();
        self.is_closed_now();
    }

    /// Everything is sent, the farewell too: both directions end, where the peer is to answer as soon as it has.
    pub(super) fn part(self: &Arc<Self>) {
        #[cfg(feature = "tls")]
        if let Some(limit) = self.transport.farewell() {
            return parting::part(self, limit);
        }
        self.is_closed_now();
    }

    /// Nothing more can be sent.
    pub(super) fn fail(&self, error: io::Error) {
        self.with_outgoing(|out| out.fail(error.into()));
        self.is_closed_now();
    }

    /// Both directions end, and everybody who waits for that, or for room, is told.
    pub(super) fn is_closed_now(&self) {
        // Fails where the peer has reset the connection: it is over, then.
        let _ = self.transport.shutdown(Shutdown::Both);
        self.with_outgoing(Outgoing::closed);
        self.leave_server();
        self.writable.set();
        self.closed.set();
        self.tell_waiter();
    }

    fn leave_server(&self) {
        // Two statements: the lock first, the server after it.
        let client = self.client.lock().take();
        drop(client);
    }

    /// Whether too much is kept. If so, `writable` tells when it is less.
    pub(super) fn must_wait(&self) -> bool {
        self.with_outgoing(|out| {
            if out.is_paused() {
                self.writable.clear();
            }
            out.is_paused()
        })
    }

    /// Ready when not too much is kept, for the traits, whose operations have no future of their own.
    pub(super) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_traits(cx, Outgoing::is_paused)
    }

    /// Ready when everything is sent, and a side that is to end has ended.
    pub(super) fn poll_flushed(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_traits(cx, |out| !out.is_idle())
    }

    fn poll_traits(&self, cx: &mut Context<'_>, must_wait: impl Fn(&Outgoing) -> bool) -> Poll<io::Result<()>> {
        let mut waker = Some(cx.waker().clone());
        let polled = self.with_outgoing(|out| match out.error() {
            Some(error) => Poll::Ready(Err(error)),
            None if must_wait(out) => {
                waker = out.wait(waker.take());
                Poll::Pending
            }
            None => Poll::Ready(Ok(())),
        });
        // The one that is not needed, outside of the lock.
        drop(waker);
        polled
    }

    /// Wakes who waits by [`poll_writable`](Connection::poll_writable) or [`poll_flushed`](Connection::poll_flushed).
    pub(super) fn tell_waiter(&self) {
        if let Some(waiter) = self.with_outgoing(|out| out.wait(None)) {
            waiter.wake();
        }
    }

    /// The connection's error, for who writes.
    pub(super) fn error(&self) -> Option<io::Error> {
        self.with_outgoing(|out| out.error())
    }

    pub(super) fn is_closing(&self) -> bool {
        self.with_outgoing(|out| out.phase() >= Phase::Closing)
    }

    fn warn_if_too_much(&self) {
        let Some(len) = self.with_outgoing(|out| out.should_report().then(|| out.len())) else { return };
        let text = format!(
            "{len} bytes were written to a stream and not sent: await drain() between writes, or set a write_limit"
        );
        let worker = context::current();
        let handler = worker.and_then(|worker| worker.shared.config.on_exception.as_ref());
        report(handler, &ExceptionContext::new(text).at(self.at));
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.leave_server();
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (phase, unsent) = self.with_outgoing(|out| (out.phase(), out.len()));
        let transport = &self.transport;
        f.debug_struct("Connection")
            .field("transport", transport)
            .field("sending", &phase)
            .field("unsent", &unsent)
            .finish()
    }
}
