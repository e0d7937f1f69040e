//! A function that serves connections: asyncio's `start_server`.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::net::SocketAddr;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use raddle_io::net::{Resolve, ToSocketAddrs};

use super::DEFAULT_LIMIT;
use super::accepting::{HandlerOutput, accept};
use super::clients::Clients;
use super::connection::Connection;
use super::listen::{Listener, Options};
use super::reader::StreamReader;
use super::securing::Securing;
#[cfg(feature = "tls")]
use super::tls_options::TlsOptions;
use super::writer::StreamWriter;
use crate::api::finally::Exit;
use crate::api::spawn::create_on;
use crate::api::with::AsyncClose;
use crate::scheduler::context;
use crate::scheduler::shared::Shared;
use crate::shim::{Arc, Mutex};
use crate::sync::{Event, EventWait, Semaphore};

/// As asyncio's.
const BACKLOG: u32 = 100;

/// Listens, and calls `handler` for each connection, in a task of its own: asyncio's `start_server`.
///
/// Awaiting it listens and gives the [`Server`]; before that, options can be set. All addresses that a name stands for
/// are listened on. A handler that returns an error or panics is reported to
/// [`on_exception`](crate::Runner::on_exception), and the server serves on. A handler's connection is closed when it has
/// dropped both streams and what it wrote is sent.
///
/// # What clients can make it hold
/// Of what a client sends, about twice the [`limit`](StartServer::limit) is kept at most, and of what is written to it as
/// much as [`StreamWriter::set_write_buffer_limits`] says, if the handler drains. With asyncio's 64 KiB for each, a
/// client that sends long lines and never reads costs some 300 KiB; with 8 KiB for each it stays below 64 KiB, and over
/// TLS below 80. Time has no limit of its own: a handler that is not to wait for ever reads and drains within a
/// [`timeout`](crate::timeout()). What it has written is sent after its end, too, for as long as the client takes;
/// [`StreamWriter::abort`] gives it up.
///
/// # Errors
/// That of the address that cannot be listened on, with its name.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use raddle::{StreamReader, StreamWriter, open_connection, start_server};
///
/// async fn count(seen: Arc<AtomicU64>, mut reader: StreamReader, mut writer: StreamWriter) -> std::io::Result<()> {
///     while !reader.read_line().await?.is_empty() {
///         let n = seen.fetch_add(1, Ordering::Relaxed) + 1;
///         writer.write(format!("{n}\n").as_bytes());
///         writer.drain().await?;
///     }
///     Ok(())
/// }
///
/// raddle::run(async {
///     let seen = Arc::new(AtomicU64::new(0));
///     let server = start_server(("127.0.0.1", 0), move |r, w| count(seen.clone(), r, w)).backlog(1000).await?;
///     let (mut reader, mut writer) = open_connection(server.local_addrs()[0]).await?;
///     writer.write(b"one\ntwo\n");
///     assert_eq!(reader.read_line().await?, "1\n");
///     assert_eq!(reader.read_line().await?, "2\n");
///     server.close();
///     writer.close();
///     server.wait_closed().await;
///     Ok::<_, std::io::Error>(())
/// })
/// .unwrap();
/// ```
#[track_caller]
pub fn start_server<H, Fut>(address: impl ToSocketAddrs, handler: H) -> StartServer<H>
where
    H: Fn(StreamReader, StreamWriter) -> Fut + Send + Sync + 'static,
    Fut: Future + Send,
    Fut::Output: HandlerOutput,
{
    StartServer::new(Place::Internet(address.to_socket_addrs()), handler, Location::caller())
}

/// Listens at a path of the file system, and calls `handler` for each connection: asyncio's `start_unix_server`.
///
/// The file of a socket that is there already is replaced, and the server's own is removed when it is closed. For the
/// rest see [`start_server`].
///
/// # Errors
/// That of the path, with its name.
#[track_caller]
pub fn start_unix_server<H, Fut>(path: impl AsRef<Path>, handler: H) -> StartServer<H>
where
    H: Fn(StreamReader, StreamWriter) -> Fut + Send + Sync + 'static,
    Fut: Future + Send,
    Fut::Output: HandlerOutput,
{
    StartServer::new(Place::Path(path.as_ref().to_owned()), handler, Location::caller())
}

/// Where to listen.
#[derive(Debug)]
enum Place {
    Internet(Resolve),
    Path(PathBuf),
}

