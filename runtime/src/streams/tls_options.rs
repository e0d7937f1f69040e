//! How a connection is secured.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};

use crate::shim::Arc;

/// As asyncio's.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(60);
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(30);

/// Which side of a TLS connection this is, and by which rules.
#[derive(Clone)]
#[non_exhaustive]
pub enum TlsSide {
    /// This side asks, and wants to know whom.
    Client(Arc<ClientConfig>),
    /// This side is asked, and shows its certificate.
    Server(Arc<ServerConfig>),
}

impl From<Arc<ClientConfig>> for TlsSide {
    fn from(config: Arc<ClientConfig>) -> TlsSide {
        TlsSide::Client(config)
    }
}

impl From<Arc<ServerConfig>> for TlsSide {
    fn from(config: Arc<ServerConfig>) -> TlsSide {
        TlsSide::Server(config)
    }
}

impl fmt::Debug for TlsSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TlsSide::Client(_) => "Client",
            TlsSide::Server(_) => "Server",
        })
    }
}

#[derive(Clone, Debug)]
pub(super) struct TlsOptions {
    pub(super) side: Option<TlsSide>,
    pub(super) server_hostname: Option<String>,
    pub(super) handshake_timeout: Duration,
    pub(super) shutdown_timeout: Duration,
}

impl Default for TlsOptions {
    fn default() -> TlsOptions {
        TlsOptions {
            side: None,
            server_hostname: None,
            handshake_timeout: HANDSHAKE_TIMEOUT,
            shutdown_timeout: SHUTDOWN_TIMEOUT,
        }
    }
}

impl TlsOptions {
    pub(super) fn of(side: TlsSide) -> TlsOptions {
        TlsOptions { side: Some(side), ..TlsOptions::default() }
    }

    /// A session that has not begun. `peer` is whom a client expects where no name was given.
    pub(super) fn begin(&self, peer: Option<IpAddr>) -> io::Result<rustls::Connection> {
        match self.side.as_ref() {
            Some(TlsSide::Client(config)) => {
                let begun = ClientConnection::new(config.clone(), self.server_name(peer)?);
                begun.map(rustls::Connection::from).map_err(unusable)
            }
            Some(TlsSide::Server(config)) => {
                ServerConnection::new(config.clone()).map(rustls::Connection::from).map_err(unusable)
            }
            None => Err(io::Error::new(io::ErrorKind::InvalidInput, "no TLS configuration was given")),
        }
    }

    fn server_name(&self, peer: Option<IpAddr>) -> io::Result<ServerName<'static>> {
        if let Some(name) = &self.server_hostname {
            return ServerName::try_from(name.clone()).map_err(|_| {
                let text = format!("{name:?} is no server_hostname: expected a host name or an IP address");
                io::Error::new(io::ErrorKind::InvalidInput, text)
            });
        }
        peer.map(ServerName::from).ok_or_else(|| {
            let text = "the peer has no IP address to check its certificate against: give a server_hostname";
            io::Error::new(io::ErrorKind::InvalidInput, text)
        })
    }
}

/// rustls does not accept its configuration.
fn unusable(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}
