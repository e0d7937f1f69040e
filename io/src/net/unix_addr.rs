//! Addresses of Unix sockets: std's for those who use them, the kernel's for the calls that std would make blocking.

use std::fmt;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::path::Path;

use rustix::net::{SocketAddrAny, SocketAddrUnix};

use super::unix_stream::UnixStream;

/// What the kernel takes for this address.
pub(super) fn to_kernel(address: &SocketAddr) -> io::Result<SocketAddrUnix> {
    if let Some(path) = address.as_pathname() {
        return Ok(SocketAddrUnix::new(path)?);
    }
    match address.as_abstract_name() {
        Some(name) => Ok(SocketAddrUnix::new_abstract_name(name)?),
        None => Err(io::Error::new(io::ErrorKind::InvalidInput, "expected a path or an abstract name")),
    }
}

/// What `accept` learned of the peer. Most have no name, and then no system call is needed to say so. The names of others
/// are left to std: the longest path that the kernel allows comes without its end, which not every reader expects.
pub(super) fn of_peer(stream: &UnixStream, peer: Option<SocketAddrAny>) -> io::Result<SocketAddr> {
    match peer {
        Some(peer) if peer.addr_len() > FAMILY_LEN => stream.peer_addr().or_else(|_| SocketAddr::from_pathname("")),
        _ => SocketAddr::from_pathname(""),
    }
}

/// What an address is long that has no name.
const FAMILY_LEN: u32 = 2;

/// An address as errors name it.
pub(super) struct Shown<'a>(pub(super) &'a SocketAddr);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = self.0.as_pathname() {
            return write!(f, "{}", path.display());
        }
        match self.0.as_abstract_name() {
            Some(name) => write!(f, "@{}", name.escape_ascii()),
            None => f.write_str("a socket without a name"),
        }
    }
}

/// The address of a path, or an error that names it.
pub(super) fn of_path(tried: &'static str, path: &Path) -> io::Result<SocketAddr> {
    let address = match path.as_os_str().is_empty() {
        true => Err(io::Error::new(io::ErrorKind::InvalidInput, "expected a path, which is not empty")),
        false => SocketAddr::from_pathname(path),
    };
    address.map_err(|error| super::addr::at(tried, format_args!("{path:?}"), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_reach_the_kernel_as_they_are() {
        let path = SocketAddr::from_pathname("/run/some.socket").unwrap();
        assert_eq!(to_kernel(&path).unwrap().path_bytes(), Some(&b"/run/some.socket"[..]));
        assert_eq!(Shown(&path).to_string(), "/run/some.socket");
        let name = SocketAddr::from_abstract_name(b"hidden\0\xff").unwrap();
        assert_eq!(to_kernel(&name).unwrap().abstract_name(), name.as_abstract_name());
        assert_eq!(Shown(&name).to_string(), r"@hidden\x00\xff");
        let unnamed = SocketAddr::from_pathname("").unwrap();
        assert!(unnamed.is_unnamed() && to_kernel(&unnamed).is_err());
    }
}
