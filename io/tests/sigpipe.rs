//! Writing to a peer that is gone is an error and never a signal. In a file of its own, for the signal's disposition
//! is the process's.

mod common;

use std::io::{self, IoSlice};
use std::net::Shutdown;

use common::run;
use raddle_io::net::{TcpStream, UnixDatagram, UnixStream, pipe};
use rustix::io::ReadWriteFlags;

const SIGPIPE: i32 = 13;
const DEFAULT: usize = 0;

unsafe extern "C" {
    fn signal(signal: i32, handler: usize) -> usize;
}

/// Rust programs ignore SIGPIPE from the start. With the default action restored, one write without MSG_NOSIGNAL would
/// end this process.
fn restore_the_default_action() {
    // SAFETY: `signal` is libc's, and SIG_DFL is a valid handler for SIGPIPE.
    unsafe { signal(SIGPIPE, DEFAULT) };
}

async fn with_closed_peer() -> TcpStream {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    drop(listener.accept().unwrap());
    stream
}

fn check(error: &io::Error) {
    assert!(matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset), "{error}");
}

#[test]
fn writing_to_a_closed_peer_is_an_error_and_no_signal() {
    restore_the_default_action();
    run(async {
        let mut stream = with_closed_peer().await;
        // The first write may be taken before the peer's reset has come; sooner or later there is an error.
        let error = loop {
            if let Err(error) = stream.write_all(&[0; 1000]).await {
                break error;
            }
        };
        check(&error);
        check(&stream.write(b"again").await.unwrap_err());
        let stream = with_closed_peer().await;
        let slices = [IoSlice::new(&[7; 1000]), IoSlice::new(&[8; 1000])];
        let error = loop {
            if let Err(error) = stream.write_vectored(&slices).await {
                break error;
            }
        };
        check(&error);
        check(&stream.write_vectored(&slices).await.unwrap_err());
    });
}

#[test]
fn writing_to_a_unix_peer_that_is_gone_is_an_error_and_no_signal() {
    restore_the_default_action();
    run(async {
        let (mut stream, peer) = UnixStream::pair().unwrap();
        drop(peer);
        check(&stream.write(b"x").await.unwrap_err());
        check(&stream.write_all(b"x").await.unwrap_err());
        check(&stream.write_vectored(&[IoSlice::new(b"x")]).await.unwrap_err());
        check(&stream.try_write(b"x").unwrap_err());
        let (socket, peer) = UnixDatagram::pair().unwrap();
        peer.shutdown(Shutdown::Both).unwrap();
        check(&socket.send(b"x").await.unwrap_err());
    });
}

/// Whether a pipe's write can be told not to send the signal: Linux 6.18 or later.
fn the_kernel_knows_the_flag() -> bool {
    let (_reader, writer) = std::io::pipe().unwrap();
    let no_signal = ReadWriteFlags::from_bits_retain(0x100);
    rustix::io::pwritev2(&writer, &[IoSlice::new(b"x")], u64::MAX, no_signal).is_ok()
}

#[test]
fn writing_to_a_pipe_that_nobody_reads_is_an_error_and_no_signal() {
    if !the_kernel_knows_the_flag() {
        eprintln!("skipped: this kernel sends SIGPIPE for every pipe");
        return;
    }
    restore_the_default_action();
    run(async {
        let (reader, mut writer) = pipe().unwrap();
        drop(reader);
        for error in [
            writer.write(b"x").await.unwrap_err(),
            writer.write_all(b"x").await.unwrap_err(),
            writer.write_vectored(&[IoSlice::new(b"x")]).await.unwrap_err(),
            writer.try_write(b"x").unwrap_err(),
        ] {
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        }
    });
}
