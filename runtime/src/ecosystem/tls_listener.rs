//! HTTPS: a listener whose connections speak TLS.
//!
//! A connection is handed out as it is accepted, and goes through its handshake in its first read, in its own task: a
//! client that takes its time keeps nobody else waiting. Which of its protocols a client chose by ALPN need not be asked:
//! one that chose HTTP/2 begins with HTTP/2's preface, and the server looks for that anyway.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ::futures_io::AsyncWrite;
use ::hyper::rt::{Read, ReadBufCursor, Write};
use raddle_io::net::{TcpListener, TcpStream};
use rustls::ServerConfig;

use super::listener::Listener;
use crate::streams::{StartTls, StartingTls, StreamReader, StreamWriter, secure_accepted};

/// How much of an answer is taken from hyper at a time, and makes a record of TLS.
const AT_A_TIME: usize = 8 * 1024;
/// How much is given to hyper at a time: what it gathers to be written back doubles, and larger pieces would make it twice
/// as large.
const PIECE: usize = 4 * 1024;

/// A listener for HTTPS. [`Serve::tls`](super::tower::Serve::tls) makes one of a `TcpListener`.
///
/// # Examples
/// ```no_run
/// use std::time::Duration;
/// use axum::Router;
/// use raddle::tower::TlsListener;
/// use raddle::{TcpListener, serve, tls};
///
/// # async fn https(chain: &[u8], key: &[u8]) -> std::io::Result<()> {
/// let config = tls::server_config_from_pem(chain, key, &["h2", "http/1.1"])?;
/// let listener = TcpListener::bind("[::1]:8443").await?;
/// let listener = TlsListener::new(listener, config).tls_handshake_timeout(Duration::from_secs(5));
/// serve(listener, Router::new()).await
/// # }
/// ```
pub struct TlsListener {
    listener: TcpListener,
    config: Arc<ServerConfig>,
    handshake_timeout: Option<Duration>,
    shutdown_timeout: Option<Duration>,
}

impl TlsListener {
    /// Takes a listener, and how its connections are secured.
    pub fn new(listener: TcpListener, config: Arc<ServerConfig>) -> TlsListener {
        TlsListener { listener, config, handshake_timeout: None, shutdown_timeout: None }
    }

    /// How long a handshake may take: 60 seconds unless said otherwise, and no longer than the first request
    /// ([`Serve::header_timeout`](super::tower::Serve::header_timeout)).
    pub fn tls_handshake_timeout(mut self, limit: Duration) -> TlsListener {
        self.handshake_timeout = Some(limit);
        self
    }

    /// How long the farewell may take when a connection is closed, the peer's answer included: 30 seconds unless said
    /// otherwise.
    pub fn tls_shutdown_timeout(mut self, limit: Duration) -> TlsListener {
        self.shutdown_timeout = Some(limit);
        self
    }

    fn secure(&self, stream: TcpStream) -> TlsConnection {
        let mut start = secure_accepted(stream, self.config.clone());
        if let Some(limit) = self.handshake_timeout {
            start = start.tls_handshake_timeout(limit);
        }
        if let Some(limit) = self.shutdown_timeout {
            start = start.tls_shutdown_timeout(limit);
        }
        TlsConnection(State::Handshake(StartTls::into_future(start)))
    }
}

impl Listener for TlsListener {
    type Connection = TlsConnection;
    type Peer = SocketAddr;

    async fn accept(&self) -> io::Result<(TlsConnection, SocketAddr)> {
        let (stream, peer) = Listener::accept(&self.listener).await?;
        Ok((self.secure(stream), peer))
    }
}

/// A connection of a [`TlsListener`], under hyper's traits.
pub struct TlsConnection(State);

enum State {
    Handshake(StartingTls),
    Open(StreamReader, StreamWriter),
    /// The handshake came to nothing, which was told.
    Over,
}

impl TlsConnection {
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(&mut StreamReader, &mut StreamWriter)>> {
        if let State::Handshake(starting) = &mut self.0 {
            let ended = ready!(Pin::new(starting).poll(cx));
            self.0 = State::Over;
            let (reader, writer) = ended?;
            self.0 = State::Open(reader, writer);
        }
        Poll::Ready(match &mut self.0 {
            State::Open(reader, writer) => Ok((reader, writer)),
            State::Handshake(_) | State::Over => Err(io::ErrorKind::NotConnected.into()),
        })
    }
}

impl Read for TlsConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let (reader, _) = ready!(self.poll_open(cx))?;
        let mut left = PIECE.min(buffer.remaining());
        if left == 0 {
            return Poll::Ready(Ok(()));
        }
        let read = reader.poll_read_with(cx, &mut |plaintext| {
            let count = plaintext.len().min(left);
            buffer.put_slice(&plaintext[..count]);
            left -= count;
            count
        });
        read.map_ok(drop)
    }
}

impl Write for TlsConnection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let (_, writer) = ready!(self.poll_open(cx))?;
        Pin::new(writer).poll_write(cx, &bytes[..bytes.len().min(AT_A_TIME)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            State::Open(_, writer) => Pin::new(writer).poll_flush(cx),
            State::Handshake(_) | State::Over => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            State::Open(_, writer) => Pin::new(writer).poll_close(cx),
            State::Handshake(_) | State::Over => Poll::Ready(Ok(())),
        }
    }
}

impl fmt::Debug for TlsListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsListener").field("listener", &self.listener).finish_non_exhaustive()
    }
}

impl fmt::Debug for TlsConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            State::Handshake(starting) => f.debug_tuple("TlsConnection").field(starting).finish(),
            State::Open(_, writer) => f.debug_tuple("TlsConnection").field(writer).finish(),
            State::Over => f.write_str("TlsConnection(over)"),
        }
    }
}
