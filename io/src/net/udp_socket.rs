//! A UDP socket.
//!
//! # Datagrams are not a stream
//!
//! Each receive takes one datagram off the socket, whatever the size of its buffer, and what it brought says nothing
//! about whether there are more. So an operation never concludes from a small datagram that the socket is empty, as
//! one on a stream would: only would-block says so. An empty buffer is no reason to do nothing either: it takes, or
//! sends, a whole datagram.
//!
//! An error is not the end. An ICMP message that came back for an earlier datagram makes one operation fail, and then
//! the socket goes on: would-block, which follows the error, takes the readiness away.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use super::addr::ToSocketAddrs;
use super::udp_futures::{UdpBind, UdpConnect, UdpPeek, UdpPeekFrom, UdpRecv, UdpRecvFrom, UdpSend, UdpSendTo};
use crate::evented::{Evented, Progress};
use crate::readiness::Direction::{Read, Write};

/// A UDP socket.
///
/// All operations take `&self`: several tasks may send and receive on one socket, and each gets its turn. There is
/// nothing to split: share it in an `Arc`.
///
/// **A datagram that is longer than the buffer loses its end**: the buffer is filled and the rest is gone. 65,535 bytes
/// hold any.
///
/// **Errors of the network** (nobody listens on the port, say) come back later, and only to a socket that is
/// [connected](UdpSocket::connect): they make the next send or receive fail once, with `ConnectionRefused` for
/// instance. A server that should live on ignores them.
///
/// A socket belongs to no runtime. The first operation that has to wait registers it with the worker it is polled on.
///
/// # Examples
/// ```no_run
/// # async fn echo() -> std::io::Result<()> {
/// # use raddle_io::net::UdpSocket;
/// let socket = UdpSocket::bind("127.0.0.1:7").await?;
/// let mut buffer = [0; 1500];
/// loop {
///     let (count, from) = socket.recv_from(&mut buffer).await?;
///     socket.send_to(&buffer[..count], from).await?;
/// }
/// # }
/// ```
pub struct UdpSocket {
    pub(super) evented: Evented<std::net::UdpSocket>,
}

impl UdpSocket {
    /// Takes the first address that can be had; all that are given are tried in order. Port 0 takes a free one.
    ///
    /// # Errors
    /// That of the last attempt, with the address in its text; `InvalidInput` for what is no address.
    ///
    /// # Cancel safety
    /// A future that is dropped has taken no address.
    #[track_caller]
    pub fn bind(address: impl ToSocketAddrs) -> UdpBind {
        UdpBind::new(address.to_socket_addrs())
    }

    /// Says whom [`send`](UdpSocket::send) sends to. From then on only that peer's datagrams are received, and errors
    /// of the network are. All addresses that are given are tried in order; nothing is sent.
    ///
    /// # Errors
    /// That of the last attempt, with the address in its text; `InvalidInput` for what is no address.
    ///
    /// # Cancel safety
    /// A future that is dropped has changed nothing.
    #[track_caller]
    pub fn connect(&self, address: impl ToSocketAddrs) -> UdpConnect<'_> {
        UdpConnect::new(self, address.to_socket_addrs())
    }

    /// Takes a socket that is non-blocking already.
    pub(super) fn from_nonblocking(socket: std::net::UdpSocket) -> UdpSocket {
        UdpSocket { evented: Evented::new(socket) }
    }

    pub(super) fn socket(&self) -> &std::net::UdpSocket {
        self.evented.get()
    }

    /// Sends a datagram to the peer. Waits while the kernel has no room for it.
    ///
    /// # Errors
    /// One of the network, for an earlier datagram; the kernel's, if the datagram is too long (`EMSGSIZE`) or nobody was
    /// connected to; `Other` if it has to wait on a thread without a raddle runtime.
    ///
    /// # Cancel safety
    /// A future that is dropped has sent nothing.
    #[track_caller]
    pub fn send<'a>(&'a self, datagram: &'a [u8]) -> UdpSend<'a> {
        UdpSend::new(self, datagram)
    }

    /// Sends a datagram to an address: of several, to the first of the socket's own family.
    ///
    /// # Errors
    /// As [`UdpSocket::send`], with the address in its text; `InvalidInput` for what is no address.
    ///
    /// # Cancel safety
    /// A future that is dropped has sent nothing.
    #[track_caller]
    pub fn send_to<'a>(&'a self, datagram: &'a [u8], to: impl ToSocketAddrs) -> UdpSendTo<'a> {
        UdpSendTo::new(self, datagram, to.to_socket_addrs())
    }

    /// Receives a datagram and says how much of it is in the buffer. If the buffer is too small, the rest is lost.
    ///
    /// # Errors
    /// One of the network, for an earlier datagram; `Other` if it has to wait on a thread without a raddle runtime.
    ///
    /// # Cancel safety
    /// A future that is dropped has received nothing, and passes its turn on to the next task that receives.
    #[track_caller]
    pub fn recv<'a>(&'a self, buffer: &'a mut [u8]) -> UdpRecv<'a> {
        UdpRecv::new(self, buffer)
    }

    /// As [`UdpSocket::recv`], and says from where.
    ///
    /// # Errors
    /// As [`UdpSocket::recv`].
    ///
    /// # Cancel safety
    /// As [`UdpSocket::recv`].
    #[track_caller]
    pub fn recv_from<'a>(&'a self, buffer: &'a mut [u8]) -> UdpRecvFrom<'a> {
        UdpRecvFrom::new(self, buffer)
    }

    /// As [`UdpSocket::recv`], but leaves the datagram where it is: even one that is too long for the buffer is whole
    /// for whoever receives it.
    ///
    /// # Errors
    /// As [`UdpSocket::recv`].
    ///
    /// # Cancel safety
    /// Nothing is taken in any case.
    #[track_caller]
    pub fn peek<'a>(&'a self, buffer: &'a mut [u8]) -> UdpPeek<'a> {
        UdpPeek::new(self, buffer)
    }

    /// As [`UdpSocket::peek`], and says from where.
    ///
    /// # Errors
    /// As [`UdpSocket::recv`].
    ///
    /// # Cancel safety
    /// Nothing is taken in any case.
    #[track_caller]
    pub fn peek_from<'a>(&'a self, buffer: &'a mut [u8]) -> UdpPeekFrom<'a> {
        UdpPeekFrom::new(self, buffer)
    }
}

