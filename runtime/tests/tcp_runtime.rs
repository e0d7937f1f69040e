//! Promises of TCP under the runtime: every byte arrives, in order, over any number of workers, and the end is seen.

mod common;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use common::{Count, runner, scaled, watch};
use raddle::{
    TcpListener, TcpSocket, TcpStream, create_local_task, create_task, gather, promise, sleep, timeout, to_thread,
    yield_now,
};

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn pair() -> (TcpStream, TcpStream) {
    let (listener, address) = listen().await;
    let client = TcpStream::connect(address).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

/// Byte `at` of connection `seed`.
fn byte(seed: usize, at: usize) -> u8 {
    (at * 131 + seed * 7 + at / 256) as u8
}

#[test]
fn data_and_the_end_arrive_together() {
    // The peer writes ten bytes and closes while nobody reads: ten bytes, then the end, then the end again.
    let _watch = watch();
    for workers in [1, 2, 4] {
        runner(workers).run(async {
            for polled_before in [false, true] {
                let (mut client, server) = pair().await;
                let mut buffer = [0; 64];
                if polled_before {
                    assert!(timeout(Duration::from_millis(1), server.read(&mut buffer)).await.is_err());
                }
                client.write_all(&[7; 10]).await.unwrap();
                client.shutdown(Shutdown::Write).unwrap();
                sleep(Duration::from_millis(5)).await;
                assert_eq!(server.read(&mut buffer).await.unwrap(), 10);
                assert_eq!(server.read(&mut buffer).await.unwrap(), 0);
                assert_eq!(server.read(&mut buffer).await.unwrap(), 0);
            }
        });
    }
}

#[test]
fn a_reader_that_waits_sees_the_end() {
    // Closed, shut down, and gone with its task: each ends the wait on the other side.
    let _watch = watch();
    for workers in [1, 2] {
        runner(workers).run(async {
            for way in 0..3 {
                let (client, server) = pair().await;
                let reader = create_task(async move { server.read(&mut [0; 8]).await });
                sleep(Duration::from_millis(1)).await;
                match way {
                    0 => drop(client),
                    1 => client.shutdown(Shutdown::Write).unwrap(),
                    _ => {
                        let task = create_task(async move { client.read(&mut [0; 8]).await });
                        yield_now().await;
                        task.cancel();
                    }
                }
                assert_eq!(reader.await.unwrap().unwrap(), 0);
            }
        });
    }
}

#[test]
fn a_half_closed_connection_goes_on_the_other_way() {
    let _watch = watch();
    runner(2).run(async {
        let (mut client, server) = pair().await;
        let sum = create_task(async move {
            let mut sum = 0u64;
            let mut buffer = [0; 1000];
            loop {
                match server.read(&mut buffer).await.unwrap() {
                    0 => break,
                    n => sum += buffer[..n].iter().map(|byte| u64::from(*byte)).sum::<u64>(),
                }
            }
            let mut server = server;
            server.write_all(&sum.to_le_bytes()).await.unwrap();
        });
        client.write_all(&vec![3; 100_000]).await.unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut answer = [0; 8];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(u64::from_le_bytes(answer), 300_000);
        assert_eq!(client.read(&mut answer).await.unwrap(), 0);
        assert!(client.write(b"x").await.is_err(), "its own side is shut");
        sum.await.unwrap();
    });
}

#[test]
fn eight_tasks_accept_on_one_listener() {
    // Clients come one by one, then all at once; each is accepted by exactly one task and answered.
    let _watch = watch();
    for workers in [1, 2, 4] {
        runner(workers).run(async {
            let (listener, address) = listen().await;
            let (listener, accepted) = (Arc::new(listener), Count::default());
            let acceptors: Vec<_> = (0..8)
                .map(|_| {
                    let (listener, accepted) = (listener.clone(), accepted.clone());
                    create_task(async move {
                        loop {
                            let (mut stream, _) = listener.accept().await.unwrap();
                            accepted.add();
                            stream.write_all(b"!").await.unwrap();
                        }
                    })
                })
                .collect();
            let call = || async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                let mut answer = [0; 1];
                stream.read_exact(&mut answer).await.unwrap();
            };
            for _ in 0..16 {
                call().await;
            }
            gather((0..64).map(|_| create_task(call()))).await.into_iter().for_each(|end| end.unwrap());
            // With one acceptor less the others still take turns.
            acceptors[0].cancel();
            for _ in 0..16 {
                call().await;
            }
            assert_eq!(accepted.get(), 96);
        });
    }
}

