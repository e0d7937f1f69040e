//! How a server for a tower service is asked for: what its options are, and what becomes of them.

use std::fmt;
use std::future::{Future, IntoFuture, pending};
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::server::conn::auto::Builder;
#[cfg(feature = "tls")]
use raddle_io::net::TcpListener;

use super::connection::ConnectionError;
use super::http_service::HttpService;
use super::hyper_timer::HyperTimer;
use super::listener::Listener;
use super::server::{OnError, Server, tell};
use super::server_tasks::{ServerExecutor, ServerTasks};
#[cfg(feature = "tls")]
use super::tls_listener::TlsListener;
use crate::api::finally::FinallyExt;

const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// hyper's buffers may reach four times as much for a client that sends, asks for it back and does not read: with this,
/// it stays within 64 KiB. So it does over HTTP/2 with what is below, but for the window.
const MAX_HEADER: usize = 12 * 1024;
/// How much of each answer is taken from the service before the client has taken it.
const HTTP2_SEND_BUFFER: usize = 4 * 1024;
/// The protocol's own. A smaller one would have to be announced, and clients send before they know; what they then sent
/// too much is never asked for again (h2 0.4 does not look at the window anew when it shrinks), so uploads would stop.
const HTTP2_WINDOW: u32 = 65_535;
/// The protocol's own bound.
const LARGEST_WINDOW: u32 = (1 << 31) - 1;
/// As many as clients are promised by the protocol's recommendation. Each is a task, and has buffers of its own.
const HTTP2_STREAMS: u32 = 100;
/// A client that has nothing to say is asked whether it is there still, over HTTP/2.
const PING_EVERY: Duration = Duration::from_secs(60);

/// Serves HTTP/1 and HTTP/2, whichever a client begins to speak, until it is told to end.
///
/// It ends gracefully when the future given to [`graceful`](Serve::graceful) is ready, or the task that awaits it is
/// asked to stop ([`Task::stop`](crate::Task::stop), [`Runner::graceful`](crate::Runner::graceful)): it accepts no more,
/// closes idle connections, and returns when the requests under way are answered. Connections that were upgraded, to
/// WebSockets for instance, belong to whoever upgraded them.
///
/// The listener is dropped, and its address free, as soon as it accepts no more.
///
/// # What clients can make it hold
/// A slow client, or one that never reads, costs at most 64 KiB of memory with the settings as they are, and usually
/// half of that. Over TLS it may be 8 KiB more, if it stops in the middle of a record, and 64 KiB, if it stops in the
/// middle of a long message of the handshake's kind: rustls keeps so much of one. Over HTTP/2 it may be 64 KiB more, if it
/// sends a body that the service does not read: so much the protocol gives to every connection; and each request beyond
/// the first, of at most 100 at a time, may take 32 KiB of its own. Not counted is what belongs to the service: a piece
/// of a body is as large as the service made it, bodies that it gathers before it looks at them (axum's extractors stop
/// at 2 MB, see its `DefaultBodyLimit`), and the messages of WebSockets. Pieces of few bytes are dear: over HTTP/2 each
/// that waits costs some hundred bytes more.
///
/// Nobody stays for ever: see [`header_timeout`](Serve::header_timeout) and [`write_timeout`](Serve::write_timeout). How
/// long a body may take is the service's affair.
///
/// # Errors
/// That of a listener which is none any more. Those of connections go to [`on_error`](Serve::on_error), and never end
/// the server.
///
/// # Cancel safety
/// Dropping the future that this becomes cancels all connections, and whoever drops it waits for their cleanup.
///
/// # Examples
/// See [`raddle::tower`](super::tower).
#[must_use = "a server does nothing unless it is awaited"]
#[track_caller]
pub fn serve<L: Listener, S: HttpService>(listener: L, service: S) -> Serve<L, S> {
    Serve {
        listener,
        service,
        signal: Box::pin(pending()),
        graceful_timeout: None,
        header_timeout: HEADER_TIMEOUT,
        write_timeout: WRITE_TIMEOUT,
        max_header: MAX_HEADER,
        http2_window: HTTP2_WINDOW,
        half_close: true,
        on_error: Arc::new(tell),
        at: Location::caller(),
    }
}

/// A server to be. Made by [`serve`].
#[must_use = "a server does nothing unless it is awaited"]
pub struct Serve<L, S> {
    listener: L,
    service: S,
    signal: Pin<Box<dyn Future<Output = ()> + Send>>,
    graceful_timeout: Option<Duration>,
    header_timeout: Duration,
    write_timeout: Duration,
    max_header: usize,
    http2_window: u32,
    half_close: bool,
    on_error: Arc<OnError>,
    /// The line that asked for it.
    at: &'static Location<'static>,
}

impl<L, S> Serve<L, S> {
    /// Ends the server gracefully when `signal` is ready, whatever it gives.
    pub fn graceful<F>(mut self, signal: F) -> Serve<L, S>
    where
        F: IntoFuture,
        F::IntoFuture: Send + 'static,
    {
        let signal = signal.into_future();
        self.signal = Box::pin(async move { drop(signal.await) });
        self
    }

    /// How long a graceful end waits for requests under way. Connections that are left are cancelled then. Without it,
    /// the end waits as long as they take.
    pub fn graceful_timeout(mut self, timeout: Duration) -> Serve<L, S> {
        self.graceful_timeout = Some(timeout);
        self
    }

