//! What Unix stream sockets promise.

mod common;

use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;

use common::{Scratch, new_reactor, poll_once, run, run_on, spawn, yield_now};
use futures_io::{AsyncRead, AsyncWrite};
use raddle_io::net::{UnixListener, UnixStream};
use rustix::fs::OFlags;
use rustix::io::FdFlags;

#[test]
fn a_client_and_a_server_meet_at_a_path() {
    let scratch = Scratch::new();
    let path = scratch.path("socket");
    run(async {
        let listener = UnixListener::bind(&path).unwrap();
        assert_eq!(listener.local_addr().unwrap().as_pathname(), Some(&*path));
        let accepting = spawn(async move { listener.accept().await.unwrap() });
        let mut client = UnixStream::connect(&path).await.unwrap();
        let (mut server, peer) = accepting.await;
        assert!(peer.is_unnamed());
        assert_eq!(client.peer_addr().unwrap().as_pathname(), Some(&*path));
        assert!(client.local_addr().unwrap().is_unnamed());
        let mut got = [0; 4];
        client.write_all(b"ping").await.unwrap();
        server.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"ping");
        server.write_all(b"pong").await.unwrap();
        client.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"pong");
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(server.read(&mut got).await.unwrap(), 0);
    });
    assert!(path.exists(), "dropping a listener leaves its path");
}

#[test]
fn abstract_addresses_need_no_file() {
    let address = SocketAddr::from_abstract_name(format!("raddle-io-unix-{}", std::process::id())).unwrap();
    run(async {
        let listener = UnixListener::bind_addr(&address).unwrap();
        let client = UnixStream::connect_addr(&address).await.unwrap();
        let (server, _) = std::future::poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
        assert_eq!(client.peer_addr().unwrap().as_abstract_name(), address.as_abstract_name());
        assert_eq!(server.write(b"x").await.unwrap(), 1);
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 1);
    });
}

/// A client may have a name of its own, and may choose the longest that there is.
#[test]
fn a_peer_with_a_name_is_known_by_it() {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};
    let scratch = Scratch::new();
    let path = scratch.path("socket");
    let base = scratch.path("").to_str().unwrap().len();
    let longest = scratch.path(&"x".repeat(108 - base));
    run(async {
        let listener = UnixListener::bind(&path).unwrap();
        for name in [scratch.path("client"), longest] {
            let client = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
            rustix::net::bind(&client, &SocketAddrUnix::new(&name).unwrap()).unwrap();
            rustix::net::connect(&client, &SocketAddrUnix::new(&path).unwrap()).unwrap();
            let (_stream, peer) = listener.accept().await.unwrap();
            assert_eq!(peer.as_pathname(), Some(&*name));
        }
    });
}

#[test]
fn errors_name_the_path() {
    let scratch = Scratch::new();
    run(async {
        let error = UnixStream::connect(scratch.path("missing")).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().contains("missing"), "{error}");

        let path = scratch.path("stale");
        drop(UnixListener::bind(&path).unwrap());
        let error = UnixStream::connect(&path).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        let error = UnixListener::bind(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(error.to_string().contains("stale"), "{error}");

        let long = "x".repeat(200);
        for error in [UnixListener::bind(&long).unwrap_err(), UnixStream::connect(&long).await.unwrap_err()] {
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert!(error.to_string().contains(&long), "{error}");
        }
        assert_eq!(UnixStream::connect("").await.unwrap_err().kind(), io::ErrorKind::InvalidInput);
        let unnamed = UnixStream::pair().unwrap().0.local_addr().unwrap();
        let error = UnixStream::connect_addr(&unnamed).await.unwrap_err();
        assert!(error.to_string().contains("a socket without a name"), "{error}");
    });
}

