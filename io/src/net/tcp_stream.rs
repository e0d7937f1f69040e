//! A TCP connection.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Shutdown, SocketAddr};
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;

use super::addr::ToSocketAddrs;
use super::byte_stream::ByteStream;
use super::connect::Connect;
use super::split::{self, OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use super::transfer::{Peek, Read, ReadVectored, Write, WriteVectored};
use super::whole::{ReadExact, WriteAll};
use crate::evented::Progress;
use crate::readiness::Direction;

/// A TCP connection.
///
/// Operations that move bytes once take `&self`: several tasks may read or write one stream, and each gets its turn.
/// Those that loop take `&mut self`, since two of them at once would mix their bytes.
///
/// A stream belongs to no runtime. The first operation that has to wait registers it with the worker it is polled on.
pub struct TcpStream {
    pub(super) bytes: ByteStream<std::net::TcpStream>,
}

impl TcpStream {
    /// Connects to the first address that answers.
    ///
    /// Where there are several, the families take turns, and the next one is tried when an attempt has failed or has had
    /// 250 ms ("happy eyeballs", RFC 8305). The first to succeed wins; the others are closed. Options are set on what this
    /// returns: [`Connect::happy_eyeballs`], [`Connect::local_addr`]. For those of the socket see
    /// [`TcpSocket`](super::TcpSocket).
    ///
    /// # Errors
    /// That of the attempt that failed last, with all addresses in its text; `InvalidInput` for what is no address.
    ///
    /// # Cancel safety
    /// Dropping the future closes the attempts under way.
    #[track_caller]
    pub fn connect(address: impl ToSocketAddrs) -> Connect {
        Connect::new(address.to_socket_addrs())
    }

    /// Takes a socket that is non-blocking already.
    pub(super) fn from_nonblocking(socket: std::net::TcpStream) -> TcpStream {
        TcpStream { bytes: ByteStream::new(socket) }
    }

    pub(super) fn socket(&self) -> &std::net::TcpStream {
        self.bytes.socket()
    }

    /// Reads some bytes: at least one, unless the peer has closed its side (0) or the buffer is empty (0).
    ///
    /// # Errors
    /// The connection's; `Other` if it has to wait on a thread without a raddle runtime.
    ///
    /// # Cancel safety
    /// A future that is dropped has read nothing.
    #[track_caller]
    pub fn read<'a>(&'a self, buffer: &'a mut [u8]) -> Read<'a> {
        Read::new(&self.bytes, buffer)
    }

    /// As [`TcpStream::read`], into several buffers one after the other.
    ///
    /// # Errors
    /// As [`TcpStream::read`].
    ///
    /// # Cancel safety
    /// A future that is dropped has read nothing.
    #[track_caller]
    pub fn read_vectored<'a>(&'a self, buffers: &'a mut [IoSliceMut<'a>]) -> ReadVectored<'a> {
        ReadVectored::new(&self.bytes, buffers)
    }

    /// As [`TcpStream::read`], but leaves the bytes where they are.
    ///
    /// # Errors
    /// As [`TcpStream::read`].
    ///
    /// # Cancel safety
    /// Nothing is read in any case.
    #[track_caller]
    pub fn peek<'a>(&'a self, buffer: &'a mut [u8]) -> Peek<'a> {
        Peek::new(&self.bytes, buffer)
    }

    /// Fills the whole buffer.
    ///
    /// # Errors
    /// `UnexpectedEof` if the peer closes its side before; else as [`TcpStream::read`].
    ///
    /// # Cancel safety
    /// Nothing is lost: what was read before the future is dropped goes back to the stream, and the next read begins
    /// with it. See [`ReadExact`] for how to keep it.
    #[track_caller]
    pub fn read_exact<'a>(&'a mut self, buffer: &'a mut [u8]) -> ReadExact<'a> {
        ReadExact::new(&self.bytes, buffer)
    }

    /// Writes some bytes and says how many.
    ///
    /// # Errors
    /// `BrokenPipe` or `ConnectionReset` if the peer is gone (no SIGPIPE comes); `Other` if it has to wait on a thread
    /// without a raddle runtime.
    ///
    /// # Cancel safety
    /// A future that is dropped has written nothing.
    #[track_caller]
    pub fn write<'a>(&'a self, buffer: &'a [u8]) -> Write<'a> {
        Write::new(&self.bytes, buffer)
    }

    /// As [`TcpStream::write`], from several buffers one after the other.
    ///
    /// # Errors
    /// As [`TcpStream::write`].
    ///
    /// # Cancel safety
    /// A future that is dropped has written nothing.
    #[track_caller]
    pub fn write_vectored<'a>(&'a self, buffers: &'a [IoSlice<'a>]) -> WriteVectored<'a> {
        WriteVectored::new(&self.bytes, buffers)
    }

    /// Writes the whole buffer.
    ///
    /// # Errors
    /// As [`TcpStream::write`].
    ///
    /// # Cancel safety
    /// Some bytes may have been written before the future is dropped. Whoever has to know how many polls `&mut` the
    /// future, and asks [`WriteAll::written`].
    #[track_caller]
    pub fn write_all<'a>(&'a mut self, buffer: &'a [u8]) -> WriteAll<'a> {
        WriteAll::new(&self.bytes, buffer)
    }

    /// Reads what is there without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if there is nothing; else as [`TcpStream::read`].
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.bytes.try_read(buffer)
    }

    /// Writes what there is room for without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if there is no room; else as [`TcpStream::write`].
    pub fn try_write(&self, buffer: &[u8]) -> io::Result<usize> {
        self.bytes.try_write(buffer)
    }

    /// Closes one side or both. After `Shutdown::Write` the peer reads the end of the stream; reading goes on.
    ///
    /// # Errors
    /// `NotConnected` if the peer has reset the connection.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket().shutdown(how)
    }

    /// Whether small writes are sent at once.
    ///
    /// # Errors
    /// The kernel's.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.socket().nodelay()
    }

    /// Sends small writes at once instead of waiting for more.
    ///
    /// # Errors
    /// The kernel's.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.socket().set_nodelay(nodelay)
    }

    /// How many hops a packet may take.
    ///
    /// # Errors
    /// The kernel's.
    pub fn ttl(&self) -> io::Result<u32> {
        self.socket().ttl()
    }

    /// Says how many hops a packet may take.
    ///
    /// # Errors
    /// The kernel's.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.socket().set_ttl(ttl)
    }

    /// What happens to unsent bytes when the stream is closed: see [`TcpStream::set_linger`].
    ///
    /// # Errors
    /// The kernel's.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        SockRef::from(self.socket()).linger()
    }

    /// `None`: the kernel sends what is left after the close. `Some(zero)`: it throws it away and resets the
    /// connection. Another duration makes the close wait, on the thread that drops the stream.
    ///
    /// # Errors
    /// The kernel's.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        SockRef::from(self.socket()).set_linger(linger)
    }

    /// The address of the other side.
    ///
    /// # Errors
    /// `NotConnected` if there is none any more.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket().peer_addr()
    }

    /// The address of this side.
    ///
    /// # Errors
    /// The kernel's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket().local_addr()
    }

    /// Lends the two directions out separately.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        split::borrowed(self)
    }

    /// Takes the two directions apart, for two tasks. Dropping the write half closes that direction.
    #[must_use]
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        split::owned(self)
    }

    /// The socket without raddle. It is non-blocking still. What a dropped `read_exact` gave back is not in it: read
    /// that before.
    ///
    /// # Errors
    /// None at present.
    pub fn into_std(self) -> io::Result<std::net::TcpStream> {
        Ok(self.bytes.into_inner())
    }

    /// Ready when a connect under way has come to its end.
    pub(super) fn poll_connected(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.bytes.evented.poll_operation(cx, Direction::Write, 1, |socket| {
            if let Some(error) = socket.take_error()? {
                return Err(error);
            }
            match socket.peer_addr() {
                Ok(_) => Ok(Progress::some(())),
                Err(error) if error.kind() == io::ErrorKind::NotConnected => Err(io::ErrorKind::WouldBlock.into()),
                Err(error) => Err(error),
            }
        })
    }
}
