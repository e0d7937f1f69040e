//! What Unix datagram sockets promise.

mod common;

use std::future::poll_fn;
use std::io;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::SocketAddr;
use std::rc::Rc;

use common::{Scratch, poll_once, run, spawn, yield_now};
use raddle_io::net::UnixDatagram;

#[test]
fn datagrams_arrive_whole_and_with_their_sender() {
    let scratch = Scratch::new();
    let (one_path, other_path) = (scratch.path("one"), scratch.path("other"));
    run(async {
        let one = UnixDatagram::bind(&one_path).unwrap();
        let other = UnixDatagram::bind(&other_path).unwrap();
        assert_eq!(one.send_to(b"question", &other_path).await.unwrap(), 8);
        let mut buffer = [0; 16];
        let (count, from) = other.recv_from(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..count], b"question");
        assert_eq!(from.as_pathname(), Some(&*one_path));
        assert_eq!(other.send_to_addr(b"answer", &from).await.unwrap(), 6);
        assert_eq!(one.recv(&mut buffer).await.unwrap(), 6);

        let stranger = UnixDatagram::unbound().unwrap();
        stranger.connect(&one_path).unwrap();
        assert_eq!(stranger.peer_addr().unwrap().as_pathname(), Some(&*one_path));
        assert_eq!(stranger.send(b"").await.unwrap(), 0);
        let (count, from) = one.recv_from(&mut buffer).await.unwrap();
        assert!(count == 0 && from.is_unnamed());
    });
    assert!(one_path.exists(), "dropping a socket leaves its path");
}

#[test]
fn abstract_addresses_need_no_file() {
    let address = SocketAddr::from_abstract_name(format!("raddle-io-datagram-{}", std::process::id())).unwrap();
    run(async {
        let receiver = UnixDatagram::bind_addr(&address).unwrap();
        assert_eq!(receiver.local_addr().unwrap().as_abstract_name(), address.as_abstract_name());
        let sender = UnixDatagram::unbound().unwrap();
        sender.send_to_addr(b"x", &address).await.unwrap();
        sender.connect_addr(&address).unwrap();
        sender.send(b"y").await.unwrap();
        let mut buffer = [0; 4];
        for expected in [b'x', b'y'] {
            assert_eq!(receiver.recv(&mut buffer).await.unwrap(), 1);
            assert_eq!(buffer[0], expected);
        }
    });
}

/// What does not fit is cut off, and says nothing about whether another one waits.
#[test]
fn a_short_datagram_is_no_reason_to_wait() {
    run(async {
        let (one, other) = UnixDatagram::pair().unwrap();
        let mut buffer = [0; 8];
        assert!(poll_once(&mut one.recv(&mut buffer)).await.is_pending());
        for datagram in [&b"a"[..], b"bc", b"0123456789"] {
            other.send(datagram).await.unwrap();
        }
        assert_eq!(one.recv(&mut buffer).await.unwrap(), 1);
        assert_eq!(one.recv(&mut buffer).await.unwrap(), 2);
        assert_eq!(one.recv(&mut buffer).await.unwrap(), 8);
        assert!(poll_once(&mut one.recv(&mut buffer)).await.is_pending());
    });
}

