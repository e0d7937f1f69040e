//! A TCP socket before it listens or connects: the place for what has to be said before.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

use super::addr::at;
use super::connect::Attempt;
use super::tcp_listener::TcpListener;
use super::tcp_stream::TcpStream;

/// A TCP socket that neither listens nor is connected yet.
///
/// For what [`TcpStream::connect`] and [`TcpListener::bind`] do not offer. Options are kept by the connection, and by
/// those that the listener accepts.
///
/// # Examples
/// ```
/// # fn listen() -> std::io::Result<()> {
/// use raddle_io::net::TcpSocket;
///
/// // One listener per worker, on one port: the kernel deals the connections out.
/// let first = TcpSocket::new_v4()?;
/// first.set_reuse_port(true)?;
/// first.bind("127.0.0.1:0".parse().unwrap())?;
/// let first = first.listen(1024)?;
///
/// let second = TcpSocket::new_v4()?;
/// second.set_reuse_port(true)?;
/// second.bind(first.local_addr()?)?;
/// let second = second.listen(1024)?;
/// # assert_eq!(first.local_addr()?, second.local_addr()?);
/// # Ok(())
/// # }
/// # listen().unwrap();
/// ```
pub struct TcpSocket {
    socket: Socket,
}

impl TcpSocket {
    /// A socket for IPv4.
    ///
    /// # Errors
    /// The kernel's, usually that the process or the system has too many open files.
    pub fn new_v4() -> io::Result<TcpSocket> {
        TcpSocket::new(Domain::IPV4)
    }

    /// A socket for IPv6, and for IPv4 as well unless [`set_only_v6`](TcpSocket::set_only_v6) says otherwise or the
    /// system does.
    ///
    /// # Errors
    /// As [`TcpSocket::new_v4`].
    pub fn new_v6() -> io::Result<TcpSocket> {
        TcpSocket::new(Domain::IPV6)
    }

    fn new(domain: Domain) -> io::Result<TcpSocket> {
        Ok(TcpSocket { socket: Socket::new(domain, Type::STREAM.nonblocking(), Some(Protocol::TCP))? })
    }

    /// Takes an address for this side. Port 0 takes a free one.
    ///
    /// # Errors
    /// The kernel's, with the address in its text.
    pub fn bind(&self, address: SocketAddr) -> io::Result<()> {
        self.socket.bind(&address.into()).map_err(|error| at("cannot bind to", address, error))
    }

    /// Listens. Up to `backlog` connections wait to be accepted (or what the system allows, if that is less).
    ///
    /// # Errors
    /// The kernel's, with the address in its text.
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
        match self.socket.listen(backlog) {
            Ok(()) => Ok(TcpListener::from(OwnedFd::from(self.socket))),
            Err(error) => Err(match self.local_addr() {
                Ok(address) => at("cannot listen on", address, error),
                Err(_) => error,
            }),
        }
    }

    /// Connects.
    ///
    /// # Errors
    /// The kernel's, with the address in its text; `Other` if it has to wait on a thread without a raddle runtime.
    ///
    /// # Cancel safety
    /// Dropping the future closes the socket.
    #[track_caller]
    pub fn connect(self, address: SocketAddr) -> ConnectSocket {
        ConnectSocket { address, stage: Stage::Fresh(self) }
    }

    /// The address of this side.
    ///
    /// # Errors
    /// The kernel's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        let address = self.socket.local_addr()?;
        address
            .as_socket()
            .ok_or_else(|| io::Error::other(format!("the socket's address is no IP address: {address:?}")))
    }
}

