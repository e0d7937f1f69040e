//! Promises of Unix sockets, pipes and watched fds under the runtime: over any number of workers every byte arrives, in
//! order and once, whoever gives up in between.

mod common;

use std::future::Future;
use std::io::Read as _;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use common::{runner, scaled, watch};
use raddle::net::pipe;
use raddle::{AsyncFd, UnixDatagram, UnixListener, UnixStream, create_task, gather, timeout, yield_now};

/// Polls a future that many times, at its wakes, and gives it up.
struct UpTo<F>(Pin<Box<F>>, usize);

impl<F: Future> Future for UpTo<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Option<F::Output>> {
        if let Poll::Ready(output) = self.0.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        self.1 -= 1;
        if self.1 == 0 { Poll::Ready(None) } else { Poll::Pending }
    }
}

fn byte(place: usize) -> u8 {
    (place * 131 + place / 256) as u8
}

/// An address of its own for each test and count of workers.
fn address(test: &str, workers: usize) -> SocketAddr {
    SocketAddr::from_abstract_name(format!("raddle-{test}-{workers}-{}", std::process::id())).unwrap()
}

/// Writes bytes in pieces of all sizes, and lets others have their turn in between.
async fn write_in_pieces(mut stream: UnixStream, all: usize) {
    let mut place = 0;
    while place < all {
        let size = (1 + place % 13).min(all - place);
        let piece: Vec<_> = (place..place + size).map(byte).collect();
        stream.write_all(&piece).await.unwrap();
        place += size;
        yield_now().await;
    }
}

/// A `read_exact` that is dropped at its first, second or third poll, again and again, over halves that move with their
/// task, takes no byte along.
#[test]
fn a_read_exact_that_is_dropped_takes_no_byte_along() {
    let _watch = watch();
    for workers in [1, 2, 4] {
        runner(workers).run(async move {
            let all = scaled(200_000);
            let (one, other) = UnixStream::pair().unwrap();
            let writing = create_task(write_in_pieces(other, all));
            let (mut reader, _writer) = one.into_split();
            let (mut place, mut given_up) = (0, 0);
            while place < all {
                let mut buffer = vec![0; (10 + place % 20).min(all - place)];
                let read = UpTo(Box::pin(reader.read_exact(&mut buffer)), 1 + place % 3).await;
                match read {
                    Some(result) => result.unwrap(),
                    None => {
                        given_up += 1;
                        yield_now().await;
                        // Now and then another way to read.
                        if given_up % 3 != 0 {
                            continue;
                        }
                        let count = reader.read(&mut buffer[..1]).await.unwrap();
                        buffer.truncate(count);
                    }
                }
                for got in &buffer {
                    assert_eq!(*got, byte(place), "at {place} with {workers} workers");
                    place += 1;
                }
            }
            writing.await.unwrap();
            assert!(given_up > 0);
        });
    }
}

#[test]
fn an_echo_server_at_an_abstract_address_serves_all() {
    let _watch = watch();
    for workers in [1, 2, 4] {
        runner(workers).run(async move {
            let address = address("echo", workers);
            let listener = Arc::new(UnixListener::bind_addr(&address).unwrap());
            for _ in 0..2 {
                let listener = listener.clone();
                drop(create_task(async move {
                    loop {
                        let (mut stream, _) = listener.accept().await.unwrap();
                        drop(create_task(async move {
                            let mut word = [0; 8];
                            while stream.read_exact(&mut word).await.is_ok() {
                                stream.write_all(&word).await.unwrap();
                            }
                        }));
                    }
                }));
            }
            let clients = (0..20u64).map(|client| {
                let address = address.clone();
                create_task(async move {
                    for round in 0..scaled(500) as u64 {
                        let mut stream = UnixStream::connect_addr(&address).await.unwrap();
                        let payload = (client << 32 | round).to_le_bytes();
                        let mut got = [0; 8];
                        for _ in 0..1 + round % 3 {
                            stream.write_all(&payload).await.unwrap();
                            stream.read_exact(&mut got).await.unwrap();
                            assert_eq!(got, payload);
                        }
                    }
                })
            });
            for client in gather(clients).await {
                client.unwrap();
            }
        });
    }
}

