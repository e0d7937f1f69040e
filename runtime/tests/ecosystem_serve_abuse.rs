//! `serve` and what clients do to it: they vanish, dawdle, send too much, and talk nonsense.

mod common;
mod http_support;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use common::{Count, Reports, runner, virtual_runner, watch};
use futures_util::future;
use http_support::{Client, served, served_with};
use raddle::{Event, Exit, FinallyExt, sleep};

const SECOND: Duration = Duration::from_secs(1);

fn router() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}

/// Where a closed side counts as a vanished client: the request is cancelled, and its cleanup runs.
#[test]
fn the_request_of_a_client_that_vanishes_is_cancelled_where_that_is_asked_for() {
    let _watch = watch();
    runner(2).run(async {
        let (begun, cancelled) = (Arc::new(Event::new()), Arc::new(Event::new()));
        let handler = {
            let (begun, cancelled) = (begun.clone(), cancelled.clone());
            move || {
                let (begun, cancelled) = (begun.clone(), cancelled.clone());
                async move {
                    begun.set();
                    let endless = future::pending::<()>().finally(move |exit| async move {
                        assert_eq!(exit, Exit::Cancelled);
                        cancelled.set();
                    });
                    endless.await;
                }
            }
        };
        let server = served_with(router().route("/endless", get(handler)), |serve| serve.half_close(false)).await;
        let mut client = Client::to(server.address).await;
        client.say("GET /endless HTTP/1.1\r\nHost: test\r\n\r\n").await;
        begun.wait().await;
        drop(client);
        cancelled.wait().await;
        let mut other = Client::to(server.address).await;
        assert_eq!(other.get("/").await.status(), 200, "others are served");
        drop(other);
        server.end().await;
    });
}

/// A client that goes away in the middle of a long answer ends that answer and nothing else, and nobody is alarmed.
#[test]
fn a_client_that_vanishes_while_it_is_answered_ends_its_connection_only() {
    let _watch = watch();
    let reports = Reports::default();
    reports.of(runner(2)).run(async {
        let dropped = Arc::new(Event::new());
        struct Drops(Arc<Event>);
        impl Drop for Drops {
            fn drop(&mut self) {
                self.0.set();
            }
        }
        let flood = {
            let dropped = dropped.clone();
            move || {
                let guard = Drops(dropped.clone());
                let endless = std::iter::repeat_with(move || {
                    let _held = &guard;
                    Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 65536]))
                });
                async { Body::from_stream(futures_util::stream::iter(endless)) }
            }
        };
        let server = served(router().route("/flood", get(flood))).await;
        let mut client = Client::to(server.address).await;
        client.say("GET /flood HTTP/1.1\r\nHost: test\r\n\r\n").await;
        client.until(b"\r\n\r\n").await;
        drop(client);
        dropped.wait().await;
        assert_eq!(Client::to(server.address).await.get("/").await.status(), 200);
        server.end().await;
    });
    assert_eq!(reports.take(), Vec::<String>::new());
}

/// One that never begins, one that drips, and one that begins as HTTP/2 does: each is sent away when its time is up. The
/// clock is virtual; the server has not a second more than it was given.
#[test]
fn a_client_that_makes_no_request_in_time_is_sent_away() {
    let _watch = watch();
    virtual_runner().run(async {
        let server = served_with(router(), |serve| serve.header_timeout(10 * SECOND)).await;
        for beginning in ["", "G", "PRI * HT", "GET / HTTP/1.1\r\nHost: te", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
            let began = raddle::Instant::now();
            let mut client = Client::to(server.address).await;
            client.say(beginning).await;
            client.rest().await;
            let took = raddle::Instant::now() - began;
            assert!(took >= 10 * SECOND && took < 11 * SECOND, "{beginning:?}: {took:?}");
        }
        // One byte a second is no better.
        let client = Client::to(server.address).await;
        let began = raddle::Instant::now();
        for byte in "GET / HTTP/1.1\r\nHost: test\r\n\r\n".chars() {
            sleep(SECOND).await;
            if client.stream.write(byte.to_string().as_bytes()).await.is_err() {
                break;
            }
        }
        client.rest().await;
        assert!(raddle::Instant::now() - began < 20 * SECOND);
        // Who has been served may rest as long, and no longer.
        let mut client = Client::to(server.address).await;
        for _ in 0..3 {
            sleep(9 * SECOND).await;
            assert_eq!(client.get("/").await.status(), 200);
        }
        let began = raddle::Instant::now();
        client.rest().await;
        assert!(raddle::Instant::now() - began < 11 * SECOND);
        server.end().await;
    });
}

/// The limit is one of heads: neither a handler that takes long nor a client that reads an answer slowly is sent away, and
/// the time for the next head begins when the answer is written.
#[test]
fn a_request_under_way_may_take_longer_than_a_head() {
    let _watch = watch();
    virtual_runner().run(async {
        let slow = || async {
            sleep(30 * SECOND).await;
            "at last"
        };
        let large = || async { Bytes::from(vec![b'x'; 16 << 20]) };
        let router = router().route("/slow", get(slow)).route("/large", get(large));
        let server = served_with(router, |serve| serve.header_timeout(10 * SECOND)).await;
        let mut client = Client::to(server.address).await;
        for _ in 0..2 {
            assert_eq!(client.get("/slow").await.body, "at last");
            sleep(9 * SECOND).await;
        }
        client.say("GET /large HTTP/1.1\r\nHost: test\r\n\r\n").await;
        client.until(b"\r\n\r\n").await;
        // Longer than a head may take. What the kernel keeps of the answer is not all of it.
        sleep(40 * SECOND).await;
        client.exactly(16 << 20).await;
        sleep(9 * SECOND).await;
        assert_eq!(client.get("/").await.status(), 200);
        drop(client);
        server.end().await;
    });
}

