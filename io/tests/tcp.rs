//! What TCP streams promise, over real sockets.

mod common;

use std::future::Future as _;
use std::io::{self, IoSlice, Read as _, Write as _};
use std::net::Shutdown;
use std::pin::Pin;
use std::task::Poll;

use common::{poll_once, run, spawn, yield_now};
use futures_io::{AsyncRead, AsyncWrite};
use raddle_io::net::{TcpListener, TcpStream};

/// A stream of ours and the blocking peer of the system's at its other end.
async fn pair_with_std() -> (TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (ours, listener.accept().unwrap().0)
}

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let connecting = spawn(TcpStream::connect(listener.local_addr().unwrap()));
    let (accepted, _) = listener.accept().await.unwrap();
    (connecting.await.unwrap(), accepted)
}

/// Lets the reader register and wait once, so that what follows comes as events.
async fn make_it_wait(stream: &TcpStream) {
    let mut byte = [0];
    assert!(poll_once(&mut stream.read(&mut byte)).await.is_pending());
}

/// The peer's bytes and its FIN come in one edge, while nobody polls. A short read clears readiness, and no further
/// event will come: only the sticky bit lets the second read see the end.
#[test]
fn bytes_and_fin_in_one_edge_are_both_seen() {
    run(async {
        let (stream, mut peer) = pair_with_std().await;
        make_it_wait(&stream).await;
        peer.write_all(b"0123456789").unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        wait_for_fin(&stream);
        let mut buffer = [0; 64];
        assert_eq!(stream.read(&mut buffer).await.unwrap(), 10);
        assert_eq!(stream.read(&mut buffer).await.unwrap(), 0);
    });
}

/// Blocks this thread until the kernel has the peer's FIN.
fn wait_for_fin(stream: &TcpStream) {
    use rustix::event::{PollFd, PollFlags, poll};
    let mut fds = [PollFd::new(stream, PollFlags::RDHUP)];
    assert_eq!(poll(&mut fds, None).unwrap(), 1);
}

#[test]
fn after_the_peers_half_close_writing_still_works() {
    run(async {
        let (mut stream, mut peer) = pair_with_std().await;
        peer.shutdown(Shutdown::Write).unwrap();
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
        stream.write_all(b"still here").await.unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut got = String::new();
        peer.read_to_string(&mut got).unwrap();
        assert_eq!(got, "still here");
    });
}

