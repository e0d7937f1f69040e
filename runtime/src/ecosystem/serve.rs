//! A server for a tower service: accept, one task for each connection, and an orderly end.
//!
//! ```text
//!   accepting ──signal, or this task is asked to stop──> what the kernel has accepted already is taken in
//!       │                                                           │
//!       │ the listener is broken                                    v
//!       └──────────────────────────────> closing: no more requests on idle connections; those under way are
//!                                                 answered, and their connections end
//!                                                                   │ all have ended, or the time is up
//!                                                                   v
//!                          what is left is cancelled, its cleanup awaited <── whoever awaits the server leaves
//! ```
//!
//! What goes wrong with one connection is told and ends that connection. Nothing that a client does ends the server:
//! accepting goes on, and handlers that panic end their own task only.

use std::fmt;
use std::future::{Future, IntoFuture, pending};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ::hyper::Request;
use ::hyper::Response;
use ::hyper::body::{Body, Incoming};
use ::hyper::rt::{Read, Write};
use hyper_util::server::conn::auto::Builder;
use raddle_io::sleep;
use tower_service::Service;

use super::connection::{ConnectionError, converse};
use super::hyper_timer::HyperTimer;
use super::listener::Listener;
use super::server_tasks::{ServerExecutor, ServerTasks};
use crate::BoxError;
use crate::api::finally::FinallyExt;
use crate::api::race::race;
use crate::api::stop::stop_requested;
use crate::api::timeout::timeout;
use crate::scheduler::context;
use crate::scheduler::report::{ExceptionContext, report};
use crate::sync::Event;

const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_HEADER: usize = 64 * 1024;
/// A client that has nothing to say is asked whether it is there still, over HTTP/2.
const PING_EVERY: Duration = Duration::from_secs(60);

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How many connections that the kernel has accepted are taken in at the end.
const BACKLOG: usize = 1024;

/// What can be served: a tower service from requests to responses, which is cloned for each connection.
pub trait HttpService:
    Service<Request<Incoming>, Response = Response<Self::Body>, Error: Into<BoxError>, Future: Send + 'static>
    + Clone
    + Send
    + 'static
{
    /// The body of its responses.
    type Body: Body<Data: Send, Error: Into<BoxError>> + Send + 'static;
}

impl<S, B> HttpService for S
where
    S: Service<Request<Incoming>, Response = Response<B>, Error: Into<BoxError>, Future: Send + 'static>
        + Clone
        + Send
        + 'static,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    type Body = B;
}

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

type OnError = dyn Fn(ConnectionError) + Send + Sync;

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
        let serving = self.run(tasks).finally(|_exit| async move {
            ended.cancel_all();
            ended.all_ended().await;
        });
        Serving(Box::pin(serving))
    }
}

impl<L: Listener, S: HttpService> Serve<L, S> {
    async fn run(self, tasks: Arc<ServerTasks>) -> io::Result<()> {
        let builder = self.builder(&tasks);
        let Serve { listener, mut service, signal, graceful_timeout, header_timeout, on_error, .. } = self;
        let server = Arc::new(Server { builder, header_timeout, closing: Event::new(), on_error, tasks });
        let broken = race((async { Some(server.accept_all(&listener, &mut service).await) }, async {
            race((signal, stop_requested())).await;
            None
        }))
        .await;
        if broken.is_none() {
            server.accept_waiting(&listener, &mut service).await;
        }
        drop(listener);
        server.closing.set();
        let all_ended = server.tasks.all_ended();
        match graceful_timeout {
            // What is left is cancelled by whoever called this.
            Some(limit) => drop(timeout(limit, all_ended).await),
            None => all_ended.await,
        }
        broken.map_or(Ok(()), Err)
    }

    fn builder(&self, tasks: &Arc<ServerTasks>) -> Builder<ServerExecutor> {
        let mut builder = Builder::new(ServerExecutor(tasks.clone()));
        builder
            .http1()
            .timer(HyperTimer::new())
            .header_read_timeout(self.header_timeout)
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

/// What the connections of a server share.
struct Server {
    builder: Builder<ServerExecutor>,
    header_timeout: Duration,
    /// Set when no more requests are taken.
    closing: Event,
    on_error: Arc<OnError>,
    tasks: Arc<ServerTasks>,
}

impl Server {
    /// Accepts until the listener is none any more, and says what it said.
    async fn accept_all<L: Listener, S: HttpService>(self: &Arc<Self>, listener: &L, service: &mut S) -> io::Error {
        let mut pause = Duration::ZERO;
        loop {
            match listener.accept().await {
                Ok((connection, peer)) => {
                    pause = Duration::ZERO;
                    self.attend(connection, peer, service.clone());
                }
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => return error,
                Err(error) => {
                    if pause.is_zero() {
                        tell_runtime(&ExceptionContext::new("a server cannot accept connections").with_value(error));
                    }
                    pause = (pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
                    sleep(pause).await;
                }
            }
        }
    }

    /// Accepts what the kernel has accepted already: to close the listener would reset it.
    async fn accept_waiting<L: Listener, S: HttpService>(self: &Arc<Self>, listener: &L, service: &mut S) {
        for _ in 0..BACKLOG {
            match timeout(Duration::ZERO, listener.accept()).await {
                Ok(Ok((connection, peer))) => self.attend(connection, peer, service.clone()),
                Ok(Err(_)) | Err(_) => return,
            }
        }
    }

    fn attend<I, P, S>(self: &Arc<Self>, connection: I, peer: P, service: S)
    where
        I: Read + Write + Unpin + Send + 'static,
        P: fmt::Debug + Send + 'static,
        S: HttpService,
    {
        let server = self.clone();
        self.tasks.create(async move {
            let ended = converse(&server.builder, &server.closing, server.header_timeout, connection, service).await;
            if let Err(error) = ended {
                (server.on_error)(ConnectionError::new(&peer, error));
            }
        });
    }
}

/// What is done about an error if nothing else is said.
fn tell(error: ConnectionError) {
    if !error.is_departure() {
        let text = error.to_string();
        tell_runtime(&ExceptionContext::new("a server's connection failed").with_value(error).with_error(text));
    }
}

fn tell_runtime(context: &ExceptionContext) {
    match context::current() {
        Some(worker) => worker.shared.report(context),
        None => report(None, context),
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
