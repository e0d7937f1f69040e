//! What connecting promises where there are several addresses, and what has to be said before.
//!
//! Nowhere is made on loopback: a listener whose queue is full drops what comes, so an attempt waits as it does for a
//! host that is gone.

mod common;

use std::future::Future as _;
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use common::{new_reactor, poll_once, run, run_on};
use raddle_io::Clock;
use raddle_io::net::{TcpListener, TcpSocket, TcpStream};
use raddle_io::reactor::Reactor;
use rustix::event::{PollFd, PollFlags, poll};

/// An address that does not answer.
struct Nowhere {
    address: SocketAddr,
    _listener: socket2::Socket,
    _in_its_queue: std::net::TcpStream,
}

fn nowhere() -> Nowhere {
    let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    listener.bind(&SocketAddr::from(([127, 0, 0, 2], 0)).into()).unwrap();
    // A queue of 0 holds one.
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let in_its_queue = std::net::TcpStream::connect(address).unwrap();
    let mut fds = [PollFd::new(&listener, PollFlags::IN)];
    assert_eq!(poll(&mut fds, None).unwrap(), 1);
    Nowhere { address, _listener: listener, _in_its_queue: in_its_queue }
}

/// A port of loopback where nobody listens.
fn nobody() -> SocketAddr {
    let socket = std::net::TcpListener::bind("127.0.0.3:0").unwrap();
    socket.local_addr().unwrap()
}

fn somebody(address: &str) -> (std::net::TcpListener, SocketAddr) {
    let listener = std::net::TcpListener::bind(address).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// How many attempts to connect to that address are under way in this system.
fn attempts_at(address: SocketAddr) -> usize {
    let SocketAddr::V4(v4) = address else { panic!("{address} is not in this table") };
    let remote = format!("{:08X}:{:04X}", u32::from_le_bytes(v4.ip().octets()), address.port());
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    // Local address, remote address, state; 02 is SYN_SENT.
    let is_one = |line: &&str| line.split_whitespace().skip(2).take(2).eq([&*remote, "02"]);
    table.lines().filter(is_one).count()
}

fn virtual_reactor() -> Arc<Reactor> {
    Reactor::new(Clock::auto()).unwrap()
}

/// Where connecting to these leads, and after what time on a clock that jumps whenever everybody waits.
fn race(addresses: &[SocketAddr], delay: Option<Duration>) -> (SocketAddr, Duration) {
    let reactor = virtual_reactor();
    let began = reactor.clock().now();
    let connected = run_on(&reactor, async {
        let connecting = TcpStream::connect(addresses);
        match delay {
            Some(delay) => connecting.happy_eyeballs(delay).await,
            None => connecting.await,
        }
    });
    (connected.unwrap().peer_addr().unwrap(), reactor.clock().now() - began)
}

#[test]
fn an_address_that_does_not_answer_costs_one_delay() {
    let (nowhere, (_listener, there)) = (nowhere(), somebody("127.0.0.1:0"));
    assert_eq!(race(&[nowhere.address, there], None), (there, Duration::from_millis(250)));
    let second = Duration::from_secs(1);
    assert_eq!(race(&[nowhere.address, there], Some(second)), (there, second));
    let twice = [nowhere.address, nowhere.address, there];
    assert_eq!(race(&twice, Some(second)), (there, 2 * second));
}

/// The clock is moved once, by hand: by then the other family must have had its turn.
#[test]
fn a_family_that_does_not_answer_costs_one_delay() {
    let (nowhere, (_listener, there)) = (nowhere(), somebody("[::1]:0"));
    let reactor = virtual_reactor();
    run_on(&reactor, async {
        let addresses = [nowhere.address, nowhere.address, nowhere.address, there];
        let mut connecting = TcpStream::connect(&addresses[..]);
        assert!(poll_once(&mut connecting).await.is_pending());
        reactor.clock().move_to(reactor.clock().now() + Duration::from_millis(250));
        reactor.expire_timers();
        let began = std::time::Instant::now();
        let stream = loop {
            if let Poll::Ready(connected) = poll_once(&mut connecting).await {
                break connected.unwrap();
            }
            assert!(began.elapsed() < Duration::from_secs(60), "the other family had no turn");
            // Never idle, so the clock stands still.
            common::yield_now().await;
        };
        assert_eq!(stream.peer_addr().unwrap(), there);
    });
}

/// With a delay that never passes, only a failure starts the next attempt.
#[test]
fn a_failure_starts_the_next_attempt_at_once() {
    let (_listener, there) = somebody("127.0.0.1:0");
    run(async {
        let addresses = [nobody(), nobody(), there];
        let stream = TcpStream::connect(&addresses[..]).happy_eyeballs(Duration::MAX).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), there);
    });
}

/// Nowhere becomes a host where nobody listens, which the kernel finds out when it asks again after a second: the
/// pause, which would never end, is over.
#[test]
fn a_failure_ends_the_pause() {
    let (nowhere, (_listener, there)) = (nowhere(), somebody("127.0.0.1:0"));
    run(async {
        let addresses = [nowhere.address, there];
        let mut connecting = TcpStream::connect(&addresses[..]).happy_eyeballs(Duration::MAX);
        assert!(poll_once(&mut connecting).await.is_pending());
        drop(nowhere);
        assert_eq!(connecting.await.unwrap().peer_addr().unwrap(), there);
    });
}

