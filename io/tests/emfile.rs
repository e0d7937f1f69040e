//! A listener without file descriptors pauses, says so once, and goes on. In a file of its own, since the limit is the
//! process's.

mod common;

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::os::linux::net::SocketAddrExt as _;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use common::{REPORTS, run, spawn};
use raddle_io::net::{TcpListener, UnixListener};
use raddle_io::sleep;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

#[test]
fn accept_survives_the_lack_of_file_descriptors() {
    run(async {
        let listener = Rc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let address = listener.local_addr().unwrap();
        let (client, other) = (connect(address), connect(address));

        let before = getrlimit(Resource::Nofile);
        // Lower than what is open: the next file descriptor cannot be had.
        setrlimit(Resource::Nofile, Rlimit { current: Some(3), maximum: before.maximum }).unwrap();
        let polls = Rc::new(Cell::new(0));
        let accepting = spawn({
            let listener = listener.clone();
            let polls = polls.clone();
            async move { counting(&polls, listener.accept()).await }
        });
        let polling = spawn({
            let listener = listener.clone();
            let polls = polls.clone();
            async move { counting(&polls, poll_fn(|cx| listener.poll_accept(cx))).await }
        });
        while REPORTS.lock().unwrap().is_empty() {
            common::yield_now().await;
        }
        // Long enough for several attempts of both.
        sleep(Duration::from_millis(60)).await;
        // A handful each, were the machine quick; not thousands.
        assert!(polls.get() < 50, "{} attempts in 60 ms", polls.get());
        setrlimit(Resource::Nofile, before).unwrap();

        let mut peers = [accepting.await.unwrap().1, polling.await.unwrap().1];
        let mut expected = [client.local_addr().unwrap(), other.local_addr().unwrap()];
        peers.sort();
        expected.sort();
        assert_eq!(peers, expected);
        let reports = REPORTS.lock().unwrap();
        assert_eq!(reports.len(), 1, "{reports:?}");
        assert!(reports[0].contains("cannot accept connections at present: Too many open files"), "{reports:?}");
    });
    unix_listeners_survive_it_as_well();
}

/// The same for Unix sockets, which share the way to accept. In one test with TCP's, since the limit is the process's.
fn unix_listeners_survive_it_as_well() {
    REPORTS.lock().unwrap().clear();
    run(async {
        let name = format!("raddle-io-emfile-{}", std::process::id());
        let address = std::os::unix::net::SocketAddr::from_abstract_name(name).unwrap();
        let listener = UnixListener::bind_addr(&address).unwrap();
        let client = std::os::unix::net::UnixStream::connect_addr(&address).unwrap();
        let before = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: Some(3), maximum: before.maximum }).unwrap();
        let accepting = spawn(async move { listener.accept().await });
        while REPORTS.lock().unwrap().is_empty() {
            common::yield_now().await;
        }
        setrlimit(Resource::Nofile, before).unwrap();
        let (stream, _) = accepting.await.unwrap();
        drop(client);
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

/// Counts how often a future is polled.
async fn counting<F: Future>(polls: &Cell<usize>, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        polls.set(polls.get() + 1);
        future.as_mut().poll(cx)
    })
    .await
}

fn connect(address: std::net::SocketAddr) -> std::net::TcpStream {
    std::net::TcpStream::connect(address).unwrap()
}
