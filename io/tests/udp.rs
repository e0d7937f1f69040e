//! What UDP sockets promise, over real sockets.

mod common;

use std::future::{Future as _, poll_fn};
use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::task::Poll;

use common::{poll_once, run, spawn, yield_now};
use raddle_io::net::{ToSocketAddrs, UdpSocket};
use rustix::event::{PollFd, PollFlags, poll};

const LOOPBACKS: [&str; 2] = ["127.0.0.1:0", "[::1]:0"];

async fn bound() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").await.unwrap()
}

/// Two sockets that are connected to each other.
async fn pair(address: &str) -> (UdpSocket, UdpSocket) {
    let (one, two) = (UdpSocket::bind(address).await.unwrap(), UdpSocket::bind(address).await.unwrap());
    one.connect(two.local_addr().unwrap()).await.unwrap();
    two.connect(one.local_addr().unwrap()).await.unwrap();
    (one, two)
}

/// Blocks this thread until the kernel says so about the socket.
fn wait_for(socket: &UdpSocket, what: PollFlags) {
    let mut fds = [PollFd::new(socket, what)];
    assert_eq!(poll(&mut fds, None).unwrap(), 1);
}

/// A port of loopback where nobody listens.
async fn nobody() -> SocketAddr {
    bound().await.local_addr().unwrap()
}

#[test]
fn datagrams_go_both_ways_in_both_families() {
    run(async {
        for address in LOOPBACKS {
            let (one, two) = (UdpSocket::bind(address).await.unwrap(), UdpSocket::bind(address).await.unwrap());
            let (first, second) = (one.local_addr().unwrap(), two.local_addr().unwrap());
            assert_eq!(one.send_to(b"hello", second).await.unwrap(), 5);
            let mut buffer = [0; 16];
            assert_eq!(two.recv_from(&mut buffer).await.unwrap(), (5, first));
            two.connect(first).await.unwrap();
            assert_eq!(two.peer_addr().unwrap(), first);
            assert_eq!(two.send(&buffer[..5]).await.unwrap(), 5);
            assert_eq!(one.recv(&mut buffer).await.unwrap(), 5);
            assert_eq!(&buffer[..5], b"hello");
        }
    });
}

#[test]
fn a_waiting_receiver_is_woken() {
    run(async {
        for address in LOOPBACKS {
            let (one, two) = pair(address).await;
            let receiving = spawn(async move {
                let mut buffer = [0; 16];
                let count = two.recv(&mut buffer).await.unwrap();
                buffer[..count].to_vec()
            });
            yield_now().await;
            one.send(b"here").await.unwrap();
            assert_eq!(receiving.await, b"here");
        }
    });
}

/// A datagram that does not fill the buffer says nothing about whether there are more: those that came in one event are
/// received without another one.
#[test]
fn datagrams_of_one_event_are_all_received() {
    run(async {
        let (one, two) = pair(LOOPBACKS[0]).await;
        let mut buffer = [0; 16];
        assert!(poll_once(&mut two.recv(&mut buffer)).await.is_pending());
        for length in [3, 0, 1, 2] {
            assert_eq!(one.send(&[7; 3][..length]).await.unwrap(), length);
        }
        for length in [3, 0, 1, 2] {
            assert_eq!(two.recv(&mut buffer).await.unwrap(), length);
        }
        assert!(poll_once(&mut two.recv(&mut buffer)).await.is_pending());
        // An empty buffer takes a whole datagram as well.
        one.send(b"gone").await.unwrap();
        one.send(b"next").await.unwrap();
        assert_eq!(two.recv(&mut []).await.unwrap(), 0);
        assert_eq!(two.recv(&mut buffer).await.unwrap(), 4);
        assert_eq!(&buffer[..4], b"next");
    });
}

#[test]
fn a_datagram_that_is_too_long_loses_its_end() {
    run(async {
        let (one, two) = pair(LOOPBACKS[0]).await;
        one.send(b"0123456789").await.unwrap();
        one.send(b"ab").await.unwrap();
        let mut buffer = [0; 4];
        assert_eq!(two.peek(&mut buffer).await.unwrap(), 4);
        assert_eq!(two.recv(&mut buffer).await.unwrap(), 4);
        assert_eq!(&buffer, b"0123");
        assert_eq!(two.recv(&mut buffer).await.unwrap(), 2, "the rest of the first one is gone");
    });
}

