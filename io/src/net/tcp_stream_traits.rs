//! The faces that a [`TcpStream`] shows to others: the traits of futures-io, conversions, file descriptors.

use std::fmt;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use super::byte_stream::{ByteStream, async_read, async_write};
use super::split::Duplex;
use super::tcp_stream::TcpStream;

impl Duplex for TcpStream {
    type Socket = std::net::TcpStream;

    fn bytes(&self) -> &ByteStream<std::net::TcpStream> {
        &self.bytes
    }

    fn end_writing(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

async_read!([] TcpStream, [] &TcpStream);
async_write!([] TcpStream, [] &TcpStream);

impl TryFrom<std::net::TcpStream> for TcpStream {
    type Error = io::Error;

    /// Makes the socket non-blocking and takes it.
    fn try_from(socket: std::net::TcpStream) -> io::Result<TcpStream> {
        socket.set_nonblocking(true)?;
        Ok(TcpStream::from_nonblocking(socket))
    }
}

/// The fd must be that of a TCP socket and non-blocking; a blocking one would block its worker.
impl From<OwnedFd> for TcpStream {
    fn from(fd: OwnedFd) -> TcpStream {
        TcpStream::from_nonblocking(fd.into())
    }
}

impl AsFd for TcpStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket().as_fd()
    }
}

impl AsRawFd for TcpStream {
    fn as_raw_fd(&self) -> RawFd {
        self.socket().as_raw_fd()
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket().fmt(f)
    }
}
