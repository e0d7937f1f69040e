//! A `read_exact` that is dropped half-way loses no byte, and a `write_all` says how far it came.

mod common;

use std::future::poll_fn;
use std::io::{self, IoSliceMut};
use std::pin::Pin;

use common::{poll_once, run, spawn, yield_now};
use futures_io::AsyncRead;
use raddle_io::net::{TcpListener, TcpStream, UnixStream, pipe};

/// Begins to read `wanted` bytes, of which some are there, and gives up.
async fn give_up(stream: &mut UnixStream, wanted: usize) {
    let mut buffer = vec![0; wanted];
    assert!(poll_once(&mut stream.read_exact(&mut buffer)).await.is_pending());
}

async fn pair_with(bytes: &[u8]) -> (UnixStream, UnixStream) {
    let (one, other) = UnixStream::pair().unwrap();
    assert_eq!(other.write(bytes).await.unwrap(), bytes.len());
    (one, other)
}

#[test]
fn every_way_to_read_begins_with_what_went_back() {
    run(async {
        let mut buffer = [0; 8];
        let (mut one, _other) = pair_with(b"abc").await;
        give_up(&mut one, 8).await;
        assert_eq!(one.peek(&mut buffer[..2]).await.unwrap(), 2);
        assert_eq!(one.read(&mut buffer[..1]).await.unwrap(), 1);
        assert_eq!(one.try_read(&mut buffer[1..2]).unwrap(), 1);
        assert_eq!(poll_fn(|cx| Pin::new(&mut one).poll_read(cx, &mut buffer[2..])).await.unwrap(), 1);
        assert_eq!(&buffer[..3], b"abc");
        assert_eq!(one.try_read(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);

        let (mut one, other) = pair_with(b"abc").await;
        give_up(&mut one, 8).await;
        other.write(b"def").await.unwrap();
        let (mut first, mut second) = ([0; 1], [0; 8]);
        let mut buffers = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        assert_eq!(one.read_vectored(&mut buffers).await.unwrap(), 3);
        assert_eq!((&first, &second[..2]), (b"a", &b"bc"[..]));
        assert_eq!(one.read(&mut buffer).await.unwrap(), 3);
        assert_eq!(&buffer[..3], b"def");
    });
}

#[test]
fn one_that_gives_up_again_and_again_gets_it_all_in_the_end() {
    run(async {
        let (mut one, other) = UnixStream::pair().unwrap();
        for letter in b"abcdefg" {
            other.write(&[*letter]).await.unwrap();
            give_up(&mut one, 8).await;
        }
        other.write(b"hi").await.unwrap();
        let mut buffer = [0; 8];
        one.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"abcdefgh");
        assert_eq!(one.read(&mut buffer).await.unwrap(), 1);
        assert_eq!(buffer[0], b'i');
    });
}

/// Less is wanted than went back: the rest stays, in order, also if that one gives up.
#[test]
fn what_went_back_is_taken_bit_by_bit() {
    run(async {
        let (mut one, other) = pair_with(b"abcdef").await;
        give_up(&mut one, 8).await;
        let mut two = [0; 2];
        for expected in [b"ab", b"cd"] {
            one.read_exact(&mut two).await.unwrap();
            assert_eq!(&two, expected);
        }
        give_up(&mut one, 3).await;
        drop(other);
        one.read_exact(&mut two).await.unwrap();
        assert_eq!(&two, b"ef");
        assert_eq!(one.read(&mut two).await.unwrap(), 0);
    });
}

#[test]
fn what_is_kept_does_not_go_back() {
    run(async {
        let (mut one, other) = pair_with(b"abc").await;
        let mut buffer = [0; 4];
        let mut read = one.read_exact(&mut buffer);
        assert_eq!(read.filled(), 0);
        assert!(poll_once(&mut read).await.is_pending());
        assert_eq!(read.filled(), 3);
        assert_eq!(read.keep(), 3);
        assert_eq!(&buffer[..3], b"abc");
        other.write(b"d").await.unwrap();
        assert_eq!(one.read(&mut buffer).await.unwrap(), 1);
        assert_eq!(buffer[0], b'd');
    });
}

#[test]
fn after_an_error_the_future_says_how_much_there_is_and_nothing_goes_back() {
    run(async {
        let (mut one, other) = pair_with(b"abc").await;
        drop(other);
        let mut buffer = [0; 4];
        let mut read = one.read_exact(&mut buffer);
        assert_eq!((&mut read).await.unwrap_err().to_string(), "the stream ended after 3 of 4 bytes");
        assert_eq!(read.filled(), 3);
        drop(read);
        assert_eq!(&buffer[..3], b"abc");
        assert_eq!(one.read(&mut buffer).await.unwrap(), 0);
    });
}

#[test]
fn it_holds_for_tcp_and_pipes_and_halves() {
    run(async {
        let mut buffer = [0; 8];
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        server.write(b"abc").await.unwrap();
        let mut read = client.read_exact(&mut buffer);
        while read.filled() < 3 {
            assert!(poll_once(&mut read).await.is_pending());
            yield_now().await;
        }
        drop(read);
        let (reader, writer) = client.into_split();
        let mut client = reader.reunite(writer).unwrap();
        assert_eq!(client.read(&mut buffer).await.unwrap(), 3);
        server.write(b"def").await.unwrap();
        let (mut reader, _writer) = client.split();
        let mut read = reader.read_exact(&mut buffer);
        while read.filled() < 3 {
            assert!(poll_once(&mut read).await.is_pending());
            yield_now().await;
        }
        drop(read);
        assert_eq!(client.read(&mut buffer).await.unwrap(), 3);

        let (mut reader, writer) = pipe().unwrap();
        writer.write(b"abc").await.unwrap();
        assert!(poll_once(&mut reader.read_exact(&mut buffer)).await.is_pending());
        assert_eq!(reader.read(&mut buffer).await.unwrap(), 3);
        assert_eq!(&buffer[..3], b"abc");
    });
}

#[test]
fn a_write_that_gives_up_says_how_far_it_came() {
    const SIZE: usize = 4 << 20;
    run(async {
        let (mut one, mut other) = UnixStream::pair().unwrap();
        let sent: Vec<u8> = (0..SIZE).map(|n| (n % 251) as u8).collect();
        let mut write = one.write_all(&sent);
        assert_eq!(write.written(), 0);
        assert!(poll_once(&mut write).await.is_pending());
        let written = write.written();
        assert!(0 < written && written < SIZE);
        drop(write);
        let rest = sent[written..].to_vec();
        let writing = spawn(async move { one.write_all(&rest).await });
        let mut got = vec![0; SIZE];
        other.read_exact(&mut got).await.unwrap();
        writing.await.unwrap();
        assert!(got == sent);
    });
}
