//! One connection: it reads, has the protocol answer, writes, and keeps what the kernel has no room for.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::task::{Context, Poll};

use rustix::io::Errno;
use rustix::net::{self, RecvFlags, SendFlags, Shutdown};

use super::bell::Woken;
use super::{Next, Protocol};

/// How much is read from a client that was told goodbye.
const GOODBYE_BYTES: usize = 256 * 1024;

/// So many reads in a row, and then it is the turn of others.
const TURN: usize = 16;

/// One client.
pub(super) struct Connection<P> {
    socket: OwnedFd,
    protocol: P,
    /// What to do once everything is written.
    next: Next,
    /// Answers that the kernel had no room for, and how much of them it has taken since.
    unsent: Vec<u8>,
    taken: usize,
    /// How much more is read after goodbye.
    left: usize,
}

/// What all connections use, one after the other.
pub(super) struct Tools {
    input: Box<[u8]>,
    answers: Vec<u8>,
    pub(super) woken: Woken,
}

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    Bytes,
    /// For what it sends.
    Room,
    /// For nothing; others come first.
    Turn,
}

impl Tools {
    pub(super) fn new(read_size: usize) -> Tools {
        Tools { input: vec![0; read_size].into(), answers: Vec::new(), woken: Woken::default() }
    }
}

impl<P: Protocol> Connection<P> {
    pub(super) fn new(socket: OwnedFd, protocol: P) -> Connection<P> {
        Connection { socket, protocol, next: Next::Read, unsent: Vec::new(), taken: 0, left: GOODBYE_BYTES }
    }

    /// Goes as far as it can; `None` at the end. What a read does not fill was all there is, unless the client has ended
    /// its side: then the end is still to be read.
    pub(super) fn go_on(&mut self, is_ending: bool, tools: &mut Tools) -> io::Result<Option<Wait>> {
        if !self.unsent.is_empty() && !self.send_rest()? {
            return self.wait_for_room(&tools.woken);
        }
        let (mut is_read_empty, mut reads) = (false, 0);
        loop {
            tools.answers.clear();
            let answers = match self.next {
                Next::Close => return self.say_goodbye(&mut tools.input),
                Next::Continue => self.answer(&[], &mut tools.answers),
                Next::Read if is_read_empty => match self.take_messages(tools)? {
                    true => tools.answers.as_slice(),
                    false => return Ok(Some(Wait::Bytes)),
                },
                Next::Read if reads == TURN => return Ok(Some(Wait::Turn)),
                Next::Read => match self.receive(&mut tools.input)? {
                    Some(0) => return Ok(None),
                    Some(length) => {
                        is_read_empty = length < tools.input.len() && !is_ending;
                        reads += 1;
                        self.answer(&tools.input[..length], &mut tools.answers)
                    }
                    None => {
                        is_read_empty = true;
                        continue;
                    }
                },
            };
            let sent = self.send(answers)?;
            if sent < answers.len() {
                self.unsent = answers[sent..].to_vec();
                return self.wait_for_room(&tools.woken);
            }
        }
    }

    pub(super) fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    fn answer<'a>(&mut self, bytes: &'a [u8], answers: &'a mut Vec<u8>) -> &'a [u8] {
        let (answers, next) = self.protocol.answer(bytes, answers);
        self.next = next;
        answers
    }

    /// Whether there were any.
    fn take_messages(&mut self, tools: &mut Tools) -> io::Result<bool> {
        if !self.protocol.is_subscribed() {
            return Ok(false);
        }
        let waker = tools.woken.waker(self.as_raw_fd());
        match self.protocol.poll_messages(&mut Context::from_waker(&waker), &mut tools.answers) {
            Poll::Ready(taken) => taken.map(|()| true),
            Poll::Pending => Ok(false),
        }
    }

    /// A client that does not read is not read from: that goes on when there is room.
    fn wait_for_room(&mut self, woken: &Woken) -> io::Result<Option<Wait>> {
        if self.protocol.is_subscribed() {
            let waker = woken.waker(self.as_raw_fd());
            if let Poll::Ready(error) = self.protocol.poll_too_slow(&mut Context::from_waker(&waker)) {
                return Err(error);
            }
        }
        Ok(Some(Wait::Room))
    }

    /// `None` if nothing is there.
    fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match net::recv(&self.socket, &mut *buffer, RecvFlags::empty()) {
                Ok((length, _)) => return Ok(Some(length)),
                Err(Errno::AGAIN) => return Ok(None),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// How much of it the kernel has room for.
    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut sent = 0;
        while sent < bytes.len() {
            match net::send(&self.socket, &bytes[sent..], SendFlags::NOSIGNAL) {
                Ok(length) => sent += length,
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(sent)
    }

    /// Whether nothing is left of what the kernel had no room for.
    fn send_rest(&mut self) -> io::Result<bool> {
        self.taken += self.send(&self.unsent[self.taken..])?;
        if self.taken < self.unsent.len() {
            return Ok(false);
        }
        (self.unsent, self.taken) = (Vec::new(), 0);
        Ok(true)
    }

    /// Ends the conversation without a reset: closing while the client still sends would destroy the answer on its way.
    fn say_goodbye(&mut self, buffer: &mut [u8]) -> io::Result<Option<Wait>> {
        net::shutdown(&self.socket, Shutdown::Write)?;
        while self.left > 0 {
            match self.receive(buffer)? {
                Some(0) => break,
                Some(length) => self.left = self.left.saturating_sub(length),
                None => return Ok(Some(Wait::Bytes)),
            }
        }
        Ok(None)
    }
}

impl<P> AsFd for Connection<P> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    use super::*;

    /// Takes a byte at a time, and says nothing.
    struct Silent;

    impl Protocol for Silent {
        const READ_SIZE: usize = 1;
        type Shared = ();

        fn new((): &()) -> Silent {
            Silent
        }

        fn answer<'a>(&mut self, _bytes: &'a [u8], answers: &'a mut Vec<u8>) -> (&'a [u8], Next) {
            (answers, Next::Read)
        }
    }

    #[test]
    fn one_that_sends_without_end_leaves_the_others_their_turn() {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let (client, server) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap();
        let (mut connection, mut tools) = (Connection::new(server, Silent::new(&())), Tools::new(Silent::READ_SIZE));
        rustix::io::write(&client, &[7; TURN + 1]).unwrap();
        assert_eq!(connection.go_on(false, &mut tools).unwrap(), Some(Wait::Turn));
        assert_eq!(connection.go_on(false, &mut tools).unwrap(), Some(Wait::Bytes));
        drop(client);
        assert_eq!(connection.go_on(true, &mut tools).unwrap(), None);
    }
}
