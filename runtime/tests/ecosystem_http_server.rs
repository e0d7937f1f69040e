//! The example `http_server`: its routes and its WebSockets.

mod common;
mod http_support;
#[path = "../examples/server/metrics.rs"]
mod metrics;
mod metrics_support;
#[path = "../examples/server/routes.rs"]
mod routes;
#[path = "../examples/server/websocket.rs"]
mod websocket;

use std::net::SocketAddr;
use std::time::Duration;

use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::Message;
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use axum::Router;
use axum::routing::{any, get};
use common::{runner, virtual_runner, watch};
use futures_util::StreamExt;
use http_support::{Client, served};
use raddle::{TcpStream, promise, sleep};

fn router() -> Router {
    routes::routes(sleep).route("/ws", any(websocket::upgrade)).route("/metrics", get(metrics::metrics))
}

async fn websocket(address: SocketAddr) -> WebSocketStream<TcpStream> {
    let stream = TcpStream::connect(address).await.unwrap();
    async_tungstenite::client_async("ws://test/ws", stream).await.unwrap().0
}

#[test]
fn every_route_answers() {
    let _watch = watch();
    runner(2).run(async {
        let server = served(router()).await;
        let mut client = Client::to(server.address).await;
        assert_eq!(client.get("/").await.body, "Hello, world!\n");
        assert_eq!(client.get("/json").await.body, r#"{"message":"Hello, world!"}"#);
        assert_eq!(client.get("/lines/3").await.body, "line 0\nline 1\nline 2\n");
        assert_eq!(client.get("/lines/100000").await.body.lines().count(), 100_000);
        assert_eq!(client.get("/lines/minus").await.status(), 400);
        assert_eq!(client.get("/sleep/1").await.body, "slept for 1ms\n");
        assert_eq!(client.get("/nowhere").await.status(), 404);
        assert_eq!(client.get("/ws").await.status(), 426);
        for (body, status, answer) in
            [("[1]", 200, r#"{"kind":"a list","value":[1]}"#), ("[1", 400, ""), (r#""a""#, 200, r#""kind":"a string""#)]
        {
            let length = body.len();
            let head = "POST /json HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n";
            client.say(&format!("{head}Content-Length: {length}\r\n\r\n{body}")).await;
            let heard = client.answer().await;
            assert!(heard.status() == status && heard.body.contains(answer), "{body}: {heard:?}");
        }
        client.say("POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n").await;
        assert!(client.until(b"\r\nab\r\n").await.starts_with("HTTP/1.1 200 "), "the echo does not wait for the end");
        client.say("1\r\nc\r\n0\r\n\r\n").await;
        assert!(client.until(b"0\r\n\r\n").await.contains("c\r\n"));
        drop(client);
        server.end().await;
    });
}

#[test]
fn prometheus_can_scrape_it() {
    let _watch = watch();
    runner(2).sample_polls(1).run(async {
        let server = served(router()).await;
        let mut client = Client::to(server.address).await;
        client.get("/").await;
        let answer = client.get("/metrics").await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        let exposition = metrics_support::parse(&answer.body);
        let polls = &exposition["raddle_worker_polls_total"].samples;
        assert_eq!(polls.len(), 2);
        assert!(polls.iter().map(|sample| sample.value).sum::<f64>() > 0.0);
        assert!(!exposition["raddle_task_poll_seconds"].samples.is_empty());
        drop(client);
        server.end().await;
    });
}

#[test]
fn a_sleeper_sleeps_raddles_time() {
    let _watch = watch();
    virtual_runner().run(async {
        let server = served(router()).await;
        let mut client = Client::to(server.address).await;
        let began = raddle::Instant::now();
        assert_eq!(client.get("/sleep/20000").await.body, "slept for 20s\n");
        assert_eq!(began.elapsed(), Duration::from_secs(20));
        server.end().await;
    });
}

#[test]
fn a_websocket_gives_back_what_it_is_given() {
    let _watch = watch();
    runner(2).run(async {
        let server = served(router()).await;
        let mut socket = websocket(server.address).await;
        let messages = [Message::text("hello"), Message::text(""), Message::binary(vec![7; 1_000_000])];
        for message in messages {
            socket.send(message.clone()).await.unwrap();
            assert!(socket.next().await.unwrap().unwrap() == message);
        }
        socket.send(Message::Ping("are you there".into())).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::Pong("are you there".into()));
        socket.close(None).await.unwrap();
        assert!(matches!(socket.next().await, Some(Ok(Message::Close(_)))));
        assert!(socket.next().await.is_none());
        server.end().await;
    });
}

/// The end of `run` cancels what is left, and waits for its farewells.
#[test]
fn a_websocket_is_told_goodbye_at_the_end() {
    let _watch = watch();
    let (give, address) = promise();
    let (connected, is_connected) = promise();
    let client = std::thread::spawn(move || {
        runner(1).run(async {
            let mut socket = websocket(address.await.unwrap()).await;
            socket.send(Message::text("here")).await.unwrap();
            socket.next().await.unwrap().unwrap();
            connected.set(()).unwrap();
            match socket.next().await {
                Some(Ok(Message::Close(Some(frame)))) => frame.code,
                other => panic!("no farewell: {other:?}"),
            }
        })
    });
    runner(2).run(async {
        let server = served(router()).await;
        give.set(server.address).unwrap();
        is_connected.await.unwrap();
        server.end().await;
    });
    assert_eq!(client.join().unwrap(), CloseCode::Away);
}
