//! How a server for a tower service is asked for: what its options are, and what becomes of them.

use std::fmt;
use std::future::{Future, IntoFuture, pending};
use std::io;
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
/// What takes longer is no limit. hyper's arithmetic with time would overflow somewhere beyond it.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 3600);
const MAX_HEADER: usize = 64 * 1024;
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
pub fn serve<L: Listener, S: HttpService>(listener: L, service: S) -> Serve<L, S> {
    Serve {
        listener,
        service,
        signal: Box::pin(pending()),
        graceful_timeout: None,
        header_timeout: HEADER_TIMEOUT,
        max_header: MAX_HEADER,
        half_close: true,
        on_error: Arc::new(tell),
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
    max_header: usize,
    half_close: bool,
    on_error: Arc<OnError>,
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

    /// How many bytes the head of a request may have: 64 KiB unless said otherwise, and at least 8 KiB. A longer one is
    /// answered with 431 and ends the connection.
    pub fn max_header(mut self, bytes: usize) -> Serve<L, S> {
        self.max_header = bytes.clamp(8 * 1024, 1 << 30);
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
            max_header: self.max_header,
            half_close: self.half_close,
            on_error: self.on_error,
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
        let server = Arc::new(Server::new(builder, self.header_timeout, self.on_error, tasks));
        let serving = server.run(self.listener, self.service, self.signal, self.graceful_timeout);
        Serving(Box::pin(serving.finally(|_exit| async move {
            ended.cancel_all();
            ended.all_ended().await;
        })))
    }
}

impl<L, S> Serve<L, S> {
    fn builder(&self, tasks: &Arc<ServerTasks>) -> Builder<ServerExecutor> {
        let mut builder = Builder::new(ServerExecutor(tasks.clone()));
        builder
            .http1()
            .timer(HyperTimer::new())
            .header_read_timeout((self.header_timeout < LONGEST_TIMEOUT).then_some(self.header_timeout))
            .max_buf_size(self.max_header)
            .half_close(self.half_close);
        builder
            .http2()
            .timer(HyperTimer::new())
            .max_header_list_size(u32::try_from(self.max_header).expect("at most 1 GiB"))
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
