//! Putting TLS on a connection that is there already: asyncio's `start_tls`, and the beginning of every other one.

use std::error::Error;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

#[cfg(feature = "tower")]
use raddle_io::net::TcpStream;
use raddle_io::{Sleep, TimeoutError, sleep};
#[cfg(feature = "tower")]
use rustls::ServerConfig;

#[cfg(feature = "tower")]
use super::DEFAULT_LIMIT;
use super::connection::Connection;
use super::outgoing::Phase;
use super::reader::StreamReader;
use super::session::Session;
use super::tls::Tls;
use super::tls_options::{TlsOptions, TlsSide};
use super::transport::Transport;
use super::writer::StreamWriter;
use crate::shim::Arc;
use crate::waiting::{self, Kind};

/// Goes on with TLS on a connection that has begun without, as SMTP, IMAP and PostgreSQL do: asyncio's `start_tls`.
///
/// `config` is an `Arc` of rustls's `ClientConfig` or `ServerConfig`, which says which side this is. Awaiting it sends
/// what the writer has kept, goes through the handshake, and gives the reader and the writer to go on with. What the
/// reader had fetched already and nobody has taken belongs to the TLS session: take what came before out first. A command
/// that somebody has smuggled in behind it spoils the handshake, and is never taken for one that came secured.
///
/// # Errors
/// `InvalidData` if the two sides do not agree, with rustls's error inside; `UnexpectedEof` if the peer goes away;
/// `TimedOut`; `InvalidInput` for a `server_hostname` that is no name; `NotConnected` if the connection is closed;
/// `Unsupported` for one that has TLS already, or is fed by hand; the connection's.
///
/// # Cancel safety
/// Dropping the future closes the connection.
///
/// # Examples
/// ```no_run
/// use std::sync::Arc;
/// use raddle::{open_connection, start_tls, tls};
///
/// # async fn mail(roots_pem: &[u8]) -> std::io::Result<()> {
/// let config = tls::client_config_with_roots_pem(roots_pem, &[])?;
/// let (mut reader, mut writer) = open_connection("mail.example:587").await?;
/// reader.read_line().await?;
/// writer.write(b"STARTTLS\r\n");
/// reader.read_line().await?;
/// let (reader, writer) = start_tls(reader, writer, config).server_hostname("mail.example").await?;
/// # drop((reader, writer));
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn start_tls(reader: StreamReader, writer: StreamWriter, config: impl Into<TlsSide>) -> StartTls {
    StartTls { reader, writer, options: TlsOptions::of(config.into()), at: Location::caller() }
}

/// [`start_tls`] on a connection that a listener has accepted, for somebody who has buffers of their own: nothing more is
/// taken to be written before all that was has left.
#[cfg(feature = "tower")]
#[track_caller]
pub(crate) fn secure_accepted(stream: TcpStream, config: Arc<ServerConfig>) -> StartTls {
    let connection = Connection::new(Transport::Tcp(stream), Location::caller());
    let reader = StreamReader::new(connection.clone(), DEFAULT_LIMIT);
    let mut writer = StreamWriter::new(connection);
    writer.set_write_buffer_limits(0, 0);
    start_tls(reader, writer, config)
}

/// A connection that is to be secured. Made by [`start_tls`].
#[must_use = "does nothing unless awaited"]
#[derive(Debug)]
pub struct StartTls {
    pub(super) reader: StreamReader,
    pub(super) writer: StreamWriter,
    pub(super) options: TlsOptions,
    pub(super) at: &'static Location<'static>,
}

impl StartTls {
    /// The name, or the IP address, that the server's certificate must be for: the peer's IP address unless said
    /// otherwise. A server has no use for it.
    pub fn server_hostname(mut self, name: &str) -> StartTls {
        self.options.server_hostname = Some(name.to_owned());
        self
    }

    /// How long the handshake may take: 60 seconds unless said otherwise.
    pub fn tls_handshake_timeout(mut self, limit: Duration) -> StartTls {
        self.options.handshake_timeout = limit;
        self
    }

    /// How long the farewell may take when the connection is closed, the peer's answer included: 30 seconds unless said
    /// otherwise. After that the connection is closed without.
    pub fn tls_shutdown_timeout(mut self, limit: Duration) -> StartTls {
        self.options.shutdown_timeout = limit;
        self
    }
}

impl IntoFuture for StartTls {
    type Output = io::Result<(StreamReader, StreamWriter)>;
    type IntoFuture = StartingTls;

    fn into_future(self) -> StartingTls {
        StartingTls { stage: Stage::Flushing(Box::new(self)) }
    }
}

