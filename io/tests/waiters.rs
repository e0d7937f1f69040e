//! Several tasks that wait for one direction: everybody gets a turn, and nobody takes one along when it leaves.

mod common;

use std::cell::RefCell;
use std::collections::HashSet;
use std::future::Future as _;
use std::io::{Read as _, Write as _};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use common::{Counter, new_reactor, run, run_on, spawn, yield_now};
use raddle_io::net::{TcpListener, TcpStream};

/// Eight tasks accept, eight clients come one by one; each task takes one and then leaves.
#[test]
fn eight_tasks_accept_on_one_listener() {
    run(async {
        let listener = Rc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let address = listener.local_addr().unwrap();
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let listener = listener.clone();
                spawn(async move { listener.accept().await.unwrap().1 })
            })
            .collect();
        yield_now().await;
        let clients: Vec<_> = (0..8).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
        let mut seen = HashSet::new();
        for task in tasks {
            seen.insert(task.await);
        }
        assert_eq!(seen, clients.iter().map(|client| client.local_addr().unwrap()).collect());
    });
}

/// Tasks that accept for ever, and clients one after the other: the ones that wait longest come first, so all serve.
#[test]
fn acceptors_take_turns() {
    run(async {
        let listener = Rc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let address = listener.local_addr().unwrap();
        let served = Rc::new(RefCell::new([0; 4]));
        for task in 0..4 {
            let (listener, served) = (listener.clone(), served.clone());
            drop(spawn(async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    served.borrow_mut()[task] += 1;
                    stream.write(b"x").await.unwrap();
                }
            }));
        }
        for _ in 0..40 {
            let client = TcpStream::connect(address).await.unwrap();
            assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 1);
        }
        assert_eq!(served.borrow().iter().sum::<i32>(), 40);
        assert!(served.borrow().iter().all(|count| *count >= 5), "{served:?}");
    });
}

#[test]
fn several_readers_of_one_stream_get_every_byte_once() {
    const READERS: usize = 5;
    const BYTES: usize = 1000;
    run(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = Rc::new(TcpStream::connect(listener.local_addr().unwrap()).await.unwrap());
        let mut peer = listener.accept().unwrap().0;
        let readers: Vec<_> = (0..READERS)
            .map(|_| {
                let stream = stream.clone();
                spawn(async move {
                    let (mut got, mut buffer) = (Vec::new(), [0; 7]);
                    loop {
                        match stream.read(&mut buffer).await.unwrap() {
                            0 => return got,
                            count => got.extend_from_slice(&buffer[..count]),
                        }
                    }
                })
            })
            .collect();
        for chunk in (0..BYTES).map(|n| (n % 256) as u8).collect::<Vec<_>>().chunks(50) {
            yield_now().await;
            peer.write_all(chunk).unwrap();
        }
        drop(peer);
        let mut counts = [0; 256];
        for reader in readers {
            reader.await.iter().for_each(|byte| counts[*byte as usize] += 1);
        }
        let expected: Vec<_> = (0..256).map(|byte| BYTES / 256 + usize::from(byte < BYTES % 256)).collect();
        assert_eq!(counts[..], expected[..]);
    });
}

/// A stream with two reads that wait, and its peer. The futures are polled by hand, each with a counting waker.
struct TwoReads {
    stream: TcpStream,
    peer: std::net::TcpStream,
}

impl TwoReads {
    async fn new() -> TwoReads {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        TwoReads { stream, peer: listener.accept().unwrap().0 }
    }
}

#[test]
fn an_event_wakes_one_and_a_dropped_read_passes_its_turn_on() {
    let reactor = new_reactor();
    run_on(&reactor.clone(), async {
        let mut two = TwoReads::new().await;
        let ((first_count, first_waker), (second_count, second_waker)) = (Counter::new(), Counter::new());
        let (mut one, mut other) = ([0; 8], [0; 8]);
        let mut first = two.stream.read(&mut one);
        let mut second = two.stream.read(&mut other);
        assert!(Pin::new(&mut first).poll(&mut Context::from_waker(&first_waker)).is_pending());
        assert!(Pin::new(&mut second).poll(&mut Context::from_waker(&second_waker)).is_pending());
        two.peer.write_all(b"data").unwrap();
        while first_count.count() == 0 {
            reactor.park(None).unwrap();
        }
        assert_eq!((first_count.count(), second_count.count()), (1, 0), "one event, one turn");
        drop(first);
        assert_eq!(second_count.count(), 1, "the turn was passed on");
        let read = Pin::new(&mut second).poll(&mut Context::from_waker(&second_waker));
        assert!(matches!(read, Poll::Ready(Ok(4))));
    });
}

