//! `serve` with TLS: HTTP/2 and HTTP/1 as agreed upon by ALPN, and clients that do not keep to it.

mod common;
mod tls_support;

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use common::{Reports, eventually, runner, watch};
use futures_io::{AsyncBufRead, AsyncWrite};
use http_body_util::BodyExt;
use hyper::Request;
use hyper::rt::{Read, ReadBufCursor, Write};
use raddle::tls::{client_config_with_roots_pem, server_config_from_pem};
use raddle::tower::TlsListener;
use raddle::{
    HyperExecutor, Promise, Runner, StreamReader, StreamWriter, Task, TcpListener, TcpStream, create_task, gather,
    open_connection, promise, serve,
};
use tls_support::{CA, LEAF, LEAF_KEY};

struct Served {
    address: SocketAddr,
    stop: Promise<()>,
    task: Task<io::Result<()>>,
}

impl Served {
    async fn end(self) {
        self.stop.set(()).unwrap();
        self.task.await.unwrap().unwrap();
    }
}

async fn served(limit: Duration) -> Served {
    let router = Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/echo", post(|body: axum::body::Bytes| async { body }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = promise();
    let config = server_config_from_pem(LEAF, LEAF_KEY, &["h2", "http/1.1"]).unwrap();
    let listener = TlsListener::new(listener, config).tls_handshake_timeout(limit);
    let task = create_task(serve(listener, router).graceful(stopped));
    Served { address, stop, task }
}

const AMPLE: Duration = Duration::from_secs(60);

async fn connect(address: SocketAddr, protocol: &str) -> (StreamReader, StreamWriter) {
    let config = client_config_with_roots_pem(CA, &[protocol]).unwrap();
    let (reader, writer) = open_connection(address).tls(config).await.unwrap();
    assert_eq!(writer.alpn_protocol().unwrap(), protocol.as_bytes());
    (reader, writer)
}

/// Streams under hyper's traits, for its client.
struct Streams(StreamReader, StreamWriter);

impl Read for Streams {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, mut to: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let there = ready!(Pin::new(&mut self.0).poll_fill_buf(cx))?;
        let count = there.len().min(to.remaining());
        to.put_slice(&there[..count]);
        Pin::new(&mut self.0).consume(count);
        Poll::Ready(Ok(()))
    }
}

impl Write for Streams {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.1).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.1).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.1).poll_close(cx)
    }
}

/// A hundred requests at once on one connection, with bodies of which none fits into one TLS record.
#[test]
fn http2_over_tls_has_a_hundred_streams_at_once() {
    let _watch = watch();
    runner(2).run(async {
        let server = served(AMPLE).await;
        let (reader, writer) = connect(server.address, "h2").await;
        let builder = hyper::client::conn::http2::Builder::new(HyperExecutor::new());
        let (sender, connection) = builder.handshake(Streams(reader, writer)).await.unwrap();
        let connection = create_task(connection);
        let requests = (0..100).map(|index| {
            let mut sender = sender.clone();
            async move {
                let body = format!("{index} ").repeat(10_000);
                let uri = "https://localhost/echo";
                sender.ready().await.unwrap();
                let request = Request::post(uri).body(body.clone()).unwrap();
                let answer = sender.send_request(request).await.unwrap();
                assert!(answer.version() == hyper::Version::HTTP_2 && answer.status() == 200);
                assert!(answer.into_body().collect().await.unwrap().to_bytes() == body);
            }
        });
        gather(requests.collect::<Vec<_>>()).await;
        drop(sender);
        connection.await.unwrap().unwrap();
        server.end().await;
    });
}

/// HTTP/1, and the graceful end: an idle connection is told goodbye, with a close_notify.
#[test]
fn http1_over_tls_ends_with_a_farewell() {
    let _watch = watch();
    runner(2).run(async {
        let server = served(AMPLE).await;
        let (mut reader, mut writer) = connect(server.address, "http/1.1").await;
        for _ in 0..10 {
            writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
            let head = reader.read_until("\r\n\r\n").await.unwrap();
            assert!(head.starts_with(b"HTTP/1.1 200 OK\r\n"), "{head:?}");
            assert_eq!(reader.read_exactly(5).await.unwrap(), "hello");
        }
        server.end().await;
        assert_eq!(reader.read_to_end().await.unwrap(), "");
    });
}

/// One client speaks no TLS, another nothing at all: the first is reported with its address, the second given up, and
/// both keep nobody waiting, neither at work nor at the end.
#[test]
fn who_does_not_speak_tls_keeps_nobody_waiting() {
    let _watch = watch();
    let reports = Reports::default();
    reports.of(Runner::new().workers(2)).run(async {
        let server = served(Duration::from_millis(100)).await;
        let silent = TcpStream::connect(server.address).await.unwrap();
        let mut plain = TcpStream::connect(server.address).await.unwrap();
        plain.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let seen = reports.clone();
        raddle::to_thread(move || eventually("a report", || seen.len() > 0)).await.unwrap();
        let told = reports.take();
        assert!(told.len() == 1 && told[0].contains(&plain.local_addr().unwrap().to_string()), "{told:?}");
        let (mut reader, mut writer) = connect(server.address, "http/1.1").await;
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        assert!(reader.read_to_end().await.unwrap().ends_with(b"hello"));
        assert_eq!(silent.read(&mut [0; 10]).await.unwrap(), 0);
        let late = TcpStream::connect(server.address).await.unwrap();
        server.end().await;
        // Reset, if the server had not accepted it by then.
        assert_eq!(late.read(&mut [0; 10]).await.unwrap_or(0), 0);
        assert_eq!(reports.len(), 0, "{:?}", reports.take());
    });
}
