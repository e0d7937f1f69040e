//! The attacker's end of a connection: a plain socket with small buffers, or TLS over one.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use raddle::tls::rustls::pki_types::ServerName;
use raddle::tls::rustls::{ClientConfig, ClientConnection, StreamOwned};
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with, sockopt};

use super::target::PATIENCE;
use crate::tls_support;

/// What the kernel keeps for an attacker that does not read is small, so that the server feels it soon.
const SMALL: usize = 4 * 1024;

/// A connection whose end is known to be hostile.
pub(crate) enum Wire {
    Plain(TcpStream),
    Secured(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// How a connection is ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Reset,
    /// It writes no more, and stays.
    HalfClose,
    /// Without a farewell of TLS, and with bytes unread, if there are any.
    Close,
}

impl Wire {
    pub(crate) fn plain(address: SocketAddr) -> io::Result<Wire> {
        // Else a server that is started meanwhile would inherit it, and it would stay open when it is closed here.
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        sockopt::set_socket_recv_buffer_size(&socket, SMALL)?;
        sockopt::set_socket_send_buffer_size(&socket, SMALL)?;
        use_small_segments(&socket)?;
        connect(&socket, &address)?;
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Wire::Plain(stream))
    }

    /// With the handshake behind it.
    pub(crate) fn secured(address: SocketAddr, config: &Arc<ClientConfig>) -> io::Result<Wire> {
        let Wire::Plain(mut stream) = Wire::plain(address)? else { unreachable!("it was made plain") };
        let mut tls = session(config);
        while tls.is_handshaking() {
            tls.complete_io(&mut stream)?;
        }
        Ok(Wire::Secured(Box::new(StreamOwned::new(tls, stream))))
    }

    /// With half of the client's last flight said.
    pub(crate) fn half_secured(address: SocketAddr, config: &Arc<ClientConfig>) -> io::Result<Wire> {
        let Wire::Plain(mut stream) = Wire::plain(address)? else { unreachable!("it was made plain") };
        let (mut tls, mut flight) = (session(config), Vec::new());
        tls.write_tls(&mut stream)?;
        while tls.is_handshaking() {
            tls.read_tls(&mut stream)?;
            tls.process_new_packets().map_err(io::Error::other)?;
        }
        tls.write_tls(&mut flight)?;
        stream.write_all(&flight[..flight.len() / 2])?;
        Ok(Wire::Plain(stream))
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        match self {
            Wire::Plain(stream) => stream,
            Wire::Secured(stream) => &stream.sock,
        }
    }

    pub(crate) fn end(self, end: End) -> Option<Wire> {
        match end {
            End::Reset => sockopt::set_socket_linger(self.socket(), Some(Duration::ZERO)).unwrap(),
            End::HalfClose => {
                // The server may have closed it already.
                let _ = self.socket().shutdown(Shutdown::Write);
                return Some(self);
            }
            End::Close => {}
        }
        None
    }
}

impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(stream) => stream.read(into),
            Wire::Secured(stream) => stream.read(into),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(stream) => stream.write(bytes),
            Wire::Secured(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Wire::Plain(stream) => stream.flush(),
            Wire::Secured(stream) => stream.flush(),
        }
    }
}

/// The kernel lets a server send ahead as many segments as it always does; they are 64 KiB each on the loopback.
#[expect(unsafe_code, reason = "rustix does not have this option")]
fn use_small_segments(socket: &impl AsRawFd) -> io::Result<()> {
    let size: libc::c_int = 536;
    let length = size_of_val(&size) as libc::socklen_t;
    // SAFETY: the option's value is an int, which lives throughout the call.
    match unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_MAXSEG, (&raw const size).cast(), length)
    } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// What a client begins a handshake with.
pub(crate) fn client_hello() -> Vec<u8> {
    let mut hello = Vec::new();
    session(&tls_support::client_config()).write_tls(&mut hello).unwrap();
    hello
}

fn session(config: &Arc<ClientConfig>) -> ClientConnection {
    ClientConnection::new(config.clone(), ServerName::try_from("localhost").unwrap()).unwrap()
}
