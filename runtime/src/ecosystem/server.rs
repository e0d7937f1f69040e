//! A server at work: accept, one task for each connection, and an orderly end.
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
use std::future::Future;
use std::io;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use ::hyper::rt::{Read, Write};
use hyper_util::server::conn::auto::Builder;
use raddle_io::sleep;

use super::connection::{ConnectionError, converse};
use super::http_service::HttpService;
use super::listener::Listener;
use super::requests::Requests;
use super::server_tasks::{ServerExecutor, ServerTasks};
use super::write_limit::WriteLimited;
use crate::api::race::race;
use crate::api::stop::stop_requested;
use crate::api::timeout::timeout;
use crate::scheduler::context;
use crate::scheduler::report::{ExceptionContext, report};
use crate::sync::Event;

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How many connections that the kernel has accepted are taken in at the end.
const BACKLOG: usize = 4096;
/// How long the end of a server waits for connections that are there: by then a worker that is not stuck has fetched its
/// events.
const LAST_LOOK: Duration = Duration::from_millis(1);

/// What the connections of a server share.
pub(super) struct Server {
    builder: Builder<ServerExecutor>,
    header_timeout: Duration,
    write_timeout: Duration,
    /// Set when no more requests are taken.
    closing: Event,
    on_error: Arc<OnError>,
    tasks: Arc<ServerTasks>,
    /// The line that asked for it.
    at: &'static Location<'static>,
}

pub(super) type OnError = dyn Fn(ConnectionError) + Send + Sync;

impl Server {
    pub(super) fn new(
        builder: Builder<ServerExecutor>,
        header_timeout: Duration,
        write_timeout: Duration,
        on_error: Arc<OnError>,
        tasks: Arc<ServerTasks>,
        at: &'static Location<'static>,
    ) -> Server {
        Server { builder, header_timeout, write_timeout, closing: Event::new(), on_error, tasks, at }
    }

    /// From the first connection to the last. What is left when the time is up is left to the caller.
    pub(super) async fn run<L: Listener, S: HttpService>(
        self: Arc<Self>,
        listener: L,
        mut service: S,
        signal: impl Future<Output = ()>,
        graceful_timeout: Option<Duration>,
    ) -> io::Result<()> {
        let accepting = async { Some(self.accept_all(&listener, &mut service).await) };
        let asked_to_end = async {
            race((signal, stop_requested())).await;
            None
        };
        let broken = race((accepting, asked_to_end)).await;
        if broken.is_none() {
            self.accept_waiting(&listener, &mut service).await;
        }
        drop(listener);
        self.closing.set();
        let all_ended = self.tasks.all_ended();
        match graceful_timeout {
            Some(limit) => drop(timeout(limit, all_ended).await),
            None => all_ended.await,
        }
        broken.map_or(Ok(()), Err)
    }

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

    /// Accepts what the kernel has accepted already: to close the listener would reset it. Waits a moment for it, since the
    /// event that tells of a connection may be one that nobody has fetched yet.
    async fn accept_waiting<L: Listener, S: HttpService>(self: &Arc<Self>, listener: &L, service: &mut S) {
        for _ in 0..BACKLOG {
            match timeout(LAST_LOOK, listener.accept()).await {
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
        let requests = Arc::new(Requests::default());
        let connection = WriteLimited::new(connection, self.write_timeout, requests.clone());
        let at = self.at;
        self.tasks.create(at, async move {
            let Server { builder, closing, header_timeout, .. } = &*server;
            if let Err(error) = converse(builder, closing, *header_timeout, requests, connection, service, at).await {
                (server.on_error)(ConnectionError::new(&peer, error));
            }
        });
    }
}

/// What is done about an error if nothing else is said.
pub(super) fn tell(error: ConnectionError) {
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
