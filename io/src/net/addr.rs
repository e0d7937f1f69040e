//! What can be connected to or listened on, and how it becomes socket addresses.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::context;
use crate::waiting::{self, Kind};

/// Something that names one or several socket addresses: a [`SocketAddr`], `"host:port"`, `("host", port)` and the
/// like. Addresses written as numbers are understood in place; names are looked up by the runtime, off its workers.
pub trait ToSocketAddrs {
    /// The addresses, perhaps after a look-up.
    fn to_socket_addrs(&self) -> Resolve;
}

/// The addresses on their way: the future that [`ToSocketAddrs`] gives.
#[must_use = "futures do nothing unless awaited"]
pub struct Resolve(State);

enum State {
    One(SocketAddr),
    Known(io::Result<Vec<SocketAddr>>),
    Name(String, u16),
    LookUp(String, Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>),
    Done,
}

impl Resolve {
    /// An address that is known.
    pub fn one(address: SocketAddr) -> Resolve {
        Resolve(State::One(address))
    }

    /// The address, where there is exactly one and it is known. Spares those who need no list the list.
    pub(super) fn as_one(&self) -> Option<SocketAddr> {
        match self.0 {
            State::One(address) => Some(address),
            _ => None,
        }
    }

    /// Addresses that are known.
    pub fn known(addresses: Vec<SocketAddr>) -> Resolve {
        Resolve(State::Known(Ok(addresses)))
    }

    /// A host, by number or by name, and a port.
    pub fn host(host: &str, port: u16) -> Resolve {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        match bare.parse::<IpAddr>() {
            Ok(ip) => Resolve::one(SocketAddr::new(ip, port)),
            Err(_) => Resolve(State::Name(host.to_owned(), port)),
        }
    }

    /// The name that is to be looked up; `None` where the address was given as a number.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match &self.0 {
            State::Name(host, _) | State::LookUp(host, _) => Some(host),
            State::One(_) | State::Known(_) | State::Done => None,
        }
    }

    /// `"host:port"`.
    pub fn host_and_port(text: &str) -> Resolve {
        if let Ok(address) = text.parse() {
            return Resolve::one(address);
        }
        match text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?))) {
            Some((host, port)) if !host.is_empty() => Resolve::host(host, port),
            _ => {
                let why = format!("{text:?} is no address: expected \"host:port\"");
                Resolve(State::Known(Err(io::Error::new(io::ErrorKind::InvalidInput, why))))
            }
        }
    }
}

/// Looks up the addresses of a host: `"host:port"`, `("host", port)` and whatever else names some.
///
/// At least one comes back, in the order of the system's preference. Lookups have threads of their own, a few for each
/// runtime; the rest wait in order. The end of a run waits for none.
///
/// # Errors
/// The system's, with the host in its text; `InvalidInput` for what is no address; `Other` if it has to wait on a thread
/// without a raddle runtime.
///
/// # Cancel safety
/// A lookup that is not under way yet is given up; another one goes on, and its result is dropped.
///
/// # Examples
/// ```no_run
/// # async fn look_up() -> std::io::Result<()> {
/// # use raddle_io::net::lookup_host;
/// for address in lookup_host("example.org:443").await? {
///     println!("{address}");
/// }
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn lookup_host(host: impl ToSocketAddrs) -> Resolve {
    host.to_socket_addrs()
}

impl Future for Resolve {
    type Output = io::Result<Vec<SocketAddr>>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let caller = Location::caller();
        loop {
            match std::mem::replace(&mut self.0, State::Done) {
                State::One(address) => return Poll::Ready(Ok(vec![address])),
                State::Known(result) => return Poll::Ready(result),
                State::Name(host, port) => {
                    let resolve = context::current_or_error()?.resolve;
                    self.0 = State::LookUp(host.clone(), resolve(host, port));
                }
                State::LookUp(host, mut look_up) => {
                    let Poll::Ready(result) = look_up.as_mut().poll(cx) else {
                        self.0 = State::LookUp(host, look_up);
                        waiting::note(Kind::Lookup, 0, caller);
                        return Poll::Pending;
                    };
                    return Poll::Ready(
                        match result {
                            Ok(addresses) if addresses.is_empty() => Err(io::ErrorKind::NotFound.into()),
                            other => other,
                        }
                        .map_err(|error| at("cannot look up", &host, error)),
                    );
                }
                State::Done => panic!("a Resolve is not polled after it was ready"),
            }
        }
    }
}

