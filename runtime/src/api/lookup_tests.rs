//! Promises of name lookups, with name servers that hang when a test says so.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::Poll;
use std::time::Duration;

use super::Runner;
use crate::scheduler::lookups::{LookUp, at_once};
use crate::{Clock, Handle, TcpStream, create_task, lookup_host, sleep, timeout, to_thread};

/// A name server: hosts called `hang…` are not found before it is let go.
struct Server {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    hanging: usize,
    is_let_go: bool,
    asked: Vec<String>,
}

impl Server {
    const fn new() -> Server {
        let state = State { hanging: 0, is_let_go: false, asked: Vec::new() };
        Server { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn answer(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let mut state = self.state.lock().unwrap();
        state.asked.push(host.to_owned());
        if host.starts_with("hang") {
            state.hanging += 1;
            self.changed.notify_all();
            drop(self.changed.wait_while(state, |state| !state.is_let_go).unwrap());
        }
        Ok(vec![([127, 0, 0, 1], port).into()])
    }

    /// Blocks until that many lookups hang.
    fn wait_until_hanging(&self, count: usize) {
        drop(self.changed.wait_while(self.state.lock().unwrap(), |state| state.hanging < count).unwrap());
    }

    fn let_go(&self) {
        self.state.lock().unwrap().is_let_go = true;
        self.changed.notify_all();
    }

    fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }
}

fn runner(workers: usize, look_up: LookUp) -> Runner {
    let mut runner = Runner::new().workers(workers);
    runner.config.look_up = look_up;
    runner
}

/// Starts that many lookups that hang, and waits until they do, on the blocking pool.
async fn hang(server: &'static Server, count: usize) {
    for _ in 0..count {
        create_task(lookup_host("hanging:1")).detach();
    }
    to_thread(move || server.wait_until_hanging(count)).await.unwrap();
}

/// Polls a future that has to wait.
async fn begin<F: Future + Unpin>(future: &mut F) {
    poll_fn(|cx| {
        assert!(Pin::new(&mut *future).poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
}

#[test]
fn those_that_hang_stop_neither_blocking_calls_nor_the_end() {
    static SERVER: Server = Server::new();
    for workers in [1, 2] {
        // A grace without an end: whoever waits for a lookup at the end waits for ever.
        let runner = runner(workers, |host, port| SERVER.answer(host, port));
        runner.grace(Duration::MAX).blocking_threads(1).run(async {
            SERVER.state.lock().unwrap().hanging = 0;
            hang(&SERVER, at_once()).await;
            for _ in 0..100 {
                create_task(lookup_host("waits:1")).detach();
            }
            assert_eq!(to_thread(|| 5).await.unwrap(), 5);
        });
    }
    SERVER.let_go();
    assert!(SERVER.asked().iter().all(|host| host == "hanging"), "nothing begins after the end");
}

#[test]
fn fewer_than_the_limit_let_others_pass_in_order() {
    static SERVER: Server = Server::new();
    runner(2, |host, port| SERVER.answer(host, port)).run(async {
        hang(&SERVER, at_once() - 1).await;
        let mut others: Vec<_> = (0..50).map(|n| lookup_host((format!("host{n}"), 7))).collect();
        // All are begun before one is waited for. The thread that is free may be quick, and some of them over at once.
        let mut early = Vec::new();
        for other in &mut others {
            early.push(poll_fn(|cx| Poll::Ready(Pin::new(&mut *other).poll(cx))).await);
        }
        for (other, early) in others.into_iter().zip(early) {
            let found = match early {
                Poll::Ready(found) => found,
                Poll::Pending => other.await,
            };
            assert_eq!(found.unwrap(), ["127.0.0.1:7".parse().unwrap()]);
        }
        SERVER.let_go();
    });
    let asked = SERVER.asked().into_iter().filter(|host| host != "hanging");
    assert!(asked.eq((0..50).map(|n| format!("host{n}"))));
}

#[test]
fn nobody_is_asked_for_somebody_who_left() {
    static SERVER: Server = Server::new();
    runner(2, |host, port| SERVER.answer(host, port)).run(async {
        hang(&SERVER, at_once()).await;
        let (mut left, mut stays) = (lookup_host("left:1"), lookup_host("stays:1"));
        begin(&mut left).await;
        begin(&mut stays).await;
        drop(left);
        SERVER.let_go();
        stays.await.unwrap();
    });
    assert!(SERVER.asked().iter().all(|host| host != "left"));
}

#[test]
fn plain_threads_and_blocking_calls_look_names_up() {
    static SERVER: Server = Server::new();
    for workers in [1, 2] {
        runner(workers, |host, port| SERVER.answer(host, port)).run(async {
            let handle = Handle::current();
            let look_up = move || handle.block_on(lookup_host("somewhere:80")).unwrap();
            assert_eq!(to_thread(look_up.clone()).await.unwrap(), ["127.0.0.1:80".parse().unwrap()]);
            let thread = std::thread::spawn(look_up);
            assert_eq!(to_thread(|| thread.join().unwrap()).await.unwrap().len(), 1);
        });
    }
}

#[test]
fn a_plain_thread_that_waits_hears_of_the_end() {
    static SERVER: Server = Server::new();
    let waiting = runner(2, |host, port| SERVER.answer(host, port)).run(async {
        hang(&SERVER, at_once()).await;
        let handle = Handle::current();
        let (begun, has_begun) = crate::promise();
        let thread = std::thread::spawn(move || {
            handle.block_on(async {
                let mut waits = lookup_host("waits:1");
                begin(&mut waits).await;
                begun.set(()).unwrap();
                waits.await
            })
        });
        has_begun.await.unwrap();
        thread
    });
    let error = waiting.join().unwrap().unwrap_err();
    assert!(error.to_string().contains("cannot look up waits: the name lookup was given up"), "{error}");
    SERVER.let_go();
}

#[test]
fn a_virtual_clock_stands_still_meanwhile() {
    let look_up: LookUp = |_, port| {
        for _ in 0..100 {
            std::thread::yield_now();
        }
        Ok(vec![([127, 0, 0, 1], port).into()])
    };
    runner(1, look_up).clock(Clock::auto()).run(async {
        let began = crate::Instant::now();
        timeout(Duration::from_secs(3600), lookup_host("somewhere:1")).await.unwrap().unwrap();
        assert_eq!(began.elapsed(), Duration::ZERO);
        sleep(Duration::from_secs(3600)).await;
    });
}

#[test]
fn connecting_to_a_name_uses_what_was_found() {
    let listener = Arc::new(std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let port = listener.local_addr().unwrap().port();
    runner(2, |_, port| Ok(vec![([127, 0, 0, 1], port).into()])).run(async {
        let stream = TcpStream::connect(("no.such.host", port)).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), listener.local_addr().unwrap());
    });
    runner(2, |_, _| Ok(Vec::new())).run(async {
        let error = lookup_host("empty:1").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    });
}