#[test]
fn those_that_lose_are_closed_at_once() {
    let (nowhere, (_listener, there)) = (nowhere(), somebody("127.0.0.1:0"));
    run_on(&virtual_reactor(), async {
        let addresses = [nowhere.address, there];
        let mut connecting = TcpStream::connect(&addresses[..]);
        assert!(poll_once(&mut connecting).await.is_pending());
        assert_eq!(attempts_at(nowhere.address), 1);
        let stream = (&mut connecting).await.unwrap();
        // The future is still there, its attempts are not.
        assert_eq!(attempts_at(nowhere.address), 0);
        assert_eq!(stream.peer_addr().unwrap(), there);
    });
}

#[test]
fn dropping_the_future_closes_its_attempts() {
    let nowhere = nowhere();
    run_on(&virtual_reactor(), async {
        let addresses = [nowhere.address, nowhere.address];
        let mut connecting = TcpStream::connect(&addresses[..]).happy_eyeballs(Duration::ZERO);
        while attempts_at(nowhere.address) < 2 {
            assert!(poll_once(&mut connecting).await.is_pending());
            common::yield_now().await;
        }
        drop(connecting);
        assert_eq!(attempts_at(nowhere.address), 0);
    });
}

#[test]
fn a_single_address_makes_no_timer() {
    let nowhere = nowhere();
    let reactor = new_reactor();
    run_on(&reactor, async {
        let mut connecting = TcpStream::connect(nowhere.address);
        assert!(poll_once(&mut connecting).await.is_pending());
        assert_eq!((reactor.timer_count(), reactor.source_count()), (0, 1));
        let addresses = [nowhere.address, nowhere.address];
        let mut connecting = TcpStream::connect(&addresses[..]);
        assert!(poll_once(&mut connecting).await.is_pending());
        assert_eq!((reactor.timer_count(), reactor.source_count()), (1, 2));
        drop(connecting);
        assert_eq!((reactor.timer_count(), reactor.source_count()), (0, 1));
    });
}

#[test]
fn the_error_names_all_that_were_tried() {
    run(async {
        let addresses = [nobody(), nobody()];
        let error = TcpStream::connect(&addresses[..]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        let expected = format!("cannot connect to {}, {}: Connection refused", addresses[0], addresses[1]);
        assert!(error.to_string().starts_with(&expected), "{error}");
    });
}

#[test]
fn the_local_address_is_kept() {
    let (listener, there) = somebody("127.0.0.1:0");
    run(async {
        let v6 = SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, there.port()));
        for local in ["127.0.0.5:0".parse().unwrap(), nobody()] {
            // The address of the other family is left out.
            let addresses = [v6, nobody(), there];
            let stream = TcpStream::connect(&addresses[..]).local_addr(local).await.unwrap();
            let seen = listener.accept().unwrap().1;
            assert_eq!((stream.local_addr().unwrap(), seen.ip()), (seen, local.ip()));
            assert!(local.port() == 0 || local.port() == seen.port(), "{seen}");
        }
        let error = TcpStream::connect(there).local_addr(v6).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains(&format!("{there} from {v6}")), "{error}");
        let error = TcpStream::connect(there).local_addr("192.0.2.1:0".parse().unwrap()).await.unwrap_err();
        assert!(error.to_string().contains("cannot bind to 192.0.2.1:0"), "{error}");
    });
}

#[test]
fn without_a_runtime_several_addresses_that_wait_are_an_error() {
    let nowhere = nowhere();
    let addresses = [nowhere.address, nowhere.address];
    let mut connecting = TcpStream::connect(&addresses[..]);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let Poll::Ready(Err(error)) = std::pin::Pin::new(&mut connecting).poll(&mut cx) else { panic!("it waits") };
    assert!(error.to_string().contains("no raddle runtime on this thread"), "{error}");
}