fn fill(socket: &UnixDatagram) -> usize {
    let mut sent = 0;
    while socket.try_send(&[7; 100]).is_ok() {
        sent += 1;
    }
    assert_eq!(socket.try_send(&[7; 100]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    sent
}

#[test]
fn a_connected_sender_is_told_of_room() {
    run(async {
        let (one, other) = UnixDatagram::pair().unwrap();
        let sent = fill(&one);
        let sending = spawn(async move { one.send(b"last").await });
        yield_now().await;
        let mut buffer = [0; 100];
        for _ in 0..sent {
            assert_eq!(other.recv(&mut buffer).await.unwrap(), 100);
        }
        assert_eq!(sending.await.unwrap(), 4);
        assert_eq!(other.recv(&mut buffer).await.unwrap(), 4);
    });
}

/// The kernel tells nobody that a socket has room to which one is not connected, so that has to be found out.
#[test]
fn a_sender_that_is_not_connected_finds_out() {
    let scratch = Scratch::new();
    let path = scratch.path("receiver");
    run(async {
        let receiver = UnixDatagram::bind(&path).unwrap();
        let filler = UnixDatagram::unbound().unwrap();
        filler.connect(&path).unwrap();
        let sent = fill(&filler);
        let sender = UnixDatagram::unbound().unwrap();
        let address = receiver.local_addr().unwrap();
        assert!(poll_once(&mut sender.send_to(b"dropped", &path)).await.is_pending());
        let sending = spawn(async move {
            sender.send_to(b"one", &path).await.unwrap();
            poll_fn(|cx| sender.poll_send_to(cx, b"two", &address)).await.unwrap();
        });
        yield_now().await;
        let mut buffer = [0; 100];
        for _ in 0..sent {
            assert_eq!(receiver.recv(&mut buffer).await.unwrap(), 100);
        }
        for expected in [b"one", b"two"] {
            let count = receiver.recv(&mut buffer).await.unwrap();
            assert_eq!(&buffer[..count], expected);
        }
        sending.await;
    });
}

#[test]
fn several_receivers_each_get_their_turn() {
    run(async {
        let (one, other) = UnixDatagram::pair().unwrap();
        let one = Rc::new(one);
        let receivers: Vec<_> = (0..5)
            .map(|_| {
                let one = one.clone();
                spawn(async move {
                    let mut buffer = [0; 8];
                    one.recv(&mut buffer).await.unwrap();
                    buffer[0]
                })
            })
            .collect();
        yield_now().await;
        for letter in b"abcde" {
            other.send(&[*letter]).await.unwrap();
        }
        let mut got = Vec::new();
        for receiver in receivers {
            got.push(receiver.await);
        }
        got.sort();
        assert_eq!(got, b"abcde");
    });
}

/// That a peer has turned away is told once, as an error; after that the socket waits, and does not spin.
#[test]
fn an_error_that_is_told_once_is_no_end() {
    let scratch = Scratch::new();
    let (path, own) = (scratch.path("peer"), scratch.path("own"));
    run(async {
        let peer = UnixDatagram::bind(&path).unwrap();
        let socket = UnixDatagram::bind(&own).unwrap();
        socket.connect(&path).unwrap();
        peer.connect(&own).unwrap();
        let mut buffer = [0; 8];
        let mut recv = socket.recv(&mut buffer);
        assert!(poll_once(&mut recv).await.is_pending());
        // The peer turns to somebody else without having read what was sent: the kernel tells the socket so.
        socket.send(b"lost").await.unwrap();
        let other_path = scratch.path("other");
        let _other = UnixDatagram::bind(&other_path).unwrap();
        peer.connect(&other_path).unwrap();
        assert_eq!(recv.await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        let mut recv = socket.recv(&mut buffer);
        assert!(poll_once(&mut recv).await.is_pending());
        peer.send_to(b"back", &own).await.unwrap();
        assert_eq!(recv.await.unwrap(), 4);
    });
}

#[test]
fn errors_name_the_path() {
    let scratch = Scratch::new();
    run(async {
        let socket = UnixDatagram::unbound().unwrap();
        let missing = scratch.path("missing");
        let stale = scratch.path("stale");
        drop(UnixDatagram::bind(&stale).unwrap());
        for (error, kind, name) in [
            (socket.send_to(b"x", &missing).await.unwrap_err(), io::ErrorKind::NotFound, "missing"),
            (socket.send_to(b"x", &stale).await.unwrap_err(), io::ErrorKind::ConnectionRefused, "stale"),
            (socket.connect(&missing).unwrap_err(), io::ErrorKind::NotFound, "missing"),
            (UnixDatagram::bind(&stale).unwrap_err(), io::ErrorKind::AddrInUse, "stale"),
            (socket.send_to(b"x", "").await.unwrap_err(), io::ErrorKind::InvalidInput, "empty"),
        ] {
            assert_eq!(error.kind(), kind);
            assert!(error.to_string().contains(name), "{error}");
        }
        assert_eq!(socket.send(b"x").await.unwrap_err().kind(), io::ErrorKind::NotConnected);
    });
}

#[test]
fn poll_functions_and_conversions() {
    run(async {
        let (one, other) = UnixDatagram::pair().unwrap();
        let mut buffer = [0; 8];
        assert_eq!(one.try_recv(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(poll_fn(|cx| other.poll_send(cx, b"abc")).await.unwrap(), 3);
        assert_eq!(poll_fn(|cx| one.poll_recv(cx, &mut buffer)).await.unwrap(), 3);
        let other = UnixDatagram::from(OwnedFd::from(other.into_std().unwrap()));
        other.send(b"de").await.unwrap();
        assert_eq!(poll_fn(|cx| one.poll_recv_from(cx, &mut buffer)).await.unwrap().0, 2);
        other.shutdown(Shutdown::Both).unwrap();
        assert_eq!(one.send(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    });
}
