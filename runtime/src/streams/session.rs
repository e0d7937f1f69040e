//! A TLS session and the bytes between it and its socket, without waiting: rustls does no I/O itself.
//!
//! Whatever cannot go on says `WouldBlock`, and the caller waits for the direction that it is concerned with. The
//! handshake alone needs both; it is driven by one task, which has the session to itself.

use std::io::{self, BufRead, Read, Write};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use rustls::Connection as Tls;

use super::records::{self, Records};
use super::transport::Transport;

/// What is ciphered or deciphered at a time: a record. More would lie ready for a peer that takes nothing, or for a reader
/// that does not come.
const AT_A_TIME: usize = 16 * 1024;

/// The state of one TLS connection.
pub(super) struct Session {
    tls: Tls,
    incoming: Records,
    /// What a reader left of the plaintext of a record: rustls would keep the memory of all of it.
    rest: Bytes,
    /// What the peer did wrong. All that it sent before that can still be read.
    failure: Option<rustls::Error>,
}

impl Session {
    pub(super) fn new(mut tls: Tls, early: Bytes) -> Session {
        tls.set_buffer_limit(Some(AT_A_TIME));
        Session { tls, incoming: Records::new(early), rest: Bytes::new(), failure: None }
    }

    /// What was agreed upon.
    pub(super) fn agreed(&self) -> &rustls::CommonState {
        &self.tls
    }

    /// Exchanges messages until both sides trust each other.
    ///
    /// # Errors
    /// `InvalidData` with rustls's error; `UnexpectedEof` if the peer went away; the socket's.
    pub(super) fn poll_handshake(&mut self, cx: &mut Context<'_>, socket: &Transport) -> Poll<io::Result<()>> {
        loop {
            match self.push(socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(socket.poll_writable(cx))?;
                    continue;
                }
                // An alert that says why may have come before the end; reading will tell.
                Err(_) if self.tls.is_handshaking() => {}
                other => other?,
            }
            if !self.tls.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            match self.pull(socket) {
                Ok(0) => {
                    let text = "the peer closed the connection before the TLS handshake was complete";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, text)));
                }
                Ok(_) => self.failure.clone().map_or(Ok(()), |error| Err(invalid(error)))?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(socket.poll_readable(cx))?,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Hands plaintext to `take`, which says how much of it it takes, until it takes less than all, or no more is there:
    /// how many bytes, none at the end of the stream, which the peer has announced.
    ///
    /// # Errors
    /// `UnexpectedEof` if the peer did not announce it; `InvalidData` with rustls's error; `WouldBlock`; the socket's.
    pub(super) fn read(&mut self, socket: &Transport, take: &mut dyn FnMut(&[u8]) -> usize) -> io::Result<usize> {
        let mut taken = take(&self.rest);
        self.rest.advance(taken);
        if !self.rest.is_empty() {
            return Ok(taken);
        }
        self.rest = Bytes::new();
        loop {
            match self.tls.reader().fill_buf() {
                Ok(there) => {
                    let (len, count) = (there.len(), take(there));
                    taken += count;
                    if count < len {
                        self.rest = Bytes::copy_from_slice(&there[count..]);
                    }
                    self.tls.reader().consume(len);
                    if len == 0 || count < len {
                        return Ok(taken);
                    }
                    continue;
                }
                // What is wrong after this is told when it is read.
                Err(_) if taken > 0 => return Ok(taken),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    let text = "the peer closed the connection without TLS's close_notify: bytes may be missing";
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
                }
                Err(error) => return Err(error),
            }
            match &self.failure {
                Some(error) => return Err(invalid(error.clone())),
                None => self.pull(socket)?,
            };
        }
    }

    /// Takes bytes to be sent, as many as there is room for when what it took before has left.
    pub(super) fn write(&mut self, socket: &Transport, bytes: &[u8]) -> io::Result<usize> {
        self.push(socket)?;
        let count = self.tls.writer().write(bytes)?;
        match self.push(socket) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(count),
        }
    }

    /// Whether everything that it took has been handed to the socket.
    pub(super) fn is_flushed(&self) -> bool {
        !self.tls.wants_write()
    }

    /// Hands ciphertext to the socket until none is left.
    pub(super) fn push(&mut self, socket: &Transport) -> io::Result<()> {
        while self.tls.wants_write() {
            if self.tls.write_tls(&mut Raw(socket))? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }

    /// Puts `close_notify` behind what is to be sent.
    pub(super) fn end_writing(&mut self) {
        self.tls.send_close_notify();
    }

    /// Fetches ciphertext and deciphers it: how many bytes, of which none may make up a message yet; none at the end.
    fn pull(&mut self, socket: &Transport) -> io::Result<usize> {
        let mut room = [0; records::ROOM];
        let Some(bytes) = self.incoming.fetch(socket, &mut room)? else {
            return self.tls.read_tls(&mut io::empty());
        };
        let taken = self.decipher(bytes)?;
        self.incoming.keep(&bytes[taken..]);
        if !self.tls.is_handshaking() {
            // Brings nothing, but is what makes rustls give back the memory that the record took.
            let _ = self.tls.read_tls(&mut Nothing);
        }
        if self.tls.wants_write() && (!self.tls.is_handshaking() || self.failure.is_some()) {
            // The alert that tells the peer what was wrong, or new keys: what the socket does not take now leaves with
            // the next bytes that are written.
            let _ = self.push(socket);
        }
        Ok(bytes.len())
    }

    /// Deciphers records, up to so much plaintext as may be there at a time: how many bytes that was.
    fn decipher(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (mut taken, mut there) = (0, 0);
        while let Some(length) = records::first(&bytes[taken..])
            && (there == 0 || there + length <= AT_A_TIME)
        {
            let mut record = &bytes[taken..taken + length];
            // It takes no more after a `close_notify`.
            while !record.is_empty() && self.tls.read_tls(&mut record)? > 0 {}
            taken += length;
            match self.tls.process_new_packets() {
                Ok(state) => there = state.plaintext_bytes_to_read(),
                Err(error) => {
                    self.failure = Some(error);
                    return Ok(bytes.len());
                }
            }
        }
        Ok(taken)
    }
}

fn invalid(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// The socket as rustls sees it.
struct Raw<'a>(&'a Transport);

impl Write for Raw<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A source that has nothing yet.
struct Nothing;

impl Read for Nothing {
    fn read(&mut self, _into: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}
