//! Promises of UDP and of names under the runtime: each datagram is received once, by any task on any worker.

mod common;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use common::{Log, runner, watch};
use raddle::{
    Handle, Queue, Task, TcpListener, TcpSocket, UdpSocket, create_task, gather, lookup_host, timeout, to_thread,
    yield_now,
};

const ALL: u32 = 2000;

/// No more than this many datagrams are under way, so that the kernel need not throw any away.
const UNDER_WAY: usize = 32;

/// Polls a future that many times, at its wakes, and gives it up.
struct UpTo<F>(Pin<Box<F>>, usize);

impl<F: Future> Future for UpTo<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        if let Poll::Ready(output) = self.0.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        self.1 -= 1;
        if self.1 == 0 { Poll::Ready(None) } else { Poll::Pending }
    }
}

async fn pair(address: &str) -> (UdpSocket, Arc<UdpSocket>) {
    let (one, two) = (UdpSocket::bind(address).await.unwrap(), UdpSocket::bind(address).await.unwrap());
    one.connect(two.local_addr().unwrap()).await.unwrap();
    two.connect(one.local_addr().unwrap()).await.unwrap();
    (one, Arc::new(two))
}

/// A task that receives numbers, giving each attempt up after so many polls.
fn receiver(socket: &Arc<UdpSocket>, polls: usize, got: &Log<u32>, under_way: &Queue<()>) -> Task<()> {
    let (socket, got, under_way) = (socket.clone(), got.clone(), under_way.clone());
    create_task(async move {
        loop {
            let mut buffer = [0; 16];
            match UpTo(Box::pin(socket.recv(&mut buffer)), polls).await {
                Some(received) => {
                    assert_eq!(received.unwrap(), 4);
                    got.push(u32::from_le_bytes(buffer[..4].try_into().unwrap()));
                    under_way.get().await.unwrap();
                }
                None => yield_now().await,
            }
        }
    })
}

#[test]
fn receivers_that_give_up_now_and_then_get_each_datagram_once() {
    let _watch = watch();
    for (workers, address) in [(1, "127.0.0.1:0"), (2, "[::1]:0"), (4, "127.0.0.1:0")] {
        runner(workers).run(async {
            let (sender, socket) = pair(address).await;
            let (got, under_way) = (Log::default(), Queue::bounded(UNDER_WAY));
            let receivers: Vec<_> =
                [1, 2, usize::MAX, 3].map(|polls| receiver(&socket, polls, &got, &under_way)).into();
            for n in 0..ALL {
                under_way.put(()).await.unwrap();
                assert_eq!(sender.send(&n.to_le_bytes()).await.unwrap(), 4);
            }
            while !under_way.is_empty() {
                yield_now().await;
            }
            receivers.iter().for_each(|receiver| {
                receiver.cancel();
            });
            let mut numbers = got.take();
            numbers.sort_unstable();
            assert!(numbers.into_iter().eq(0..ALL));
        });
    }
}

#[test]
fn a_server_answers_many_clients() {
    let _watch = watch();
    for workers in [1, 2, 4] {
        runner(workers).run(async {
            let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let address = server.local_addr().unwrap();
            let server = create_task(async move {
                let mut buffer = [0; 64];
                loop {
                    let (count, from) = server.recv_from(&mut buffer).await.unwrap();
                    server.send_to(&buffer[..count], from).await.unwrap();
                }
            });
            let clients = (0..20u8).map(|client| {
                create_task(async move {
                    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
                    socket.connect(address).await.unwrap();
                    for round in 0..50u8 {
                        socket.send(&[client, round]).await.unwrap();
                        let mut answer = [0; 8];
                        assert_eq!(socket.recv(&mut answer).await.unwrap(), 2);
                        assert_eq!(answer[..2], [client, round]);
                    }
                })
            });
            gather(clients).await.into_iter().for_each(|end| end.unwrap());
            server.cancel();
        });
    }
}

#[test]
fn a_receive_that_times_out_takes_nothing_along() {
    let _watch = watch();
    runner(2).run(async {
        let (sender, socket) = pair("127.0.0.1:0").await;
        for n in 0..20u8 {
            let mut buffer = [0; 4];
            assert!(timeout(Duration::from_millis(1), socket.recv(&mut buffer)).await.is_err());
            sender.send(&[n]).await.unwrap();
            assert_eq!(socket.recv(&mut buffer).await.unwrap(), 1);
            assert_eq!(buffer[0], n);
        }
    });
}

#[test]
fn plain_threads_use_sockets_and_names_of_a_runtime() {
    let _watch = watch();
    runner(2).run(async {
        let (sender, socket) = pair("127.0.0.1:0").await;
        let handle = Handle::current();
        let thread = std::thread::spawn(move || {
            handle.block_on(async move {
                let mut buffer = [0; 8];
                let count = socket.recv(&mut buffer).await.unwrap();
                let port = u16::from_le_bytes(buffer[..count].try_into().unwrap());
                lookup_host(("localhost", port)).await.unwrap()
            })
        });
        sender.send(&80u16.to_le_bytes()).await.unwrap();
        let addresses = to_thread(|| thread.join().unwrap()).await.unwrap();
        assert!(addresses.iter().all(|address| address.ip().is_loopback() && address.port() == 80), "{addresses:?}");
    });
}

#[test]
fn a_listener_of_its_own_for_each_task_on_one_port() {
    let _watch = watch();
    const CLIENTS: usize = 40;
    runner(2).run(async {
        let listen = |address: &str| {
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_reuse_port(true).unwrap();
            socket.bind(address.parse().unwrap()).unwrap();
            socket.listen(128).unwrap()
        };
        let first = listen("127.0.0.1:0");
        let address = first.local_addr().unwrap();
        let accepted = Queue::<()>::unbounded();
        let accept = |listener: TcpListener| {
            let accepted = accepted.clone();
            create_task(async move {
                loop {
                    drop(listener.accept().await.unwrap());
                    accepted.put(()).await.unwrap();
                }
            })
        };
        let acceptors = [accept(first), accept(listen(&address.to_string()))];
        for _ in 0..CLIENTS {
            TcpSocket::new_v4().unwrap().connect(address).await.unwrap();
        }
        for _ in 0..CLIENTS {
            accepted.get().await.unwrap();
        }
        acceptors.iter().for_each(|acceptor| {
            acceptor.cancel();
        });
    });
}
