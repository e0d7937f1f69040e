//! How a server ends: gracefully, in time, and with everything that was its own.

mod common;
mod http_support;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use common::{runner, virtual_runner, watch};
use futures_util::future;
use http_body_util::{BodyExt, Empty};
use http_support::{Client, served, served_with};
use hyper::Request;
use hyper::body::Bytes;
use raddle::{
    Event, Exit, FinallyExt, HyperExecutor, TcpListener, TcpStream, create_task, serve, timeout, to_thread, yield_now,
};

const SECOND: Duration = Duration::from_secs(1);

/// A handler that says when it has begun, and answers when it may.
#[derive(Clone, Default)]
struct Held {
    begun: Arc<Event>,
    may_answer: Arc<Event>,
    /// How many were cancelled, and have cleaned up.
    cancelled: Arc<AtomicUsize>,
}

impl Held {
    fn router(&self) -> Router {
        let held = self.clone();
        let handler = move || {
            let held = held.clone();
            async move {
                held.begun.set();
                let (may_answer, cancelled) = (held.may_answer.clone(), held.cancelled.clone());
                let wait = async move { may_answer.wait().await }.finally(move |exit| async move {
                    if exit == Exit::Cancelled {
                        // Cleanup takes time, and is waited for.
                        raddle::sleep(Duration::from_millis(5)).await;
                        cancelled.fetch_add(1, Ordering::Relaxed);
                    }
                });
                wait.await;
                "held"
            }
        };
        Router::new().route("/", get(|| async { "hello" })).route("/held", get(handler))
    }
}

/// The kernel has accepted it, and nobody has looked since: it is the same poll that stops the server.
#[test]
fn a_connection_that_comes_with_the_end_is_answered() {
    let _watch = watch();
    for workers in [1, 2] {
        runner(workers).run(async {
            let server = served(Held::default().router()).await;
            // The listener has been waited for.
            assert_eq!(Client::to(server.address).await.get("/").await.status(), 200);
            let mut last = std::net::TcpStream::connect(server.address).unwrap();
            last.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
            server.stop.set(()).unwrap();
            let answer = to_thread(move || {
                let mut answer = String::new();
                last.read_to_string(&mut answer).map(|_| answer)
            });
            let answer = answer.await.unwrap().unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("hello"), "{answer}");
            server.task.await.unwrap().unwrap();
        });
    }
}

async fn is_refused(address: SocketAddr) -> bool {
    TcpStream::connect(address).await.is_err()
}

#[test]
fn a_request_under_way_is_answered_and_idle_connections_are_closed() {
    let _watch = watch();
    for workers in [1, 2] {
        runner(workers).run(async {
            let held = Held::default();
            let server = served(held.router()).await;
            let mut idle = Client::to(server.address).await;
            assert_eq!(idle.get("/").await.status(), 200);
            let mut busy = Client::to(server.address).await;
            busy.say("GET /held HTTP/1.1\r\nHost: test\r\n\r\n").await;
            held.begun.wait().await;

            server.stop.set(()).unwrap();
            assert_eq!(idle.rest().await, "");
            assert!(is_refused(server.address).await, "nobody is let in any more");
            assert!(!server.task.is_done());
            held.may_answer.set();
            let answer = busy.answer().await;
            assert_eq!((answer.status(), answer.body.as_str()), (200, "held"));
            if workers == 1 {
                // One worker tells both connections of the end in turn. Of two, the other may answer before that.
                assert_eq!(answer.header("connection"), Some("close"));
            }
            assert_eq!(busy.rest().await, "");
            server.task.await.unwrap().unwrap();
        });
    }
}

/// The kernel has let these in, and they have made their requests, before the server is told to end.
#[test]
fn connections_that_wait_to_be_accepted_are_answered() {
    let _watch = watch();
    runner(1).run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut clients = Vec::new();
        for _ in 0..50 {
            let mut client = Client::to(address).await;
            client.say("GET / HTTP/1.1\r\nHost: test\r\n\r\n").await;
            clients.push(client);
        }
        let server = create_task(serve(listener, Held::default().router()).graceful(future::ready(())));
        for mut client in clients {
            assert_eq!(client.answer().await.body, "hello");
        }
        server.await.unwrap().unwrap();
    });
}

#[test]
fn http2_streams_under_way_are_answered_and_no_more_are_taken() {
    let _watch = watch();
    runner(2).run(async {
        let held = Held::default();
        let server = served(held.router()).await;
        let stream = TcpStream::connect(server.address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(HyperExecutor::new(), stream).await.unwrap();
        let connection = create_task(connection);
        let request = || Request::get("http://test/held").body(Empty::<Bytes>::new()).unwrap();
        let answer = create_task(sender.send_request(request()));
        held.begun.wait().await;
        server.stop.set(()).unwrap();
        // The farewell comes at some time after this; a request that is sent before it may be answered.
        while !sender.is_closed()
            && !server.task.is_done()
            && timeout(SECOND / 100, sender.send_request(request())).await.is_err()
        {}
        held.may_answer.set();
        let answer = answer.await.unwrap().unwrap();
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "held");
        server.task.await.unwrap().unwrap();
        connection.await.unwrap().unwrap();
    });
}