/// Tasks on all workers share one watched fd, some of them give up: each byte is read by one of them.
#[test]
fn a_watched_fd_serves_many_tasks() {
    let _watch = watch();
    for workers in [1, 2, 4] {
        runner(workers).run(async move {
            let all = scaled(50_000);
            let (ours, other) = std::os::unix::net::UnixStream::pair().unwrap();
            ours.set_nonblocking(true).unwrap();
            let fd = Arc::new(AsyncFd::new(ours).unwrap());
            let readers: Vec<_> = (0..6)
                .map(|reader| {
                    let fd = fd.clone();
                    create_task(async move {
                        let (mut counts, mut round) = ([0; 256], 0);
                        let mut buffer = [0; 5];
                        loop {
                            round += 1;
                            let polls = if reader % 2 == 0 { 1 + round % 2 } else { usize::MAX };
                            let Some(guard) = UpTo(Box::pin(fd.readable()), polls).await else {
                                yield_now().await;
                                continue;
                            };
                            match guard.unwrap().try_io(|mut socket| socket.read(&mut buffer)) {
                                Ok(Ok(0)) => return counts,
                                Ok(count) => buffer[..count.unwrap()].iter().for_each(|b| counts[*b as usize] += 1),
                                Err(_would_block) => {}
                            }
                        }
                    })
                })
                .collect();
            write_in_pieces(UnixStream::try_from(other).unwrap(), all).await;
            let (mut got, mut expected) = ([0; 256], [0; 256]);
            for reader in readers {
                let counts = reader.await.unwrap();
                got.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            }
            (0..all).for_each(|place| expected[byte(place) as usize] += 1);
            assert_eq!(got, expected);
        });
    }
}

#[test]
fn datagrams_of_many_senders_arrive_once_and_in_each_ones_order() {
    let _watch = watch();
    for workers in [1, 2, 4] {
        runner(workers).run(async move {
            const SENDERS: usize = 4;
            let each = scaled(2_000) as u32;
            let address = address("datagrams", workers);
            let receiver = UnixDatagram::bind_addr(&address).unwrap();
            let senders: Vec<_> = (0..SENDERS)
                .map(|sender| {
                    let address = address.clone();
                    create_task(async move {
                        let socket = UnixDatagram::unbound().unwrap();
                        if sender % 2 == 0 {
                            socket.connect_addr(&address).unwrap();
                        }
                        for number in 0..each {
                            let datagram = [sender as u32, number].map(u32::to_le_bytes).concat();
                            let sent = match sender % 2 {
                                0 => socket.send(&datagram).await,
                                _ => socket.send_to_addr(&datagram, &address).await,
                            };
                            assert_eq!(sent.unwrap(), 8);
                        }
                    })
                })
                .collect();
            let mut next = [0; SENDERS];
            let mut buffer = [0; 16];
            for _ in 0..SENDERS as u32 * each {
                assert_eq!(receiver.recv(&mut buffer).await.unwrap(), 8);
                let sender = u32::from_le_bytes(buffer[..4].try_into().unwrap()) as usize;
                assert_eq!(u32::from_le_bytes(buffer[4..8].try_into().unwrap()), next[sender]);
                next[sender] += 1;
            }
            for sender in senders {
                sender.await.unwrap();
            }
        });
    }
}

#[test]
fn a_pipe_carries_a_megabyte_between_two_tasks_and_its_reader_may_time_out() {
    let _watch = watch();
    for workers in [1, 2] {
        runner(workers).run(async {
            let all = scaled(10 << 20);
            let (mut reader, mut writer) = pipe().unwrap();
            assert!(timeout(Duration::from_millis(1), reader.read(&mut [0])).await.is_err());
            let writing = create_task(async move {
                let bytes: Vec<_> = (0..all).map(byte).collect();
                writer.write_all(&bytes).await.unwrap();
            });
            let mut got = vec![0; all];
            let (first, second) = got.split_at_mut(all / 3);
            reader.read_exact(first).await.unwrap();
            reader.read_exact(second).await.unwrap();
            writing.await.unwrap();
            assert!(got.iter().enumerate().all(|(place, got)| *got == byte(place)));
            assert_eq!(reader.read(&mut got).await.unwrap(), 0);
        });
    }
}
