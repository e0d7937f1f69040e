//! WebSockets: each message is sent back.
//!
//! tungstenite knows the protocol and nothing of sockets; the connection is what hyper hands out after the upgrade. Here
//! is what lies between: the handshake, the task, and the farewell when the server ends.

use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::Error;
use async_tungstenite::tungstenite::handshake::derive_accept_key;
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use async_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    CONNECTION, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use hyper::upgrade::Upgraded;
use raddle::hyper::FuturesIo;
use raddle::{AsyncClose, Exit, create_task, with};

/// What is read at a time, and made for each client: a resting one costs no more. tungstenite would take 128 KiB.
const READ_BUFFER: usize = 8 * 1024;

/// A handler for axum: agrees to the upgrade and lets a task of its own talk from then on.
pub(crate) async fn upgrade(request: Request) -> Response {
    match handshake(&request) {
        Ok(answer) => {
            create_task(converse(request)).detach();
            answer
        }
        Err(refusal) => refusal.into_response(),
    }
}

fn handshake(request: &Request) -> Result<Response, (StatusCode, &'static str)> {
    const BAD: StatusCode = StatusCode::BAD_REQUEST;
    if request.method() != Method::GET {
        return Err((StatusCode::METHOD_NOT_ALLOWED, "a WebSocket begins with GET\n"));
    }
    if !has_word(request, &CONNECTION, "upgrade") || !has_word(request, &UPGRADE, "websocket") {
        return Err((StatusCode::UPGRADE_REQUIRED, "this is for WebSockets\n"));
    }
    if !has_word(request, &SEC_WEBSOCKET_VERSION, "13") {
        return Err((BAD, "version 13 of the protocol was expected\n"));
    }
    let key = request.headers().get(SEC_WEBSOCKET_KEY).ok_or((BAD, "no Sec-WebSocket-Key\n"))?;
    let answer = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_ACCEPT, derive_accept_key(key.as_bytes()));
    Ok(answer.body(Body::empty()).expect("all of these are headers"))
}

/// Whether one of the words of a header is this one.
fn has_word(request: &Request, header: &HeaderName, word: &str) -> bool {
    let values = request.headers().get_all(header).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|one| one.trim().eq_ignore_ascii_case(word))
}

async fn converse(request: Request) {
    // The client may have gone before the answer reached it.
    let Ok(upgraded) = hyper::upgrade::on(request).await else { return };
    // A message may have up to 64 MiB, unless this says otherwise; a client that sends so much makes the server hold it.
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
    let socket = WebSocketStream::from_raw_socket(FuturesIo::new(upgraded), Role::Server, Some(config)).await;
    // What goes wrong is the client's doing, and tungstenite has told it.
    let _ = with(Conversation(socket), Conversation::echo).await;
}

/// A conversation, which ends with a farewell even when it is cancelled, as at the end of the program.
struct Conversation(WebSocketStream<FuturesIo<Upgraded>>);

impl Conversation {
    async fn echo(&mut self) -> Result<(), Error> {
        while let Some(message) = self.0.next().await {
            let message = message?;
            // tungstenite itself answers pings and farewells.
            if message.is_text() || message.is_binary() {
                self.0.send(message).await?;
            }
        }
        Ok(())
    }
}

impl AsyncClose for Conversation {
    async fn async_close(mut self, exit: Exit) {
        if exit != Exit::Done {
            let farewell = CloseFrame { code: CloseCode::Away, reason: "the server ends".into() };
            // An error means that the client is away already.
            let _ = self.0.close(Some(farewell)).await;
        }
    }
}
