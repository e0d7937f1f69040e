//! A socket that accepts TCP connections.
//!
//! # When file descriptors run out
//!
//! `accept` must neither die of it (a server would stop serving at its busiest) nor spin (the listener stays ready, and
//! each attempt fails at once). So it keeps the readiness, tells the runtime's reporter at most once a minute, and tries
//! again after 5 ms, twice as long each time, up to a second. Errors of a single connection that went away before it
//! was accepted are nobody's business.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::SocketFlags;
use socket2::{Domain, Protocol, Socket, Type};

use super::addr::{Resolve, ToSocketAddrs, at, no_address};
use super::tcp_stream::TcpStream;
use crate::clock::Instant;
use crate::context;
use crate::evented::{Evented, Operation, Progress};
use crate::readiness::Direction;
use crate::shim::Mutex;
use crate::sleep::{Sleep, sleep};

const BACKLOG: i32 = 1024;

/// What one accepted connection costs of a poll's budget: 16 connections, then others have their turn.
const COST: u16 = 8;

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
const BETWEEN_REPORTS: Duration = Duration::from_secs(60);

type Accepted = (TcpStream, SocketAddr);

/// A socket that accepts TCP connections.
///
/// Several tasks may accept on one listener; each gets its turn.
pub struct TcpListener {
    evented: Evented<std::net::TcpListener>,
    shortage: Mutex<Shortage>,
}

/// What a listener remembers about the lack of file descriptors.
#[derive(Debug, Default)]
struct Shortage {
    /// Zero: there is none.
    pause: Duration,
    reported: Option<Instant>,
    /// The pause of `poll_accept`, which has no future to keep it in.
    polled: Option<Sleep>,
}

impl TcpListener {
    /// Listens on the first address that can be had; all that are given are tried in order. Port 0 takes a free one.
    ///
    /// The address may be in use by connections that are closing (`SO_REUSEADDR`). For a backlog other than 1,024, several
    /// listeners on one port and the like see [`TcpSocket`](super::TcpSocket).
    ///
    /// # Errors
    /// That of the last attempt, with the address in its text; `InvalidInput` for what is no address.
    #[track_caller]
    pub fn bind(address: impl ToSocketAddrs) -> Bind {
        Bind { resolve: address.to_socket_addrs() }
    }

    /// Takes a socket that is non-blocking already.
    fn from_nonblocking(socket: std::net::TcpListener) -> TcpListener {
        TcpListener { evented: Evented::new(socket), shortage: Mutex::new(Shortage::default()) }
    }

    /// Waits for a connection.
    ///
    /// A lack of file descriptors or memory is not returned: accepting pauses, and goes on when there are some again.
    ///
    /// # Errors
    /// The kernel's, if the socket does not listen (any more); `Other` if it has to wait on a thread without a raddle
    /// runtime.
    ///
    /// # Cancel safety
    /// A future that is dropped has accepted nothing, and passes its turn on to the next task that accepts.
    #[track_caller]
    pub fn accept(&self) -> Accept<'_> {
        Accept { listener: self, operation: self.evented.operation(Direction::Read, COST), pause: None }
    }

    /// As [`TcpListener::accept`], for poll functions: one task at a time.
    ///
    /// # Errors
    /// As [`TcpListener::accept`].
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        let mut pause = self.shortage.lock().polled.take();
        let polled = self
            .poll_with_pauses(cx, &mut pause, |cx| self.evented.poll_operation(cx, Direction::Read, COST, accept_one));
        self.shortage.lock().polled = pause;
        polled
    }

    fn poll_with_pauses(
        &self,
        cx: &mut Context<'_>,
        pause: &mut Option<Sleep>,
        mut accept: impl FnMut(&mut Context<'_>) -> Poll<io::Result<Accepted>>,
    ) -> Poll<io::Result<Accepted>> {
        loop {
            if let Some(pausing) = pause {
                ready!(Pin::new(pausing).poll(cx));
                *pause = None;
            }
            match ready!(accept(cx)) {
                Err(error) if is_shortage(&error) => *pause = Some(sleep(self.note_shortage(&error))),
                other => {
                    self.shortage.lock().pause = Duration::ZERO;
                    return Poll::Ready(other);
                }
            }
        }
    }

    /// Reports a shortage unless that was done lately, and says how long to pause.
    #[cold]
    fn note_shortage(&self, error: &io::Error) -> Duration {
        let now = Instant::now();
        let (pause, report) = {
            let mut shortage = self.shortage.lock();
            shortage.pause = (shortage.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
            let report = shortage.reported.is_none_or(|reported| now - reported >= BETWEEN_REPORTS);
            if report {
                shortage.reported = Some(now);
            }
            (shortage.pause, report)
        };
        if report {
            context::report(&format!("{self:?} cannot accept connections at present: {error}"));
        }
        pause
    }

    /// The address that is listened on.
    ///
    /// # Errors
    /// The kernel's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.evented.get().local_addr()
    }

    /// The socket without raddle. It is non-blocking still.
    ///
    /// # Errors
    /// None at present.
    pub fn into_std(self) -> io::Result<std::net::TcpListener> {
        Ok(self.evented.into_inner())
    }
}

