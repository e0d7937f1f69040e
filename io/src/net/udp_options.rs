//! What can be asked and said about a UDP socket, and the faces that it shows to others.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use super::udp_socket::UdpSocket;

macro_rules! options {
    ($($(#[$meta:meta])* $get:ident, $(#[$set_meta:meta])* $set:ident: $type:ty;)*) => {
        impl UdpSocket {$(
            $(#[$meta])*
            ///
            /// # Errors
            /// The kernel's.
            pub fn $get(&self) -> io::Result<$type> {
                self.socket().$get()
            }

            $(#[$set_meta])*
            ///
            /// # Errors
            /// The kernel's.
            pub fn $set(&self, value: $type) -> io::Result<()> {
                self.socket().$set(value)
            }
        )*}
    };
}

options! {
    /// Whether datagrams may be sent to a broadcast address.
    broadcast,
    /// Says whether datagrams may be sent to a broadcast address; not unless said so.
    set_broadcast: bool;
    /// How many hops a datagram may take.
    ttl,
    /// Says how many hops a datagram may take.
    set_ttl: u32;
    /// Whether this host receives what this IPv4 socket sends to a group.
    multicast_loop_v4,
    /// Says whether this host receives what this IPv4 socket sends to a group; it does unless said otherwise.
    set_multicast_loop_v4: bool;
    /// Whether this IPv6 socket receives what is sent to a group on this host.
    multicast_loop_v6,
    /// Says whether this IPv6 socket receives what is sent to a group on this host; it does unless said otherwise.
    set_multicast_loop_v6: bool;
    /// How many hops a datagram to an IPv4 group may take.
    multicast_ttl_v4,
    /// Says how many hops a datagram to an IPv4 group may take; 1, this network, unless said otherwise.
    set_multicast_ttl_v4: u32;
}

impl UdpSocket {
    /// Joins an IPv4 group, on the interface with this address; 0.0.0.0 lets the system choose.
    ///
    /// # Errors
    /// The kernel's.
    pub fn join_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.socket().join_multicast_v4(&group, &interface)
    }

    /// Joins an IPv6 group, on the interface with this index; 0 lets the system choose.
    ///
    /// # Errors
    /// The kernel's.
    pub fn join_multicast_v6(&self, group: Ipv6Addr, interface: u32) -> io::Result<()> {
        self.socket().join_multicast_v6(&group, interface)
    }

    /// Leaves a group that [`join_multicast_v4`](UdpSocket::join_multicast_v4) joined.
    ///
    /// # Errors
    /// The kernel's.
    pub fn leave_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.socket().leave_multicast_v4(&group, &interface)
    }

    /// Leaves a group that [`join_multicast_v6`](UdpSocket::join_multicast_v6) joined.
    ///
    /// # Errors
    /// The kernel's.
    pub fn leave_multicast_v6(&self, group: Ipv6Addr, interface: u32) -> io::Result<()> {
        self.socket().leave_multicast_v6(&group, interface)
    }

    /// The address of this side.
    ///
    /// # Errors
    /// The kernel's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket().local_addr()
    }

    /// The address that the socket is connected to.
    ///
    /// # Errors
    /// `NotConnected` if it is not.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket().peer_addr()
    }

    /// Takes an error of the network that no operation has returned yet.
    ///
    /// # Errors
    /// The kernel's.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket().take_error()
    }

    /// The socket without raddle. It is non-blocking still.
    ///
    /// # Errors
    /// None at present.
    pub fn into_std(self) -> io::Result<std::net::UdpSocket> {
        Ok(self.evented.into_inner())
    }
}

impl TryFrom<std::net::UdpSocket> for UdpSocket {
    type Error = io::Error;

    /// Makes the socket non-blocking and takes it.
    fn try_from(socket: std::net::UdpSocket) -> io::Result<UdpSocket> {
        socket.set_nonblocking(true)?;
        Ok(UdpSocket::from_nonblocking(socket))
    }
}

/// The fd must be that of a UDP socket and non-blocking; a blocking one would block its worker.
impl From<OwnedFd> for UdpSocket {
    fn from(fd: OwnedFd) -> UdpSocket {
        UdpSocket::from_nonblocking(fd.into())
    }
}

impl AsFd for UdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket().as_fd()
    }
}

impl AsRawFd for UdpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket().as_raw_fd()
    }
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket().fmt(f)
    }
}
