//! A non-blocking file descriptor whose operations wait: try, register if need be, wait, try again.
//!
//! ```text
//!   poll ──> budget left? ──> ready? ──yes──> syscall ──ok──> took all there was? clear ──> Ready
//!                               │  ^             │
//!                               no └─────────────┤ would block: clear; not registered? register
//!                               v                │ interrupted: again
//!                     put the waker in           └ other error ──> Ready
//!                     look again; ready? ── up
//!                               v
//!                            Pending
//! ```
//!
//! The first attempt is made without asking anybody: a fresh connection usually has its request waiting. Only
//! would-block registers the fd, once, for both directions, with the reactor of the thread that polls. From then on the
//! readiness word spares the syscalls that would fail.
//!
//! **Taking all there was.** A read from a byte stream that fills its buffer only in part has emptied the socket, and
//! a partial write has filled it; the next call would say would-block, so it is not made. This holds for streams only
//! (`Progress::drained`), and never against a sticky bit or an unregistered source; `readiness.rs` sees to both.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::panic::Location;
use std::task::{Context, Poll};

use crate::budget;
use crate::readiness::{Direction, Snapshot};
use crate::registration::{Registration, Waits};
use crate::source::Ticket;
use crate::waiting::{self, Kind, NOWHERE};

/// What a syscall brought.
#[derive(Debug)]
pub(crate) struct Progress<R> {
    /// What the operation returns.
    pub(crate) value: R,
    /// The kernel's buffer is known to be empty (reading) or full (writing).
    pub(crate) drained: bool,
}

impl<R> Progress<R> {
    /// Nothing is known about what is left.
    pub(crate) fn some(value: R) -> Progress<R> {
        Progress { value, drained: false }
    }
}

impl Progress<usize> {
    /// A transfer on a byte stream of at most `wanted` bytes.
    pub(crate) fn transfer(count: usize, wanted: usize) -> Progress<usize> {
        // No bytes at all is the end of the stream, which is not to be waited for.
        Progress { value: count, drained: count > 0 && count < wanted }
    }
}

/// A non-blocking file descriptor and its registration.
#[derive(Debug)]
pub(crate) struct Evented<S> {
    // Dropped in this order: out of the epoll before the fd is closed.
    registration: Registration,
    io: S,
}

impl<S: AsRawFd> Evented<S> {
    /// Takes an fd that is non-blocking already.
    pub(crate) fn new(io: S) -> Evented<S> {
        Evented { registration: Registration::new(), io }
    }

    pub(crate) fn get(&self) -> &S {
        &self.io
    }

    /// Takes the fd out of its epoll and hands it out.
    pub(crate) fn into_inner(self) -> S {
        drop(self.registration);
        self.io
    }

    /// An operation that is not polled yet.
    #[track_caller]
    pub(crate) fn operation(&self, direction: Direction, cost: u16) -> Operation<'_, S> {
        Operation { evented: self, direction, cost, ticket: Ticket::default(), at: Location::caller() }
    }

    /// One attempt, for `try_*` functions.
    pub(crate) fn try_once<R>(
        &self,
        direction: Direction,
        mut attempt: impl FnMut(&S) -> io::Result<Progress<R>>,
    ) -> io::Result<R> {
        let readiness = &self.registration.source.readiness;
        loop {
            let seen = readiness.snapshot();
            if !seen.is_ready(direction) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            match attempt(&self.io) {
                Ok(progress) => return Ok(self.finish(direction, seen, progress)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    if error.kind() == io::ErrorKind::WouldBlock {
                        let _ = readiness.would_block(seen, direction);
                    }
                    return Err(error);
                }
            }
        }
    }

    /// Tries until something comes of it, for `poll_*` functions: one task per direction.
    pub(crate) fn poll_operation<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        cost: u16,
        attempt: impl FnMut(&S) -> io::Result<Progress<R>>,
    ) -> Poll<io::Result<R>> {
        let polled = self.poll(cx, direction, cost, Waits::Polled, attempt);
        if polled.is_pending() {
            note(direction, self.io.as_raw_fd(), NOWHERE);
        }
        polled
    }

    fn poll<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        cost: u16,
        mut waits: Waits<'_>,
        mut attempt: impl FnMut(&S) -> io::Result<Progress<R>>,
    ) -> Poll<io::Result<R>> {
        std::task::ready!(budget::poll_remaining(cx));
        let readiness = &self.registration.source.readiness;
        let mut waiting = false;
        loop {
            let seen = readiness.snapshot();
            if !seen.is_ready(direction) {
                if waiting {
                    return Poll::Pending;
                }
                self.registration.wait(self.io.as_raw_fd(), direction, &mut waits, cx.waker());
                // Look again: an event that came before the waker was in has woken nobody.
                waiting = true;
                continue;
            }
            match attempt(&self.io) {
                Ok(progress) => {
                    budget::take(cost);
                    return Poll::Ready(Ok(self.finish(direction, seen, progress)));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.registration.would_block(self.io.as_raw_fd(), seen, direction)?;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn finish<R>(&self, direction: Direction, seen: Snapshot, progress: Progress<R>) -> R {
        if progress.drained {
            // Whether it was cleared or something new has come, the next operation finds out.
            let _ = self.registration.source.readiness.clear(seen, direction);
        }
        progress.value
    }
}

/// Says that this poll waits for an fd.
pub(crate) fn note(direction: Direction, fd: RawFd, at: &'static Location<'static>) {
    let kind = match direction {
        Direction::Read => Kind::Readable,
        Direction::Write => Kind::Writable,
    };
    waiting::note(kind, fd.unsigned_abs(), at);
}

/// An operation on its way. Dropping it takes its waker out, or passes its turn on to the next who waits.
#[derive(Debug)]
pub(crate) struct Operation<'a, S: AsRawFd> {
    evented: &'a Evented<S>,
    direction: Direction,
    cost: u16,
    ticket: Ticket,
    at: &'static Location<'static>,
}

impl<'a, S: AsRawFd> Operation<'a, S> {
    /// Tries until something comes of it.
    pub(crate) fn poll<R>(
        &mut self,
        cx: &mut Context<'_>,
        attempt: impl FnMut(&S) -> io::Result<Progress<R>>,
    ) -> Poll<io::Result<R>> {
        let polled = self.evented.poll(cx, self.direction, self.cost, Waits::Future(&mut self.ticket), attempt);
        if polled.is_ready() {
            self.leave();
        } else {
            note(self.direction, self.evented.io.as_raw_fd(), self.at);
        }
        polled
    }

    fn leave(&mut self) {
        self.evented.registration.leave(self.direction, &mut self.ticket);
    }
}

impl<S: AsRawFd> Drop for Operation<'_, S> {
    fn drop(&mut self) {
        self.leave();
    }
}
