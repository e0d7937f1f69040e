//! The server's half of a conversation: bytes in, bytes out, no sockets.
//!
//! All commands that have come are carried out in order and answered in one piece. A client that asks for much by few
//! bytes does not make the answers grow without bounds: beyond `ENOUGH` they are to be written before the next command
//! is looked at, and while the client does not read them, nothing is read from it either.

use std::sync::Arc;

use super::client::{Client, Shared};
use super::outbox::Outbox;
use super::reply::Reply;
use super::resp::{Parsed, Parser};

/// How many bytes of answers are written at once; the last of them may be long and go beyond.
const ENOUGH: usize = 8 * 1024;

/// A buffer larger than this is given back once it is empty.
const KEPT: usize = 32 * 1024;

/// How much is read at once. Redis takes twice as much, but it has one buffer for all clients.
pub(crate) const READ_SIZE: usize = 8 * 1024;

/// What to do once the answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Next {
    Read,
    /// Call `receive` again, with nothing.
    Continue,
    Close,
}

/// One connection between two reads.
#[derive(Debug)]
pub(crate) struct Session {
    parser: Parser,
    client: Client,
    /// What has come and is not carried out yet.
    input: Vec<u8>,
}

impl Session {
    pub(crate) fn new(shared: &Arc<Shared>) -> Session {
        Session { parser: Parser::default(), client: Client::new(shared.clone()), input: Vec::new() }
    }

    /// Takes what was read and appends the answers to `out`, which the caller has emptied.
    pub(crate) fn receive(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Next {
        if self.input.is_empty() {
            let (used, next) = self.answer(bytes, out);
            self.input.extend_from_slice(&bytes[used..]);
            return next;
        }
        let mut input = std::mem::take(&mut self.input);
        if input.len() < READ_SIZE {
            // Most often it grows no more. What does is a long command, and then its buffer doubles.
            input.reserve_exact(bytes.len());
        }
        input.extend_from_slice(bytes);
        let (used, next) = self.answer(&input, out);
        input.drain(..used);
        self.input = emptied_if_large(input);
        next
    }

    /// Where messages come in, while any may.
    pub(crate) fn outbox(&self) -> Option<&Outbox> {
        self.client.outbox()
    }

    /// Carries out what is whole in `bytes`, and says how many of them that were.
    fn answer(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> (usize, Next) {
        let mut used = 0;
        while out.len() < ENOUGH {
            match self.parser.parse(&bytes[used..]) {
                Parsed::Incomplete => return (used, Next::Read),
                Parsed::Error(text) => {
                    Reply::to(out).error(&format!("ERR Protocol error: {text}"));
                    return (used, Next::Close);
                }
                Parsed::Command { command, length } => {
                    used += length;
                    self.client.execute(command, out);
                    if self.client.is_leaving {
                        return (used, Next::Close);
                    }
                }
            }
        }
        (used, Next::Continue)
    }
}

/// An empty buffer for the next answers: this one, unless it has become large.
pub(crate) fn recycled(mut buffer: Vec<u8>) -> Vec<u8> {
    buffer.clear();
    emptied_if_large(buffer)
}

fn emptied_if_large(buffer: Vec<u8>) -> Vec<u8> {
    if buffer.is_empty() && buffer.capacity() > KEPT { Vec::new() } else { buffer }
}
