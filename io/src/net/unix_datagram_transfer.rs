//! The futures that move datagrams between Unix sockets.
//!
//! A datagram goes straight into the receiver's queue, which holds few. If it is full, a sender that is connected to the
//! receiver hears from epoll when there is room. One that is not hears nothing: its own socket is writable all the
//! while. So `send_to` waits by the clock.

use std::fmt;
use std::future::Future;
use std::io;
use std::os::unix::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::net::SendFlags;

use super::addr::at;
use super::pause::Pause;
use super::unix_addr::{Shown, to_kernel};
use super::unix_datagram::{StdDatagram, UnixDatagram};
use crate::budget;
use crate::evented::{Operation, Progress};
use crate::readiness::Direction;

pub(super) const TRIED: &str = "cannot send to";

pub(super) fn send(socket: &StdDatagram, datagram: &[u8]) -> io::Result<Progress<usize>> {
    Ok(Progress::some(rustix::net::send(socket, datagram, SendFlags::NOSIGNAL)?))
}

pub(super) fn receive(socket: &StdDatagram, buffer: &mut [u8]) -> io::Result<Progress<usize>> {
    socket.recv(buffer).map(Progress::some)
}

pub(super) fn receive_from(socket: &StdDatagram, buffer: &mut [u8]) -> io::Result<Progress<(usize, SocketAddr)>> {
    socket.recv_from(buffer).map(Progress::some)
}

pub(super) fn poll_send_to(
    socket: &UnixDatagram,
    cx: &mut Context<'_>,
    pause: &mut Pause,
    datagram: &[u8],
    address: &SocketAddr,
) -> Poll<io::Result<usize>> {
    ready!(budget::poll_remaining(cx));
    let polled = pause.poll_attempts(cx, || {
        let address = to_kernel(address)?;
        Ok(rustix::net::sendto(socket, datagram, SendFlags::NOSIGNAL, &address)?)
    });
    let sent = ready!(polled).map_err(|error| at(TRIED, Shown(address), error));
    budget::take(1);
    Poll::Ready(sent)
}

macro_rules! transfers {
    ($($(#[$meta:meta])* $name:ident, $buffer:ident: $type:ty => $output:ty, $direction:ident, $attempt:path;)*) => {$(
        $(#[$meta])*
        #[must_use = "futures do nothing unless awaited"]
        pub struct $name<'a> {
            operation: Operation<'a, StdDatagram>,
            $buffer: $type,
        }

        impl<'a> $name<'a> {
            #[track_caller]
            pub(super) fn new(socket: &'a UnixDatagram, $buffer: $type) -> $name<'a> {
                $name { operation: socket.evented.operation(Direction::$direction, 1), $buffer }
            }
        }

        impl Future for $name<'_> {
            type Output = io::Result<$output>;

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

transfers! {
    /// The future of [`UnixDatagram::send`].
    UnixSend, datagram: &'a [u8] => usize, Write, send;
    /// The future of [`UnixDatagram::recv`].
    UnixRecv, buffer: &'a mut [u8] => usize, Read, receive;
    /// The future of [`UnixDatagram::recv_from`].
    UnixRecvFrom, buffer: &'a mut [u8] => (usize, SocketAddr), Read, receive_from;
}

/// The future of [`UnixDatagram::send_to`] and [`UnixDatagram::send_to_addr`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct UnixSendTo<'a> {
    socket: &'a UnixDatagram,
    datagram: &'a [u8],
    /// Where to, or why that is nowhere.
    address: io::Result<SocketAddr>,
    pause: Pause,
}

impl<'a> UnixSendTo<'a> {
    #[track_caller]
    pub(super) fn new(socket: &'a UnixDatagram, datagram: &'a [u8], address: io::Result<SocketAddr>) -> UnixSendTo<'a> {
        UnixSendTo { socket, datagram, address, pause: Pause::default() }
    }
}

impl Future for UnixSendTo<'_> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let UnixSendTo { socket, datagram, address, pause } = &mut *self;
        match address {
            Ok(address) => poll_send_to(socket, cx, pause, datagram, address),
            Err(error) => Poll::Ready(Err(std::mem::replace(error, io::ErrorKind::InvalidInput.into()))),
        }
    }
}
