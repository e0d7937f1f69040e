//! The socket that listens.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;

use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};

/// As long a queue as raddle asks for.
const BACKLOG: i32 = 4096;

/// Listens at `HOST:PORT`. What it accepts sends without delay, too: Linux hands that option down.
pub(super) fn bind(addr: &str) -> io::Result<OwnedFd> {
    let nowhere = || io::Error::new(io::ErrorKind::NotFound, format!("{addr} has no address"));
    let addr = addr.to_socket_addrs()?.next().ok_or_else(nowhere)?;
    let family = if addr.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let listener = net::socket_with(family, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_reuseaddr(&listener, true)?;
    sockopt::set_tcp_nodelay(&listener, true)?;
    net::bind(&listener, &addr)?;
    net::listen(&listener, BACKLOG)?;
    Ok(listener)
}

/// Where it listens.
pub(super) fn address(listener: &OwnedFd) -> io::Result<SocketAddr> {
    Ok(net::getsockname(listener)?.try_into()?)
}
