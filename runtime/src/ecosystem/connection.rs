//! One connection of a server, from its first byte to its last.
//!
//! hyper speaks the protocols. What is added here: a client that makes no request in time is sent away, whichever
//! protocol it has not yet decided for (`requests.rs`); and when the server closes, the connection is told, after it has
//! looked at what the client has sent already.

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ::hyper::rt::{Read, Write};
use hyper_util::server::conn::auto::Builder;
use raddle_io::{Instant, Sleep, sleep_until};

use super::http_service::HttpService;
use super::requests::{Counting, Requests};
use super::server_tasks::ServerExecutor;
use crate::BoxError;
use crate::sync::Event;
use crate::waiting;

/// Serves one connection to its end, or until it has done what it owes after `closing` is set.
pub(super) async fn converse<I, S>(
    builder: &Builder<ServerExecutor>,
    closing: &Event,
    patience: Duration,
    requests: Arc<Requests>,
    io: I,
    service: S,
    at: &'static Location<'static>,
) -> Result<(), BoxError>
where
    I: Read + Write + Unpin + Send + 'static,
    S: HttpService,
{
    let service = Counting::new(service, requests.clone());
    let mut connection = pin!(builder.serve_connection_with_upgrades(io, service));
    let (mut closing, mut is_closing) = (pin!(closing.wait()), false);
    let mut patience = Patience::new(patience);
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                return Poll::Ready(ended.or_else(|error| if is_closing { had_not_begun(error) } else { Err(error) }));
            }
            // What it waits for is its client, unless the service says something else.
            waiting::note_at_if_nowhere(at);
            if !is_closing && waiting::aside(|| closing.as_mut().poll(cx)).is_ready() {
                is_closing = true;
                connection.as_mut().graceful_shutdown();
                continue;
            }
            return match requests.awaited() {
                Some(number) => patience.poll(number, cx).map(|()| Err(too_late().into())),
                None => Poll::Pending,
            };
        }
    })
    .await
}

/// The time that a client has for the head of its next request.
struct Patience {
    limit: Duration,
    /// Which head is waited for, and until when.
    number: Option<u64>,
    deadline: Instant,
    /// Ends at the deadline or before. Each request would put it off: so it is left to fire at the old time, and made
    /// anew then, once for however many requests came meanwhile.
    sleep: Sleep,
}

impl Patience {
    fn new(limit: Duration) -> Patience {
        let deadline = Instant::now() + limit;
        Patience { limit, number: None, deadline, sleep: sleep_until(deadline) }
    }

    /// Ready when the time for this head is up.
    fn poll(&mut self, number: u64, cx: &mut Context<'_>) -> Poll<()> {
        if self.number != Some(number) {
            self.number = Some(number);
            self.deadline = Instant::now() + self.limit;
        }
        loop {
            ready!(Pin::new(&mut self.sleep).poll(cx));
            if self.sleep.deadline().is_none_or(|end| end >= self.deadline) {
                return Poll::Ready(());
            }
            self.sleep.reset(self.deadline);
        }
    }
}

/// hyper's word for a connection that had asked for nothing when it was told to end. That is no failure.
fn had_not_begun(error: BoxError) -> Result<(), BoxError> {
    match error.downcast_ref::<io::Error>() {
        Some(cancelled) if cancelled.kind() == io::ErrorKind::Interrupted => Ok(()),
        _ => Err(error),
    }
}

fn too_late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "no request came in time")
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