#[test]
fn a_read_that_leaves_bytes_behind_passes_its_turn_on() {
    let reactor = new_reactor();
    run_on(&reactor.clone(), async {
        let mut two = TwoReads::new().await;
        let ((first_count, first_waker), (second_count, second_waker)) = (Counter::new(), Counter::new());
        let (mut one, mut other) = ([0; 2], [0; 8]);
        let mut first = two.stream.read(&mut one);
        let mut second = two.stream.read(&mut other);
        assert!(Pin::new(&mut first).poll(&mut Context::from_waker(&first_waker)).is_pending());
        assert!(Pin::new(&mut second).poll(&mut Context::from_waker(&second_waker)).is_pending());
        two.peer.write_all(b"data").unwrap();
        while first_count.count() == 0 {
            reactor.park(None).unwrap();
        }
        assert!(matches!(Pin::new(&mut first).poll(&mut Context::from_waker(&first_waker)), Poll::Ready(Ok(2))));
        assert_eq!(second_count.count(), 1);
        let read = Pin::new(&mut second).poll(&mut Context::from_waker(&second_waker));
        assert!(matches!(read, Poll::Ready(Ok(2))));
    });
}

#[test]
fn a_cancelled_waiter_is_not_woken_and_not_in_the_way() {
    let reactor = new_reactor();
    run_on(&reactor.clone(), async {
        let mut two = TwoReads::new().await;
        let ((first_count, first_waker), (second_count, second_waker)) = (Counter::new(), Counter::new());
        let (mut one, mut other) = ([0; 8], [0; 8]);
        let mut first = two.stream.read(&mut one);
        let mut second = two.stream.read(&mut other);
        assert!(Pin::new(&mut first).poll(&mut Context::from_waker(&first_waker)).is_pending());
        assert!(Pin::new(&mut second).poll(&mut Context::from_waker(&second_waker)).is_pending());
        drop(first);
        assert_eq!(std::sync::Arc::strong_count(&first_count), 2, "its waker is gone from the list");
        two.peer.write_all(b"data").unwrap();
        while second_count.count() == 0 {
            reactor.park(None).unwrap();
        }
        assert_eq!(first_count.count(), 0);
    });
}

#[test]
fn the_end_of_the_stream_wakes_all() {
    let reactor = new_reactor();
    run_on(&reactor.clone(), async {
        let TwoReads { stream, peer } = TwoReads::new().await;
        let ((first_count, first_waker), (second_count, second_waker)) = (Counter::new(), Counter::new());
        let (mut one, mut other) = ([0; 8], [0; 8]);
        let mut first = stream.read(&mut one);
        let mut second = stream.read(&mut other);
        assert!(Pin::new(&mut first).poll(&mut Context::from_waker(&first_waker)).is_pending());
        assert!(Pin::new(&mut second).poll(&mut Context::from_waker(&second_waker)).is_pending());
        drop(peer);
        while first_count.count() == 0 {
            reactor.park(None).unwrap();
        }
        assert_eq!((first_count.count(), second_count.count()), (1, 1));
    });
}

/// A future that is polled with another waker wakes that one.
#[test]
fn the_last_waker_counts() {
    let reactor = new_reactor();
    run_on(&reactor.clone(), async {
        let mut two = TwoReads::new().await;
        let ((old_count, old), (new_count, new)) = (Counter::new(), Counter::new());
        let mut buffer = [0; 8];
        let mut read = two.stream.read(&mut buffer);
        assert!(Pin::new(&mut read).poll(&mut Context::from_waker(&old)).is_pending());
        assert!(Pin::new(&mut read).poll(&mut Context::from_waker(&new)).is_pending());
        two.peer.write_all(b"data").unwrap();
        while new_count.count() == 0 {
            reactor.park(None).unwrap();
        }
        assert_eq!(old_count.count(), 0);
    });
}

/// Connections come and go, so that fds and slots are used again all the time; each carries its own payload both ways.
#[test]
fn reused_fds_carry_their_own_bytes() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                drop(spawn(async move {
                    let mut word = [0; 8];
                    while stream.read_exact(&mut word).await.is_ok() {
                        stream.write_all(&word).await.unwrap();
                    }
                }));
            }
        }));
        let clients: Vec<_> = (0..16u64)
            .map(|client| {
                spawn(async move {
                    for round in 0..100u64 {
                        let mut stream = TcpStream::connect(address).await.unwrap();
                        let payload = (client << 32 | round).to_le_bytes();
                        for _ in 0..1 + round % 3 {
                            stream.write_all(&payload).await.unwrap();
                            let mut got = [0; 8];
                            stream.read_exact(&mut got).await.unwrap();
                            assert_eq!(got, payload, "client {client} round {round}");
                        }
                    }
                })
            })
            .collect();
        for client in clients {
            client.await;
        }
    });
}

#[test]
fn a_std_peer_reads_what_two_writers_wrote() {
    run(async {
        let TwoReads { stream, mut peer } = TwoReads::new().await;
        let stream = Rc::new(stream);
        let reading = std::thread::spawn(move || {
            let mut all = Vec::new();
            peer.read_to_end(&mut all).unwrap();
            all
        });
        let writers: Vec<_> = [b'a', b'b']
            .map(|letter| {
                let stream = stream.clone();
                spawn(async move {
                    let mut left = 1 << 20;
                    while left > 0 {
                        left -= stream.write(&vec![letter; left.min(1 << 16)]).await.unwrap();
                    }
                })
            })
            .into_iter()
            .collect();
        for writer in writers {
            writer.await;
        }
        drop(stream);
        let all = reading.join().unwrap();
        assert_eq!(all.iter().filter(|byte| **byte == b'a').count(), 1 << 20);
        assert_eq!(all.len(), 2 << 20);
    });
}