/// Far more than the socket buffers hold, so that both sides wait for each other again and again.
#[test]
fn a_large_transfer_arrives_whole_and_in_order() {
    const SIZE: usize = 8 << 20;
    run(async {
        let (mut one, mut two) = pair().await;
        let sent: Vec<u8> = (0..SIZE).map(|n| (n % 251) as u8).collect();
        let expected = sent.clone();
        let writing = spawn(async move {
            one.write_all(&sent).await.unwrap();
            one
        });
        let mut got = vec![0; SIZE];
        two.read_exact(&mut got).await.unwrap();
        assert!(got == expected);
        drop(writing.await);
        assert_eq!(two.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

#[test]
fn a_reset_by_the_peer_is_seen_by_a_waiting_reader() {
    run(async {
        let (stream, peer) = pair_with_std().await;
        make_it_wait(&stream).await;
        socket2::SockRef::from(&peer).set_linger(Some(std::time::Duration::ZERO)).unwrap();
        drop(peer);
        let error = stream.read(&mut [0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    });
}

#[test]
fn ipv6_works() {
    run(async {
        let listener = TcpListener::bind("[::1]:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        assert!(address.is_ipv6());
        let mut client = TcpStream::connect(("::1", address.port())).await.unwrap();
        let (mut server, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        client.write_all(b"six").await.unwrap();
        let mut got = [0; 3];
        server.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"six");
    });
}

#[test]
fn names_are_resolved_by_the_context() {
    run(async {
        let listener = TcpListener::bind("localhost:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        TcpStream::connect(("localhost", port)).await.unwrap();
        let error = TcpStream::connect("nowhere.invalid:1").await.unwrap_err();
        assert_eq!(error.to_string(), "cannot look up nowhere.invalid: no such host");
    });
}

#[test]
fn errors_name_the_address() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let error = TcpListener::bind(address).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(
            error.to_string().starts_with(&format!("cannot listen on {address}: Address already in use")),
            "{error}"
        );
        drop(listener);
        let error = TcpStream::connect(address).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert!(error.to_string().starts_with(&format!("cannot connect to {address}: ")), "{error}");
    });
}

#[test]
fn connect_tries_all_addresses() {
    run(async {
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addresses = [gone, listener.local_addr().unwrap()];
        let stream = TcpStream::connect(&addresses[..]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), addresses[1]);
        assert!(TcpStream::connect(&[][..]).await.is_err());
    });
}

#[test]
fn peeking_leaves_the_bytes_and_the_readiness() {
    run(async {
        let (stream, mut peer) = pair_with_std().await;
        make_it_wait(&stream).await;
        peer.write_all(b"abc").unwrap();
        let mut buffer = [0; 16];
        assert_eq!(stream.peek(&mut buffer).await.unwrap(), 3);
        assert_eq!(stream.peek(&mut buffer).await.unwrap(), 3);
        assert_eq!(stream.read(&mut buffer).await.unwrap(), 3);
        assert_eq!(stream.try_read(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    });
}

#[test]
fn vectored_writes_arrive_in_order() {
    run(async {
        let (stream, mut peer) = pair_with_std().await;
        let slices = [IoSlice::new(b"one "), IoSlice::new(b""), IoSlice::new(b"two")];
        assert_eq!(stream.write_vectored(&slices).await.unwrap(), 7);
        let many = vec![IoSlice::new(b"x"); 5000];
        assert!(stream.write_vectored(&many).await.unwrap() >= 1000, "more slices than the kernel takes at once");
        let mut got = [0; 8];
        peer.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"one twox");
    });
}

#[test]
fn owned_halves_work_in_two_tasks_and_come_together_again() {
    run(async {
        let (one, mut two) = pair().await;
        let (mut reader, mut writer) = one.into_split();
        let reading = spawn(async move {
            let mut got = [0; 4];
            reader.read_exact(&mut got).await.unwrap();
            (reader, got)
        });
        yield_now().await;
        writer.write_all(b"ping").await.unwrap();
        let mut got = [0; 4];
        two.read_exact(&mut got).await.unwrap();
        two.write_all(&got).await.unwrap();
        let (reader, got) = reading.await;
        assert_eq!(&got, b"ping");

        let (other_reader, other_writer) = two.into_split();
        let error = reader.reunite(other_writer).unwrap_err();
        let one = error.0.reunite(writer).unwrap();
        let _two = other_reader.reunite(error.1).unwrap();
        assert!(poll_once(&mut one.read(&mut [0; 4])).await.is_pending(), "reuniting closes nothing");
    });
}

#[test]
fn dropping_the_owned_write_half_ends_the_peers_stream() {
    run(async {
        let (one, two) = pair().await;
        let (reader, writer) = one.into_split();
        drop(writer);
        assert_eq!(two.read(&mut [0; 4]).await.unwrap(), 0);
        two.write(b"back").await.unwrap();
        assert_eq!(reader.read(&mut [0; 8]).await.unwrap(), 4);
    });
}

#[test]
fn borrowed_halves_and_the_futures_traits_move_bytes() {
    run(async {
        let (mut one, mut two) = pair().await;
        let (_reader, mut writer) = one.split();
        writer.write_all(b"ab").await.unwrap();
        let writing = std::future::poll_fn(|cx| Pin::new(&mut writer).poll_write(cx, b"cd"));
        assert_eq!(writing.await.unwrap(), 2);
        std::future::poll_fn(|cx| Pin::new(&mut writer).poll_close(cx)).await.unwrap();
        let mut got = Vec::new();
        loop {
            let mut buffer = [0; 3];
            match std::future::poll_fn(|cx| Pin::new(&mut two).poll_read(cx, &mut buffer)).await.unwrap() {
                0 => break,
                count => got.extend_from_slice(&buffer[..count]),
            }
        }
        assert_eq!(got, b"abcd");
    });
}

/// A task whose socket is always ready must give its worker back.
#[test]
fn a_busy_stream_gives_way() {
    run(async {
        let (stream, mut peer) = pair_with_std().await;
        peer.write_all(&[1; 1000]).unwrap();
        let mut reads = 0;
        let mut byte = [0];
        loop {
            match poll_once(&mut stream.read(&mut byte)).await {
                Poll::Ready(read) => assert_eq!(read.unwrap(), 1),
                Poll::Pending => break,
            }
            reads += 1;
        }
        assert!((100..1000).contains(&reads), "{reads} reads in one poll");
    });
}

#[test]
fn conversions_keep_the_connection() {
    run(async {
        let (stream, mut peer) = pair_with_std().await;
        make_it_wait(&stream).await;
        let stream = TcpStream::try_from(stream.into_std().unwrap()).unwrap();
        make_it_wait(&stream).await;
        peer.write_all(b"x").unwrap();
        assert_eq!(stream.read(&mut [0; 4]).await.unwrap(), 1);
        stream.set_nodelay(true).unwrap();
        assert!(stream.nodelay().unwrap());
    });
}

/// Without a runtime the first attempt works, and waiting is an error that says what to do.
#[test]
fn waiting_without_a_runtime_is_an_error() {
    let (stream, mut peer) = run(pair_with_std());
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let mut byte = [0];
    let Poll::Ready(Err(error)) = Pin::new(&mut stream.read(&mut byte)).poll(&mut cx) else { panic!("it waits") };
    assert!(error.to_string().contains("no raddle runtime on this thread"), "{error}");
    peer.write_all(b"x").unwrap();
    let (mut fds, forever) = ([rustix::event::PollFd::new(&stream, rustix::event::PollFlags::IN)], None);
    rustix::event::poll(&mut fds, forever).unwrap();
    assert!(matches!(Pin::new(&mut stream.read(&mut byte)).poll(&mut cx), Poll::Ready(Ok(1))));
}