macro_rules! options {
    ($($(#[$meta:meta])* $get:ident as $inner:ident, $(#[$set_meta:meta])* $set:ident as $set_inner:ident: $type:ty;)*) => {
        impl TcpSocket {$(
            $(#[$meta])*
            ///
            /// # Errors
            /// The kernel's.
            pub fn $get(&self) -> io::Result<$type> {
                self.socket.$inner()
            }

            $(#[$set_meta])*
            ///
            /// # Errors
            /// The kernel's.
            pub fn $set(&self, value: $type) -> io::Result<()> {
                self.socket.$set_inner(value)
            }
        )*}
    };
}

options! {
    /// Whether an address may be taken that connections which are closing still use.
    reuse_address as reuse_address,
    /// Says whether an address may be taken that connections which are closing still use. [`TcpListener::bind`] does
    /// so; here it is off unless said otherwise.
    set_reuse_address as set_reuse_address: bool;
    /// Whether several sockets may listen on one port.
    reuse_port as reuse_port,
    /// Says whether several sockets may listen on one port: the kernel deals the connections out. All of them have to
    /// say so.
    set_reuse_port as set_reuse_port: bool;
    /// Whether an IPv6 socket leaves IPv4 alone.
    only_v6 as only_v6,
    /// Says whether an IPv6 socket leaves IPv4 alone.
    set_only_v6 as set_only_v6: bool;
    /// Whether small writes are sent at once.
    nodelay as tcp_nodelay,
    /// Sends small writes at once instead of waiting for more.
    set_nodelay as set_tcp_nodelay: bool;
    /// Whether the kernel asks a silent peer whether it is still there.
    keepalive as keepalive,
    /// Says whether the kernel asks a silent peer whether it is still there; if it is not, the connection fails.
    set_keepalive as set_keepalive: bool;
    /// How long a peer may be silent before it is asked.
    keepalive_time as tcp_keepalive_time,
    /// Says how long a peer may be silent before it is asked, in whole seconds, and that it is asked.
    set_keepalive_time as set_keepalive_time: Duration;
    /// How long an answer may take before the question is repeated.
    keepalive_interval as tcp_keepalive_interval,
    /// Says how long an answer may take before the question is repeated, in whole seconds, and that it is asked.
    set_keepalive_interval as set_keepalive_interval: Duration;
    /// How many questions may stay without an answer.
    keepalive_retries as tcp_keepalive_retries,
    /// Says how many questions may stay without an answer, and that they are asked.
    set_keepalive_retries as set_keepalive_retries: u32;
    /// How long what was sent may stay without an answer; `None` leaves it to the system, which gives up after a quarter
    /// of an hour or so.
    user_timeout as user_timeout,
    /// Says how long what was sent may stay without an answer (`TCP_USER_TIMEOUT`); after that the connection fails with
    /// `TimedOut`. Keepalive asks a silent peer where there is nothing to be sent.
    set_user_timeout as set_user_timeout: Option<Duration>;
    /// How many bytes the kernel buffers for sending.
    send_buffer_size as send_buffer_size,
    /// Says how many bytes the kernel buffers for sending. Linux doubles the figure, for its own needs.
    set_send_buffer_size as set_send_buffer_size: usize;
    /// How many bytes the kernel buffers that were received.
    recv_buffer_size as recv_buffer_size,
    /// Says how many bytes the kernel buffers that were received. Linux doubles the figure, for its own needs.
    set_recv_buffer_size as set_recv_buffer_size: usize;
    /// What happens to unsent bytes when the socket is closed: see [`TcpStream::set_linger`].
    linger as linger,
    /// Says what happens to unsent bytes when the socket is closed: see [`TcpStream::set_linger`].
    set_linger as set_linger: Option<Duration>;
    /// The type of service in the header of each packet: IPv6's traffic class.
    tos as tos,
    /// Says what the type of service in the header of each packet is: IPv6's traffic class.
    set_tos as set_tos: u32;
}

/// What socket2 has under several names, or with more parts.
trait MoreOptions {
    fn set_keepalive_time(&self, time: Duration) -> io::Result<()>;
    fn set_keepalive_interval(&self, interval: Duration) -> io::Result<()>;
    fn set_keepalive_retries(&self, retries: u32) -> io::Result<()>;
    fn user_timeout(&self) -> io::Result<Option<Duration>>;
    fn set_user_timeout(&self, time: Option<Duration>) -> io::Result<()>;
    fn tos(&self) -> io::Result<u32>;
    fn set_tos(&self, tos: u32) -> io::Result<()>;
}

impl MoreOptions for Socket {
    fn set_keepalive_time(&self, time: Duration) -> io::Result<()> {
        self.set_tcp_keepalive(&TcpKeepalive::new().with_time(time))
    }

    fn set_keepalive_interval(&self, interval: Duration) -> io::Result<()> {
        self.set_tcp_keepalive(&TcpKeepalive::new().with_interval(interval))
    }

    fn set_keepalive_retries(&self, retries: u32) -> io::Result<()> {
        self.set_tcp_keepalive(&TcpKeepalive::new().with_retries(retries))
    }

    fn user_timeout(&self) -> io::Result<Option<Duration>> {
        self.tcp_user_timeout()
    }

    fn set_user_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        self.set_tcp_user_timeout(time)
    }

    fn tos(&self) -> io::Result<u32> {
        if self.domain()? == Domain::IPV6 { self.tclass_v6() } else { self.tos_v4() }
    }

    fn set_tos(&self, tos: u32) -> io::Result<()> {
        if self.domain()? == Domain::IPV6 { self.set_tclass_v6(tos) } else { self.set_tos_v4(tos) }
    }
}

/// The future of [`TcpSocket::connect`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct ConnectSocket {
    address: SocketAddr,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Fresh(TcpSocket),
    Trying(Attempt),
    Done,
}

impl Future for ConnectSocket {
    type Output = io::Result<TcpStream>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let connected = loop {
            match std::mem::replace(&mut this.stage, Stage::Done) {
                Stage::Fresh(TcpSocket { socket }) => match Attempt::start(socket.into(), this.address) {
                    Ok(attempt) => this.stage = Stage::Trying(attempt),
                    Err(error) => break Err(error),
                },
                Stage::Trying(attempt) => {
                    let Poll::Ready(result) = attempt.poll(cx) else {
                        this.stage = Stage::Trying(attempt);
                        return Poll::Pending;
                    };
                    break result.map(|()| attempt.into_stream());
                }
                Stage::Done => panic!("a ConnectSocket is not polled after it was ready"),
            }
        };
        Poll::Ready(connected.map_err(|error| at("cannot connect to", this.address, error)))
    }
}

/// The fd must be that of a TCP socket that is not connected, and non-blocking; a blocking one would block its worker.
impl From<OwnedFd> for TcpSocket {
    fn from(fd: OwnedFd) -> TcpSocket {
        TcpSocket { socket: fd.into() }
    }
}

impl From<TcpSocket> for OwnedFd {
    fn from(socket: TcpSocket) -> OwnedFd {
        socket.socket.into()
    }
}

impl AsFd for TcpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for TcpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl fmt::Debug for TcpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpSocket").field("addr", &self.local_addr().ok()).field("fd", &self.as_raw_fd()).finish()
    }
}
