//! A Unix socket for datagrams.

use std::fmt;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::task::{Context, Poll};

use super::addr::at;
use super::pause::Pause;
use super::unix_addr::{self, Shown};
use super::unix_datagram_transfer::{self as transfer, UnixRecv, UnixRecvFrom, UnixSend, UnixSendTo};
use crate::evented::Evented;
use crate::readiness::Direction;
use crate::shim::Mutex;

pub(super) type StdDatagram = std::os::unix::net::UnixDatagram;

/// A Unix socket for datagrams, which arrive whole, in order and once, or are not sent at all.
///
/// Several tasks may send and receive on one socket; each gets its turn. Dropping it leaves the file at its path.
///
/// # Examples
/// ```
/// use raddle::UnixDatagram;
///
/// # fn main() -> std::io::Result<()> {
/// raddle::run(async {
///     let (one, other) = UnixDatagram::pair()?;
///     one.send(b"first").await?;
///     one.send(b"second").await?;
///     let mut buffer = [0; 16];
///     let count = other.recv(&mut buffer).await?;
///     assert_eq!(&buffer[..count], b"first");
///     let count = other.recv(&mut buffer).await?;
///     assert_eq!(&buffer[..count], b"second");
///     Ok(())
/// })
/// # }
/// ```
pub struct UnixDatagram {
    pub(super) evented: Evented<StdDatagram>,
    /// The pause of `poll_send_to`, which has no future to keep it in.
    polled: Mutex<Pause>,
}

