//! Connecting, without waiting for it on the thread.
//!
//! # Happy eyeballs
//!
//! A name often has addresses of two families, one of which leads nowhere; and nowhere does not say so for minutes. So
//! attempts overlap (RFC 8305): the next one starts when one has failed, or when the last to start has had 250 ms. The
//! first to succeed wins, and the others are closed. The addresses keep the order of the resolver's preference, but the
//! families take turns, so that a whole family that leads nowhere costs one delay.
//!
//! A single address makes no timer, and neither does the last of several.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::vec;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto};

use super::addr::{Resolve, at, no_address};
use super::tcp_stream::TcpStream;
use crate::sleep::{Sleep, sleep};
use crate::waiting::{self, Kind};

const TRIED: &str = "cannot connect to";

/// RFC 8305's recommendation.
const DELAY: Duration = Duration::from_millis(250);

/// The future of [`TcpStream::connect`], and the place for its options.
#[must_use = "futures do nothing unless awaited"]
pub struct Connect {
    resolve: Option<Resolve>,
    local: Option<SocketAddr>,
    delay: Duration,
    left: vec::IntoIter<SocketAddr>,
    /// The attempts under way.
    racing: Vec<Attempt>,
    /// The time until the next attempt; none if it may start.
    pause: Option<Sleep>,
    /// The addresses that failed.
    failed: Vec<SocketAddr>,
    /// Why the last of them did.
    error: Option<io::Error>,
}

impl Connect {
    pub(super) fn new(resolve: Resolve) -> Connect {
        Connect {
            resolve: Some(resolve),
            local: None,
            delay: DELAY,
            left: Vec::new().into_iter(),
            racing: Vec::new(),
            pause: None,
            failed: Vec::new(),
            error: None,
        }
    }

    /// How long an attempt has before the next address is tried beside it; 250 ms unless said otherwise.
    /// `Duration::MAX` lets each attempt fail before the next one starts.
    pub fn happy_eyeballs(mut self, delay: Duration) -> Connect {
        self.delay = delay;
        self
    }

    /// The address of this side; port 0 takes a free one. Only addresses of its family are connected to. With a port
    /// of its own, attempts do not overlap, since only one at a time can have it.
    pub fn local_addr(mut self, local: SocketAddr) -> Connect {
        self.local = Some(local);
        self
    }

    fn poll_resolve(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(resolve) = &mut self.resolve else { return Poll::Ready(Ok(())) };
        let resolved = ready!(Pin::new(resolve).poll(cx));
        self.resolve = None;
        self.left = take_turns(usable(resolved?, self.local)?).into_iter();
        Poll::Ready(Ok(()))
    }

    /// Looks after all attempts under way; the winner, if there is one.
    fn poll_racing(&mut self, cx: &mut Context<'_>) -> Option<TcpStream> {
        let mut index = 0;
        while let Some(attempt) = self.racing.get(index) {
            match attempt.poll(cx) {
                Poll::Pending => index += 1,
                Poll::Ready(result) => {
                    let attempt = self.racing.remove(index);
                    match result {
                        Ok(()) => return Some(attempt.stream),
                        Err(error) => self.fail(attempt.address, error),
                    }
                }
            }
        }
        None
    }

    fn fail(&mut self, address: SocketAddr, error: io::Error) {
        self.failed.push(address);
        self.error = Some(error);
        self.pause = None;
    }

    /// Whether it is time for the next address, of which there is one.
    fn is_time(&mut self, cx: &mut Context<'_>) -> bool {
        let alone = self.local.is_some_and(|local| local.port() != 0);
        if alone && !self.racing.is_empty() {
            return false;
        }
        if let Some(pause) = &mut self.pause
            && Pin::new(pause).poll(cx).is_pending()
        {
            return false;
        }
        self.pause = None;
        true
    }

    fn start(&mut self, address: SocketAddr) {
        match open(address, self.local).and_then(|socket| Attempt::start(socket, address)) {
            Ok(attempt) => {
                self.racing.push(attempt);
                if self.left.len() > 0 {
                    self.pause = Some(sleep(self.delay));
                }
            }
            Err(error) => self.fail(address, error),
        }
    }

