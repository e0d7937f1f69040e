//! The sockets of a server.

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::OwnedFd;

use raddle_io::net::TcpListener;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::transport::Transport;

/// What a server accepts on.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener, SocketAddr),
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

    pub(super) fn address(&self) -> SocketAddr {
        match self {
            Listener::Tcp(_, address) => *address,
        }
    }

    /// Waits for a connection. Gives its transport, and who it is for reports.
    pub(super) async fn accept(&self) -> io::Result<(Transport, String)> {
        match self {
            Listener::Tcp(listener, _) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Transport::Tcp(stream), peer.to_string()))
            }
        }
    }

    /// Stops listening, also for who holds it still: connecting is refused from here on.
    pub(super) fn stop(&self) {
        // Nothing to fail that would matter: it does not listen, then.
        let _ = match self {
            Listener::Tcp(listener, _) => SockRef::from(listener).shutdown(Shutdown::Both),
        };
    }
}

/// A socket for the address, or several; with port 0 all have the same.
fn bind_one(mut address: SocketAddr, options: Options) -> io::Result<Vec<Listener>> {
    let mut listeners = Vec::new();
    for _ in 0..options.sockets.max(1) {
        let listener = listen(address, options)
            .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))?;
        address = listener.address();
        listeners.push(listener);
    }
    Ok(listeners)
}

fn listen(address: SocketAddr, options: Options) -> io::Result<Listener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if options.sockets > 1 {
        socket.set_reuse_port(true)?;
    }
    if address.is_ipv6() {
        // The other family has a socket of its own.
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(options.backlog).unwrap_or(i32::MAX))?;
    let listener = TcpListener::from(OwnedFd::from(socket));
    let address = listener.local_addr()?;
    Ok(Listener::Tcp(listener, address))
}