#[test]
fn a_socket_keeps_its_options() {
    let socket = TcpSocket::new_v4().unwrap();
    assert!(!socket.reuse_address().unwrap() && !socket.keepalive().unwrap() && !socket.nodelay().unwrap());
    socket.set_reuse_address(true).unwrap();
    socket.set_reuse_port(true).unwrap();
    socket.set_nodelay(true).unwrap();
    assert!(socket.reuse_address().unwrap() && socket.reuse_port().unwrap() && socket.nodelay().unwrap());
    socket.set_keepalive_time(Duration::from_secs(60)).unwrap();
    socket.set_keepalive_interval(Duration::from_secs(7)).unwrap();
    socket.set_keepalive_retries(3).unwrap();
    assert!(socket.keepalive().unwrap());
    assert_eq!(socket.keepalive_time().unwrap(), Duration::from_secs(60));
    assert_eq!(socket.keepalive_interval().unwrap(), Duration::from_secs(7));
    assert_eq!(socket.keepalive_retries().unwrap(), 3);
    assert_eq!(socket.user_timeout().unwrap(), None);
    socket.set_user_timeout(Some(Duration::from_millis(2500))).unwrap();
    assert_eq!(socket.user_timeout().unwrap(), Some(Duration::from_millis(2500)));
    socket.set_user_timeout(None).unwrap();
    assert_eq!(socket.user_timeout().unwrap(), None);
    socket.set_keepalive(false).unwrap();
    assert!(!socket.keepalive().unwrap());
    socket.set_send_buffer_size(20_000).unwrap();
    socket.set_recv_buffer_size(10_000).unwrap();
    assert_eq!((socket.send_buffer_size().unwrap(), socket.recv_buffer_size().unwrap()), (40_000, 20_000));
    socket.set_linger(Some(Duration::from_secs(2))).unwrap();
    assert_eq!(socket.linger().unwrap(), Some(Duration::from_secs(2)));
    for socket in [socket, TcpSocket::new_v6().unwrap()] {
        socket.set_tos(0x10).unwrap();
        assert_eq!(socket.tos().unwrap(), 0x10);
    }
}

#[test]
fn a_socket_listens_and_another_connects() {
    run(async {
        for (new, ip) in [(TcpSocket::new_v4 as fn() -> _, "127.0.0.1"), (TcpSocket::new_v6, "::1")] {
            let socket = new().unwrap();
            socket.bind(SocketAddr::new(ip.parse().unwrap(), 0)).unwrap();
            let address = socket.local_addr().unwrap();
            let listener = socket.listen(16).unwrap();
            assert_eq!(listener.local_addr().unwrap(), address);
            let client = new().unwrap();
            client.bind(SocketAddr::new(ip.parse().unwrap(), 0)).unwrap();
            client.set_nodelay(true).unwrap();
            let from = client.local_addr().unwrap();
            let mut client = client.connect(address).await.unwrap();
            assert!(client.nodelay().unwrap());
            let (mut server, peer) = listener.accept().await.unwrap();
            assert_eq!(peer, from);
            client.write_all(b"hello").await.unwrap();
            let mut buffer = [0; 5];
            server.read_exact(&mut buffer).await.unwrap();
            assert_eq!(&buffer, b"hello");
        }
    });
}

#[test]
fn two_listeners_share_a_port_if_both_say_so() {
    run(async {
        let listen = |address: SocketAddr, reuse| {
            let socket = TcpSocket::new_v4()?;
            socket.set_reuse_port(reuse)?;
            socket.bind(address)?;
            socket.listen(16)
        };
        let first = listen("127.0.0.1:0".parse().unwrap(), true).unwrap();
        let address = first.local_addr().unwrap();
        let _second = listen(address, true).unwrap();
        let error = listen(address, false).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(error.to_string().starts_with(&format!("cannot bind to {address}: ")), "{error}");
    });
}

#[test]
fn only_v6_leaves_ipv4_to_others() {
    let bind = |only, port| {
        let socket = TcpSocket::new_v6().unwrap();
        socket.set_only_v6(only).unwrap();
        assert_eq!(socket.only_v6().unwrap(), only);
        socket.bind(SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, port))).map(|()| socket.listen(1).unwrap())
    };
    let v4 = TcpSocket::new_v4().unwrap();
    v4.bind("0.0.0.0:0".parse().unwrap()).unwrap();
    let port = v4.local_addr().unwrap().port();
    let _v4 = v4.listen(1).unwrap();
    assert!(bind(false, port).is_err(), "both families, one of which is taken");
    bind(true, port).unwrap();
}

#[test]
fn a_socket_that_cannot_connect_names_the_address() {
    run(async {
        let address = nobody();
        let error = TcpSocket::new_v4().unwrap().connect(address).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert!(error.to_string().starts_with(&format!("cannot connect to {address}: ")), "{error}");
        let v6 = "[::1]:1".parse().unwrap();
        assert!(TcpSocket::new_v4().unwrap().connect(v6).await.is_err(), "the other family");
        // Dropping the future closes the socket.
        let nowhere = nowhere();
        let mut connecting = TcpSocket::new_v4().unwrap().connect(nowhere.address);
        assert!(poll_once(&mut connecting).await.is_pending());
        assert_eq!(attempts_at(nowhere.address), 1);
        drop(connecting);
        assert_eq!(attempts_at(nowhere.address), 0);
    });
}

#[test]
fn the_fd_of_a_socket_goes_in_and_out() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = TcpSocket::from(std::os::fd::OwnedFd::from(TcpSocket::new_v4().unwrap()));
        assert!(format!("{socket:?}").starts_with("TcpSocket"));
        let stream = socket.connect(listener.local_addr().unwrap()).await.unwrap();
        let mut accepted = listener.accept().await.unwrap().0.into_std().unwrap();
        accepted.set_nonblocking(false).unwrap();
        accepted.write_all(b"x").unwrap();
        assert_eq!(stream.read(&mut [0; 2]).await.unwrap(), 1);
        drop(stream);
        assert_eq!(accepted.read(&mut [0; 2]).unwrap(), 0);
    });
}
