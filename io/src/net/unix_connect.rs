//! Connecting to a Unix socket.
//!
//! There is no handshake: the kernel connects at once, or says why not. One of its reasons is that the listener's
//! backlog is full, and then it tells nobody when there is room again: neither epoll nor poll knows. So that one is
//! waited for by the clock.

use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use rustix::net::{AddressFamily, SocketFlags, SocketType};

use super::addr::at;
use super::pause::Pause;
use super::unix_addr::{Shown, to_kernel};
use super::unix_stream::UnixStream;

pub(super) const TRIED: &str = "cannot connect to";

/// The future of [`UnixStream::connect`] and [`UnixStream::connect_addr`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct UnixConnect {
    /// Where to, or why that is nowhere.
    address: io::Result<SocketAddr>,
    pause: Pause,
}

impl UnixConnect {
    pub(super) fn new(address: io::Result<SocketAddr>) -> UnixConnect {
        UnixConnect { address, pause: Pause::default() }
    }
}

impl Future for UnixConnect {
    type Output = io::Result<UnixStream>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let UnixConnect { address, pause } = &mut *self;
        let address = match address {
            Ok(address) => address,
            Err(error) => return Poll::Ready(Err(std::mem::replace(error, io::ErrorKind::InvalidInput.into()))),
        };
        pause.poll_attempts(cx, || connect(address)).map(|connected| match connected {
            Ok(socket) => Ok(UnixStream::from(socket)),
            Err(error) => Err(at(TRIED, Shown(address), error)),
        })
    }
}

fn connect(address: &SocketAddr) -> io::Result<OwnedFd> {
    let address = to_kernel(address)?;
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&socket, &address)?;
    Ok(socket)
}
