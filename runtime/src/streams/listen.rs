//! The sockets of a server.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use raddle_io::net::{TcpListener, TcpSocket, UnixListener};
use rustix::net::{Shutdown, shutdown};

use super::transport::Transport;

/// What a server accepts on.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener, SocketAddr),
    Unix(UnixListener, UnixFile),
}

/// The file of a Unix socket.
#[derive(Debug)]
pub(super) struct UnixFile {
    path: PathBuf,
    /// Which one it is: somebody else's may be there by now.
    inode: Option<u64>,
}

/// How a server listens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    pub(super) backlog: u32,
    /// So many sockets for each address, among which the kernel shares the connections out.
    pub(super) sockets: usize,
}

impl Listener {
    /// Listens on all of the addresses, as asyncio does; what the machine does not have is passed by.
    pub(super) fn bind_all(addresses: &[SocketAddr], options: Options) -> io::Result<Vec<Listener>> {
        let (mut listeners, mut missing) = (Vec::new(), None);
        for address in addresses {
            match bind_one(*address, options) {
                Ok(bound) => listeners.extend(bound),
                Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => missing = Some(error),
                Err(error) => return Err(error),
            }
        }
        match missing {
            Some(error) if listeners.is_empty() => Err(error),
            _ => Ok(listeners),
        }
    }

    /// Listens at a path. The file of a socket that is there already is replaced.
    pub(super) fn bind_path(path: &Path) -> io::Result<Listener> {
        let is_socket = fs::symlink_metadata(path).is_ok_and(|there| there.file_type().is_socket());
        if is_socket {
            fs::remove_file(path)?;
        }
        let listener = UnixListener::bind(path)?;
        let inode = fs::symlink_metadata(path).ok().map(|there| there.ino());
        Ok(Listener::Unix(listener, UnixFile { path: path.to_owned(), inode }))
    }

    /// The address, if it is one of the internet.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        match self {
            Listener::Tcp(_, address) => Some(*address),
            Listener::Unix(..) => None,
        }
    }

    /// What it is called in reports.
    pub(super) fn name(&self) -> String {
        match self {
            Listener::Tcp(_, address) => address.to_string(),
            Listener::Unix(_, file) => file.path.display().to_string(),
        }
    }

    /// Waits for a connection. Gives its transport, and who it is for reports.
    pub(super) async fn accept(&self) -> io::Result<(Transport, String)> {
        match self {
            Listener::Tcp(listener, _) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Transport::tcp(stream), peer.to_string()))
            }
            Listener::Unix(listener, file) => {
                let (stream, _) = listener.accept().await?;
                Ok((Transport::Unix(stream), format!("a client at {}", file.path.display())))
            }
        }
    }

    /// Stops listening, also for who holds it still: connecting is refused from here on.
    pub(super) fn stop(&self) {
        // Nothing to fail that would matter: it does not listen, then.
        let _ = match self {
            Listener::Tcp(listener, _) => shutdown(listener, Shutdown::Both),
            Listener::Unix(listener, file) => {
                file.remove();
                shutdown(listener, Shutdown::Both)
            }
        };
    }
}

impl UnixFile {
    fn remove(&self) {
        let there = fs::symlink_metadata(&self.path).ok().map(|there| there.ino());
        if there.is_some() && there == self.inode {
            // Somebody else may have done so meanwhile.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A socket for the address, or several; with port 0 all have the same.
fn bind_one(mut address: SocketAddr, options: Options) -> io::Result<Vec<Listener>> {
    let mut listeners = Vec::new();
    for _ in 0..options.sockets.max(1) {
        let listener = listen(address, options)?;
        address = listener.local_addr()?;
        listeners.push(Listener::Tcp(listener, address));
    }
    Ok(listeners)
}

fn listen(address: SocketAddr, options: Options) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    // What comes later names the address itself.
    let named = |error: io::Error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"));
    let socket = socket.map_err(named)?;
    socket.set_reuse_address(true)?;
    if options.sockets > 1 {
        socket.set_reuse_port(true)?;
    }
    if address.is_ipv6() {
        // The other family has a socket of its own.
        socket.set_only_v6(true)?;
    }
    socket.bind(address)?;
    socket.listen(options.backlog)
}