/// The kernel tells nobody when a backlog has room again, so that has to be found out.
#[test]
fn connecting_waits_for_room_in_the_backlog() {
    let scratch = Scratch::new();
    let path = scratch.path("socket");
    let socket = rustix::net::socket(rustix::net::AddressFamily::UNIX, rustix::net::SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &rustix::net::SocketAddrUnix::new(&path).unwrap()).unwrap();
    rustix::net::listen(&socket, 0).unwrap();
    let listener = std::os::unix::net::UnixListener::from(socket);
    run(async {
        let first = UnixStream::connect(&path).await.unwrap();
        let mut second = UnixStream::connect(&path);
        assert!(poll_once(&mut second).await.is_pending());
        drop(listener.accept().unwrap());
        second.await.unwrap();
        drop(first);
    });
}

#[test]
fn waiting_without_a_runtime_is_an_error() {
    let (one, _other) = UnixStream::pair().unwrap();
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Err(error)) = Pin::new(&mut &one).poll_read(&mut cx, &mut [0]) else {
        panic!("it cannot wait")
    };
    assert!(error.to_string().contains("no raddle runtime"), "{error}");
}

#[test]
fn new_sockets_do_not_block_and_are_not_inherited() {
    let scratch = Scratch::new();
    let path = scratch.path("socket");
    run(async {
        let listener = UnixListener::bind(&path).unwrap();
        let client = UnixStream::connect(&path).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let (one, other) = UnixStream::pair().unwrap();
        for fd in [listener.as_fd(), client.as_fd(), server.as_fd(), one.as_fd(), other.as_fd()] {
            assert!(rustix::fs::fcntl_getfl(fd).unwrap().contains(OFlags::NONBLOCK));
            assert!(rustix::io::fcntl_getfd(fd).unwrap().contains(FdFlags::CLOEXEC));
        }
    });
}

#[test]
fn a_large_transfer_arrives_whole_and_in_order() {
    const SIZE: usize = 4 << 20;
    run(async {
        let (mut one, mut other) = UnixStream::pair().unwrap();
        let sent: Vec<u8> = (0..SIZE).map(|n| (n % 251) as u8).collect();
        let expected = sent.clone();
        let writing = spawn(async move { one.write_all(&sent).await });
        let mut got = vec![0; SIZE];
        other.read_exact(&mut got).await.unwrap();
        writing.await.unwrap();
        assert!(got == expected);
    });
}

/// As for TCP: bytes and the end come while nobody polls; a short read clears readiness, and the end is seen still.
#[test]
fn bytes_and_the_end_in_one_event_are_both_seen() {
    let reactor = new_reactor();
    run_on(&reactor.clone(), async {
        let (one, other) = UnixStream::pair().unwrap();
        let mut buffer = [0; 64];
        assert!(poll_once(&mut one.read(&mut buffer)).await.is_pending());
        assert_eq!(other.write(b"0123456789").await.unwrap(), 10);
        drop(other);
        reactor.drain();
        assert_eq!(one.read(&mut buffer).await.unwrap(), 10);
        assert_eq!(one.read(&mut buffer).await.unwrap(), 0);
    });
}

