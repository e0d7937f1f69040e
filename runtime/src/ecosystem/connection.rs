//! One connection of a server, from its first byte to its last.
//!
//! hyper speaks the protocols. What is added here: a client that makes no request in time is sent away, whichever
//! protocol it has not yet decided for (hyper's own limit begins with the first byte of HTTP/1, and is in force for the
//! requests after that one); and when the server closes, the connection is told, after it has looked at what the client
//! has sent already.

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use ::hyper::Request;
use ::hyper::body::Incoming;
use ::hyper::rt::{Read, Write};
use ::hyper::service::Service;
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use raddle_io::sleep;

use super::http_service::HttpService;
use super::server_tasks::ServerExecutor;
use crate::BoxError;
use crate::sync::Event;

/// Serves one connection to its end, or until it has done what it owes after `closing` is set.
pub(super) async fn converse<I, S>(
    builder: &Builder<ServerExecutor>,
    closing: &Event,
    patience: Duration,
    io: I,
    service: S,
) -> Result<(), BoxError>
where
    I: Read + Write + Unpin + Send + 'static,
    S: HttpService,
{
    let has_asked = Arc::new(AtomicBool::new(false));
    let service = Noting { service: TowerToHyperService::new(service), has_asked: has_asked.clone() };
    let mut connection = pin!(builder.serve_connection_with_upgrades(io, service));
    let (mut closing, mut is_closing) = (pin!(closing.wait()), false);
    let mut patience = Some(sleep(patience));
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                return Poll::Ready(ended);
            }
            if !is_closing && closing.as_mut().poll(cx).is_ready() {
                is_closing = true;
                connection.as_mut().graceful_shutdown();
                continue;
            }
            // Relaxed: it is set while the connection is polled, by this very task, or else the next look will do.
            if has_asked.load(Ordering::Relaxed) {
                patience = None;
            } else if let Some(waiting) = &mut patience
                && Pin::new(waiting).poll(cx).is_ready()
            {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "no request came in time").into()));
            }
            return Poll::Pending;
        }
    })
    .await
}

/// A service that remembers whether it was called.
struct Noting<S> {
    service: TowerToHyperService<S>,
    has_asked: Arc<AtomicBool>,
}

impl<S: HttpService> Service<Request<Incoming>> for Noting<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = <TowerToHyperService<S> as Service<Request<Incoming>>>::Future;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.has_asked.store(true, Ordering::Relaxed);
        self.service.call(request)
    }
}

/// How a connection came to an end before its time, or whose it was.
#[derive(Debug)]
pub struct ConnectionError {
    peer: String,
    error: BoxError,
}

impl ConnectionError {
    pub(super) fn new(peer: &dyn fmt::Debug, error: BoxError) -> ConnectionError {
        ConnectionError { peer: format!("{peer:?}"), error }
    }

    /// Who was at the other end.
    #[must_use]
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// hyper's error, or that of the service or the body.
    #[must_use]
    pub fn into_inner(self) -> BoxError {
        self.error
    }

    /// Whether the client just went away, or made no request in time: what every server on a network sees all day.
    #[must_use]
    pub fn is_departure(&self) -> bool {
        let mut next: Option<&(dyn Error + 'static)> = Some(&*self.error);
        while let Some(error) = next {
            if let Some(error) = error.downcast_ref::<::hyper::Error>()
                && (error.is_incomplete_message() || error.is_timeout() || error.is_canceled())
            {
                return true;
            }
            if let Some(error) = error.downcast_ref::<io::Error>() {
                use io::ErrorKind as Kind;
                return matches!(
                    error.kind(),
                    Kind::ConnectionReset
                        | Kind::BrokenPipe
                        | Kind::NotConnected
                        | Kind::UnexpectedEof
                        | Kind::TimedOut
                );
            }
            next = error.source();
        }
        false
    }
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the connection of {} failed: {}", self.peer, self.error)?;
        // hyper keeps to itself what is behind an error; others say it themselves.
        match self.error.source() {
            Some(source) if self.error.is::<::hyper::Error>() => write!(f, ": {source}"),
            _ => Ok(()),
        }
    }
}

impl Error for ConnectionError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.error)
    }
}