    /// How long a client may take for the head of a request, the time it rests before that included: 30 s unless said
    /// otherwise. One that takes longer loses its connection. The body's time is the service's affair.
    pub fn header_timeout(mut self, timeout: Duration) -> Serve<L, S> {
        self.header_timeout = timeout;
        self
    }

    /// How long a client may take nothing at all of what is written to it: 60 s unless said otherwise. One that takes
    /// longer loses its connection, and what was asked for on it is cancelled. Connections that were upgraded are no
    /// exception.
    pub fn write_timeout(mut self, timeout: Duration) -> Serve<L, S> {
        self.write_timeout = timeout;
        self
    }

    /// How many bytes the head of a request may have: 12 KiB unless said otherwise, and at least 8 KiB. A longer one is
    /// answered with 431 and ends the connection. As much of a body is read, or gathered to be written, at a
    /// time.
    pub fn max_header(mut self, bytes: usize) -> Serve<L, S> {
        self.max_header = bytes.clamp(8 * 1024, 1 << 30);
        self
    }

    /// How much a client of HTTP/2 may send of the bodies of its requests, taken together, before the service has read
    /// it: 65,535 bytes unless said otherwise, and no less. More makes uploads over long distances faster: at most this
    /// much is under way at a time. The server holds it if the service does not read.
    pub fn http2_window(mut self, bytes: usize) -> Serve<L, S> {
        self.http2_window = u32::try_from(bytes).unwrap_or(LARGEST_WINDOW).clamp(HTTP2_WINDOW, LARGEST_WINDOW);
        self
    }

    /// Whether a client of HTTP/1 that closes its own direction still gets its answers. That is so unless said
    /// otherwise. With false, such a client is taken to be gone, and its request is cancelled at once.
    pub fn half_close(mut self, allowed: bool) -> Serve<L, S> {
        self.half_close = allowed;
        self
    }

    /// Whom to tell what went wrong with a connection. Unless said otherwise, that goes to
    /// [`Runner::on_exception`](crate::Runner::on_exception), but for [departures](ConnectionError::is_departure).
    pub fn on_error(mut self, f: impl Fn(ConnectionError) + Send + Sync + 'static) -> Serve<L, S> {
        self.on_error = Arc::new(f);
        self
    }
}

/// With the feature `tls`.
#[cfg(feature = "tls")]
impl<S> Serve<TcpListener, S> {
    /// Serves HTTPS. The configuration should offer what can be spoken:
    /// [`server_config_from_pem(chain, key, &["h2", "http/1.1"])`](crate::tls::server_config_from_pem). A handshake that
    /// fails is an error of its connection. [`TlsListener`] has more to say about it.
    pub fn tls(self, config: Arc<rustls::ServerConfig>) -> Serve<TlsListener, S> {
        Serve {
            listener: TlsListener::new(self.listener, config),
            service: self.service,
            signal: self.signal,
            graceful_timeout: self.graceful_timeout,
            header_timeout: self.header_timeout,
            write_timeout: self.write_timeout,
            max_header: self.max_header,
            http2_window: self.http2_window,
            half_close: self.half_close,
            on_error: self.on_error,
            at: self.at,
        }
    }
}

impl<L: fmt::Debug, S> fmt::Debug for Serve<L, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve").field("listener", &self.listener).finish_non_exhaustive()
    }
}

impl<L: Listener, S: HttpService> IntoFuture for Serve<L, S> {
    type Output = io::Result<()>;
    type IntoFuture = Serving;

    fn into_future(self) -> Serving {
        let tasks = Arc::new(ServerTasks::default());
        let ended = tasks.clone();
        let builder = self.builder(&tasks);
        let server =
            Arc::new(Server::new(builder, self.header_timeout, self.write_timeout, self.on_error, tasks, self.at));
        let serving = server.run(self.listener, self.service, self.signal, self.graceful_timeout);
        Serving(Box::pin(serving.finally(|_exit| async move {
            ended.cancel_all();
            ended.all_ended().await;
        })))
    }
}

impl<L, S> Serve<L, S> {
    fn builder(&self, tasks: &Arc<ServerTasks>) -> Builder<ServerExecutor> {
        let mut builder = Builder::new(ServerExecutor(tasks.clone(), self.at));
        builder
            .http1()
            // See `requests.rs`.
            .header_read_timeout(None)
            .max_buf_size(self.max_header)
            .half_close(self.half_close);
        builder
            .http2()
            .timer(HyperTimer::new())
            .max_header_list_size(u32::try_from(self.max_header).expect("at most 1 GiB"))
            .max_concurrent_streams(HTTP2_STREAMS)
            .max_send_buf_size(HTTP2_SEND_BUFFER)
            .initial_stream_window_size(self.http2_window)
            .initial_connection_window_size(self.http2_window)
            .keep_alive_interval(PING_EVERY);
        builder
    }
}

/// A server at work. Made by awaiting a [`Serve`].
#[must_use = "futures do nothing unless awaited"]
pub struct Serving(Pin<Box<dyn Future<Output = io::Result<()>> + Send>>);

impl Future for Serving {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<Serving>")
    }
}
