//! `serve` and its clients: what a connection of HTTP/1 or HTTP/2 can do.

mod common;
mod http_support;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use common::{runner, virtual_runner, watch};
use http_body_util::{BodyExt, StreamBody};
use http_support::{Client, Served, served};
use hyper::StatusCode;
use hyper::body::Frame;
use hyper::header::{HeaderMap, HeaderValue};
use raddle::hyper::FuturesIo;
use raddle::{FinallyExt, HyperExecutor, HyperTimer, TcpStream, TimeoutLayer, create_task, gather, promise, sleep};

const SECOND: Duration = Duration::from_secs(1);

fn router() -> Router {
    Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/json", get(|| async { Json(serde_json::json!({ "answer": 42 })) }))
        .route("/echo", post(|body: Bytes| async { body }))
}

#[test]
fn a_connection_is_kept_for_many_requests() {
    let _watch = watch();
    runner(2).run(async {
        let server = served(router()).await;
        let mut client = Client::to(server.address).await;
        for _ in 0..100 {
            let answer = client.get("/").await;
            assert_eq!((answer.status(), answer.body.as_str()), (200, "hello"));
        }
        let answer = client.get("/json").await;
        assert_eq!(
            (answer.header("content-type"), answer.body.as_str()),
            (Some("application/json"), "{\"answer\":42}")
        );
        client.say("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nbody").await;
        assert_eq!(client.answer().await.body, "body");
        client.say("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").await;
        assert!(client.rest().await.ends_with("hello"));
        server.end().await;
    });
}

#[test]
fn an_idle_connection_waits_for_its_socket_in_the_line_that_serves() {
    let _watch = watch();
    runner(2).run(async {
        let server = served(router()).await;
        let mut client = Client::to(server.address).await;
        assert_eq!(client.get("/").await.status(), 200);
        let idle = || {
            let tasks = raddle::all_tasks();
            let is_connection = |task: &&raddle::TaskInfo| task.future.contains("attend");
            tasks.iter().find(is_connection).and_then(|task| Some((task.waiting.clone()?, task.spawned_at)))
        };
        let (wait, spawned_at) = loop {
            match idle() {
                Some(seen) => break seen,
                None => raddle::yield_now().await,
            }
        };
        assert_eq!(wait.op, "readable fd");
        assert!(matches!(wait.on, raddle::WaitsOn::Fd(_)), "{wait}");
        let at = wait.at.unwrap();
        assert_eq!(at, spawned_at);
        assert!(at.file().contains("tests/"), "{at}");
        server.end().await;
    });
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let _watch = watch();
    runner(2).run(async {
        let server = served(router()).await;
        let mut client = Client::to(server.address).await;
        let all: String =
            (0..200).map(|n| format!("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\n{n:04}")).collect();
        client.say(&all).await;
        for n in 0..200 {
            assert_eq!(client.answer().await.body, format!("{n:04}"));
        }
        server.end().await;
    });
}

/// The handler gives the connection another protocol; the server has forgotten it then, and does not wait for it.
#[test]
fn an_upgraded_connection_speaks_another_protocol() {
    let _watch = watch();
    runner(2).run(async {
        async fn upgrade(request: Request) -> Response {
            create_task(async move {
                use futures_util::{AsyncReadExt, AsyncWriteExt};
                let mut io = FuturesIo::new(hyper::upgrade::on(request).await.unwrap());
                let mut buffer = [0; 5];
                while io.read_exact(&mut buffer).await.is_ok() {
                    buffer.reverse();
                    io.write_all(&buffer).await.unwrap();
                }
            })
            .detach();
            let answer = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
            answer.header("Connection", "upgrade").header("Upgrade", "reverse").body(Body::empty()).unwrap()
        }
        let server = served(Router::new().route("/", get(upgrade))).await;
        let mut client = Client::to(server.address).await;
        // The first words of the new protocol come in one piece with the request.
        client.say("GET / HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: reverse\r\n\r\nabcde").await;
        assert!(client.until(b"\r\n\r\n").await.starts_with("HTTP/1.1 101 "));
        assert_eq!(client.exactly(5).await, "edcba");
        server.end().await;
        client.say("12345").await;
        assert_eq!(client.exactly(5).await, "54321");
    });
}