/// Over both protocols; the cleanup of the handlers has ended when the server has.
#[test]
fn what_is_left_when_the_time_is_up_is_cancelled_and_cleaned_up() {
    let _watch = watch();
    runner(2).run(async {
        let held = Held::default();
        let server = served_with(held.router(), |serve| serve.graceful_timeout(SECOND / 50)).await;
        let mut one = Client::to(server.address).await;
        one.say("GET /held HTTP/1.1\r\nHost: test\r\n\r\n").await;
        held.begun.wait().await;
        held.begun.clear();
        let stream = TcpStream::connect(server.address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(HyperExecutor::new(), stream).await.unwrap();
        let connection = create_task(connection);
        let request = Request::get("http://test/held").body(Empty::<Bytes>::new()).unwrap();
        let two = create_task(sender.send_request(request));
        held.begun.wait().await;

        server.end().await;
        assert_eq!(held.cancelled.load(Ordering::Relaxed), 2);
        assert_eq!(one.rest().await, "");
        assert!(two.await.unwrap().is_err());
        drop(sender);
        let _ = connection.await;
    });
}

#[test]
fn whoever_cancels_a_server_waits_for_its_connections() {
    let _watch = watch();
    runner(2).run(async {
        let held = Held::default();
        let server = served(held.router()).await;
        let mut client = Client::to(server.address).await;
        client.say("GET /held HTTP/1.1\r\nHost: test\r\n\r\n").await;
        held.begun.wait().await;
        server.task.cancel();
        assert!(server.task.await.is_err());
        assert_eq!(held.cancelled.load(Ordering::Relaxed), 1);
        assert!(is_refused(server.address).await);
        assert_eq!(client.rest().await, "");
    });
}

/// A request to stop, as Ctrl-C makes one under `Runner::graceful`, is enough.
#[test]
fn a_server_whose_task_is_asked_to_stop_ends_gracefully() {
    let _watch = watch();
    runner(2).run(async {
        let held = Held::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = create_task(serve(listener, held.router()));
        let mut client = Client::to(address).await;
        client.say("GET /held HTTP/1.1\r\nHost: test\r\n\r\n").await;
        held.begun.wait().await;
        server.stop();
        while !is_refused(address).await {
            yield_now().await;
        }
        held.may_answer.set();
        assert_eq!(client.answer().await.body, "held");
        server.await.unwrap().unwrap();
    });
}

/// As browsers open one ahead of time. The end of the server closes it, and has nothing to report.
#[test]
fn a_connection_that_has_asked_for_nothing_ends_without_a_report() {
    let _watch = watch();
    struct Tells(TcpListener, Arc<Event>);
    impl raddle::tower::Listener for Tells {
        type Connection = TcpStream;
        type Peer = SocketAddr;
        async fn accept(&self) -> std::io::Result<(TcpStream, SocketAddr)> {
            let accepted = raddle::TcpListener::accept(&self.0).await;
            self.1.set();
            accepted
        }
    }
    for workers in [1, 2] {
        let reports = common::Reports::default();
        reports.of(runner(workers)).run(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let (address, accepted) = (listener.local_addr().unwrap(), Arc::new(Event::new()));
            let (stop, stopped) = raddle::promise();
            let listener = Tells(listener, accepted.clone());
            let server = create_task(serve(listener, Held::default().router()).graceful(stopped));
            let silent = Client::to(address).await;
            accepted.wait().await;
            stop.set(()).unwrap();
            assert_eq!(silent.rest().await, "");
            server.await.unwrap().unwrap();
        });
        assert_eq!(reports.take(), [""; 0], "with {workers} workers");
    }
}

#[test]
fn a_listener_that_fails_now_and_then_is_asked_again_and_a_broken_one_ends_the_server() {
    let _watch = watch();
    struct Moody(TcpListener, AtomicUsize);
    impl raddle::tower::Listener for Moody {
        type Connection = TcpStream;
        type Peer = SocketAddr;
        async fn accept(&self) -> std::io::Result<(TcpStream, SocketAddr)> {
            match self.1.fetch_add(1, Ordering::Relaxed) {
                0..5 => Err(std::io::Error::other("in a mood")),
                5 => raddle::TcpListener::accept(&self.0).await,
                _ => Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, "does not listen")),
            }
        }
    }
    let reports = common::Reports::default();
    reports.of(virtual_runner()).run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = create_task(serve(Moody(listener, AtomicUsize::new(0)), Held::default().router()));
        let mut client = Client::to(address).await;
        client.say("GET / HTTP/1.1\r\nHost: test\r\n\r\n").await;
        assert_eq!(client.answer().await.body, "hello", "what was accepted before is served");
        assert_eq!(server.await.unwrap().unwrap_err().to_string(), "does not listen");
    });
    let reports = reports.take();
    assert!(reports.len() == 1 && reports[0].contains("in a mood"), "said once: {reports:?}");
}