/// Echoes until the end.
async fn echo(mut stream: TcpStream) {
    let mut buffer = vec![0; 4096];
    loop {
        match stream.read(&mut buffer).await.unwrap() {
            0 => return,
            n => stream.write_all(&buffer[..n]).await.unwrap(),
        }
    }
}

#[test]
fn many_connections_echo_their_own_bytes() {
    // Each connection sends a stream of its own in pieces of odd sizes, reading at the same time.
    let _watch = watch();
    let total = scaled(400_000);
    for workers in [1, 2, 4] {
        runner(workers).run(async {
            let (listener, address) = listen().await;
            let server = create_task(async move {
                loop {
                    create_task(echo(listener.accept().await.unwrap().0)).detach();
                }
            });
            let clients = (0..50).map(|seed| {
                create_task(async move {
                    let (read, mut write) = TcpStream::connect(address).await.unwrap().into_split();
                    let writer = create_task(async move {
                        let mut at = 0;
                        while at < total {
                            let next = (at + 1 + (at * 7 + seed * 13) % 3000).min(total);
                            let piece: Vec<_> = (at..next).map(|at| byte(seed, at)).collect();
                            write.write_all(&piece).await.unwrap();
                            at = next;
                        }
                        write
                    });
                    let mut buffer = vec![0; 1777];
                    let mut at = 0;
                    while at < total {
                        let n = read.read(&mut buffer).await.unwrap();
                        assert!(n > 0, "the end after {at} bytes");
                        for received in &buffer[..n] {
                            assert_eq!(*received, byte(seed, at), "byte {at} of {seed}");
                            at += 1;
                        }
                    }
                    drop(writer.await.unwrap());
                })
            });
            for client in clients.collect::<Vec<_>>() {
                client.await.unwrap();
            }
            server.cancel();
        });
    }
}

#[test]
fn a_cancelled_read_loses_nothing() {
    // Reads are given up by time-outs, cancelled tasks and lost races while data trickles in.
    let _watch = watch();
    let total = scaled(20_000);
    for workers in [1, 2, 4] {
        runner(workers).run(async {
            let (mut client, server) = pair().await;
            let server = Arc::new(server);
            let writer = create_task(async move {
                for at in 0..total {
                    client.write_all(&[byte(1, at)]).await.unwrap();
                    if at % 64 == 0 {
                        yield_now().await;
                    }
                    if at % 1000 == 0 {
                        sleep(Duration::from_millis(1)).await;
                    }
                }
            });
            let (mut at, mut round) = (0, 0);
            loop {
                let mut buffer = [0; 33];
                round += 1;
                let n = match round % 3 {
                    0 => match timeout(Duration::ZERO, server.read(&mut buffer)).await {
                        Ok(read) => read.unwrap(),
                        Err(_) => continue,
                    },
                    1 => {
                        // Another task waits for the same bytes and is cancelled: what it has read it returns.
                        let other = server.clone();
                        let task = create_task(async move {
                            let mut buffer = [0; 33];
                            let n = other.read(&mut buffer).await.unwrap();
                            (buffer, n)
                        });
                        yield_now().await;
                        task.cancel();
                        match task.await {
                            Ok((read, n)) => {
                                buffer = read;
                                n
                            }
                            Err(_) => continue,
                        }
                    }
                    _ => server.read(&mut buffer).await.unwrap(),
                };
                if n == 0 {
                    break;
                }
                for received in &buffer[..n] {
                    assert_eq!(*received, byte(1, at), "byte {at}");
                    at += 1;
                }
            }
            assert_eq!(at, total);
            writer.await.unwrap();
        });
    }
}

