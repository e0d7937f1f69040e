//! Which reactor knows an fd, and how the fd moves from one to another.
//!
//! An fd is registered with the reactor of the thread that first would have blocked on it, and stays there while its
//! task may be stolen. It moves to the worker that waits for it
//!
//! * after 32 waits running away from home,
//! * at the first such wait if its home has many fds and far more events to deal with than the reactor there: one worker
//!   may have accepted a thousand connections in one go, before the others awoke,
//! * at once if its reactor has shut down.
//!
//! In each case it is taken out of the one epoll, then added to the other, whose first event says what is ready. The
//! source, and with it those who wait, stays the same.
//!
//! What is compared are events, not fds: of ten thousand connections most may be silent. Only a worker that has run out
//! of work steals, so where one worker is enough nothing ever moves, and the others sleep. A reactor with few fds is not
//! relieved either: two workers that are woken by the kernel spend more on it than one whose surplus is stolen.
//!
//! `home` is locked through both syscalls, so that two operations do not move one fd at a time. No user code runs under
//! it. If an fd has left one epoll and the other refuses it, all who wait are woken and meet the same refusal.

use std::error::Error;
use std::fmt;
use std::io;
use std::os::fd::RawFd;
use std::task::Waker;

use rustix::io::Errno;

use crate::context::{self, Context};
use crate::reactor::{Reactor, RegisterError};
use crate::readiness::{Direction, Snapshot};
use crate::shim::atomic::{AtomicU8, AtomicUsize, Ordering};
use crate::shim::{Arc, Mutex};
use crate::slots::Token;
use crate::source::{Source, Ticket};
use crate::wake::{Batch, wake};

/// After so many waits running away from home an fd moves. A task that is stolen every other time hardly gets there, so
/// that fds do not wander about; one that will never run at home soon does.
const STRIKES_TO_MOVE: u8 = 32;

/// A reactor has far more events than another if there are half as many again per turn, and so many.
const FAR_MORE_EVENTS: usize = 8;

/// A reactor with fewer fds is not relieved of any. Picked so that servers of a few hundred connections, whose surplus is
/// stolen well enough, do not pay for a second worker that the kernel wakes.
const FEW_SOURCES: usize = 512;

/// A registration with at most one reactor.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) source: Arc<Source>,
    home: Mutex<Option<Home>>,
    /// The address of the home's reactor; 0 for none. A copy for readers without the lock.
    home_address: AtomicUsize,
    /// Waits running on other reactors than the home.
    strikes: AtomicU8,
}

#[derive(Debug)]
struct Home {
    reactor: Arc<Reactor>,
    token: Token,
    fd: RawFd,
}

/// Who waits: a future with a ticket, or the one place of `poll_*` functions.
pub(crate) enum Waits<'t> {
    Future(&'t mut Ticket),
    Polled,
}

impl Registration {
    pub(crate) fn new() -> Registration {
        Registration {
            source: Arc::new(Source::new()),
            home: Mutex::new(None),
            home_address: AtomicUsize::new(0),
            strikes: AtomicU8::new(0),
        }
    }

    /// Puts a waker in, and sees to it that the fd is registered where it is waited for, in the long run. The caller must
    /// look at the readiness word again.
    pub(crate) fn wait(&self, fd: RawFd, direction: Direction, waits: &mut Waits<'_>, waker: &Waker) {
        match waits {
            Waits::Future(ticket) => self.source.wait(direction, ticket, waker),
            Waits::Polled => self.source.wait_polled(direction, waker),
        }
        if self.is_better_here() {
            // If that fails, the fd counts as ready, and the next attempt meets the same error.
            _ = self.register(fd, true);
        }
    }

    /// An operation has completed or is dropped: takes it off the list, or passes its turn on.
    #[inline]
    pub(crate) fn leave(&self, direction: Direction, ticket: &mut Ticket) {
        if ticket.has_waited()
            && let Some(next) = self.source.leave(direction, ticket)
        {
            wake(next, context::report);
        }
    }

    /// The syscall said that there is nothing: sees to it that somebody will tell when there is.
    pub(crate) fn would_block(&self, fd: RawFd, seen: Snapshot, direction: Direction) -> io::Result<()> {
        if seen.needs_registration() {
            return self.register(fd, false);
        }
        // Whether it was cleared or something new has come, the caller finds out.
        let _ = self.source.readiness.would_block(seen, direction);
        Ok(())
    }

