//! What comes between the acceptance of a connection and its handler: TLS, or nothing.

use std::io;
use std::panic::Location;

use super::reader::StreamReader;
#[cfg(feature = "tls")]
use super::start_tls::StartTls;
#[cfg(feature = "tls")]
use super::tls_options::TlsOptions;
use super::writer::StreamWriter;
#[cfg(feature = "tls")]
use crate::shim::Arc;

/// How a server secures its connections.
#[derive(Clone, Debug)]
pub(super) struct Securing {
    #[cfg(feature = "tls")]
    pub(super) options: Option<Arc<TlsOptions>>,
}

impl Securing {
    /// The streams for the handler.
    #[cfg_attr(not(feature = "tls"), allow(unused_variables, reason = "for reports of TLS"))]
    pub(super) async fn secure(
        &self,
        reader: StreamReader,
        writer: StreamWriter,
        at: &'static Location<'static>,
    ) -> io::Result<(StreamReader, StreamWriter)> {
        #[cfg(feature = "tls")]
        if let Some(options) = &self.options {
            return StartTls { reader, writer, options: TlsOptions::clone(options), at }.await;
        }
        Ok((reader, writer))
    }
}