fn accept_one(socket: &std::net::TcpListener) -> io::Result<Progress<Accepted>> {
    loop {
        match rustix::net::acceptfrom_with(socket, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
            // That one has gone again; there may be others.
            Err(Errno::CONNABORTED) => {}
            Err(error) => return Err(error.into()),
            Ok((fd, peer)) => {
                let peer = peer.ok_or(io::ErrorKind::InvalidData)?;
                return Ok(Progress::some((TcpStream::from(fd), SocketAddr::try_from(peer)?)));
            }
        }
    }
}

fn is_shortage(error: &io::Error) -> bool {
    let shortages = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    Errno::from_io_error(error).is_some_and(|errno| shortages.contains(&errno))
}

/// The future of [`TcpListener::accept`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct Accept<'a> {
    listener: &'a TcpListener,
    operation: Operation<'a, std::net::TcpListener>,
    pause: Option<Sleep>,
}

impl Future for Accept<'_> {
    type Output = io::Result<Accepted>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.listener.poll_with_pauses(cx, &mut this.pause, |cx| this.operation.poll(cx, accept_one))
    }
}

/// The future of [`TcpListener::bind`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct Bind {
    resolve: Resolve,
}

impl Future for Bind {
    type Output = io::Result<TcpListener>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        const TRIED: &str = "cannot listen on";
        let mut failed = None;
        for address in ready!(Pin::new(&mut self.resolve).poll(cx))? {
            match listen(address) {
                Ok(socket) => return Poll::Ready(Ok(TcpListener::from_nonblocking(socket))),
                Err(error) => failed = Some(at(TRIED, address, error)),
            }
        }
        Poll::Ready(Err(failed.unwrap_or_else(|| no_address(TRIED))))
    }
}

fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

impl TryFrom<std::net::TcpListener> for TcpListener {
    type Error = io::Error;

    /// Makes the socket non-blocking and takes it.
    fn try_from(socket: std::net::TcpListener) -> io::Result<TcpListener> {
        socket.set_nonblocking(true)?;
        Ok(TcpListener::from_nonblocking(socket))
    }
}

/// The fd must be that of a listening TCP socket and non-blocking; a blocking one would block its worker.
impl From<OwnedFd> for TcpListener {
    fn from(fd: OwnedFd) -> TcpListener {
        TcpListener::from_nonblocking(fd.into())
    }
}

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.evented.get().as_fd()
    }
}

impl AsRawFd for TcpListener {
    fn as_raw_fd(&self) -> RawFd {
        self.evented.get().as_raw_fd()
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.evented.get().fmt(f)
    }
}
