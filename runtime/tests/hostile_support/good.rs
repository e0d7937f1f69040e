//! A client that behaves, and must be served all the while: right answers, and soon enough.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::products::Product;
use super::target::PATIENCE;
use super::wire::Wire;
use crate::tls_support;

/// The client's thread.
pub(crate) struct Good {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// Held during an exchange.
    gate: Mutex<()>,
    exchanges: AtomicUsize,
    is_over: AtomicBool,
}

impl Good {
    pub(crate) fn start(product: Product, address: SocketAddr) -> Good {
        let shared = Arc::new(Shared::default());
        let kept = shared.clone();
        let thread = thread::spawn(move || {
            let mut client = Client::of(product, address);
            while !kept.is_over.load(SeqCst) {
                let gate = kept.gate.lock().unwrap();
                client.exchange(kept.exchanges.load(SeqCst));
                kept.exchanges.fetch_add(1, SeqCst);
                drop(gate);
                thread::sleep(Duration::from_millis(1));
            }
        });
        Good { shared, thread: Some(thread) }
    }

    /// Waits for an exchange that has begun now or later.
    #[track_caller]
    pub(crate) fn is_served(&self) {
        let (wanted, began) = (self.shared.exchanges.load(SeqCst) + 2, Instant::now());
        while self.shared.exchanges.load(SeqCst) < wanted {
            let is_there = !self.thread.as_ref().unwrap().is_finished();
            assert!(is_there, "the good client was not served, as it said");
            assert!(began.elapsed() < PATIENCE, "the good client waits for its answer");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Lets it rest until the guard is dropped.
    pub(crate) fn rest(&self) -> MutexGuard<'_, ()> {
        self.shared.gate.lock().unwrap()
    }
}

impl Drop for Good {
    fn drop(&mut self) {
        self.shared.is_over.store(true, SeqCst);
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || thread::panicking(), "the good client failed");
    }
}

/// The good client's connections.
enum Client {
    Http(Conversation),
    Kv(Conversation),
    Chat([Conversation; 2]),
    Echo(Conversation),
}

impl Client {
    fn of(product: Product, address: SocketAddr) -> Client {
        let open = || match product {
            Product::Https | Product::TlsLines => Conversation::secured(address),
            _ => Conversation::plain(address),
        };
        match product {
            Product::Http | Product::Https => Client::Http(open()),
            Product::Kv => Client::Kv(open()),
            Product::Chat => Client::Chat([open(), open()].map(|mut guest| {
                assert!(guest.line().starts_with("* welcome"), "it is in the room");
                guest
            })),
            Product::Echo | Product::Lines | Product::TlsLines => Client::Echo(open()),
        }
    }

    fn exchange(&mut self, number: usize) {
        match self {
            Client::Http(server) => {
                let (path, body) = match number % 2 {
                    0 => ("/", "Hello, world!\n".to_owned()),
                    _ => ("/json", r#"{"message":"Hello, world!"}"#.to_owned()),
                };
                server.say(&format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
                assert_eq!(server.line(), "HTTP/1.1 200 OK\r\n");
                while server.line() != "\r\n" {}
                assert_eq!(server.exactly(body.len()), body);
            }
            Client::Kv(server) => {
                server.say(&format!("SET good {number}\r\nGET good\r\n"));
                let text = number.to_string();
                assert_eq!(server.line(), "+OK\r\n");
                assert_eq!(server.line(), format!("${}\r\n", text.len()));
                assert_eq!(server.line(), format!("{text}\r\n"));
                // Somebody has to tell those who subscribe and do not read.
                server.say(&format!("PUBLISH news {}\r\n", "n".repeat(8 * 1024)));
                assert!(server.line().starts_with(':'));
            }
            Client::Chat(guests) => {
                // In turn, so that both read.
                guests.swap(0, 1);
                let [speaker, hearer] = guests;
                let text = format!("number {number}.");
                speaker.say(&format!("{text}\n"));
                loop {
                    let line = hearer.line();
                    if line.trim_end().ends_with(&text) {
                        return;
                    }
                    if line.contains("you read too slowly") {
                        speaker.say(&format!("{text}\n"));
                    }
                }
            }
            Client::Echo(server) => {
                let text = format!("number {number}\n");
                server.say(&text);
                assert_eq!(server.line(), text);
            }
        }
    }
}

/// A connection that is read by the line.
struct Conversation(BufReader<Wire>);

impl Conversation {
    fn plain(address: SocketAddr) -> Conversation {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Conversation(BufReader::new(Wire::Plain(stream)))
    }

    fn secured(address: SocketAddr) -> Conversation {
        Conversation(BufReader::new(Wire::secured(address, &tls_support::client_config()).unwrap()))
    }

    fn say(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = Vec::new();
        self.0.read_until(b'\n', &mut line).unwrap();
        assert!(!line.is_empty(), "the good client's connection has ended");
        String::from_utf8(line).unwrap()
    }

    fn exactly(&mut self, length: usize) -> String {
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }
}
