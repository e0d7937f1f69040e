//! One who asks the inspecting thread: a connection, what it has said, and what it is told.
//!
//! ```text
//!   asking ──the question is there──> waiting ──its turn──> answering ──all is written──> gone
//!      └───────────── silent for PATIENCE, or LONGEST in all, or the other end hangs up ────^
//! ```

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::process::geteuid;

/// Who does nothing for this long is sent away.
const PATIENCE: Duration = Duration::from_secs(5);
/// Who does not take its answer has this long while others wait for theirs.
const PATIENCE_OF_OTHERS: Duration = Duration::from_millis(250);
/// Nobody stays longer than this.
const LONGEST: Duration = Duration::from_secs(60);
/// No question is longer.
const LONGEST_QUESTION: usize = 64;

pub(super) struct Asker {
    stream: UnixStream,
    stage: Stage,
    came: Instant,
    /// When it last did something.
    moved: Instant,
}

enum Stage {
    Asking(Vec<u8>),
    Waiting(String),
    Answering { answer: Arc<str>, sent: usize },
}

impl Asker {
    /// None: it must not ask, or is gone already.
    pub(super) fn new(stream: UnixStream, now: Instant) -> Option<Asker> {
        let peer = rustix::net::sockopt::socket_peercred(stream.as_fd()).ok()?;
        if peer.uid != geteuid() && !peer.uid.is_root() {
            return None;
        }
        stream.set_nonblocking(true).ok()?;
        let mut asker = Asker { stream, stage: Stage::Asking(Vec::new()), came: now, moved: now };
        // Mostly the question has come along.
        asker.move_on(now).then_some(asker)
    }

    /// What is to be polled for it; nothing while it waits for its turn.
    pub(super) fn poll_fd(&self) -> PollFd<'_> {
        let flags = match self.stage {
            Stage::Asking(_) => PollFlags::IN,
            // A hang-up is told all the same.
            Stage::Waiting(_) => PollFlags::empty(),
            Stage::Answering { .. } => PollFlags::OUT,
        };
        PollFd::new(&self.stream, flags)
    }

    /// Reads or writes what is possible at once. False: it is done with.
    pub(super) fn move_on(&mut self, now: Instant) -> bool {
        loop {
            let moved = match &mut self.stage {
                Stage::Asking(question) => read(&mut self.stream, question),
                // It is looked at only because it has gone.
                Stage::Waiting(_) => return false,
                Stage::Answering { answer, sent } => write(&mut self.stream, answer.as_bytes(), sent),
            };
            match moved {
                Ok(Moved::On) => self.moved = now,
                Ok(Moved::ToTheEnd) => match &mut self.stage {
                    Stage::Asking(question) if !question.is_empty() => {
                        let question = String::from_utf8_lossy(question).trim().to_owned();
                        self.stage = Stage::Waiting(question);
                        return true;
                    }
                    _ => return false,
                },
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
    }

    /// The question, while it waits for the answer.
    pub(super) fn question(&self) -> Option<&str> {
        if let Stage::Waiting(question) = &self.stage { Some(question) } else { None }
    }

    /// As [`Asker::move_on`], with the answer.
    pub(super) fn tell(&mut self, answer: Arc<str>, now: Instant) -> bool {
        self.stage = Stage::Answering { answer, sent: 0 };
        self.moved = now;
        self.move_on(now)
    }

    pub(super) fn is_asking(&self) -> bool {
        matches!(self.stage, Stage::Asking(_))
    }

    /// The answer that it is being told, by its address: several may be told the same.
    pub(super) fn answer(&self) -> Option<*const u8> {
        if let Stage::Answering { answer, .. } = &self.stage { Some(answer.as_ptr()) } else { None }
    }

    /// From when on it stands still with its answer, while others wait for theirs.
    pub(super) fn stands_still(&self) -> Option<Instant> {
        self.answer().map(|_| self.moved + PATIENCE_OF_OTHERS)
    }

    /// When it is sent away. Who waits for its turn does not wait for itself.
    pub(super) fn deadline(&self) -> Instant {
        let longest = self.came + LONGEST;
        if self.question().is_some() { longest } else { longest.min(self.moved + PATIENCE) }
    }
}

enum Moved {
    On,
    ToTheEnd,
}

fn read(stream: &mut UnixStream, question: &mut Vec<u8>) -> io::Result<Moved> {
    let mut piece = [0; LONGEST_QUESTION];
    let count = stream.read(&mut piece[..LONGEST_QUESTION - question.len()])?;
    question.extend_from_slice(&piece[..count]);
    // What is longer is no question that there is an answer to.
    let is_whole = count == 0 || question.contains(&b'\n') || question.len() == LONGEST_QUESTION;
    Ok(if is_whole { Moved::ToTheEnd } else { Moved::On })
}

fn write(stream: &mut UnixStream, answer: &[u8], sent: &mut usize) -> io::Result<Moved> {
    // std writes with MSG_NOSIGNAL: one who has gone is an error, and no SIGPIPE.
    *sent += stream.write(&answer[*sent..])?;
    Ok(if *sent == answer.len() { Moved::ToTheEnd } else { Moved::On })
}