impl fmt::Debug for Resolve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            State::One(address) => f.debug_tuple("Resolve").field(address).finish(),
            State::Known(result) => f.debug_tuple("Resolve").field(result).finish(),
            State::Name(host, _) | State::LookUp(host, _) => f.debug_tuple("Resolve").field(host).finish(),
            State::Done => f.write_str("Resolve(done)"),
        }
    }
}

macro_rules! known {
    ($($of:ty => |$this:ident| $resolve:expr;)*) => {$(
        impl ToSocketAddrs for $of {
            fn to_socket_addrs(&self) -> Resolve {
                let $this = self;
                $resolve
            }
        }
    )*};
}

known! {
    SocketAddr => |this| Resolve::one(*this);
    SocketAddrV4 => |this| Resolve::one(SocketAddr::V4(*this));
    SocketAddrV6 => |this| Resolve::one(SocketAddr::V6(*this));
    (IpAddr, u16) => |this| Resolve::one(SocketAddr::new(this.0, this.1));
    (Ipv4Addr, u16) => |this| Resolve::one(SocketAddr::from(*this));
    (Ipv6Addr, u16) => |this| Resolve::one(SocketAddr::from(*this));
    [SocketAddr] => |this| Resolve::known(this.to_vec());
    Vec<SocketAddr> => |this| Resolve::known(this.clone());
}

impl ToSocketAddrs for str {
    fn to_socket_addrs(&self) -> Resolve {
        Resolve::host_and_port(self)
    }
}

impl ToSocketAddrs for String {
    fn to_socket_addrs(&self) -> Resolve {
        Resolve::host_and_port(self)
    }
}

impl ToSocketAddrs for (&str, u16) {
    fn to_socket_addrs(&self) -> Resolve {
        Resolve::host(self.0, self.1)
    }
}

impl ToSocketAddrs for (String, u16) {
    fn to_socket_addrs(&self) -> Resolve {
        Resolve::host(&self.0, self.1)
    }
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {
    fn to_socket_addrs(&self) -> Resolve {
        (**self).to_socket_addrs()
    }
}

/// An error of the kernel with what was tried where: "cannot listen on 127.0.0.1:80: Permission denied".
#[derive(Debug)]
struct AtAddress {
    tried: &'static str,
    at: String,
    error: io::Error,
}

impl fmt::Display for AtAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.tried, self.at, self.error)
    }
}

impl Error for AtAddress {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

/// Says what was tried where; the kind of the error stays.
pub(super) fn at(tried: &'static str, at: impl fmt::Display, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), AtAddress { tried, at: at.to_string(), error })
}

/// What an empty list of addresses leads to.
pub(super) fn no_address(tried: &'static str) -> io::Error {
    at(tried, "an empty list of addresses", io::ErrorKind::InvalidInput.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    fn now(mut resolve: Resolve) -> io::Result<Vec<SocketAddr>> {
        match Pin::new(&mut resolve).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result,
            Poll::Pending => panic!("{resolve:?} should be known"),
        }
    }

    #[test]
    fn literals_resolve_in_place_without_a_runtime() {
        let v4: SocketAddr = "127.0.0.1:80".parse().unwrap();
        let v6: SocketAddr = "[::1]:80".parse().unwrap();
        assert_eq!(now("127.0.0.1:80".to_socket_addrs()).unwrap(), [v4]);
        assert_eq!(now(String::from("[::1]:80").to_socket_addrs()).unwrap(), [v6]);
        assert_eq!(now(("::1", 80).to_socket_addrs()).unwrap(), [v6]);
        assert_eq!(now((String::from("127.0.0.1"), 80).to_socket_addrs()).unwrap(), [v4]);
        assert_eq!(now([v4, v6][..].to_socket_addrs()).unwrap(), [v4, v6]);
        assert_eq!(now((&&v4).to_socket_addrs()).unwrap(), [v4]);
        assert_eq!(now((v4.ip(), 80).to_socket_addrs()).unwrap(), [v4]);
    }

    #[test]
    fn a_name_is_known_until_it_is_looked_up() {
        assert_eq!("localhost:80".to_socket_addrs().name(), Some("localhost"));
        assert_eq!(("example.org", 443).to_socket_addrs().name(), Some("example.org"));
        assert_eq!("[::1]:80".to_socket_addrs().name(), None);
    }

    #[test]
    fn what_is_no_address_says_so() {
        for text in ["localhost", "host:port", ":80", "host:99999"] {
            let error = now(text.to_socket_addrs()).unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
        }
        assert!(now("localhost:80".to_socket_addrs()).unwrap_err().to_string().contains("no raddle runtime"));
    }
}
