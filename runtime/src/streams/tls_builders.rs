//! The options of TLS, of those who connect and of servers.

use std::time::Duration;

use super::open::OpenConnection;
use super::server::StartServer;
use crate::shim::Arc;

/// With the feature `tls`.
impl OpenConnection {
    /// Secures the connection: awaiting it goes through the handshake, too. `raddle::tls` has helpers that make such a
    /// configuration.
    ///
    /// Errors are then also those of [`start_tls`](super::start_tls).
    pub fn tls(mut self, config: Arc<rustls::ClientConfig>) -> OpenConnection {
        self.tls.side = Some(config.into());
        self
    }

    /// The name, or the IP address, that the server's certificate must be for: the host of the address unless said
    /// otherwise.
    pub fn server_hostname(mut self, name: &str) -> OpenConnection {
        self.tls.server_hostname = Some(name.to_owned());
        self
    }

    /// How long the handshake may take: 60 seconds unless said otherwise.
    pub fn tls_handshake_timeout(mut self, limit: Duration) -> OpenConnection {
        self.tls.handshake_timeout = limit;
        self
    }

    /// How long the farewell may take when the connection is closed, the peer's answer included: 30 seconds unless said
    /// otherwise. After that the connection is closed without.
    pub fn tls_shutdown_timeout(mut self, limit: Duration) -> OpenConnection {
        self.tls.shutdown_timeout = limit;
        self
    }
}

/// With the feature `tls`.
impl<H> StartServer<H> {
    /// Secures every connection. The handshake is part of the connection's own task: one that takes its time keeps
    /// nobody else waiting, and the handler begins after it. One that fails is reported to
    /// [`on_exception`](crate::Runner::on_exception) with the peer's address, unless the peer has just gone away.
    /// `raddle::tls` has helpers that make such a configuration.
    pub fn tls(mut self, config: Arc<rustls::ServerConfig>) -> StartServer<H> {
        self.tls.side = Some(config.into());
        self
    }

    /// How long a handshake may take: 60 seconds unless said otherwise.
    pub fn tls_handshake_timeout(mut self, limit: Duration) -> StartServer<H> {
        self.tls.handshake_timeout = limit;
        self
    }

    /// How long the farewell may take when a connection is closed, the peer's answer included: 30 seconds unless said
    /// otherwise. After that the connection is closed without.
    pub fn tls_shutdown_timeout(mut self, limit: Duration) -> StartServer<H> {
        self.tls.shutdown_timeout = limit;
        self
    }
}
