//! Reads, writes, accepts, ticks and sleeps that are dropped at their first, second, third poll: no byte, connection or
//! tick is lost or comes twice, and no timer stays.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Log, runner, up_to, virtual_runner, watch};
use raddle::{
    Handle, Instant, TcpListener, TcpStream, create_task, gather, interval, promise, sleep, timeout, wait, yield_now,
};

const MS: Duration = Duration::from_millis(1);

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (client, server) = gather((TcpStream::connect(address), listener.accept())).await;
    (client.unwrap(), server.unwrap().0)
}

/// The byte at a place of the stream.
fn byte(place: usize) -> u8 {
    (place % 251) as u8
}

#[test]
fn a_read_that_is_dropped_takes_no_byte_along() {
    let _watch = watch();
    for workers in [1, 2] {
        runner(workers).run(async {
            let (client, server) = pair().await;
            const ALL: usize = 2000;
            assert!(up_to(1, server.read(&mut [0; 7])).await.is_none(), "one at least is dropped");
            let writer = create_task(async move {
                for place in 0..ALL {
                    assert_eq!(client.write(&[byte(place)]).await.unwrap(), 1);
                    if place % 3 == 0 {
                        yield_now().await;
                    }
                }
            });
            let (mut got, mut round) = (Vec::new(), 0);
            loop {
                round += 1;
                let mut buffer = [0; 7];
                match up_to(round % 3 + 1, server.read(&mut buffer)).await {
                    Some(Ok(0)) => break,
                    Some(read) => got.extend_from_slice(&buffer[..read.unwrap()]),
                    None => yield_now().await,
                }
            }
            writer.await.unwrap();
            assert!(got.len() == ALL && (0..ALL).all(|place| got[place] == byte(place)));
        });
    }
}

#[test]
fn two_readers_that_give_up_now_and_then_get_each_byte_once() {
    let _watch = watch();
    for workers in [1, 2] {
        runner(workers).run(async {
            let (client, server) = pair().await;
            let server = Arc::new(server);
            let got = Log::<u8>::default();
            let reader = |polls: usize| {
                let (server, got) = (server.clone(), got.clone());
                create_task(async move {
                    loop {
                        let mut buffer = [0; 1];
                        match up_to(polls, server.read(&mut buffer)).await {
                            Some(Ok(0)) => break,
                            Some(Ok(_)) => got.push(buffer[0]),
                            Some(Err(error)) => panic!("{error}"),
                            None => yield_now().await,
                        }
                    }
                })
            };
            let readers = [reader(1), reader(2)];
            for n in 0..=250u8 {
                assert_eq!(client.write(&[n]).await.unwrap(), 1);
                if n % 5 == 0 {
                    sleep(MS / 10).await;
                }
            }
            drop(client);
            for reader in readers {
                reader.await.unwrap();
            }
            let mut bytes = got.take();
            bytes.sort_unstable();
            assert!(bytes.into_iter().eq(0..=250));
        });
    }
}

#[test]
fn a_write_that_is_dropped_has_written_nothing() {
    let _watch = watch();
    for workers in [1, 2] {
        runner(workers).run(async {
            let (client, server) = pair().await;
            const ALL: usize = 8 << 20;
            let (go, gone) = promise();
            let mut go = Some(go);
            let reader = create_task(async move {
                // Not before the writer has found no room.
                gone.await.unwrap();
                let (mut buffer, mut place) = (vec![0; 1 << 16], 0);
                loop {
                    let read = server.read(&mut buffer).await.unwrap();
                    if read == 0 {
                        return place;
                    }
                    assert!(buffer[..read].iter().enumerate().all(|(at, got)| *got == byte(place + at)));
                    place += read;
                    if place % 7 == 0 {
                        yield_now().await;
                    }
                }
            });
            let (mut place, mut round, mut given_up) = (0, 0, 0);
            while place < ALL {
                round += 1;
                let chunk: Vec<u8> = (place..place + (1 << 16)).map(byte).collect();
                let polls = if given_up < 3 { 1 } else { round % 2 + 1 };
                match up_to(polls, client.write(&chunk)).await {
                    Some(written) => place += written.unwrap(),
                    None => {
                        given_up += 1;
                        if given_up == 3 {
                            let _ = go.take().map(|go| go.set(()));
                        }
                        yield_now().await;
                    }
                }
            }
            drop(client);
            assert!(given_up >= 3, "some writes were dropped");
            assert_eq!(reader.await.unwrap(), place, "as many as the writes have said");
        });
    }
}

#[test]
fn an_accept_that_is_dropped_takes_no_connection_along() {
    let _watch = watch();
    for workers in [1, 2] {
        runner(workers).run(async {
            let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
            let address = listener.local_addr().unwrap();
            const ALL: usize = 60;
            let clients = create_task(async move {
                let mut clients = Vec::new();
                for n in 0..ALL {
                    clients.push(TcpStream::connect(address).await.unwrap());
                    if n % 4 == 0 {
                        sleep(MS / 10).await;
                    }
                }
                clients.iter().map(|client| client.local_addr().unwrap()).collect::<Vec<_>>()
            });
            let accepted = Log::<std::net::SocketAddr>::default();
            let acceptor = |polls: usize| {
                let (listener, accepted) = (listener.clone(), accepted.clone());
                create_task(async move {
                    while accepted.len() < ALL {
                        match up_to(polls, listener.accept()).await {
                            Some(connection) => accepted.push(connection.unwrap().1),
                            None => yield_now().await,
                        }
                    }
                })
            };
            let mut acceptors = [acceptor(1), acceptor(2)];
            let mut expected = clients.await.unwrap();
            // The one that gives up after two polls may be in its first when the last connection goes to the other.
            wait(&mut acceptors).until(raddle::When::FirstDone).await;
            let mut accepted = accepted.take();
            expected.sort_unstable();
            accepted.sort_unstable();
            assert_eq!(accepted, expected);
        });
    }
}

#[test]
fn a_tick_that_is_dropped_comes_at_the_next_asking() {
    let _watch = watch();
    virtual_runner().run(async {
        let start = Instant::now();
        let mut every = interval(10 * MS);
        let mut ticks = Vec::new();
        for round in 0..300u32 {
            if let Some(tick) = up_to(round as usize % 2 + 1, every.tick()).await {
                ticks.push(tick);
            }
            sleep(MS).await;
        }
        assert!(ticks.len() >= 20);
        assert!(ticks.iter().enumerate().all(|(n, tick)| *tick == start + 10 * MS * n as u32), "{ticks:?}");
    });
}

#[test]
fn sleeps_and_timeouts_that_are_dropped_leave_no_timer() {
    let _watch = watch();
    for workers in [1, 2] {
        runner(workers).run(async {
            let sleeper = create_task(async {
                for round in 0..300 {
                    let polls = round % 2 + 1;
                    // The second poll is another task's wake, not the timer's.
                    let pause = up_to(polls, sleep(3600 * 1000 * MS));
                    let limit = up_to(polls, timeout(3600 * 1000 * MS, std::future::pending::<()>()));
                    let waker = create_task(yield_now());
                    let _ = gather((async { timeout(MS, pause).await.ok() }, async { timeout(MS, limit).await.ok() }))
                        .await;
                    waker.await.unwrap();
                }
            });
            sleeper.await.unwrap();
            let timers: usize = Handle::current().metrics().workers.iter().map(|worker| worker.timers).sum();
            assert_eq!(timers, 0);
        });
    }
}