/// A server to be started. Made by [`start_server`].
#[must_use = "listens only when awaited"]
pub struct StartServer<H> {
    place: Place,
    handler: Option<Arc<H>>,
    limit: usize,
    max_connections: Option<usize>,
    backlog: u32,
    reuse_port: bool,
    #[cfg(feature = "tls")]
    pub(super) tls: TlsOptions,
    at: &'static Location<'static>,
}

impl<H> StartServer<H> {
    fn new(place: Place, handler: H, at: &'static Location<'static>) -> StartServer<H> {
        StartServer {
            place,
            handler: Some(Arc::new(handler)),
            limit: DEFAULT_LIMIT,
            max_connections: None,
            backlog: BACKLOG,
            reuse_port: false,
            #[cfg(feature = "tls")]
            tls: TlsOptions::default(),
            at,
        }
    }

    /// How many connections the kernel keeps until they are accepted: 100 unless said otherwise.
    pub fn backlog(mut self, backlog: u32) -> StartServer<H> {
        self.backlog = backlog;
        self
    }

    /// Whether to listen with one socket per worker, among which the kernel shares the connections out. Other processes
    /// may then listen on the same port.
    pub fn reuse_port(mut self, on: bool) -> StartServer<H> {
        self.reuse_port = on;
        self
    }

    /// How many bytes a line, or what lies before a separator, may have: 64 KiB unless said otherwise.
    pub fn limit(mut self, limit: usize) -> StartServer<H> {
        self.limit = limit;
        self
    }

    /// How many connections are open at most; others wait to be accepted. No limit unless said otherwise.
    ///
    /// # Panics
    /// When `n` is 0.
    #[track_caller]
    pub fn max_connections(mut self, n: usize) -> StartServer<H> {
        assert!(n > 0, "max_connections(0): at least 1");
        self.max_connections = Some(n);
        self
    }

    fn poll_listen(&mut self, cx: &mut Context<'_>, workers: usize) -> Poll<io::Result<Vec<Listener>>> {
        let sockets = if self.reuse_port { workers } else { 1 };
        Poll::Ready(match &mut self.place {
            Place::Internet(resolve) => {
                let addresses = ready!(Pin::new(resolve).poll(cx))?;
                Listener::bind_all(&addresses, Options { backlog: self.backlog, sockets })
            }
            Place::Path(path) => Listener::bind_path(path).map(|listener| vec![listener]),
        })
    }

    fn start<Fut>(&mut self, shared: &Shared, listeners: Vec<Listener>) -> Server
    where
        H: Fn(StreamReader, StreamWriter) -> Fut + Send + Sync + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: HandlerOutput,
    {
        let listeners: Vec<_> = listeners.into_iter().map(Arc::new).collect();
        let inner = Arc::new(Inner {
            listeners: Mutex::new(listeners.clone()),
            clients: Arc::default(),
            closed: Event::new(),
            room: self.max_connections.map(|n| Arc::new(Semaphore::new(n))),
        });
        let handler = self.handler.take().expect("a server is started once");
        for listener in listeners {
            let secure = Securing {
                #[cfg(feature = "tls")]
                options: self.tls.side.is_some().then(|| Arc::new(self.tls.clone())),
            };
            let accepting = accept(inner.clone(), listener, handler.clone(), self.limit, secure, self.at);
            create_on(shared, accepting, self.at).detach();
        }
        Server { inner }
    }
}

impl<H, Fut> IntoFuture for StartServer<H>
where
    H: Fn(StreamReader, StreamWriter) -> Fut + Send + Sync + 'static,
    Fut: Future + Send + 'static,
    Fut::Output: HandlerOutput,
{
    type Output = io::Result<Server>;
    type IntoFuture = Starting<H>;

    fn into_future(self) -> Starting<H> {
        Starting(self)
    }
}

/// A server being started: the future of [`StartServer`].
#[must_use = "futures do nothing unless awaited"]
pub struct Starting<H>(StartServer<H>);

impl<H, Fut> Future for Starting<H>
where
    H: Fn(StreamReader, StreamWriter) -> Fut + Send + Sync + 'static,
    Fut: Future + Send + 'static,
    Fut::Output: HandlerOutput,
{
    type Output = io::Result<Server>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let shared = context::runtime().ok_or_else(context::no_runtime)?;
        let listeners = ready!(self.0.poll_listen(cx, shared.config.workers))?;
        Poll::Ready(Ok(self.0.start(&shared, listeners)))
    }
}