    /// Notes the attempt that was begun first.
    fn note(&self, caller: &'static Location<'static>) {
        let fd = self.racing.first().map_or(0, |attempt| attempt.stream.as_raw_fd().unsigned_abs());
        waiting::note(Kind::Connect, fd, caller);
    }

    #[cold]
    fn failure(&mut self) -> io::Error {
        match self.error.take() {
            Some(error) => at(TRIED, list(&self.failed), error),
            None => no_address(TRIED),
        }
    }

    /// The name that is to be looked up, before it is; `None` where the address was given as a number.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.resolve.as_ref().and_then(Resolve::name)
    }
}

impl Future for Connect {
    type Output = io::Result<TcpStream>;

    // Whoever awaits it is who is told to wait.
    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let caller = Location::caller();
        let resolved = this.poll_resolve(cx);
        if resolved.is_pending() {
            waiting::note(Kind::Lookup, 0, caller);
        }
        ready!(resolved)?;
        loop {
            if let Some(stream) = this.poll_racing(cx) {
                // The others are closed now: whoever awaited this may keep it for a while.
                *this = Connect::new(Resolve::known(Vec::new()));
                return Poll::Ready(Ok(stream));
            }
            if this.left.len() == 0 {
                return match this.racing.is_empty() {
                    true => Poll::Ready(Err(this.failure())),
                    false => {
                        this.note(caller);
                        Poll::Pending
                    }
                };
            }
            if !this.is_time(cx) {
                this.note(caller);
                return Poll::Pending;
            }
            if let Some(address) = this.left.next() {
                this.start(address);
            }
        }
    }
}

/// One attempt under way. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Attempt {
    address: SocketAddr,
    stream: TcpStream,
}

impl Attempt {
    /// Begins to connect a socket that is non-blocking.
    pub(super) fn start(socket: OwnedFd, address: SocketAddr) -> io::Result<Attempt> {
        match rustix::net::connect(&socket, &address) {
            // An interrupted connect goes on by itself, as one in progress does.
            Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(Attempt { address, stream: TcpStream::from(socket) }),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_connected(cx)
    }

    pub(super) fn into_stream(self) -> TcpStream {
        self.stream
    }
}

fn open(address: SocketAddr, local: Option<SocketAddr>) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
    if let Some(local) = local {
        rustix::net::bind(&socket, &local).map_err(|error| at("cannot bind to", local, error.into()))?;
    }
    Ok(socket)
}

/// Those that can be reached from `local`.
fn usable(mut addresses: Vec<SocketAddr>, local: Option<SocketAddr>) -> io::Result<Vec<SocketAddr>> {
    let Some(local) = local else { return Ok(addresses) };
    let is_other = |address: &SocketAddr| address.is_ipv4() != local.is_ipv4();
    if !addresses.is_empty() && addresses.iter().all(is_other) {
        let why = format!("{TRIED} {} from {local}, which is of the other family", list(&addresses));
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    addresses.retain(|address| !is_other(address));
    Ok(addresses)
}

/// Lets the families take turns, beginning with that of the first; else the order stays.
fn take_turns(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addresses.first().map(SocketAddr::is_ipv4) else { return addresses };
    if addresses.iter().all(|address| address.is_ipv4() == first) {
        return addresses;
    }
    let (one, other): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|address| address.is_ipv4() == first);
    let longer = one.len().max(other.len());
    (0..longer).flat_map(|at| one.get(at).into_iter().chain(other.get(at))).copied().collect()
}

fn list(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(", ")
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("resolve", &self.resolve)
            .field("racing", &self.racing)
            .field("left", &self.left.as_slice())
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_and_keep_their_order() {
        let [a, b, c] = [1, 2, 3].map(|n| SocketAddr::from(([127, 0, 0, n], 1)));
        let [x, y] = [1, 2].map(|n| SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, n], 1)));
        assert_eq!(take_turns(vec![x, y, a, b, c]), [x, a, y, b, c]);
        assert_eq!(take_turns(vec![a, b, c, x]), [a, x, b, c]);
        assert_eq!(take_turns(vec![c, a, b]), [c, a, b]);
        assert_eq!(take_turns(vec![]), []);
    }
}
