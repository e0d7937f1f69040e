//! What is known of a connection's requests from outside hyper: whether the client's next head is waited for.
//!
//! hyper could limit the time of heads itself, but makes two timers per request for it and polls the connection once
//! more: a thousand instructions of fifteen thousand for an answer by axum. Here it costs a count and a look at a timer.
//!
//! ```text
//!   a head came: call ──> under way ──the response is written: its body is dropped──> waits for a head
//!                             │                                                           ^
//!                             └── no response: the future is dropped ─────────────────────┘
//! ```
//!
//! HTTP/1 has one request at a time, and all of this happens in the connection's own task. HTTP/2 has a task for each
//! request, and connections that live on pings: after the first request, nothing is waited for any more.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use ::hyper::body::{Body, Frame, Incoming, SizeHint};
use ::hyper::service::Service;
use ::hyper::{Request, Response, Version};
use hyper_util::service::TowerToHyperService;
use pin_project_lite::pin_project;

use super::http_service::HttpService;

/// The requests of one connection, counted. All orderings are Relaxed: with HTTP/1 one task does it all, and with HTTP/2
/// the first word is the last.
#[derive(Debug, Default)]
pub(super) struct Requests {
    came: AtomicU64,
    gone: AtomicU64,
    is_http2: AtomicBool,
    /// A write waits for the client.
    is_writing: AtomicBool,
}

impl Requests {
    /// How many heads came before the one that is waited for; `None`: none is.
    pub(super) fn awaited(&self) -> Option<u64> {
        let came = self.came.load(Ordering::Relaxed);
        let is_at_work = came != self.gone.load(Ordering::Relaxed) || self.is_writing.load(Ordering::Relaxed);
        (!is_at_work && !self.is_http2.load(Ordering::Relaxed)).then_some(came)
    }

    pub(super) fn set_writing(&self, is_writing: bool) {
        self.is_writing.store(is_writing, Ordering::Relaxed);
    }

    fn begin(self: &Arc<Self>, version: Version) -> UnderWay {
        if version == Version::HTTP_2 {
            self.is_http2.store(true, Ordering::Relaxed);
        }
        increment(&self.came);
        UnderWay(self.clone())
    }
}

/// Two tasks of HTTP/2 may lose a count here; nobody looks at it then.
fn increment(count: &AtomicU64) {
    count.store(count.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

/// A request under way, until this is dropped.
#[derive(Debug)]
struct UnderWay(Arc<Requests>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        increment(&self.0.gone);
    }
}

/// A service whose requests are counted.
pub(super) struct Counting<S> {
    service: TowerToHyperService<S>,
    requests: Arc<Requests>,
}

impl<S: HttpService> Counting<S> {
    pub(super) fn new(service: S, requests: Arc<Requests>) -> Counting<S> {
        Counting { service: TowerToHyperService::new(service), requests }
    }
}

impl<S: HttpService> Service<Request<Incoming>> for Counting<S> {
    type Response = Response<CountedBody<S::Body>>;
    type Error = S::Error;
    type Future = Answering<Called<S>>;

    fn call(&self, request: Request<Incoming>) -> Answering<Called<S>> {
        let under_way = self.requests.begin(request.version());
        Answering { called: self.service.call(request), under_way: Some(under_way) }
    }
}

type Called<S> = <TowerToHyperService<S> as Service<Request<Incoming>>>::Future;

pin_project! {
    /// An answer to be.
    pub(super) struct Answering<F> {
        #[pin]
        called: F,
        under_way: Option<UnderWay>,
    }
}

impl<F, B, E> Future for Answering<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<CountedBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let under_way = this.under_way;
        this.called.poll(cx).map_ok(|response| response.map(|body| CountedBody { body, under_way: under_way.take() }))
    }
}

pin_project! {
    /// A body that, as long as it is there, keeps its request under way.
    pub(super) struct CountedBody<B> {
        #[pin]
        body: B,
        under_way: Option<UnderWay>,
    }
}

impl<B: Body> Body for CountedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_awaited_between_requests_and_not_while_the_client_reads() {
        let requests = Arc::new(Requests::default());
        assert_eq!(requests.awaited(), Some(0));
        let under_way = requests.begin(Version::HTTP_11);
        assert_eq!(requests.awaited(), None);
        drop(under_way);
        assert_eq!(requests.awaited(), Some(1));
        requests.set_writing(true);
        assert_eq!(requests.awaited(), None);
        requests.set_writing(false);
        assert_eq!(requests.awaited(), Some(1));
    }

    #[test]
    fn of_http2_no_head_is_awaited_after_the_first() {
        let requests = Arc::new(Requests::default());
        drop(requests.begin(Version::HTTP_2));
        assert_eq!(requests.awaited(), None);
    }
}