#[test]
fn a_peer_that_is_gone_is_an_error() {
    run(async {
        let (mut one, other) = UnixStream::pair().unwrap();
        drop(other);
        assert_eq!(one.write_all(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        let slices = [IoSlice::new(b"x")];
        assert_eq!(one.write_vectored(&slices).await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    });
}

#[test]
fn peeking_and_vectors_and_attempts_without_waiting() {
    run(async {
        let (one, other) = UnixStream::pair().unwrap();
        let mut buffer = [0; 8];
        assert_eq!(one.try_read(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(other.write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b"cd")]).await.unwrap(), 4);
        assert_eq!(one.peek(&mut buffer).await.unwrap(), 4);
        assert_eq!(one.try_read(&mut buffer[..1]).unwrap(), 1);
        let (mut first, mut second) = ([0; 1], [0; 8]);
        let mut buffers = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        assert_eq!(one.read_vectored(&mut buffers).await.unwrap(), 3);
        assert_eq!((&first, &second[..2]), (b"b", &b"cd"[..]));
        while one.try_write(&[0; 4096]).is_ok() {}
        assert_eq!(one.try_write(&[0; 4096]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    });
}

#[test]
fn eight_tasks_accept_on_one_listener() {
    let scratch = Scratch::new();
    let path = scratch.path("socket");
    run(async {
        let listener = Rc::new(UnixListener::bind(&path).unwrap());
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let listener = listener.clone();
                spawn(async move { drop(listener.accept().await.unwrap()) })
            })
            .collect();
        yield_now().await;
        let clients: Vec<_> = (0..8).map(|_| std::os::unix::net::UnixStream::connect(&path).unwrap()).collect();
        for task in tasks {
            task.await;
        }
        for mut client in clients {
            assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
        }
    });
}

#[test]
fn halves_work_apart_and_come_together_again() {
    run(async {
        let (mut one, other) = UnixStream::pair().unwrap();
        let (mut reader, mut writer) = other.into_split();
        let echo = spawn(async move {
            let mut word = [0; 5];
            reader.read_exact(&mut word).await.unwrap();
            writer.write_all(&word).await.unwrap();
            (reader, writer)
        });
        {
            let (mut reader, mut writer) = one.split();
            writer.write_all(b"hello").await.unwrap();
            let mut word = [0; 5];
            reader.read_exact(&mut word).await.unwrap();
            assert_eq!(&word, b"hello");
        }
        let (reader, writer) = echo.await;
        let (stranger, _writer) = UnixStream::pair().unwrap().0.into_split();
        let error = writer.reunite(stranger).unwrap_err();
        assert_eq!(error.to_string(), "these halves are not of one stream");
        let other = reader.reunite(error.1).unwrap();
        let (_reader, writer) = other.into_split();
        drop(writer);
        assert_eq!(one.read(&mut [0; 8]).await.unwrap(), 0, "dropping the write half ends the stream");
    });
}

#[test]
fn the_peers_credentials_are_its_process() {
    let (one, _other) = UnixStream::pair().unwrap();
    let cred = one.peer_cred().unwrap();
    assert_eq!(cred.pid(), Some(std::process::id()));
    assert_eq!(cred.uid(), rustix::process::geteuid().as_raw());
    assert_eq!(cred.gid(), rustix::process::getegid().as_raw());
}

#[test]
fn conversions_keep_the_connection() {
    run(async {
        let (one, mut std_peer) = std::os::unix::net::UnixStream::pair().unwrap();
        let one = UnixStream::try_from(one).unwrap();
        std_peer.write_all(b"abc").unwrap();
        let mut buffer = [0; 8];
        assert_eq!(one.read(&mut buffer[..1]).await.unwrap(), 1);
        let one = UnixStream::from(OwnedFd::from(one.into_std().unwrap()));
        assert_eq!(one.read(&mut buffer).await.unwrap(), 2);
        let scratch = Scratch::new();
        let listener = std::os::unix::net::UnixListener::bind(scratch.path("socket")).unwrap();
        let listener = UnixListener::try_from(listener).unwrap();
        let connecting = spawn(UnixStream::connect(scratch.path("socket")));
        listener.accept().await.unwrap();
        connecting.await.unwrap();
        let listener = UnixListener::from(OwnedFd::from(listener.into_std().unwrap()));
        assert!(poll_once(&mut listener.accept()).await.is_pending());
    });
}

#[test]
fn the_traits_of_futures_io_work() {
    run(async {
        let (mut one, mut other) = UnixStream::pair().unwrap();
        let written = std::future::poll_fn(|cx| Pin::new(&mut one).poll_write(cx, b"abc")).await.unwrap();
        assert_eq!(written, 3);
        std::future::poll_fn(|cx| Pin::new(&mut one).poll_flush(cx)).await.unwrap();
        std::future::poll_fn(|cx| Pin::new(&mut one).poll_close(cx)).await.unwrap();
        let mut buffer = [0; 8];
        for expected in [3, 0] {
            let read = std::future::poll_fn(|cx| Pin::new(&mut other).poll_read(cx, &mut buffer)).await.unwrap();
            assert_eq!(read, expected);
        }
    });
}
