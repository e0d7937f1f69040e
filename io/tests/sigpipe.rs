//! Writing to a peer that is gone is an error and never a signal. In a file of its own, for the signal's disposition
//! is the process's.

mod common;

use std::io::{self, IoSlice};

use common::run;
use raddle_io::net::TcpStream;

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
