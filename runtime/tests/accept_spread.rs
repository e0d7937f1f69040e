//! A burst of connections to one listener is shared by the workers, also afterwards.
//!
//! One worker accepts, and starts a task per connection. Tasks and sockets could stay with it for good, and the others
//! have nothing to do. They do not: tasks are stolen while there are many, a socket registers with the worker that first
//! waits for it, and moves to one that waits for it later and has far fewer events to deal with.
//!
//! Shares are counted only where there is work for all: with one message under way at a time, the worker that gets it
//! serves it, and the others sleep, as they should.

mod common;

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use common::{runner, watch};
use raddle::{TcpListener, TcpStream, create_task, to_thread};

const CONNECTIONS: usize = 1000;
const ROUNDS: usize = 20;

/// No worker serves more than this, in percent.
const LARGEST_SHARE: usize = 70;

/// A machine with other things to do may keep one worker from its core for a while; not every time.
const ATTEMPTS: usize = 5;

/// How many reads came back on each thread.
#[derive(Clone, Default)]
struct Reads(Arc<Mutex<HashMap<ThreadId, usize>>>);

impl Reads {
    fn add(&self) {
        *self.0.lock().unwrap().entry(thread::current().id()).or_default() += 1;
    }

    /// In percent, from the smallest to the largest.
    fn shares(&self) -> Vec<usize> {
        let counts = self.0.lock().unwrap();
        let sum: usize = counts.values().sum();
        assert_eq!(sum, CONNECTIONS * ROUNDS);
        let mut shares: Vec<_> = counts.values().map(|count| count * 100 / sum).collect();
        shares.sort_unstable();
        shares
    }
}

async fn accept_all(listener: TcpListener, reads: Reads) {
    for _ in 0..CONNECTIONS {
        let (stream, _) = listener.accept().await.unwrap();
        create_task(echo(stream, reads.clone())).detach();
    }
}

async fn echo(mut stream: TcpStream, reads: Reads) {
    let mut buffer = [0; 32];
    for _ in 0..ROUNDS {
        stream.read_exact(&mut buffer).await.unwrap();
        reads.add();
        stream.write_all(&buffer).await.unwrap();
    }
}

/// Opens all connections, which nobody accepts yet.
fn burst(address: SocketAddr) -> Vec<std::net::TcpStream> {
    (0..CONNECTIONS).map(|_| std::net::TcpStream::connect(address).unwrap()).collect()
}

/// Has each connection echo its messages, a round at a time for all.
fn talk(mut streams: Vec<std::net::TcpStream>) {
    for round in 0..ROUNDS {
        let message = [round as u8; 32];
        streams.iter_mut().for_each(|stream| stream.write_all(&message).unwrap());
        for stream in &mut streams {
            let mut answer = [0; 32];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(answer, message);
        }
    }
}

/// The shares of two workers, where the accept loop is a task or is main.
fn shares(in_main: bool) -> Vec<usize> {
    let reads = Reads::default();
    runner(2).run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let streams = to_thread(move || burst(address)).await.unwrap();
        let accepting = accept_all(listener, reads.clone());
        if in_main {
            accepting.await;
        } else {
            create_task(accepting).await.unwrap();
        }
        to_thread(move || talk(streams)).await.unwrap();
    });
    reads.shares()
}

#[test]
fn a_burst_of_connections_is_served_by_all_workers() {
    if thread::available_parallelism().map_or(1, usize::from) < 2 {
        println!("one core: the second worker is not wanted");
        return;
    }
    let _watch = watch();
    for in_main in [false, true] {
        let is_shared = (0..ATTEMPTS).any(|_| {
            let shares = shares(in_main);
            println!("accept loop in main: {in_main}; shares in percent: {shares:?}");
            shares.last().is_some_and(|largest| *largest <= LARGEST_SHARE)
        });
        assert!(is_shared, "one worker served more than {LARGEST_SHARE} % each time");
    }
}