#[test]
fn trailers_come_in_and_go_out() {
    let _watch = watch();
    runner(2).run(async {
        async fn swap(request: Request) -> Response {
            let body = request.into_body().collect().await.unwrap();
            let seen = body.trailers().and_then(|trailers| trailers.get("sum")).cloned();
            let trailers = HeaderMap::from_iter([(
                "sum".parse().unwrap(),
                seen.unwrap_or_else(|| HeaderValue::from_static("none")),
            )]);
            let frames = [Frame::data(body.to_bytes()), Frame::trailers(trailers)].map(Ok::<_, Infallible>);
            let body = Body::new(StreamBody::new(futures_util::stream::iter(frames)));
            Response::builder().header("Trailer", "sum").body(body).unwrap()
        }
        let server = served(Router::new().route("/", post(swap))).await;
        let mut client = Client::to(server.address).await;
        client.say("POST / HTTP/1.1\r\nHost: test\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        client.say("3\r\nabc\r\n3\r\ndef\r\n0\r\nsum: 6\r\n\r\n").await;
        let answer = client.answer().await;
        assert_eq!((answer.body.as_str(), answer.header("sum")), ("abcdef", Some("6")));
        server.end().await;
    });
}

#[test]
fn who_expects_to_be_told_to_go_on_is_told() {
    let _watch = watch();
    runner(2).run(async {
        let router = router().route("/refused", post(|| async { StatusCode::PAYLOAD_TOO_LARGE }));
        let server = served(router).await;
        let mut client = Client::to(server.address).await;
        let head = "Host: test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
        client.say(&format!("POST /echo HTTP/1.1\r\n{head}")).await;
        assert_eq!(client.until(b"\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
        client.say("body").await;
        assert_eq!(client.answer().await.body, "body");
        client.say(&format!("POST /refused HTTP/1.1\r\n{head}")).await;
        assert_eq!(client.answer().await.status(), 413, "nobody wants the body");
        server.end().await;
    });
}

/// `printf … | nc` does this: the request, and the end of all that the client has to say.
#[test]
fn a_client_that_closes_its_side_is_answered() {
    let _watch = watch();
    runner(2).run(async {
        let slow = || async {
            sleep(Duration::from_millis(10)).await;
            "slow"
        };
        let server = served(router().route("/slow", get(slow))).await;
        for path in ["/", "/slow"] {
            let mut client = Client::to(server.address).await;
            client.say(&format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n")).await;
            client.stream.shutdown(std::net::Shutdown::Write).unwrap();
            let answer = client.rest().await;
            assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\r\n\r\n"), "{path}: {answer}");
        }
        server.end().await;
    });
}

/// A client of HTTP/2 sends before it has been told how much may be under way, and is asked for the rest all the same:
/// it never ends up with a window of nothing once everything that it sent has been read.
#[test]
fn http2_bodies_begun_before_the_settings_are_asked_for_to_their_end() {
    const SENT: i64 = 16_384;
    let frame = |kind: u8, flags: u8, stream: u8, payload: &[u8]| {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
    };
    let number = |bytes: &[u8]| i64::from(u32::from_be_bytes(bytes.try_into().unwrap()));
    let _watch = watch();
    runner(2).run(async {
        let echo = |request: Request| async { request.into_body() };
        let server = served(Router::new().route("/echo", post(echo))).await;
        let mut client = TcpStream::connect(server.address).await.unwrap();
        // POST, http, and, as literals, :path and :authority.
        let head = [&[0x83, 0x86, 0x44, 5][..], b"/echo", &[0x41, 4], b"test"].concat();
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        let body = vec![7; SENT as usize];
        let all = [preface, frame(4, 0, 0, &[]), frame(1, 4, 1, &head), frame(0, 0, 1, &body)].concat();
        client.write_all(&all).await.unwrap();

        let (mut window, mut returned, mut settled) = (65_535 - SENT, 0, false);
        while returned < SENT || !settled || window < SENT {
            let mut start = [0; 9];
            client.read_exact(&mut start).await.unwrap();
            let mut payload = vec![0; number(&[&[0], &start[..3]].concat()) as usize];
            client.read_exact(&mut payload).await.unwrap();
            match (start[3], start[4], start[8]) {
                (0, _, 1) => returned += payload.len() as i64,
                (4, 0, 0) => {
                    let initial = payload.chunks(6).find(|setting| setting[..2] == [0, 4]);
                    window += initial.map_or(0, |setting| number(&setting[2..]) - 65_535);
                    client.write_all(&frame(4, 1, 0, &[])).await.unwrap();
                    settled = true;
                }
                (8, _, 1) => window += number(&payload),
                _ => {}
            }
        }
        drop(client);
        server.end().await;
    });
}

/// A hundred requests over one connection, all under way at once: none is answered before all have come.
#[test]
fn http2_has_a_hundred_streams_at_once() {
    let _watch = watch();
    runner(2).run(async {
        let all_here = Arc::new(raddle::Barrier::new(100));
        let meet = {
            let all_here = all_here.clone();
            move |body: Bytes| {
                let all_here = all_here.clone();
                async move {
                    all_here.wait().await.unwrap();
                    body
                }
            }
        };
        let server = served(Router::new().route("/meet", post(meet))).await;
        let (sender, connection) = http2_client(&server).await;
        let requests = (0..100).map(|n| {
            let mut sender = sender.clone();
            async move {
                sender.ready().await.unwrap();
                let request = Request::post("http://test/meet").body(format!("{n:05}").repeat(2000)).unwrap();
                let answer = sender.send_request(request).await.unwrap();
                assert_eq!(answer.status(), 200);
                let body = answer.into_body().collect().await.unwrap().to_bytes();
                assert_eq!(&body[..5], format!("{n:05}").as_bytes());
                body.len()
            }
        });
        let lengths = gather(requests).await;
        assert_eq!(lengths, vec![10_000; 100]);
        drop(sender);
        connection.await.unwrap().unwrap();
        server.end().await;
    });
}

type Http2Connection = hyper::client::conn::http2::Connection<TcpStream, String, HyperExecutor>;

async fn http2_client(
    server: &Served,
) -> (hyper::client::conn::http2::SendRequest<String>, raddle::Task<<Http2Connection as Future>::Output>) {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let mut builder = hyper::client::conn::http2::Builder::new(HyperExecutor::new());
    let (sender, connection) = builder.timer(HyperTimer::new()).handshake(stream).await.unwrap();
    (sender, create_task(connection))
}

/// The layer of timeouts under axum: the caller is told after the cleanup has ended.
#[test]
fn a_request_that_runs_out_of_time_is_cleaned_up_before_the_answer() {
    let _watch = watch();
    virtual_runner().run(async {
        let (clean, cleaned) = promise();
        let clean = Arc::new(Mutex::new(Some(clean)));
        let slow = move || async move {
            let work = sleep(3600 * SECOND).finally(move |_exit| async move {
                sleep(5 * SECOND).await;
                let _ = clean.lock().unwrap().take().unwrap().set(raddle::Instant::now());
            });
            work.await;
        };
        let limited = tower::ServiceBuilder::new()
            .layer(axum::error_handling::HandleErrorLayer::new(|_late| async { StatusCode::GATEWAY_TIMEOUT }))
            .layer(TimeoutLayer::new(10 * SECOND));
        let server = served(router().route("/slow", get(slow)).layer(limited)).await;
        let mut client = Client::to(server.address).await;
        let began = raddle::Instant::now();
        assert_eq!(client.get("/slow").await.status(), 504);
        assert_eq!(cleaned.await.unwrap() - began, 15 * SECOND);
        assert_eq!(client.get("/").await.status(), 200);
        server.end().await;
    });
}
