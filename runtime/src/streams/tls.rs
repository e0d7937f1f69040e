//! TLS as a transport: one session over the socket of another connection, and a task on each side of it.
//!
//! The session is one state for both directions, so it is behind a lock. The reader's task and the one that sends come
//! to it in turn, for as long as it takes to cipher what is there; nobody waits in it.
//!
//! **Feared: a read that takes the writer's place.** A socket has one place per direction for the waker of who waits. An
//! adaptor that hands its caller's waker down into the session would put the reader's into the place of the sending
//! side whenever a read has something to send (an alert, new keys), and the task that sends would never be woken again.
//! Here no waker goes into the session: under the lock the socket is only tried (`Session` says `WouldBlock`), and
//! who has to wait does so afterwards, outside of the lock, at its own direction and no other. What a read leaves
//! behind to be sent leaves with the next write or with the farewell. So no foreign code runs under the lock either,
//! except what a configuration brings along, such as a store of sessions.
//!
//! **Feared: ciphertext that nobody sends.** A write may be taken by the session while the socket takes only a part of
//! the ciphertext. `is_flushed` says so, and then the connection is not idle: its sending task goes on (`flush`).
//!
//! **Feared: a reader that sleeps through the close.** After this side has closed the connection, its reader is at the
//! end, whatever the peer sends, and whether or not the socket has an event. So the reader leaves its waker here, under
//! the lock, and looks at `is_over` under the same lock; who sets that takes the waker.
//!
//! The end: `close_notify` goes out behind the last bytes, then the socket's sending side ends. Reading goes on; TLS 1.3
//! allows it, as do rustls and OpenSSL, while other stacks close both directions when they see a `close_notify`. A
//! socket that ends without one is a truncated stream, and an error for the reader: `UnexpectedEof`, again and again.

use std::fmt;
use std::io;
use std::net::Shutdown;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use raddle_io::budget;

use super::connection::Connection;
use super::session::Session;
use super::transport::Transport;
use crate::shim::{Arc, Mutex};

/// So many pieces of what nobody will read are thrown away in one go.
const DISCARDS: usize = 16;

/// A TLS session over a connection.
pub(super) struct Tls {
    /// The connection that it was before; its socket is used, and nothing else of it.
    under: Arc<Connection>,
    state: Mutex<State>,
    shutdown_timeout: Duration,
}

struct State {
    session: Session,
    /// This side has closed the connection: nothing more is read.
    is_over: bool,
    /// Who waits to read.
    reader: Option<Waker>,
}

impl Tls {
    pub(super) fn new(under: Arc<Connection>, session: Session, shutdown_timeout: Duration) -> Tls {
        Tls { under, state: Mutex::new(State { session, is_over: false, reader: None }), shutdown_timeout }
    }

    pub(super) fn socket(&self) -> &Transport {
        &self.under.transport
    }

    pub(super) fn shutdown_timeout(&self) -> Duration {
        self.shutdown_timeout
    }

    /// Looks at what was agreed upon.
    pub(super) fn with_agreed<R>(&self, look: impl FnOnce(&rustls::CommonState) -> R) -> R {
        look(self.state.lock().session.agreed())
    }

    pub(super) fn poll_read_into(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        room: usize,
    ) -> Poll<io::Result<usize>> {
        let mut left = room;
        self.poll_read_with(cx, &mut |plaintext| {
            let count = plaintext.len().min(left);
            buffer.extend_from_slice(&plaintext[..count]);
            left -= count;
            count
        })
    }

    /// Hands what has arrived to `take`, which says how much of it it takes: at least one byte, unless the stream has
    /// ended.
    pub(super) fn poll_read_with(
        &self,
        cx: &mut Context<'_>,
        take: &mut dyn FnMut(&[u8]) -> usize,
    ) -> Poll<io::Result<usize>> {
        ready!(budget::poll_proceed(cx));
        loop {
            let read = {
                let mut state = self.state.lock();
                if state.is_over {
                    return Poll::Ready(Ok(0));
                }
                state.session.read(self.socket(), take)
            };
            match read {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return Poll::Ready(other),
            }
            if let Poll::Ready(ready) = self.socket().poll_readable(cx) {
                ready?;
            } else if self.waits_to_read(cx.waker()) {
                return Poll::Pending;
            }
        }
    }

    /// Leaves the reader's waker, for the close. False: it has come.
    fn waits_to_read(&self, waker: &Waker) -> bool {
        let state = self.state.lock();
        let is_known = state.reader.as_ref().is_some_and(|known| known.will_wake(waker));
        if is_known || state.is_over {
            return !state.is_over;
        }
        drop(state);
        let fresh = waker.clone();
        let mut state = self.state.lock();
        let replaced = state.reader.replace(fresh);
        let waits = !state.is_over;
        drop(state);
        drop(replaced);
        waits
    }

    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.state.lock().session.write(self.socket(), bytes)
    }

    pub(super) fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_sending(cx, |session, socket| session.write(socket, bytes))
    }

    pub(super) fn is_flushed(&self) -> bool {
        self.state.lock().session.is_flushed()
    }

    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_sending(cx, Session::push)
    }

    pub(super) fn poll_end_writing(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.state.lock().session.end_writing();
        ready!(self.poll_flush(cx))?;
        Poll::Ready(self.socket().shutdown(Shutdown::Write))
    }

    fn poll_sending<R>(
        &self,
        cx: &mut Context<'_>,
        mut send: impl FnMut(&mut Session, &Transport) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        ready!(budget::poll_proceed(cx));
        loop {
            let sent = send(&mut self.state.lock().session, self.socket());
            match sent {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(self.socket().poll_writable(cx))?,
                other => return Poll::Ready(other),
            }
        }
    }

    /// This side has closed the connection: the reader is at the end of the stream.
    pub(super) fn end_reading(&self) {
        let mut state = self.state.lock();
        state.is_over = true;
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Throws away what has come, after [`end_reading`](Tls::end_reading). True: the peer has ended its side, too.
    pub(super) fn has_parted(&self) -> bool {
        for _ in 0..DISCARDS {
            let read = self.state.lock().session.read(self.socket(), &mut |plaintext| plaintext.len());
            match read {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
            }
        }
        false
    }

    pub(super) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        if how == Shutdown::Both && self.state.lock().is_over {
            // Bytes that nobody will read would make the kernel reset the connection, and lose what was sent.
            self.socket().discard();
        }
        self.socket().shutdown(how)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.with_agreed(|agreed| agreed.protocol_version());
        f.debug_struct("Tls").field("version", &version).field("over", self.socket()).finish()
    }
}

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tests;
