//! What the HTTP server has to offer, written for whichever runtime serves it.

use std::convert::Infallible;
use std::fmt::Write;
use std::future::Future;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Path;
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::stream;
use serde_json::{Value, json};

/// Lines that are made at a time: what carries a piece of a body costs hundreds of bytes, too.
const LINES_AT_ONCE: u64 = 128;
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// The routes that need nothing of a runtime but a `sleep`.
pub(crate) fn routes<S, F>(sleep: S) -> Router
where
    S: Fn(Duration) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send,
{
    Router::new()
        .route("/", get(|| async { "Hello, world!\n" }))
        .route("/json", get(hello_json).post(described))
        .route("/echo", post(|body: Body| async { body }))
        .route("/lines/{count}", get(lines))
        .route("/sleep/{ms}", get(move |ms| sleep_for(ms, sleep.clone())))
}

async fn hello_json() -> Json<Value> {
    Json(json!({ "message": "Hello, world!" }))
}

/// Takes JSON apart and says what it is; what is no JSON gets the answer that it deserves.
async fn described(Json(value): Json<Value>) -> Json<Value> {
    let kind = match &value {
        Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    Json(json!({ "kind": kind, "value": value }))
}

/// Lines, made as the client takes them: it may ask for more than there is memory for.
async fn lines(Path(count): Path<u64>) -> Body {
    let piece = move |first: u64| {
        let mut lines = String::with_capacity(2048);
        for n in first..count.min(first.saturating_add(LINES_AT_ONCE)) {
            writeln!(lines, "line {n}").expect("a String takes everything");
        }
        Ok::<_, Infallible>(lines)
    };
    Body::from_stream(stream::iter((0..count).step_by(LINES_AT_ONCE as usize).map(piece)))
}

/// Answers after so many milliseconds, which shows what a graceful end waits for.
async fn sleep_for<S, F>(Path(ms): Path<u64>, sleep: S) -> String
where
    S: Fn(Duration) -> F,
    F: Future<Output = ()>,
{
    let duration = Duration::from_millis(ms).min(LONGEST_SLEEP);
    sleep(duration).await;
    format!("slept for {duration:?}\n")
}