/// The same without a future: at once or not at all, and for poll functions.
impl UdpSocket {
    /// As [`UdpSocket::send`], without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if there is no room; else as [`UdpSocket::send`].
    pub fn try_send(&self, datagram: &[u8]) -> io::Result<usize> {
        self.evented.try_once(Write, |socket| send(socket, datagram))
    }

    /// As [`UdpSocket::send_to`], without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if there is no room; else as [`UdpSocket::send`].
    pub fn try_send_to(&self, datagram: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.evented.try_once(Write, |socket| send_to(socket, datagram, to))
    }

    /// As [`UdpSocket::recv`], without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if there is no datagram; else as [`UdpSocket::recv`].
    pub fn try_recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.evented.try_once(Read, |socket| receive(socket, buffer))
    }

    /// As [`UdpSocket::recv_from`], without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if there is no datagram; else as [`UdpSocket::recv`].
    pub fn try_recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.evented.try_once(Read, |socket| receive_from(socket, buffer))
    }

    /// As [`UdpSocket::peek`], without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if there is no datagram; else as [`UdpSocket::recv`].
    pub fn try_peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.evented.try_once(Read, |socket| peek(socket, buffer))
    }

    /// As [`UdpSocket::peek_from`], without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if there is no datagram; else as [`UdpSocket::recv`].
    pub fn try_peek_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.evented.try_once(Read, |socket| peek_from(socket, buffer))
    }

    /// As [`UdpSocket::send`], for poll functions: one sending task at a time.
    ///
    /// # Errors
    /// As [`UdpSocket::send`].
    pub fn poll_send(&self, cx: &mut Context<'_>, datagram: &[u8]) -> Poll<io::Result<usize>> {
        self.evented.poll_operation(cx, Write, 1, |socket| send(socket, datagram))
    }

    /// As [`UdpSocket::send_to`], for poll functions: one sending task at a time.
    ///
    /// # Errors
    /// As [`UdpSocket::send`].
    pub fn poll_send_to(&self, cx: &mut Context<'_>, datagram: &[u8], to: SocketAddr) -> Poll<io::Result<usize>> {
        self.evented.poll_operation(cx, Write, 1, |socket| send_to(socket, datagram, to))
    }

    /// As [`UdpSocket::recv`], for poll functions: one receiving task at a time.
    ///
    /// # Errors
    /// As [`UdpSocket::recv`].
    pub fn poll_recv(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.evented.poll_operation(cx, Read, 1, |socket| receive(socket, buffer))
    }

    /// As [`UdpSocket::recv_from`], for poll functions: one receiving task at a time.
    ///
    /// # Errors
    /// As [`UdpSocket::recv`].
    pub fn poll_recv_from(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.evented.poll_operation(cx, Read, 1, |socket| receive_from(socket, buffer))
    }

    /// As [`UdpSocket::peek`], for poll functions: one receiving task at a time.
    ///
    /// # Errors
    /// As [`UdpSocket::recv`].
    pub fn poll_peek(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.evented.poll_operation(cx, Read, 1, |socket| peek(socket, buffer))
    }

    /// As [`UdpSocket::peek_from`], for poll functions: one receiving task at a time.
    ///
    /// # Errors
    /// As [`UdpSocket::recv`].
    pub fn poll_peek_from(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.evented.poll_operation(cx, Read, 1, |socket| peek_from(socket, buffer))
    }
}

pub(super) fn send(socket: &std::net::UdpSocket, datagram: &[u8]) -> io::Result<Progress<usize>> {
    socket.send(datagram).map(Progress::some)
}

pub(super) fn send_to(socket: &std::net::UdpSocket, datagram: &[u8], to: SocketAddr) -> io::Result<Progress<usize>> {
    socket.send_to(datagram, to).map(Progress::some)
}

pub(super) fn receive(socket: &std::net::UdpSocket, buffer: &mut [u8]) -> io::Result<Progress<usize>> {
    socket.recv(buffer).map(Progress::some)
}

pub(super) fn receive_from(
    socket: &std::net::UdpSocket,
    buffer: &mut [u8],
) -> io::Result<Progress<(usize, SocketAddr)>> {
    socket.recv_from(buffer).map(Progress::some)
}

pub(super) fn peek(socket: &std::net::UdpSocket, buffer: &mut [u8]) -> io::Result<Progress<usize>> {
    socket.peek(buffer).map(Progress::some)
}

pub(super) fn peek_from(socket: &std::net::UdpSocket, buffer: &mut [u8]) -> io::Result<Progress<(usize, SocketAddr)>> {
    socket.peek_from(buffer).map(Progress::some)
}
