//! Accepting connections, of whatever kind.
//!
//! # When file descriptors run out
//!
//! `accept` must neither die of it (a server would stop serving at its busiest) nor spin (the listener stays ready, and
//! each attempt fails at once). So it keeps the readiness, tells the runtime's reporter at most once a minute, and tries
//! again after 5 ms, twice as long each time, up to a second. The same is done where the kernel refuses to watch the
//! listener.
//!
//! # Connections that went away
//!
//! Errors of a single connection that went away before it was accepted are nobody's business: the next one is tried.
//! Linux also tells of troubles of the network here, which it advises to treat alike. Should they never end, each
//! attempt failing at once, it is a shortage as above.

use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{SocketAddrAny, SocketFlags};

use super::tcp_listener::TcpListener;
use crate::clock::Instant;
use crate::context;
use crate::evented::{Evented, Operation, Progress};
use crate::readiness::Direction;
use crate::registration::is_unwatched;
use crate::shim::Mutex;
use crate::sleep::{Sleep, sleep};

/// What one accepted connection costs of a poll's budget: 16 connections, then others have their turn.
const COST: u16 = 8;

/// So many connections in a row may have gone away before accepting pauses. A guess: a crowd that gives up, and some tens
/// of microseconds.
const GONE_AT_MOST: usize = 64;

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
const BETWEEN_REPORTS: Duration = Duration::from_secs(60);

/// What accepts connections. It cannot be named, so nobody else implements it.
pub trait Listen: fmt::Debug + Sized {
    /// What the system has there.
    type Socket: AsFd + AsRawFd;

    /// A stream and the address of its peer.
    type Accepted;

    /// The listening socket.
    fn acceptor(&self) -> &Acceptor<Self::Socket>;

    /// Makes what is returned of a new fd, which is non-blocking, and of the peer's address if it has one.
    fn accepted(stream: OwnedFd, peer: Option<SocketAddrAny>) -> io::Result<Self::Accepted>;
}

/// A listening socket, and what it remembers about the lack of file descriptors.
#[derive(Debug)]
pub struct Acceptor<S> {
    evented: Evented<S>,
    shortage: Mutex<Shortage>,
}

#[derive(Debug, Default)]
struct Shortage {
    /// Zero: there is none.
    pause: Duration,
    reported: Option<Instant>,
    /// The pause of `poll_accept`, which has no future to keep it in.
    polled: Option<Sleep>,
}

impl<S: AsRawFd> Acceptor<S> {
    /// Takes a socket that is non-blocking already.
    #[track_caller]
    pub(super) fn new(socket: S) -> Acceptor<S> {
        Acceptor { evented: Evented::new(socket), shortage: Mutex::new(Shortage::default()) }
    }

    pub(super) fn socket(&self) -> &S {
        self.evented.get()
    }

    pub(super) fn into_inner(self) -> S {
        self.evented.into_inner()
    }
}

pub(super) fn poll_accept<L: Listen>(listener: &L, cx: &mut Context<'_>) -> Poll<io::Result<L::Accepted>> {
    let Acceptor { evented, shortage } = listener.acceptor();
    let mut pause = shortage.lock().polled.take();
    let polled = poll_with_pauses(listener, cx, &mut pause, |cx| {
        evented.poll_operation(cx, Direction::Read, COST, accept_one::<L>)
    });
    shortage.lock().polled = pause;
    polled
}

fn poll_with_pauses<L: Listen>(
    listener: &L,
    cx: &mut Context<'_>,
    pause: &mut Option<Sleep>,
    mut accept: impl FnMut(&mut Context<'_>) -> Poll<io::Result<L::Accepted>>,
) -> Poll<io::Result<L::Accepted>> {
    loop {
        if let Some(pausing) = pause {
            ready!(Pin::new(pausing).poll(cx));
            *pause = None;
        }
        match ready!(accept(cx)) {
            Err(error) if is_shortage(&error) => *pause = Some(sleep(note_shortage(listener, &error))),
            other => {
                listener.acceptor().shortage.lock().pause = Duration::ZERO;
                return Poll::Ready(other);
            }
        }
    }
}

/// Reports a shortage unless that was done lately, and says how long to pause.
#[cold]
fn note_shortage<L: Listen>(listener: &L, error: &io::Error) -> Duration {
    let now = Instant::now();
    let (pause, report) = {
        let mut shortage = listener.acceptor().shortage.lock();
        shortage.pause = (shortage.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        let report = shortage.reported.is_none_or(|reported| now - reported >= BETWEEN_REPORTS);
        if report {
            shortage.reported = Some(now);
        }
        (shortage.pause, report)
    };
    if report {
        context::report(&format!("{listener:?} cannot accept connections at present: {error}"));
    }
    pause
}

fn accept_one<L: Listen>(socket: &L::Socket) -> io::Result<Progress<L::Accepted>> {
    let mut gone = 0;
    loop {
        match rustix::net::acceptfrom_with(socket, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
            // That one has gone again; there may be others.
            Err(error) if has_gone(error) && gone < GONE_AT_MOST => gone += 1,
            Err(error) => return Err(error.into()),
            Ok((stream, peer)) => return L::accepted(stream, peer).map(Progress::some),
        }
    }
}

/// Errors that are those of the next connection, not of the listener: accept(2).
fn has_gone(error: Errno) -> bool {
    matches!(
        error,
        Errno::CONNABORTED
            | Errno::PROTO
            | Errno::NETDOWN
            | Errno::NETUNREACH
            | Errno::HOSTDOWN
            | Errno::HOSTUNREACH
            | Errno::NONET
            | Errno::NOPROTOOPT
    )
}

fn is_shortage(error: &io::Error) -> bool {
    let shortages = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    is_unwatched(error)
        || Errno::from_io_error(error).is_some_and(|errno| shortages.contains(&errno) || has_gone(errno))
}

/// The future of [`TcpListener::accept`] and its like.
#[must_use = "futures do nothing unless awaited"]
pub struct Accept<'a, L: Listen = TcpListener> {
    listener: &'a L,
    operation: Operation<'a, L::Socket>,
    pause: Option<Sleep>,
}

impl<'a, L: Listen> Accept<'a, L> {
    #[track_caller]
    pub(super) fn new(listener: &'a L) -> Accept<'a, L> {
        Accept { listener, operation: listener.acceptor().evented.operation(Direction::Read, COST), pause: None }
    }
}

impl<L: Listen> Future for Accept<'_, L> {
    type Output = io::Result<L::Accepted>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Accept { listener, operation, pause } = &mut *self;
        poll_with_pauses(*listener, cx, pause, |cx| operation.poll(cx, accept_one::<L>))
    }
}

impl<L: Listen> fmt::Debug for Accept<'_, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accept").field("listener", self.listener).field("pause", &self.pause).finish_non_exhaustive()
    }
}