/// A server at work. Clones are the same one; dropping them does not stop it.
///
/// It serves until it is closed, or its runtime ends. With [`with`](crate::with) it is closed at the end of the body, and
/// its connections are awaited; if the body was cancelled, they are closed first.
#[derive(Clone)]
pub struct Server {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    /// Empty once it is closed.
    listeners: Mutex<Vec<Arc<Listener>>>,
    pub(super) clients: Arc<Clients>,
    closed: Event,
    /// For how many connections there is room.
    pub(super) room: Option<Arc<Semaphore>>,
}

impl Inner {
    pub(super) fn is_serving(&self) -> bool {
        !self.listeners.lock().is_empty()
    }

    /// One socket is accepted on no more.
    pub(super) fn stopped(&self, listener: &Arc<Listener>) {
        let mut listeners = self.listeners.lock();
        listeners.retain(|other| !Arc::ptr_eq(other, listener));
        let is_closed = listeners.is_empty();
        drop(listeners);
        if is_closed {
            self.is_closed_now();
        }
    }

    fn close(&self) {
        let listeners = std::mem::take(&mut *self.listeners.lock());
        listeners.iter().for_each(|listener| listener.stop());
        self.is_closed_now();
    }

    fn is_closed_now(&self) {
        self.clients.close();
        self.closed.set();
    }
}

impl Server {
    /// The addresses that are listened on; none once it is closed, or at a path.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        let listeners = self.inner.listeners.lock();
        let mut addresses: Vec<_> = listeners.iter().filter_map(|listener| listener.address()).collect();
        addresses.dedup();
        addresses
    }

    fn names(&self) -> Vec<String> {
        self.inner.listeners.lock().iter().map(|listener| listener.name()).collect()
    }

    /// Whether it accepts connections.
    pub fn is_serving(&self) -> bool {
        self.inner.is_serving()
    }

    /// Stops listening at once. Connections that are open go on.
    pub fn close(&self) {
        self.inner.close();
    }

    /// Waits until it is closed and its last connection is, too.
    ///
    /// # Cancel safety
    /// It only stops waiting.
    #[track_caller]
    pub fn wait_closed(&self) -> ServerClosed<'_> {
        ServerClosed(self.inner.clients.over.wait())
    }

    /// Closes the open connections, each when what was written to it is sent. Their handlers read the end of the stream.
    pub fn close_clients(&self) {
        self.inner.clients.each(Connection::close);
    }

    /// Closes the open connections now; what was not sent is lost.
    pub fn abort_clients(&self) {
        self.inner.clients.each(|connection| connection.abort());
    }

    /// Waits until the server is closed, and closes it when it is dropped before that: cancelling whoever awaits this
    /// ends the server. Connections that are open go on, and nobody waits for them, as asyncio does: a client that stays
    /// could keep a program from ending. [`wait_closed`](Server::wait_closed) waits.
    ///
    /// # Errors
    /// None at present.
    ///
    /// # Cancel safety
    /// See above.
    #[track_caller]
    pub fn serve_forever(&self) -> ServeForever<'_> {
        ServeForever { server: self, closed: self.inner.closed.wait(), has_begun: false }
    }
}

impl AsyncClose for Server {
    async fn async_close(self, exit: Exit) {
        self.close();
        if exit != Exit::Done {
            self.close_clients();
        }
        self.wait_closed().await;
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("listening", &self.names())
            .field("connections", &self.inner.clients.len())
            .finish()
    }
}

/// The future of [`Server::wait_closed`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct ServerClosed<'a>(EventWait<'a>);

impl Future for ServerClosed<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx)
    }
}

/// The future of [`Server::serve_forever`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct ServeForever<'a> {
    server: &'a Server,
    closed: EventWait<'a>,
    has_begun: bool,
}

impl Future for ServeForever<'_> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.has_begun = true;
        Pin::new(&mut self.closed).poll(cx).map(Ok)
    }
}

impl Drop for ServeForever<'_> {
    fn drop(&mut self) {
        if self.has_begun {
            self.server.close();
        }
    }
}

impl<H> fmt::Debug for StartServer<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartServer")
            .field("place", &self.place)
            .field("backlog", &self.backlog)
            .field("reuse_port", &self.reuse_port)
            .field("limit", &self.limit)
            .field("max_connections", &self.max_connections)
            .finish_non_exhaustive()
    }
}

impl<H> fmt::Debug for Starting<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
