//! What a wait for readiness gives: the right to try, and the way to say that there was nothing.
//!
//! See `async_fd.rs` for what is feared.

use std::error::Error;
use std::fmt;
use std::io;
use std::os::fd::AsFd;

use super::async_fd::AsyncFd;
use crate::readiness::{Direction, Snapshot};
use crate::source::Ticket;

/// A direction that was ready when this was made, and the turn of whoever holds it.
///
/// Others who wait for the same direction are woken when it is dropped, if the fd is still ready then. So try, and let
/// it go.
pub struct ReadyGuard<'a, T: AsFd> {
    of: &'a AsyncFd<T>,
    direction: Direction,
    seen: Snapshot,
    ticket: Ticket,
}

impl<'a, T: AsFd> ReadyGuard<'a, T> {
    /// A guard that passes the turn of this ticket on.
    pub(super) fn new(of: &'a AsyncFd<T>, direction: Direction, seen: Snapshot, ticket: Ticket) -> ReadyGuard<'a, T> {
        ReadyGuard { of, direction, seen, ticket }
    }

    /// Tries something on the fd. If it says would-block, the readiness it relied upon is taken away, and the next wait
    /// waits; an event that comes meanwhile is kept.
    ///
    /// # Errors
    /// [`WouldBlock`] if the attempt did; its other results, errors included, are in the `Ok`.
    pub fn try_io<R>(&self, attempt: impl FnOnce(&T) -> io::Result<R>) -> Result<io::Result<R>, WouldBlock> {
        // Newer than the guard's own, and older than the attempt: would-block answers for all events until here.
        let seen = self.of.registration.source.readiness.snapshot();
        match attempt(self.of.get_ref()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                // A refusal to register is met again by the next wait, which can return it.
                let _ = self.of.registration.would_block(self.of.fd, seen, self.direction);
                Err(WouldBlock(()))
            }
            result => Ok(result),
        }
    }

    /// Takes the readiness away that this guard stands for, for those who have met would-block elsewhere. An event that
    /// came after the guard was made is kept.
    pub fn clear_ready(&mut self) {
        let _ = self.of.registration.would_block(self.of.fd, self.seen, self.direction);
    }

    /// What is watched.
    #[must_use]
    pub fn get_ref(&self) -> &T {
        self.of.get_ref()
    }
}

impl<T: AsFd> Drop for ReadyGuard<'_, T> {
    fn drop(&mut self) {
        self.of.registration.leave(self.direction, &mut self.ticket);
    }
}

/// The attempt in [`ReadyGuard::try_io`] would have blocked: wait again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WouldBlock(());

impl fmt::Display for WouldBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the operation would block: wait until the fd is ready again")
    }
}

impl Error for WouldBlock {}

impl From<WouldBlock> for io::Error {
    fn from(_: WouldBlock) -> io::Error {
        io::ErrorKind::WouldBlock.into()
    }
}

impl<T: AsFd> fmt::Debug for ReadyGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadyGuard")
            .field("fd", &self.of.fd)
            .field("direction", &self.direction)
            .finish_non_exhaustive()
    }
}