    /// For those that ask for readiness without a syscall of their own: somebody has to tell.
    pub(crate) fn ensure(&self, fd: RawFd) -> io::Result<()> {
        self.register(fd, false)
    }

    /// Whether the fd should move to the current reactor.
    fn is_better_here(&self) -> bool {
        // Relaxed, here and below: a heuristic; moving once too often or too late harms nobody.
        let home = self.home_address.load(Ordering::Relaxed);
        let is_foreign = context::with_current(|context| address(&context.reactor) != home);
        if is_foreign != Some(true) {
            if self.strikes.load(Ordering::Relaxed) > 0 {
                self.strikes.store(0, Ordering::Relaxed);
            }
            return false;
        }
        let strikes = self.strikes.load(Ordering::Relaxed).saturating_add(1);
        self.strikes.store(strikes, Ordering::Relaxed);
        strikes >= STRIKES_TO_MOVE || self.home_is_overloaded()
    }

    fn home_is_overloaded(&self) -> bool {
        let relieves = |context: &Context| context.relieves.then(|| context.reactor.events_per_turn());
        let Some(here) = context::with_current(relieves).flatten() else { return false };
        self.home.lock().as_ref().is_some_and(|Home { reactor, .. }| {
            reactor.source_count() >= FEW_SOURCES && reactor.events_per_turn() >= here + here / 2 + FAR_MORE_EVENTS
        })
    }

    /// Registers with the current reactor, unless another operation did so while this one waited for the lock.
    #[cold]
    fn register(&self, fd: RawFd, moving: bool) -> io::Result<()> {
        let here = context::current_or_error()?.reactor;
        let mut home = self.home.lock();
        let foreign = home.as_ref().is_some_and(|home| !Arc::ptr_eq(&home.reactor, &here));
        let lost = self.source.readiness.snapshot().needs_registration();
        if !lost && (!moving || !foreign) {
            return Ok(());
        }
        let old = home.take();
        if let Some(old) = &old {
            old.reactor.deregister(old.fd, old.token);
        }
        // Before the epoll knows the fd, so that its first event is not wiped out.
        self.source.readiness.register();
        let refused = match here.register(fd, &self.source) {
            Ok(token) => {
                self.home_address.store(address(&here), Ordering::Relaxed);
                self.strikes.store(0, Ordering::Relaxed);
                *home = Some(Home { reactor: here, token, fd });
                None
            }
            Err(RegisterError::Closed) => Some(context::closed_error()),
            Err(RegisterError::Io(error)) => Some(unwatched(fd, error)),
        };
        drop(home);
        drop(old);
        refused.map_or(Ok(()), |error| {
            self.nobody_will_tell();
            Err(error)
        })
    }

    /// No epoll knows the fd any more: those who wait must find out for themselves.
    #[cold]
    fn nobody_will_tell(&self) {
        let mut batch = Batch::new();
        self.source.shut_down(&mut |waker| batch.push(waker));
        batch.wake(context::report);
    }
}

/// The kernel does not watch an fd: the error of the operation that would have had to wait.
#[derive(Debug)]
struct Unwatched {
    fd: RawFd,
    error: io::Error,
}

/// Says which fd epoll would not have, and why; the kind of the error stays.
#[cold]
pub(crate) fn unwatched(fd: RawFd, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), Unwatched { fd, error })
}

/// Whether an error is not about the operation, but about waiting for it: the operation may be tried again.
pub(crate) fn is_unwatched(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Unwatched>())
}

impl fmt::Display for Unwatched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot wait for fd {}: ", self.fd)?;
        match Errno::from_io_error(&self.error) {
            Some(Errno::PERM) => {
                f.write_str("it is a regular file, a directory or the like, always ready to the kernel: use to_thread")
            }
            Some(Errno::EXIST) => {
                f.write_str("it is waited for already, through another object: share that one, or duplicate the fd")
            }
            // Which speaks of no disk here.
            Some(Errno::NOSPC) => {
                f.write_str("its user waits for as many as /proc/sys/fs/epoll/max_user_watches allows")
            }
            _ => self.error.fmt(f),
        }
    }
}

impl Error for Unwatched {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some(home) = self.home.lock().take() {
            home.reactor.deregister(home.fd, home.token);
        }
    }
}

fn address(reactor: &Arc<Reactor>) -> usize {
    Arc::as_ptr(reactor) as usize
}
