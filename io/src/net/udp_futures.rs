//! The futures of UDP sockets: one datagram each.
//!
//! Each makes its syscall inside the poll that returns what it brought, so one that is dropped while it waits has sent
//! or received nothing.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use socket2::{Domain, Protocol, Socket, Type};

use super::addr::{Resolve, at, no_address};
use super::udp_socket::{self, UdpSocket};
use crate::evented::Operation;
use crate::readiness::Direction;

type DatagramOperation<'a> = Operation<'a, std::net::UdpSocket>;

macro_rules! datagrams {
    ($($(#[$meta:meta])* $name:ident -> $value:ty, $buffer:ident: $type:ty, $direction:ident, $attempt:path;)*) => {$(
        $(#[$meta])*
        #[must_use = "futures do nothing unless awaited"]
        pub struct $name<'a> {
            operation: DatagramOperation<'a>,
            $buffer: $type,
        }

        impl<'a> $name<'a> {
            #[track_caller]
            pub(super) fn new(socket: &'a UdpSocket, $buffer: $type) -> $name<'a> {
                $name { operation: socket.evented.operation(Direction::$direction, 1), $buffer }
            }
        }

        impl Future for $name<'_> {
            type Output = io::Result<$value>;

            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
                let this = &mut *self;
                this.operation.poll(cx, |socket| $attempt(socket, this.$buffer))
            }
        }

        impl fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).field("operation", &self.operation).finish_non_exhaustive()
            }
        }
    )*};
}

datagrams! {
    /// The future of [`UdpSocket::send`].
    UdpSend -> usize, datagram: &'a [u8], Write, udp_socket::send;
    /// The future of [`UdpSocket::recv`].
    UdpRecv -> usize, buffer: &'a mut [u8], Read, udp_socket::receive;
    /// The future of [`UdpSocket::recv_from`].
    UdpRecvFrom -> (usize, SocketAddr), buffer: &'a mut [u8], Read, udp_socket::receive_from;
    /// The future of [`UdpSocket::peek`].
    UdpPeek -> usize, buffer: &'a mut [u8], Read, udp_socket::peek;
    /// The future of [`UdpSocket::peek_from`].
    UdpPeekFrom -> (usize, SocketAddr), buffer: &'a mut [u8], Read, udp_socket::peek_from;
}

/// The future of [`UdpSocket::send_to`].
#[must_use = "futures do nothing unless awaited"]
pub struct UdpSendTo<'a> {
    socket: &'a UdpSocket,
    operation: DatagramOperation<'a>,
    datagram: &'a [u8],
    to: To,
}

#[derive(Debug)]
enum To {
    Address(SocketAddr),
    Resolve(Resolve),
}

impl<'a> UdpSendTo<'a> {
    #[track_caller]
    pub(super) fn new(socket: &'a UdpSocket, datagram: &'a [u8], resolve: Resolve) -> UdpSendTo<'a> {
        let to = resolve.as_one().map_or_else(|| To::Resolve(resolve), To::Address);
        UdpSendTo { socket, operation: socket.evented.operation(Direction::Write, 1), datagram, to }
    }
}

impl Future for UdpSendTo<'_> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        const TRIED: &str = "cannot send to";
        let this = &mut *self;
        let to = match &mut this.to {
            To::Address(address) => *address,
            To::Resolve(resolve) => {
                let addresses = ready!(Pin::new(resolve).poll(cx))?;
                let address = pick(this.socket, &addresses)?.ok_or_else(|| no_address(TRIED))?;
                this.to = To::Address(address);
                address
            }
        };
        let sent = ready!(this.operation.poll(cx, |socket| udp_socket::send_to(socket, this.datagram, to)));
        Poll::Ready(sent.map_err(|error| at(TRIED, to, error)))
    }
}

impl fmt::Debug for UdpSendTo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpSendTo").field("to", &self.to).finish_non_exhaustive()
    }
}

/// The first address of the socket's own family, or, if there is none, the first: the kernel may know better.
fn pick(socket: &UdpSocket, addresses: &[SocketAddr]) -> io::Result<Option<SocketAddr>> {
    let is_ipv4 = socket.local_addr()?.is_ipv4();
    let own = addresses.iter().find(|address| address.is_ipv4() == is_ipv4);
    Ok(own.or_else(|| addresses.first()).copied())
}

/// The future of [`UdpSocket::bind`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct UdpBind {
    resolve: Resolve,
}

impl UdpBind {
    #[track_caller]
    pub(super) fn new(resolve: Resolve) -> UdpBind {
        UdpBind { resolve }
    }
}

impl Future for UdpBind {
    type Output = io::Result<UdpSocket>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let addresses = ready!(Pin::new(&mut self.resolve).poll(cx))?;
        Poll::Ready(try_each("cannot bind to", addresses, bind).map(UdpSocket::from_nonblocking))
    }
}

fn bind(address: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// The future of [`UdpSocket::connect`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct UdpConnect<'a> {
    socket: &'a UdpSocket,
    resolve: Resolve,
}

impl<'a> UdpConnect<'a> {
    #[track_caller]
    pub(super) fn new(socket: &'a UdpSocket, resolve: Resolve) -> UdpConnect<'a> {
        UdpConnect { socket, resolve }
    }
}

impl Future for UdpConnect<'_> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let addresses = ready!(Pin::new(&mut self.resolve).poll(cx))?;
        let socket = self.socket.socket();
        // Connecting a datagram socket only notes the address, so it does not block.
        Poll::Ready(try_each("cannot connect to", addresses, |address| socket.connect(address)))
    }
}

/// The first that succeeds, or the error of the last.
fn try_each<R>(
    tried: &'static str,
    addresses: Vec<SocketAddr>,
    mut attempt: impl FnMut(SocketAddr) -> io::Result<R>,
) -> io::Result<R> {
    let mut failed = None;
    for address in addresses {
        match attempt(address) {
            Ok(result) => return Ok(result),
            Err(error) => failed = Some(at(tried, address, error)),
        }
    }
    Err(failed.unwrap_or_else(|| no_address(tried)))
}
