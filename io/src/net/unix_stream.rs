//! A connection between two Unix sockets.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::SocketAddr;
use std::path::Path;

use rustix::net::{AddressFamily, SocketFlags, SocketType};

use super::byte_stream::{ByteStream, async_read, async_write};
use super::peer_cred::PeerCred;
use super::split::{self, Duplex, OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use super::transfer::{Peek, Read, ReadVectored, Write, WriteVectored};
use super::unix_addr;
use super::unix_connect::{self, UnixConnect};
use super::whole::{ReadExact, WriteAll};

type StdStream = std::os::unix::net::UnixStream;

/// A connection between two Unix sockets.
///
/// Operations that move bytes once take `&self`: several tasks may read or write one stream, and each gets its turn.
/// Those that loop take `&mut self`, since two of them at once would mix their bytes.
///
/// A stream belongs to no runtime. The first operation that has to wait registers it with the worker it is polled on.
///
/// # Examples
/// ```
/// use raddle::UnixStream;
///
/// # fn main() -> std::io::Result<()> {
/// raddle::run(async {
///     let (mut one, mut other) = UnixStream::pair()?;
///     one.write_all(b"ping").await?;
///     let mut got = [0; 4];
///     other.read_exact(&mut got).await?;
///     assert_eq!(&got, b"ping");
///     assert_eq!(other.peer_cred()?.pid(), Some(std::process::id()));
///     Ok(())
/// })
/// # }
/// ```
pub struct UnixStream {
    bytes: ByteStream<StdStream>,
}

impl UnixStream {
    /// Connects to the socket at a path. If the listener's backlog is full, waits until it is not.
    ///
    /// # Errors
    /// `NotFound`, `ConnectionRefused` if nobody listens, `InvalidInput` for a path that is too long or empty; else the
    /// kernel's. All name the path. `Other` if it has to wait on a thread without a raddle runtime.
    ///
    /// # Cancel safety
    /// A future that is dropped while it waits has connected nothing.
    #[track_caller]
    pub fn connect(path: impl AsRef<Path>) -> UnixConnect {
        UnixConnect::new(unix_addr::of_path(unix_connect::TRIED, path.as_ref()))
    }

    /// As [`UnixStream::connect`], to an address, for instance an abstract one.
    ///
    /// # Errors
    /// As [`UnixStream::connect`].
    ///
    /// # Cancel safety
    /// As [`UnixStream::connect`].
    #[track_caller]
    pub fn connect_addr(address: &SocketAddr) -> UnixConnect {
        UnixConnect::new(Ok(address.clone()))
    }

    /// Two sockets that are connected to each other and have no address.
    ///
    /// # Errors
    /// The kernel's, usually that the process or the system has too many open files.
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let (one, other) = rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        Ok((UnixStream::from(one), UnixStream::from(other)))
    }

    /// Takes a socket that is non-blocking already.
    fn from_nonblocking(socket: StdStream) -> UnixStream {
        UnixStream { bytes: ByteStream::new(socket) }
    }

    fn socket(&self) -> &StdStream {
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
    pub fn read<'a>(&'a self, buffer: &'a mut [u8]) -> Read<'a, StdStream> {
        Read::new(&self.bytes, buffer)
    }

    /// As [`UnixStream::read`], into several buffers one after the other.
    ///
    /// # Errors
    /// As [`UnixStream::read`].
    ///
    /// # Cancel safety
    /// A future that is dropped has read nothing.
    #[track_caller]
    pub fn read_vectored<'a>(&'a self, buffers: &'a mut [IoSliceMut<'a>]) -> ReadVectored<'a, StdStream> {
        ReadVectored::new(&self.bytes, buffers)
    }

    /// As [`UnixStream::read`], but leaves the bytes where they are.
    ///
    /// # Errors
    /// As [`UnixStream::read`].
    ///
    /// # Cancel safety
    /// Nothing is read in any case.
    #[track_caller]
    pub fn peek<'a>(&'a self, buffer: &'a mut [u8]) -> Peek<'a, StdStream> {
        Peek::new(&self.bytes, buffer)
    }

    /// Fills the whole buffer.
    ///
    /// # Errors
    /// `UnexpectedEof` if the peer closes its side before; else as [`UnixStream::read`].
    ///
    /// # Cancel safety
    /// As [`TcpStream::read_exact`](super::TcpStream::read_exact).
    #[track_caller]
    pub fn read_exact<'a>(&'a mut self, buffer: &'a mut [u8]) -> ReadExact<'a, StdStream> {
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
    pub fn write<'a>(&'a self, buffer: &'a [u8]) -> Write<'a, StdStream> {
        Write::new(&self.bytes, buffer)
    }

    /// As [`UnixStream::write`], from several buffers one after the other.
    ///
    /// # Errors
    /// As [`UnixStream::write`].
    ///
    /// # Cancel safety
    /// A future that is dropped has written nothing.
    #[track_caller]
    pub fn write_vectored<'a>(&'a self, buffers: &'a [IoSlice<'a>]) -> WriteVectored<'a, StdStream> {
        WriteVectored::new(&self.bytes, buffers)
    }

    /// Writes the whole buffer.
    ///
    /// # Errors
    /// As [`UnixStream::write`].
    ///
    /// # Cancel safety
    /// As [`TcpStream::write_all`](super::TcpStream::write_all).
    #[track_caller]
    pub fn write_all<'a>(&'a mut self, buffer: &'a [u8]) -> WriteAll<'a, StdStream> {
        WriteAll::new(&self.bytes, buffer)
    }

    /// Reads what is there without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if there is nothing; else as [`UnixStream::read`].
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.bytes.try_read(buffer)
    }

    /// Writes what there is room for without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if there is no room; else as [`UnixStream::write`].
    pub fn try_write(&self, buffer: &[u8]) -> io::Result<usize> {
        self.bytes.try_write(buffer)
    }

    /// Closes one side or both. After `Shutdown::Write` the peer reads the end of the stream; reading goes on.
    ///
    /// # Errors
    /// `NotConnected` if it never was.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket().shutdown(how)
    }

    /// Who the peer is: its process, user and group when it connected, listened or made the pair.
    ///
    /// # Errors
    /// The kernel's.
    pub fn peer_cred(&self) -> io::Result<PeerCred> {
        PeerCred::of(self.socket())
    }

    /// The address of the other side, which has one if it is the listener's.
    ///
    /// # Errors
    /// `NotConnected` if it never was.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket().peer_addr()
    }

    /// The address of this side, which has one if it is the listener's.
    ///
    /// # Errors
    /// The kernel's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket().local_addr()
    }

    /// Lends the two directions out separately.
    pub fn split(&mut self) -> (ReadHalf<'_, UnixStream>, WriteHalf<'_, UnixStream>) {
        split::borrowed(self)
    }

    /// Takes the two directions apart, for two tasks. Dropping the write half closes that direction.
    #[must_use]
    pub fn into_split(self) -> (OwnedReadHalf<UnixStream>, OwnedWriteHalf<UnixStream>) {
        split::owned(self)
    }

    /// The socket without raddle. It is non-blocking still. What a dropped `read_exact` gave back is not in it: read
    /// that before.
    ///
    /// # Errors
    /// None at present.
    pub fn into_std(self) -> io::Result<StdStream> {
        Ok(self.bytes.into_inner())
    }
}

impl Duplex for UnixStream {
    type Socket = StdStream;

    fn bytes(&self) -> &ByteStream<StdStream> {
        &self.bytes
    }

    fn end_writing(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

async_read!([] UnixStream, [] &UnixStream);
async_write!([] UnixStream, [] &UnixStream);

impl TryFrom<StdStream> for UnixStream {
    type Error = io::Error;

    /// Makes the socket non-blocking and takes it.
    fn try_from(socket: StdStream) -> io::Result<UnixStream> {
        socket.set_nonblocking(true)?;
        Ok(UnixStream::from_nonblocking(socket))
    }
}

/// The fd must be that of a Unix stream socket and non-blocking; a blocking one would block its worker.
impl From<OwnedFd> for UnixStream {
    fn from(fd: OwnedFd) -> UnixStream {
        UnixStream::from_nonblocking(fd.into())
    }
}

impl AsFd for UnixStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket().as_fd()
    }
}

impl AsRawFd for UnixStream {
    fn as_raw_fd(&self) -> RawFd {
        self.socket().as_raw_fd()
    }
}

impl fmt::Debug for UnixStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket().fmt(f)
    }
}