#[test]
fn peeking_leaves_the_datagram() {
    run(async {
        let (one, two) = pair(LOOPBACKS[0]).await;
        one.send(b"look").await.unwrap();
        let (mut buffer, from) = ([0; 16], one.local_addr().unwrap());
        assert_eq!(two.peek(&mut buffer).await.unwrap(), 4);
        assert_eq!(two.peek_from(&mut buffer).await.unwrap(), (4, from));
        assert_eq!(two.try_peek(&mut buffer).unwrap(), 4);
        assert_eq!(two.try_peek_from(&mut buffer).unwrap(), (4, from));
        assert_eq!(two.recv_from(&mut buffer).await.unwrap(), (4, from));
        assert_eq!(two.try_recv(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(two.try_recv_from(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    });
}

/// Both wait, one event brings both datagrams: whoever got the turn passes it on.
#[test]
fn two_receivers_share_a_socket() {
    run(async {
        let (one, two) = pair(LOOPBACKS[0]).await;
        let two = Rc::new(two);
        let receive = || {
            let two = two.clone();
            spawn(async move {
                let mut byte = [0];
                two.recv(&mut byte).await.unwrap();
                byte[0]
            })
        };
        for _ in 0..20 {
            let both = (receive(), receive());
            yield_now().await;
            one.send(&[1]).await.unwrap();
            one.send(&[2]).await.unwrap();
            let mut got = [both.0.await, both.1.await];
            got.sort_unstable();
            assert_eq!(got, [1, 2]);
        }
    });
}

#[test]
fn a_receiver_that_is_dropped_takes_nothing_with_it() {
    run(async {
        let (one, two) = pair(LOOPBACKS[0]).await;
        for sent in 0..10 {
            let (mut first, mut second) = ([0], [0]);
            let mut waiting = two.recv(&mut first);
            let mut next = two.recv(&mut second);
            assert!(poll_once(&mut waiting).await.is_pending());
            assert!(poll_once(&mut next).await.is_pending());
            one.send(&[sent]).await.unwrap();
            wait_for(&two, PollFlags::IN);
            // The turn is the first one's by now, or will be; either way it passes on.
            yield_now().await;
            drop(waiting);
            assert_eq!(next.await.unwrap(), 1);
            assert_eq!(second, [sent]);
        }
    });
}

/// Nobody listens: the ICMP message comes out of the next operation, once, and the socket goes on.
#[test]
fn an_error_of_the_network_comes_once_and_the_socket_goes_on() {
    run(async {
        for receiving in [false, true] {
            let (socket, peer) = (bound().await, nobody().await);
            socket.connect(peer).await.unwrap();
            // Registered, so that the error comes as an event.
            assert!(poll_once(&mut socket.recv(&mut [0; 4])).await.is_pending());
            socket.send(b"anybody?").await.unwrap();
            wait_for(&socket, PollFlags::ERR);
            yield_now().await;
            let error = match receiving {
                true => socket.recv(&mut [0; 4]).await.unwrap_err(),
                false => socket.send(b"still nobody?").await.unwrap_err(),
            };
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
            let peer = UdpSocket::bind(peer).await.unwrap();
            peer.connect(socket.local_addr().unwrap()).await.unwrap();
            let mut buffer = [0; 4];
            // It waits, and neither spins nor fails.
            assert!(poll_once(&mut socket.recv(&mut buffer)).await.is_pending());
            peer.send(b"me").await.unwrap();
            assert_eq!(socket.recv(&mut buffer).await.unwrap(), 2);
        }
    });
}

#[test]
fn an_error_of_the_network_wakes_a_waiting_receiver() {
    run(async {
        let (socket, peer) = (Rc::new(bound().await), nobody().await);
        socket.connect(peer).await.unwrap();
        let waiting = spawn({
            let socket = socket.clone();
            async move { socket.recv(&mut [0; 4]).await }
        });
        yield_now().await;
        socket.send(b"anybody?").await.unwrap();
        assert_eq!(waiting.await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        assert!(socket.take_error().unwrap().is_none());
    });
}

#[test]
fn names_and_several_addresses_are_understood() {
    run(async {
        let taken = bound().await;
        let address = taken.local_addr().unwrap();
        let free: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let socket = UdpSocket::bind(&[address, free][..]).await.unwrap();
        socket.send_to(b"one", ("localhost", address.port())).await.unwrap();
        // An IPv4 socket leaves the addresses of the other family alone.
        let both = [SocketAddr::from((Ipv6Addr::LOCALHOST, address.port())), address];
        socket.send_to(b"two", &both[..]).await.unwrap();
        socket.connect(&both[..]).await.unwrap();
        assert_eq!(socket.peer_addr().unwrap(), address);
        let mut buffer = [0; 3];
        for expected in [b"one", b"two"] {
            taken.recv(&mut buffer).await.unwrap();
            assert_eq!(&buffer, expected);
        }
    });
}

#[test]
fn errors_name_the_address() {
    run(async {
        let taken = bound().await.local_addr().unwrap();
        let _taken = UdpSocket::bind(taken).await.unwrap();
        let error = UdpSocket::bind(taken).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(error.to_string().starts_with(&format!("cannot bind to {taken}: ")), "{error}");
        let socket = bound().await;
        let error = socket.send_to(&vec![0; 70_000], taken).await.unwrap_err();
        assert!(error.to_string().starts_with(&format!("cannot send to {taken}: ")), "{error}");
        let error = socket.send_to(b"x", "nowhere").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(socket.send_to(b"x", &[][..]).await.is_err());
        assert_eq!(
            socket.send(b"x").await.unwrap_err().raw_os_error(),
            Some(rustix::io::Errno::DESTADDRREQ.raw_os_error())
        );
        assert_eq!(socket.peer_addr().unwrap_err().kind(), io::ErrorKind::NotConnected);
    });
}

#[test]
fn poll_functions_wait_as_futures_do() {
    run(async {
        let (one, two) = pair(LOOPBACKS[0]).await;
        let (from, to) = (one.local_addr().unwrap(), two.local_addr().unwrap());
        let receiving = spawn(async move {
            let mut buffer = [0; 8];
            let peeked = poll_fn(|cx| two.poll_peek(cx, &mut buffer)).await.unwrap();
            assert_eq!(poll_fn(|cx| two.poll_peek_from(cx, &mut buffer)).await.unwrap(), (peeked, from));
            let first = poll_fn(|cx| two.poll_recv(cx, &mut buffer)).await.unwrap();
            let second = poll_fn(|cx| two.poll_recv_from(cx, &mut buffer)).await.unwrap();
            (peeked, first, second, two)
        });
        yield_now().await;
        poll_fn(|cx| one.poll_send(cx, b"abc")).await.unwrap();
        let sent = poll_fn(|cx| one.poll_send_to(cx, b"de", to)).await;
        // A connected socket takes the address of its peer, too.
        assert_eq!(sent.unwrap(), 2);
        let (peeked, first, second, _two) = receiving.await;
        assert_eq!((peeked, first, second), (3, 3, (2, from)));
        assert_eq!((one.try_send(b"x").unwrap(), one.try_send_to(b"yz", to).unwrap()), (1, 2));
    });
}

#[test]
fn conversions_keep_the_socket() {
    run(async {
        let (one, two) = pair(LOOPBACKS[0]).await;
        assert!(poll_once(&mut two.recv(&mut [0; 4])).await.is_pending());
        let two = UdpSocket::try_from(two.into_std().unwrap()).unwrap();
        assert!(poll_once(&mut two.recv(&mut [0; 4])).await.is_pending());
        one.send(b"x").await.unwrap();
        let two = UdpSocket::from(std::os::fd::OwnedFd::from(two.into_std().unwrap()));
        assert_eq!(two.recv(&mut [0; 4]).await.unwrap(), 1);
        assert!(format!("{two:?}").contains("127.0.0.1"));
    });
}

/// A task whose socket is always ready must give its worker back.
#[test]
fn a_busy_socket_gives_way() {
    run(async {
        let (one, _two) = pair(LOOPBACKS[0]).await;
        let mut sends = 0;
        while let Poll::Ready(sent) = poll_once(&mut one.send(b"x")).await {
            sent.unwrap();
            sends += 1;
            assert!(sends < 1000, "{sends} sends in one poll");
        }
    });
}

/// Sending needs no runtime, nor does resolving what is an address already.
#[test]
fn what_need_not_wait_needs_no_runtime() {
    let socket = UdpSocket::try_from(std::net::UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap();
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let to = socket.local_addr().unwrap();
    let mut sending = socket.send_to(b"x", to);
    assert!(matches!(std::pin::Pin::new(&mut sending).poll(&mut cx), Poll::Ready(Ok(1))));
    let mut resolving = to.to_socket_addrs();
    assert!(matches!(std::pin::Pin::new(&mut resolving).poll(&mut cx), Poll::Ready(Ok(list)) if list == [to]));
    assert_eq!(socket.try_recv(&mut [0; 4]).unwrap(), 1);
    let mut buffer = [0];
    let mut waiting = socket.recv(&mut buffer);
    let Poll::Ready(Err(error)) = std::pin::Pin::new(&mut waiting).poll(&mut cx) else { panic!("it waits") };
    assert!(error.to_string().contains("no raddle runtime on this thread"), "{error}");
}