#[test]
fn a_writer_waits_for_a_slow_reader() {
    // More than the kernel buffers: the writer is parked, is given up once, and goes on; the count is exact.
    let _watch = watch();
    for workers in [1, 2] {
        runner(workers).run(async {
            let (client, server) = pair().await;
            let chunk = vec![9u8; 1 << 16];
            let mut sent = 0;
            while let Ok(n) = timeout(Duration::from_millis(20), client.write(&chunk)).await {
                sent += n.unwrap();
            }
            assert!(sent > 1 << 16);
            let reader = create_task(async move {
                let (mut received, mut buffer) = (0, vec![0; 1 << 14]);
                loop {
                    match server.read(&mut buffer).await.unwrap() {
                        0 => return received,
                        n => received += n,
                    }
                }
            });
            for _ in 0..50 {
                sent += client.write(&chunk).await.unwrap();
            }
            drop(client);
            assert_eq!(reader.await.unwrap(), sent);
        });
    }
}

#[test]
fn streams_move_between_workers_and_tasks() {
    // Each message is read by another task than the one before, local ones among them.
    let _watch = watch();
    runner(4).run(async {
        let (mut client, mut server) = pair().await;
        for n in 0..scaled(2000) as u32 {
            client = create_task(async move {
                client.write_all(&n.to_le_bytes()).await.unwrap();
                client
            })
            .await
            .unwrap();
            let read = async move {
                let mut buffer = [0; 4];
                server.read_exact(&mut buffer).await.unwrap();
                assert_eq!(u32::from_le_bytes(buffer), n);
                server
            };
            server = if n % 3 == 0 { create_local_task(read).await.unwrap() } else { create_task(read).await.unwrap() };
        }
    });
}

/// A listener whose queue is full drops what comes: connecting to it waits as it does for a host that is gone.
async fn nowhere() -> (TcpListener, TcpStream) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let in_its_queue = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (listener, in_its_queue)
}

#[test]
fn of_several_addresses_the_one_that_answers_is_found() {
    // Attempts overlap, fail and win on whatever worker looks after them.
    let _watch = watch();
    for workers in [1, 2, 4] {
        runner(workers).run(async {
            let (nowhere, _in_its_queue) = nowhere().await;
            let nobody = listen().await.1;
            let (listener, there) = listen().await;
            let addresses = [nowhere.local_addr().unwrap(), nobody, nowhere.local_addr().unwrap(), there];
            let clients = (0..50).map(|_| {
                create_task(async move {
                    let connecting = TcpStream::connect(&addresses[..]).happy_eyeballs(Duration::from_millis(1));
                    assert_eq!(connecting.await.unwrap().peer_addr().unwrap(), there);
                })
            });
            gather(clients).await.into_iter().for_each(|end| end.unwrap());
            drop(listener);
        });
    }
}

#[test]
fn both_families_names_and_std_sockets_work() {
    let _watch = watch();
    runner(2).run(async {
        for ip in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
            let listener = TcpListener::bind((ip, 0)).await.unwrap();
            let address = listener.local_addr().unwrap();
            let (accepted, connected) = gather((listener.accept(), TcpStream::connect(address))).await;
            assert_eq!(accepted.unwrap().1, connected.unwrap().local_addr().unwrap());
        }
        let (listener, address) = listen().await;
        let by_name = TcpStream::connect(("localhost", address.port())).await.unwrap();
        assert_eq!(by_name.peer_addr().unwrap(), address);
        drop(listener.accept().await.unwrap());

        let std = to_thread(move || std::net::TcpStream::connect(address)).await.unwrap().unwrap();
        let mut stream = TcpStream::try_from(std).unwrap();
        let (mut other, _) = listener.accept().await.unwrap();
        let (said, heard) = promise();
        let reader = create_task(async move {
            let mut buffer = [0; 3];
            said.set(()).unwrap();
            stream.read_exact(&mut buffer).await.unwrap();
            (buffer, stream.into_std().unwrap())
        });
        heard.await.unwrap();
        other.write_all(b"std").await.unwrap();
        let (buffer, std) = reader.await.unwrap();
        assert_eq!(&buffer, b"std");
        assert_eq!(std.peer_addr().unwrap(), address);
    });
}