/// A connection being secured: the future of [`StartTls`].
#[must_use = "futures do nothing unless awaited"]
pub struct StartingTls {
    stage: Stage,
}

enum Stage {
    /// What was written before has to leave first.
    Flushing(Box<StartTls>),
    Handshake(Box<Handshake>),
    Over,
}

struct Handshake {
    under: Arc<Connection>,
    session: Session,
    patience: Sleep,
    options: TlsOptions,
    limit: usize,
    at: &'static Location<'static>,
}

impl Future for StartingTls {
    type Output = io::Result<(StreamReader, StreamWriter)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match &mut self.stage {
                Stage::Flushing(start) => {
                    ready!(start.writer.connection().poll_flushed(cx))?;
                    let Stage::Flushing(start) = std::mem::replace(&mut self.stage, Stage::Over) else {
                        unreachable!()
                    };
                    self.stage = Stage::Handshake(Box::new(Handshake::of(*start)?));
                }
                Stage::Handshake(handshake) => {
                    let polled = handshake.poll(cx);
                    if polled.is_pending() {
                        waiting::note(Kind::Handshake, 0, handshake.at);
                    }
                    let ended = ready!(polled);
                    let Stage::Handshake(handshake) = std::mem::replace(&mut self.stage, Stage::Over) else {
                        unreachable!()
                    };
                    return Poll::Ready(match ended {
                        Ok(()) => Ok(handshake.into_streams()),
                        Err(error) => {
                            handshake.under.transport.discard();
                            Err(Failed::with(&handshake.under.transport, error))
                        }
                    });
                }
                Stage::Over => panic!("a StartingTls is not polled after it was ready"),
            }
        }
    }
}

impl Handshake {
    fn of(start: StartTls) -> io::Result<Handshake> {
        let StartTls { mut reader, writer, options, at } = start;
        let under = writer.connection().clone();
        if !under.transport.can_carry_tls() {
            let text = format!("TLS cannot be started on {:?}: a plain socket is needed", under.transport);
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        }
        if under.with_outgoing(|out| out.phase()) != Phase::Open || !Arc::ptr_eq(&under, reader.connection()) {
            let text = "TLS cannot be started: the writer is closed, or is not that of the reader";
            return Err(io::Error::new(io::ErrorKind::NotConnected, text));
        }
        let peer = writer.peer_addr().ok().map(|address| address.ip());
        let (there, limit) = (reader.buffered().len(), reader.limit());
        let session = Session::new(options.begin(peer)?, reader.take(there));
        writer.give_up();
        Ok(Handshake { under, session, patience: sleep(options.handshake_timeout), options, limit, at })
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Poll::Ready(ended) = self.session.poll_handshake(cx, &self.under.transport) {
            return Poll::Ready(ended);
        }
        ready!(Pin::new(&mut self.patience).poll(cx));
        Poll::Ready(Err(TimeoutError::new(Some(self.options.handshake_timeout)).into()))
    }

    fn into_streams(self) -> (StreamReader, StreamWriter) {
        let under = self.under.clone();
        let tls = Tls::new(self.under, self.session, self.options.shutdown_timeout);
        let connection = Connection::new(Transport::Tls(Box::new(tls)), self.at);
        under.with_outgoing(|before| connection.with_outgoing(|out| out.set_as(before)));
        under.is_replaced_by(&connection);
        (StreamReader::new(connection.clone(), self.limit), StreamWriter::new(connection))
    }
}

/// A handshake that came to nothing, and with whom.
#[derive(Debug)]
struct Failed {
    peer: String,
    error: io::Error,
}

impl Failed {
    fn with(transport: &Transport, error: io::Error) -> io::Error {
        let peer = match transport {
            Transport::Tcp(stream) => stream.peer_addr().map(|address| address.to_string()),
            Transport::Unix(_) | Transport::Fed(_) | Transport::Tls(_) => Err(io::ErrorKind::Unsupported.into()),
        };
        let peer = peer.unwrap_or_else(|_| "a peer without an address".to_owned());
        io::Error::new(error.kind(), Failed { peer, error })
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the TLS handshake with {} failed: {}", self.peer, self.error)
    }
}

impl Error for Failed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

impl fmt::Debug for StartingTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.stage {
            Stage::Flushing(start) => f.debug_tuple("StartingTls").field(start).finish(),
            Stage::Handshake(handshake) => f.debug_tuple("StartingTls").field(&handshake.under).finish(),
            Stage::Over => f.write_str("StartingTls(over)"),
        }
    }
}
