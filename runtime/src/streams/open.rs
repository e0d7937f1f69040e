//! Connecting, as asyncio does.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::panic::Location;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use raddle_io::net::{Connect, TcpStream, ToSocketAddrs, UnixConnect, UnixStream};

use super::DEFAULT_LIMIT;
use super::connection::Connection;
use super::reader::StreamReader;
#[cfg(feature = "tls")]
use super::start_tls::{StartTls, StartingTls};
#[cfg(feature = "tls")]
use super::tls_options::TlsOptions;
use super::transport::Transport;
use super::writer::StreamWriter;
use crate::waiting;

/// Connects, and gives a reader and a writer: asyncio's `open_connection`.
///
/// Awaiting it connects; before that, options can be set.
///
/// # Errors
/// That of the last attempt, with the address; `InvalidInput` for what is no address.
///
/// # Cancel safety
/// Dropping the future closes the attempt under way.
///
/// # Examples
/// ```no_run
/// use raddle::open_connection;
///
/// raddle::run(async {
///     let (mut reader, mut writer) = open_connection("localhost:8080").limit(1 << 20).await?;
///     writer.write(b"GET / HTTP/1.0\r\n\r\n");
///     println!("{:?}", reader.read_to_end().await?);
///     Ok::<_, std::io::Error>(())
/// })
/// .unwrap();
/// ```
#[track_caller]
pub fn open_connection(address: impl ToSocketAddrs) -> OpenConnection {
    OpenConnection::new(Connecting::Tcp(TcpStream::connect(address)), Location::caller())
}

/// Connects to a Unix socket at a path, and gives a reader and a writer: asyncio's `open_unix_connection`.
///
/// # Errors
/// The kernel's, with the path.
///
/// # Cancel safety
/// Dropping the future closes the attempt under way.
#[track_caller]
pub fn open_unix_connection(path: impl AsRef<Path>) -> OpenConnection {
    OpenConnection::new(Connecting::Unix(UnixStream::connect(path)), Location::caller())
}

#[derive(Debug)]
enum Connecting {
    Tcp(Connect),
    Unix(UnixConnect),
}

impl Connecting {
    /// The name that is to be looked up.
    #[cfg(feature = "tls")]
    fn name(&self) -> Option<&str> {
        match self {
            Connecting::Tcp(connect) => connect.name(),
            Connecting::Unix(_) => None,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Transport>> {
        match self {
            Connecting::Tcp(connect) => Pin::new(connect).poll(cx).map_ok(Transport::tcp),
            Connecting::Unix(connect) => Pin::new(connect).poll(cx).map_ok(Transport::Unix),
        }
    }
}

/// A connection to be made. Made by [`open_connection`] and [`open_unix_connection`].
#[must_use = "connects only when awaited"]
pub struct OpenConnection {
    connect: Connecting,
    limit: usize,
    #[cfg(feature = "tls")]
    pub(super) tls: TlsOptions,
    at: &'static Location<'static>,
}

impl OpenConnection {
    fn new(connect: Connecting, at: &'static Location<'static>) -> OpenConnection {
        OpenConnection {
            connect,
            limit: DEFAULT_LIMIT,
            #[cfg(feature = "tls")]
            tls: TlsOptions::default(),
            at,
        }
    }

    /// How many bytes a line, or what lies before a separator, may have: 64 KiB unless said otherwise.
    pub fn limit(mut self, limit: usize) -> OpenConnection {
        self.limit = limit;
        self
    }
}

impl IntoFuture for OpenConnection {
    type Output = io::Result<(StreamReader, StreamWriter)>;
    type IntoFuture = Opening;

    #[cfg_attr(not(feature = "tls"), allow(unused_mut, reason = "a client of TLS wants to know the name"))]
    fn into_future(mut self) -> Opening {
        #[cfg(feature = "tls")]
        if self.tls.server_hostname.is_none() {
            self.tls.server_hostname = self.connect.name().map(str::to_owned);
        }
        Opening {
            options: self,
            #[cfg(feature = "tls")]
            securing: None,
        }
    }
}

/// A connection being made: the future of [`OpenConnection`].
#[must_use = "futures do nothing unless awaited"]
pub struct Opening {
    options: OpenConnection,
    /// It is connected, and not secured yet.
    #[cfg(feature = "tls")]
    securing: Option<StartingTls>,
}

impl Future for Opening {
    type Output = io::Result<(StreamReader, StreamWriter)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        #[cfg(feature = "tls")]
        if let Some(securing) = &mut self.securing {
            return Pin::new(securing).poll(cx);
        }
        let options = &mut self.options;
        let polled = options.connect.poll(cx);
        if polled.is_pending() {
            waiting::note_at(options.at);
        }
        let transport = ready!(polled)?;
        let (reader, writer) = streams(transport, options.limit, options.at);
        #[cfg(feature = "tls")]
        if options.tls.side.is_some() {
            let start = StartTls { reader, writer, options: options.tls.clone(), at: options.at };
            return Pin::new(self.securing.insert(start.into_future())).poll(cx);
        }
        Poll::Ready(Ok((reader, writer)))
    }
}

/// The two handles of a new connection.
pub(super) fn streams(
    transport: Transport,
    limit: usize,
    at: &'static Location<'static>,
) -> (StreamReader, StreamWriter) {
    let connection = Connection::new(transport, at);
    (StreamReader::new(connection.clone(), limit), StreamWriter::new(connection))
}

impl fmt::Debug for OpenConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenConnection")
            .field("connect", &self.connect)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.options.fmt(f)
    }
}