/// An answer without end, of which nothing is read after its head: the connection ends when the time is up, the body is
/// dropped, and nobody is alarmed. One that reads now and then goes on.
#[test]
fn a_client_that_never_reads_is_sent_away() {
    let _watch = watch();
    let reports = Reports::default();
    reports.of(virtual_runner()).run(async {
        let dropped = Count::default();
        let flood = {
            let dropped = dropped.clone();
            move || {
                let guard = dropped.drops();
                let endless = std::iter::repeat_with(move || {
                    let _held = &guard;
                    Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 65536]))
                });
                async { Body::from_stream(futures_util::stream::iter(endless)) }
            }
        };
        let router = Router::new().route("/flood", get(flood));
        let server = served_with(router, |serve| serve.write_timeout(10 * SECOND)).await;
        let mut client = Client::to(server.address).await;
        client.say("GET /flood HTTP/1.1\r\nHost: test\r\n\r\n").await;
        client.until(b"\r\n\r\n").await;
        for _ in 0..4 {
            sleep(8 * SECOND).await;
            assert_eq!(dropped.get(), 0, "it has read");
            // More than the kernel keeps for both of them, so that the server gets on.
            client.exactly(16 << 20).await;
        }
        let began = raddle::Instant::now();
        while dropped.get() == 0 {
            sleep(SECOND / 10).await;
        }
        assert!(began.elapsed() < 11 * SECOND, "{:?}", began.elapsed());
        drop(client);
        server.end().await;
    });
    assert_eq!(reports.take(), Vec::<String>::new());
}

#[test]
fn any_duration_is_a_timeout() {
    let _watch = watch();
    runner(1).run(async {
        for duration in [Duration::MAX, u32::MAX * SECOND, SECOND] {
            let server = served_with(router(), |serve| {
                serve.header_timeout(duration).write_timeout(duration).graceful_timeout(duration)
            })
            .await;
            assert_eq!(Client::to(server.address).await.get("/").await.status(), 200);
            server.end().await;
        }
    });
}

/// A connection is a task, and memory: it must end with its client, though half-closed ones are answered.
#[test]
fn the_tasks_of_clients_that_have_gone_end() {
    let _watch = watch();
    runner(2).run(async {
        let server = served(router()).await;
        let before = raddle::all_tasks().len();
        for _ in 0..20 {
            let mut client = Client::to(server.address).await;
            assert_eq!(client.get("/").await.status(), 200);
            drop(client);
            let silent = Client::to(server.address).await;
            drop(silent);
        }
        while raddle::all_tasks().len() > before {
            sleep(SECOND / 100).await;
        }
        server.end().await;
    });
}

#[test]
fn a_head_without_end_is_refused() {
    let _watch = watch();
    runner(2).run(async {
        let server = served(router()).await;
        let mut client = Client::to(server.address).await;
        // Not all of it can be written: the server closes before its end.
        let head = format!("GET / HTTP/1.1\r\nHost: test\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
        let _ = client.stream.write_all(head.as_bytes()).await;
        let answer = client.rest().await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
        let mut client = Client::to(server.address).await;
        client.say(&format!("GET / HTTP/1.1\r\nHost: test\r\nX: {}\r\n\r\n", "x".repeat(10_000))).await;
        assert_eq!(client.answer().await.status(), 200, "10,000 bytes are allowed");
        drop(client);
        server.end().await;
    });
}

/// Each of these ends its own connection, is told to whoever wants to know, and leaves the server as it was.
#[test]
fn what_goes_wrong_with_a_connection_is_told_and_ends_that_one() {
    let _watch = watch();
    let reports = Reports::default();
    let told = Arc::new(Mutex::new(Vec::new()));
    reports.of(runner(2)).run(async {
        async fn panics() {
            panic!("the handler's own")
        }
        let router = router().route("/panic", get(panics));
        let kept = told.clone();
        let server = served_with(router, |serve| {
            serve.on_error(move |error| kept.lock().unwrap().push((error.is_departure(), error.to_string())))
        })
        .await;
        for (said, heard) in [("nonsense\r\n\r\n", "HTTP/1.1 400 "), ("GET /panic HTTP/1.1\r\nHost: test\r\n\r\n", "")]
        {
            let mut client = Client::to(server.address).await;
            client.say(said).await;
            let answer = client.rest().await;
            assert!(answer.starts_with(heard), "{said}: {answer}");
        }
        let mut client = Client::to(server.address).await;
        client.say("GET / HT").await;
        drop(client);
        assert_eq!(Client::to(server.address).await.get("/").await.status(), 200);
        server.end().await;
    });
    let told = std::mem::take(&mut *told.lock().unwrap());
    assert!(told.iter().any(|(departure, text)| !departure && text.contains("127.0.0.1")), "{told:?}");
    assert!(told.iter().all(|(departure, text)| *departure || text.contains("invalid HTTP")), "{told:?}");
    let reports = reports.take();
    assert!(reports.len() == 1 && reports[0].contains("the handler's own"), "{reports:?}");
}

/// If nothing else is said, the runtime is told; but not of clients that just go.
#[test]
fn the_runtime_is_told_what_nobody_else_wants_to_know() {
    let _watch = watch();
    let reports = Reports::default();
    reports.of(runner(2)).run(async {
        let server = served(router()).await;
        for said in ["nonsense\r\n\r\n", "GET / HT"] {
            let mut client = Client::to(server.address).await;
            client.say(said).await;
            client.stream.shutdown(std::net::Shutdown::Write).unwrap();
            client.rest().await;
        }
        server.end().await;
    });
    let reports = reports.take();
    assert!(reports.len() == 1 && reports[0].contains("the connection of 127.0.0.1:"), "{reports:?}");
}
