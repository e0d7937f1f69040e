//! A Unix socket that accepts connections.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::task::{Context, Poll};

use rustix::net::SocketAddrAny;

use super::accept::{self, Accept, Acceptor, Listen};
use super::addr::at;
use super::unix_addr::{self, Shown};
use super::unix_stream::UnixStream;

const TRIED: &str = "cannot listen on";

type Accepted = (UnixStream, SocketAddr);

/// A Unix socket that accepts connections.
///
/// Several tasks may accept on one listener; each gets its turn. Dropping it leaves the file at its path, since another
/// process may have put its own there in the meantime.
///
/// # Examples
/// ```
/// use raddle::{UnixListener, UnixStream};
///
/// # fn main() -> std::io::Result<()> {
/// # let directory = std::env::temp_dir().join(format!("raddle-listener-{}", std::process::id()));
/// # std::fs::create_dir_all(&directory)?;
/// # let path = directory.join("socket");
/// # let result = // What follows is an example, and not how to clean up.
/// raddle::run(async {
///     let listener = UnixListener::bind(&path)?;
///     let mut client = UnixStream::connect(&path).await?;
///     let (server, _) = listener.accept().await?;
///     client.write_all(b"hello").await?;
///     let mut got = [0; 5];
///     assert_eq!(server.read(&mut got).await?, 5);
///     Ok(())
/// })
/// # ;
/// # std::fs::remove_dir_all(&directory)?;
/// # result
/// # }
/// ```
pub struct UnixListener {
    acceptor: Acceptor<std::os::unix::net::UnixListener>,
}

impl UnixListener {
    /// Listens at a path, at which there must be nothing yet. There is no name to be looked up, so nothing to await.
    ///
    /// # Errors
    /// `AddrInUse` if there is something, a socket that nobody listens on included; `InvalidInput` for a path that is
    /// too long or empty; else the kernel's. All name the path.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixListener> {
        UnixListener::bind_addr(&unix_addr::of_path(TRIED, path.as_ref())?)
    }

    /// Listens at an address, for instance an abstract one, which needs no file.
    ///
    /// # Errors
    /// As [`UnixListener::bind`].
    pub fn bind_addr(address: &SocketAddr) -> io::Result<UnixListener> {
        std::os::unix::net::UnixListener::bind_addr(address)
            .and_then(UnixListener::try_from)
            .map_err(|error| at(TRIED, Shown(address), error))
    }

    /// Takes a socket that is non-blocking already.
    fn from_nonblocking(socket: std::os::unix::net::UnixListener) -> UnixListener {
        UnixListener { acceptor: Acceptor::new(socket) }
    }

    /// Waits for a connection. The address is the client's, who seldom has one.
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
    pub fn accept(&self) -> Accept<'_, UnixListener> {
        Accept::new(self)
    }

    /// As [`UnixListener::accept`], for poll functions: one task at a time.
    ///
    /// # Errors
    /// As [`UnixListener::accept`].
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
    pub fn into_std(self) -> io::Result<std::os::unix::net::UnixListener> {
        Ok(self.acceptor.into_inner())
    }
}

impl Listen for UnixListener {
    type Socket = std::os::unix::net::UnixListener;
    type Accepted = Accepted;

    fn acceptor(&self) -> &Acceptor<std::os::unix::net::UnixListener> {
        &self.acceptor
    }

    fn accepted(stream: OwnedFd, peer: Option<SocketAddrAny>) -> io::Result<Accepted> {
        let stream = UnixStream::from(stream);
        let peer = unix_addr::of_peer(&stream, peer)?;
        Ok((stream, peer))
    }
}

impl TryFrom<std::os::unix::net::UnixListener> for UnixListener {
    type Error = io::Error;

    /// Makes the socket non-blocking and takes it.
    fn try_from(socket: std::os::unix::net::UnixListener) -> io::Result<UnixListener> {
        socket.set_nonblocking(true)?;
        Ok(UnixListener::from_nonblocking(socket))
    }
}

/// The fd must be that of a listening Unix stream socket and non-blocking; a blocking one would block its worker.
impl From<OwnedFd> for UnixListener {
    fn from(fd: OwnedFd) -> UnixListener {
        UnixListener::from_nonblocking(fd.into())
    }
}

impl AsFd for UnixListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.acceptor.socket().as_fd()
    }
}

impl AsRawFd for UnixListener {
    fn as_raw_fd(&self) -> RawFd {
        self.acceptor.socket().as_raw_fd()
    }
}

impl fmt::Debug for UnixListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.acceptor.socket().fmt(f)
    }
}
