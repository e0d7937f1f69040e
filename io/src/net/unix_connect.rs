//! Connecting to a Unix socket.
//!
//! There is no handshake: the kernel connects at once, or says why not. One of its reasons is that the listener's
//! backlog is full, and then it tells nobody when there is room again: neither epoll nor poll knows. So that one is
//! waited for by the clock: 1 ms, twice as long each time, up to 50 ms.

use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use super::addr::at;
use super::unix_addr::{Shown, to_kernel};
use super::unix_stream::UnixStream;
use crate::context;
use crate::sleep::{Sleep, sleep};

pub(super) const TRIED: &str = "cannot connect to";

const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// The future of [`UnixStream::connect`] and [`UnixStream::connect_addr`].
#[must_use = "futures do nothing unless awaited"]
pub struct UnixConnect {
    /// Where to; `None` once that is known to be nowhere.
    address: io::Result<SocketAddr>,
    pause: Option<Sleep>,
    next_pause: Duration,
}

impl UnixConnect {
    pub(super) fn new(address: io::Result<SocketAddr>) -> UnixConnect {
        UnixConnect { address, pause: None, next_pause: FIRST_PAUSE }
    }
}

impl Future for UnixConnect {
    type Output = io::Result<UnixStream>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let address = match &mut this.address {
            Ok(address) => address,
            Err(error) => return Poll::Ready(Err(std::mem::replace(error, io::ErrorKind::InvalidInput.into()))),
        };
        loop {
            if let Some(pausing) = &mut this.pause {
                ready!(Pin::new(pausing).poll(cx));
                this.pause = None;
            }
            match connect(address) {
                Ok(socket) => return Poll::Ready(Ok(UnixStream::from_nonblocking(socket.into()))),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // Without one, sleep would panic.
                    context::current_or_error()?;
                    this.pause = Some(sleep(this.next_pause));
                    this.next_pause = (this.next_pause * 2).min(LONGEST_PAUSE);
                }
                Err(error) => return Poll::Ready(Err(at(TRIED, Shown(address), error))),
            }
        }
    }
}

fn connect(address: &SocketAddr) -> io::Result<OwnedFd> {
    let address = to_kernel(address)?;
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    loop {
        match rustix::net::connect(&socket, &address) {
            Ok(()) => return Ok(socket),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

impl fmt::Debug for UnixConnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnixConnect")
            .field("address", &self.address)
            .field("pause", &self.pause)
            .finish_non_exhaustive()
    }
}
