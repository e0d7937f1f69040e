//! What a writer knows of its TLS session.

use rustls::pki_types::CertificateDer;
use rustls::{CommonState, HandshakeKind, ProtocolVersion};

use super::transport::Transport;
use super::writer::StreamWriter;

/// With the feature `tls`. On a connection without TLS all of these are `None`.
impl StreamWriter {
    /// The certificates that the peer has shown, its own first. A server sees some only where it asks for them.
    pub fn peer_certificates(&self) -> Option<Vec<CertificateDer<'static>>> {
        self.agreed(|agreed| agreed.peer_certificates().map(<[_]>::to_vec)).flatten()
    }

    /// The protocol that both sides have chosen by ALPN, such as `h2`.
    pub fn alpn_protocol(&self) -> Option<Vec<u8>> {
        self.agreed(|agreed| agreed.alpn_protocol().map(<[_]>::to_vec)).flatten()
    }

    /// The version of TLS.
    pub fn tls_version(&self) -> Option<ProtocolVersion> {
        self.agreed(CommonState::protocol_version).flatten()
    }

    /// Whether the handshake was a full one, or resumed an earlier session.
    pub fn tls_handshake_kind(&self) -> Option<HandshakeKind> {
        self.agreed(CommonState::handshake_kind).flatten()
    }

    fn agreed<R>(&self, look: impl FnOnce(&CommonState) -> R) -> Option<R> {
        match &self.connection().transport {
            Transport::Tls(tls) => Some(tls.with_agreed(look)),
            Transport::Tcp(_) | Transport::Unix(_) | Transport::Fed(_) => None,
        }
    }
}
