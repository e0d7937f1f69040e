//! A client that speaks HTTP/1 by hand, so that a test decides about every byte, and a server to talk to.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::net::SocketAddr;

use axum::Router;
use raddle::tower::Serve;
use raddle::{Promise, Task, TcpListener, TcpStream, create_task, promise, serve};

/// A server in a task of its own, and the promise that ends it gracefully.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) stop: Promise<()>,
    pub(crate) task: Task<std::io::Result<()>>,
}

impl Served {
    /// Ends it, and waits for that.
    pub(crate) async fn end(self) {
        self.stop.set(()).unwrap();
        self.task.await.unwrap().unwrap();
    }
}

/// Serves a router with the usual settings.
pub(crate) async fn served(router: Router) -> Served {
    served_with(router, |serve| serve).await
}

/// Serves a router with others.
pub(crate) async fn served_with(
    router: Router,
    settings: impl FnOnce(Serve<TcpListener, Router>) -> Serve<TcpListener, Router>,
) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = promise();
    let task = create_task(settings(serve(listener, router).graceful(stopped)));
    Served { address, stop, task }
}

/// One connection of a client.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    heard: Vec<u8>,
}

/// An answer, taken apart.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.head[9..12].parse().expect("a status")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v)
    }
}

impl Client {
    pub(crate) async fn to(address: SocketAddr) -> Client {
        Client { stream: TcpStream::connect(address).await.unwrap(), heard: Vec::new() }
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.say(&format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n")).await;
        self.answer().await
    }

    /// One answer, whose body has a length, or comes in chunks.
    pub(crate) async fn answer(&mut self) -> Answer {
        let head = self.until(b"\r\n\r\n").await;
        let mut answer = Answer { head, body: String::new() };
        if let Some(length) = answer.header("content-length") {
            answer.body = self.exactly(length.parse().unwrap()).await;
        } else if answer.header("transfer-encoding") == Some("chunked") {
            loop {
                let size = usize::from_str_radix(self.until(b"\r\n").await.trim(), 16).unwrap();
                if size == 0 {
                    // What follows, up to an empty line, are trailers.
                    loop {
                        match self.until(b"\r\n").await.as_str() {
                            "\r\n" => return answer,
                            trailer => answer.head.push_str(trailer),
                        }
                    }
                }
                answer.body.push_str(&self.exactly(size).await);
                self.exactly(2).await;
            }
        }
        answer
    }

    pub(crate) async fn until(&mut self, end: &[u8]) -> String {
        loop {
            if let Some(at) = self.heard.windows(end.len()).position(|window| window == end) {
                return self.take(at + end.len());
            }
            assert!(self.hear().await > 0, "the connection ended after {:?}", String::from_utf8_lossy(&self.heard));
        }
    }

    pub(crate) async fn exactly(&mut self, length: usize) -> String {
        while self.heard.len() < length {
            assert!(self.hear().await > 0, "the connection ended after {:?}", String::from_utf8_lossy(&self.heard));
        }
        self.take(length)
    }

    /// What comes until the server closes the connection, in whichever way.
    pub(crate) async fn rest(mut self) -> String {
        while self.hear().await > 0 {}
        let length = self.heard.len();
        self.take(length)
    }

    async fn hear(&mut self) -> usize {
        let mut buffer = [0; 4096];
        // A reset is an end, too.
        let length = self.stream.read(&mut buffer).await.unwrap_or(0);
        self.heard.extend_from_slice(&buffer[..length]);
        length
    }

    fn take(&mut self, length: usize) -> String {
        String::from_utf8_lossy(&self.heard.drain(..length).collect::<Vec<_>>()).into_owned()
    }
}
