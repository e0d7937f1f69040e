//! A socket that accepts TCP connections.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::net::SocketAddrAny;
use socket2::{Domain, Protocol, Socket, Type};

use super::accept::{self, Accept, Acceptor, Listen};
use super::addr::{Resolve, ToSocketAddrs, at, no_address};
use super::tcp_stream::TcpStream;

/// How many connections may wait to be accepted: as many as Linux allows since 5.4 if nobody says otherwise. It is a
/// limit and takes no memory. Where it is reached, a client tries again after a second, or is reset in the end.
const BACKLOG: i32 = 4096;

type Accepted = (TcpStream, SocketAddr);

/// A socket that accepts TCP connections.
///
/// Several tasks may accept on one listener; each gets its turn.
pub struct TcpListener {
    acceptor: Acceptor<std::net::TcpListener>,
}

impl TcpListener {
    /// Listens on the first address that can be had; all that are given are tried in order. Port 0 takes a free one.
    ///
    /// The address may be in use by connections that are closing (`SO_REUSEADDR`). Up to 4,096 connections, or what the
    /// system allows, wait to be accepted. For another number, several listeners on one port and the like see
    /// [`TcpSocket`](super::TcpSocket).
    ///
    /// # Errors
    /// That of the last attempt, with the address in its text; `InvalidInput` for what is no address.
    #[track_caller]
    pub fn bind(address: impl ToSocketAddrs) -> Bind {
        Bind { resolve: address.to_socket_addrs() }
    }

    /// Takes a socket that is non-blocking already.
    fn from_nonblocking(socket: std::net::TcpListener) -> TcpListener {
        TcpListener { acceptor: Acceptor::new(socket) }
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
        Accept::new(self)
    }

    /// As [`TcpListener::accept`], for poll functions: one task at a time.
    ///
    /// # Errors
    /// As [`TcpListener::accept`].
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        accept::poll_accept(self, cx)
    }

    /// The address that is listened on.
    ///
    /// # Errors
    /// The kernel's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.acceptor.socket().local_addr()
    }

    /// The socket without raddle. It is non-blocking still.
    ///
    /// # Errors
    /// None at present.
    pub fn into_std(self) -> io::Result<std::net::TcpListener> {
        Ok(self.acceptor.into_inner())
    }
}

impl Listen for TcpListener {
    type Socket = std::net::TcpListener;
    type Accepted = Accepted;

    fn acceptor(&self) -> &Acceptor<std::net::TcpListener> {
        &self.acceptor
    }

    fn accepted(stream: OwnedFd, peer: Option<SocketAddrAny>) -> io::Result<Accepted> {
        let peer = peer.ok_or(io::ErrorKind::InvalidData)?;
        Ok((TcpStream::from(stream), SocketAddr::try_from(peer)?))
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
        self.acceptor.socket().as_fd()
    }
}

impl AsRawFd for TcpListener {
    fn as_raw_fd(&self) -> RawFd {
        self.acceptor.socket().as_raw_fd()
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.acceptor.socket().fmt(f)
    }
}