impl UnixDatagram {
    /// A socket at a path, at which there must be nothing yet.
    ///
    /// # Errors
    /// `AddrInUse` if there is something; `InvalidInput` for a path that is too long or empty; else the kernel's. All
    /// name the path.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixDatagram> {
        UnixDatagram::bind_addr(&unix_addr::of_path("cannot bind to", path.as_ref())?)
    }

    /// A socket with an address, for instance an abstract one, which needs no file.
    ///
    /// # Errors
    /// As [`UnixDatagram::bind`].
    pub fn bind_addr(address: &SocketAddr) -> io::Result<UnixDatagram> {
        StdDatagram::bind_addr(address)
            .and_then(UnixDatagram::try_from)
            .map_err(|error| at("cannot bind to", Shown(address), error))
    }

    /// A socket without an address, which can send and not be answered.
    ///
    /// # Errors
    /// The kernel's, usually that the process or the system has too many open files.
    pub fn unbound() -> io::Result<UnixDatagram> {
        UnixDatagram::try_from(StdDatagram::unbound()?)
    }

    /// Two sockets that are connected to each other and have no address.
    ///
    /// # Errors
    /// The kernel's, usually that the process or the system has too many open files.
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (one, other) = StdDatagram::pair()?;
        Ok((UnixDatagram::try_from(one)?, UnixDatagram::try_from(other)?))
    }

    /// Takes a socket that is non-blocking already.
    fn from_nonblocking(socket: StdDatagram) -> UnixDatagram {
        UnixDatagram { evented: Evented::new(socket), polled: Mutex::new(Pause::default()) }
    }

    /// From now on sends to the socket at this path, and receives from it alone. That takes no time.
    ///
    /// # Errors
    /// `NotFound`, `ConnectionRefused` if nobody receives there; else the kernel's. All name the path.
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.connect_addr(&unix_addr::of_path("cannot connect to", path.as_ref())?)
    }

    /// As [`UnixDatagram::connect`], to an address, for instance an abstract one.
    ///
    /// # Errors
    /// As [`UnixDatagram::connect`].
    pub fn connect_addr(&self, address: &SocketAddr) -> io::Result<()> {
        self.evented.get().connect_addr(address).map_err(|error| at("cannot connect to", Shown(address), error))
    }

    /// Sends a datagram to the socket that this one is connected to, and waits until that has room for it.
    ///
    /// # Errors
    /// `NotConnected`; `ConnectionRefused` if the other socket is gone; if the datagram is too long, the kernel's;
    /// `Other` if it has to wait on a thread without a raddle runtime.
    ///
    /// # Cancel safety
    /// A future that is dropped has sent nothing.
    #[track_caller]
    pub fn send<'a>(&'a self, datagram: &'a [u8]) -> UnixSend<'a> {
        UnixSend::new(self, datagram)
    }

    /// Receives a datagram and says how long it is. What does not fit into the buffer is lost.
    ///
    /// # Errors
    /// The kernel's; `Other` if it has to wait on a thread without a raddle runtime.
    ///
    /// # Cancel safety
    /// A future that is dropped has received nothing.
    #[track_caller]
    pub fn recv<'a>(&'a self, buffer: &'a mut [u8]) -> UnixRecv<'a> {
        UnixRecv::new(self, buffer)
    }

    /// Sends a datagram to the socket at this path, and waits until that has room for it.
    ///
    /// # Errors
    /// `NotFound`, `ConnectionRefused` if nobody receives there, `InvalidInput` for a path that is too long or empty:
    /// these name the path. Else as [`UnixDatagram::send`].
    ///
    /// # Cancel safety
    /// A future that is dropped has sent nothing.
    #[track_caller]
    pub fn send_to<'a>(&'a self, datagram: &'a [u8], path: impl AsRef<Path>) -> UnixSendTo<'a> {
        UnixSendTo::new(self, datagram, unix_addr::of_path(transfer::TRIED, path.as_ref()))
    }

    /// As [`UnixDatagram::send_to`], to an address, for instance an abstract one.
    ///
    /// # Errors
    /// As [`UnixDatagram::send_to`].
    ///
    /// # Cancel safety
    /// A future that is dropped has sent nothing.
    #[track_caller]
    pub fn send_to_addr<'a>(&'a self, datagram: &'a [u8], address: &SocketAddr) -> UnixSendTo<'a> {
        UnixSendTo::new(self, datagram, Ok(address.clone()))
    }

    /// As [`UnixDatagram::recv`], and says whom it is from.
    ///
    /// # Errors
    /// As [`UnixDatagram::recv`].
    ///
    /// # Cancel safety
    /// A future that is dropped has received nothing.
    #[track_caller]
    pub fn recv_from<'a>(&'a self, buffer: &'a mut [u8]) -> UnixRecvFrom<'a> {
        UnixRecvFrom::new(self, buffer)
    }

    /// As [`UnixDatagram::send`], for poll functions: one task at a time.
    ///
    /// # Errors
    /// As [`UnixDatagram::send`].
    pub fn poll_send(&self, cx: &mut Context<'_>, datagram: &[u8]) -> Poll<io::Result<usize>> {
        self.evented.poll_operation(cx, Direction::Write, 1, |socket| transfer::send(socket, datagram))
    }

    /// As [`UnixDatagram::recv`], for poll functions: one task at a time.
    ///
    /// # Errors
    /// As [`UnixDatagram::recv`].
    pub fn poll_recv(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.evented.poll_operation(cx, Direction::Read, 1, |socket| transfer::receive(socket, buffer))
    }

    /// As [`UnixDatagram::send_to_addr`], for poll functions: one task at a time.
    ///
    /// # Errors
    /// As [`UnixDatagram::send_to`].
    pub fn poll_send_to(&self, cx: &mut Context<'_>, datagram: &[u8], address: &SocketAddr) -> Poll<io::Result<usize>> {
        let mut pause = std::mem::take(&mut *self.polled.lock());
        let polled = transfer::poll_send_to(self, cx, &mut pause, datagram, address);
        *self.polled.lock() = pause;
        polled
    }

    /// As [`UnixDatagram::recv_from`], for poll functions: one task at a time.
    ///
    /// # Errors
    /// As [`UnixDatagram::recv`].
    pub fn poll_recv_from(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.evented.poll_operation(cx, Direction::Read, 1, |socket| transfer::receive_from(socket, buffer))
    }

    /// Sends a datagram if there is room for it.
    ///
    /// # Errors
    /// `WouldBlock` if there is none; else as [`UnixDatagram::send`].
    pub fn try_send(&self, datagram: &[u8]) -> io::Result<usize> {
        self.evented.try_once(Direction::Write, |socket| transfer::send(socket, datagram))
    }

    /// Receives a datagram if there is one.
    ///
    /// # Errors
    /// `WouldBlock` if there is none; else as [`UnixDatagram::recv`].
    pub fn try_recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.evented.try_once(Direction::Read, |socket| transfer::receive(socket, buffer))
    }

    /// Closes one direction or both.
    ///
    /// # Errors
    /// `NotConnected`.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.evented.get().shutdown(how)
    }

    /// The address of this socket, if it has one.
    ///
    /// # Errors
    /// The kernel's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.evented.get().local_addr()
    }

    /// The address of the socket that this one is connected to.
    ///
    /// # Errors
    /// `NotConnected`.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.evented.get().peer_addr()
    }

    /// The socket without raddle. It is non-blocking still.
    ///
    /// # Errors
    /// None at present.
    pub fn into_std(self) -> io::Result<StdDatagram> {
        Ok(self.evented.into_inner())
    }
}

impl TryFrom<StdDatagram> for UnixDatagram {
    type Error = io::Error;

    /// Makes the socket non-blocking and takes it.
    fn try_from(socket: StdDatagram) -> io::Result<UnixDatagram> {
        socket.set_nonblocking(true)?;
        Ok(UnixDatagram::from_nonblocking(socket))
    }
}

/// The fd must be that of a Unix datagram socket and non-blocking; a blocking one would block its worker.
impl From<OwnedFd> for UnixDatagram {
    fn from(fd: OwnedFd) -> UnixDatagram {
        UnixDatagram::from_nonblocking(fd.into())
    }
}

impl AsFd for UnixDatagram {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.evented.get().as_fd()
    }
}

impl AsRawFd for UnixDatagram {
    fn as_raw_fd(&self) -> RawFd {
        self.evented.get().as_raw_fd()
    }
}

impl fmt::Debug for UnixDatagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.evented.get().fmt(f)
    }
}
