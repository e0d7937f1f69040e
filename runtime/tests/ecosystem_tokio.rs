//! The sockets under tokio's traits: what tokio's own extension functions, and code written against them, see.

mod common;

use std::io::{self, IoSlice};

use common::{runner, watch};
use raddle::{TcpListener, TcpStream, create_task};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

async fn connected() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let near = TcpStream::connect(listener.local_addr()?).await?;
    Ok((near, listener.accept().await?.0))
}

async fn say<W: AsyncWrite + Unpin>(to: &mut W, text: &[u8]) {
    AsyncWriteExt::write_all(to, text).await.unwrap();
}

async fn hear<R: AsyncRead + Unpin>(from: &mut R, length: usize) -> Vec<u8> {
    let mut heard = vec![0; length];
    AsyncReadExt::read_exact(from, &mut heard).await.unwrap();
    heard
}

#[test]
fn a_stream_reads_and_writes_and_half_closes() {
    let _watch = watch();
    runner(2).run(async {
        let (mut near, mut far) = connected().await.unwrap();
        let echo = create_task(async move {
            let mut all = Vec::new();
            AsyncReadExt::read_to_end(&mut far, &mut all).await.unwrap();
            say(&mut far, &all).await;
        });
        say(&mut near, b"hello, ").await;
        let parts = [IoSlice::new(b"wor"), IoSlice::new(b"ld")];
        assert!(AsyncWrite::is_write_vectored(&near));
        assert_eq!(AsyncWriteExt::write_vectored(&mut near, &parts).await.unwrap(), 5);
        // Only the shutdown lets the other side answer.
        AsyncWriteExt::shutdown(&mut near).await.unwrap();
        assert_eq!(hear(&mut near, 12).await, b"hello, world");
        assert_eq!(AsyncReadExt::read(&mut near, &mut [0; 1]).await.unwrap(), 0);
        AsyncWriteExt::shutdown(&mut near).await.expect("a second shutdown is none");
        echo.await.unwrap();
    });
}

#[test]
fn halves_are_as_good_as_the_whole() {
    let _watch = watch();
    runner(2).run(async {
        let (mut near, far) = connected().await.unwrap();
        let (mut reading, mut writing) = far.into_split();
        {
            let (mut lent_reading, mut lent_writing) = near.split();
            say(&mut lent_writing, b"ping").await;
            assert_eq!(hear(&mut reading, 4).await, b"ping");
            say(&mut writing, b"pong").await;
            assert_eq!(hear(&mut lent_reading, 4).await, b"pong");
        }
        AsyncWriteExt::shutdown(&mut writing).await.unwrap();
        assert_eq!(AsyncReadExt::read(&mut near, &mut [0; 1]).await.unwrap(), 0);
        say(&mut near, b"still").await;
        assert_eq!(hear(&mut reading, 5).await, b"still");
    });
}

/// Memory that was never written to takes the way over the stack, in pieces that must neither overlap nor be lost.
#[test]
fn large_reads_into_fresh_memory_keep_every_byte() {
    let _watch = watch();
    runner(2).run(async {
        let (mut near, mut far) = connected().await.unwrap();
        let sent: Vec<u8> = (0..1_000_003_u32).map(|n| (n % 251) as u8).collect();
        let expected = sent.clone();
        let sender = create_task(async move {
            say(&mut near, &sent).await;
            near
        });
        let mut heard = Vec::with_capacity(40_000);
        while heard.len() < expected.len() {
            heard.reserve(40_000);
            assert_ne!(AsyncReadExt::read_buf(&mut far, &mut heard).await.unwrap(), 0, "the end comes early");
        }
        assert!(heard == expected);
        drop(sender.await.unwrap());
        assert_eq!(AsyncReadExt::read_buf(&mut far, &mut heard).await.unwrap(), 0);
    });
}

/// Code that knows tokio's traits only, and nothing of raddle: a copy in both directions.
#[test]
fn tokio_copies_between_raddle_sockets() {
    let _watch = watch();
    runner(2).run(async {
        let (mut client, mut proxy_near) = connected().await.unwrap();
        let (mut proxy_far, mut server) = connected().await.unwrap();
        let proxy = create_task(async move { tokio::io::copy_bidirectional(&mut proxy_near, &mut proxy_far).await });
        say(&mut client, b"request").await;
        AsyncWriteExt::shutdown(&mut client).await.unwrap();
        let mut request = Vec::new();
        AsyncReadExt::read_to_end(&mut server, &mut request).await.unwrap();
        say(&mut server, b"answer!!").await;
        drop(server);
        assert_eq!(hear(&mut client, 8).await, b"answer!!");
        assert_eq!(proxy.await.unwrap().unwrap(), (7, 8));
    });
}
