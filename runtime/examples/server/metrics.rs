//! The numbers about the runtime, for Prometheus.

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use raddle::Handle;

/// What Prometheus's text format is called.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The answer to a scrape.
pub(crate) async fn metrics() -> impl IntoResponse {
    ([(CONTENT_TYPE, TEXT_FORMAT)], Handle::current().metrics().to_prometheus())
}
