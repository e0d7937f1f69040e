//! raddle's timeout around a service.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::BoxError;
use crate::api::timeout::{self, timeout};

/// Gives each call of a service so long, with the semantics of [`timeout`](crate::timeout()): what ran out of time is
/// dropped, and its async cleanup awaited, before the caller is told.
///
/// The error is a [`TimeoutError`](crate::TimeoutError) in a [`BoxError`]; axum's `HandleErrorLayer` makes a response of
/// it. A response's body is not part of the call: it may take longer.
///
/// # Examples
/// ```
/// use std::convert::Infallible;
/// use std::time::Duration;
/// use raddle::{Clock, Runner, TimeoutError, TimeoutLayer, sleep};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// Runner::new().workers(1).clock(Clock::auto()).run(async {
///     let service = ServiceBuilder::new()
///         .layer(TimeoutLayer::new(Duration::from_secs(1)))
///         .service(service_fn(|seconds| async move {
///             sleep(Duration::from_secs(seconds)).await;
///             Ok::<u64, Infallible>(seconds)
///         }));
///     assert_eq!(service.clone().oneshot(0).await.unwrap(), 0);
///     assert!(service.oneshot(60).await.unwrap_err().is::<TimeoutError>());
/// });
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TimeoutLayer {
    duration: Duration,
    grace: Option<Duration>,
}

impl TimeoutLayer {
    /// Gives each call `duration`, from the moment it is made.
    #[must_use]
    pub fn new(duration: Duration) -> TimeoutLayer {
        TimeoutLayer { duration, grace: None }
    }

    /// How long to wait at most for the cleanup of a call that ran out of time; what takes longer is dropped and
    /// reported.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> TimeoutLayer {
        self.grace = Some(grace);
        self
    }
}

impl<S> Layer<S> for TimeoutLayer {
    type Service = Timeout<S>;

    fn layer(&self, service: S) -> Timeout<S> {
        Timeout { service, limit: *self }
    }
}

/// A service whose calls have so long. Made by [`TimeoutLayer`].
#[derive(Clone, Copy, Debug)]
pub struct Timeout<S> {
    service: S,
    limit: TimeoutLayer,
}

impl<S> Timeout<S> {
    /// Gives each call of `service` `duration`.
    pub fn new(service: S, duration: Duration) -> Timeout<S> {
        TimeoutLayer::new(duration).layer(service)
    }
}

impl<S, R> Service<R> for Timeout<S>
where
    S: Service<R, Error: Into<BoxError>>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = TimeoutResponse<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.service.poll_ready(cx).map_err(Into::into)
    }

    #[track_caller]
    fn call(&mut self, request: R) -> TimeoutResponse<S::Future> {
        let limited = timeout(self.limit.duration, self.service.call(request));
        TimeoutResponse {
            limited: match self.limit.grace {
                Some(grace) => limited.grace(grace),
                None => limited,
            },
        }
    }
}

pin_project! {
    /// The future of a call of a [`Timeout`].
    #[must_use = "futures do nothing unless awaited"]
    #[derive(Debug)]
    pub struct TimeoutResponse<F> {
        #[pin]
        limited: timeout::Timeout<F>,
    }
}

impl<F, T, E> Future for TimeoutResponse<F>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
{
    type Output = Result<T, BoxError>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match ready!(self.project().limited.poll(cx)) {
            Ok(answer) => answer.map_err(Into::into),
            Err(late) => Err(late.into()),
        })
    }
}
