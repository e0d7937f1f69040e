//! Connecting, without waiting for it on the thread.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::vec;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto};

use super::addr::{Resolve, at, no_address};
use super::tcp_stream::TcpStream;

const TRIED: &str = "cannot connect to";

/// The future of [`TcpStream::connect`].
#[must_use = "futures do nothing unless awaited"]
pub struct Connect {
    resolve: Option<Resolve>,
    left: vec::IntoIter<SocketAddr>,
    /// The attempt under way.
    trying: Option<(SocketAddr, TcpStream)>,
    /// Why the last attempt failed.
    failed: Option<io::Error>,
}

impl Connect {
    pub(super) fn new(resolve: Resolve) -> Connect {
        Connect { resolve: Some(resolve), left: Vec::new().into_iter(), trying: None, failed: None }
    }

    /// The name that is to be looked up, before it is; `None` where the address was given as a number.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.resolve.as_ref().and_then(Resolve::name)
    }
}

impl Future for Connect {
    type Output = io::Result<TcpStream>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Some(resolve) = &mut this.resolve {
            let resolved = ready!(Pin::new(resolve).poll(cx));
            this.resolve = None;
            this.left = resolved?.into_iter();
        }
        loop {
            if let Some((address, stream)) = &this.trying {
                let result = ready!(stream.poll_connected(cx));
                let error = result.err().map(|error| at(TRIED, address, error));
                let (_, stream) = this.trying.take().expect("looked at above");
                match error {
                    None => return Poll::Ready(Ok(stream)),
                    Some(error) => this.failed = Some(error),
                }
            }
            let Some(address) = this.left.next() else {
                return Poll::Ready(Err(this.failed.take().unwrap_or_else(|| no_address(TRIED))));
            };
            match start(address) {
                Ok(stream) => this.trying = Some((address, stream)),
                Err(error) => this.failed = Some(at(TRIED, address, error)),
            }
        }
    }
}

fn start(address: SocketAddr) -> io::Result<TcpStream> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
    match rustix::net::connect(&socket, &address) {
        // An interrupted connect goes on by itself, as one in progress does.
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(TcpStream::from_nonblocking(socket.into())),
        Err(error) => Err(error.into()),
    }
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("resolve", &self.resolve)
            .field("trying", &self.trying)
            .field("left", &self.left.as_slice())
            .finish()
    }
}
