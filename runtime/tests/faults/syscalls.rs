//! Calls that fail while a server serves: what is interrupted is made again, a lack is waited out, an error of one
//! connection is that connection's, and all others are served.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use raddle::{Instant, TcpListener, TcpStream, create_task, sleep, start_server};

use super::strace::{Fault, is_missing};
use super::victim::{Victim, connect, echo, hear_echo, is_victim, open_sockets, orders, say};
use crate::common::{Reports, runner, watch};

async fn echo_bytes(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

/// As the examples accept: an error is waited for to pass.
async fn accept_all(listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => create_task(echo_bytes(stream)).detach(),
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
}

/// The victim: two servers, of either kind, and a clock that is watched.
fn serve(workers: usize) {
    let reports = Reports::default();
    reports.of(runner(workers)).run(async {
        let orders = orders();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        say(format!("listening {}", listener.local_addr().unwrap()));
        create_task(accept_all(listener)).detach();
        let server = start_server("127.0.0.1:0", |mut reader, mut writer| async move {
            while let Ok(line @ [_, ..]) = reader.read_line().await.as_deref() {
                writer.write(line);
                if writer.drain().await.is_err() {
                    return;
                }
            }
        });
        let server = server.await.unwrap();
        say(format!("serving {}", server.local_addrs()[0]));
        let clock = create_task(async {
            loop {
                let (begun, time) = (Instant::now(), Duration::from_millis(30));
                sleep(time).await;
                assert!(begun.elapsed() >= time, "a sleep that an interruption has cut short");
            }
        });
        let before = open_sockets();
        while let Ok(order) = orders.get().await {
            match &*order {
                "all closed" => {
                    while open_sockets() > before {
                        sleep(Duration::from_millis(1)).await;
                    }
                    say("all closed");
                }
                "reports" => say(format!("reports {}", reports.take().len())),
                other => panic!("{other}?"),
            }
        }
        assert!(!clock.is_done());
        drop(server);
    });
}

struct Servers {
    victim: Victim,
    addresses: [SocketAddr; 2],
}

impl Servers {
    /// None: this is the victim, and is over; or strace is missing.
    fn start(test: &str, workers: usize) -> Option<Servers> {
        if is_victim(test, || serve(workers)) || is_missing(test) {
            return None;
        }
        let mut victim = Victim::start(module_path!(), test, test, &[]);
        let listening = victim.hear("listening ").parse().unwrap();
        let addresses = [listening, victim.hear("serving ").parse().unwrap()];
        Some(Servers { victim, addresses })
    }

    fn clients(&self) -> impl Iterator<Item = std::net::TcpStream> {
        self.addresses.iter().map(|address| connect(*address))
    }

    /// Somebody new is served by both.
    fn serve_others(&self) {
        self.clients().for_each(|mut client| echo(&mut client, "somebody new\n"));
    }

    fn end(mut self) {
        self.serve_others();
        self.victim.ask("all closed");
        self.victim.finish();
    }
}

#[test]
fn what_a_signal_interrupts_is_done_again() {
    let test = "what_a_signal_interrupts_is_done_again";
    let _watch = watch();
    let Some(mut servers) = Servers::start(test, 2) else { return };
    let mut old: Vec<_> = servers.clients().collect();
    // `write` and `read` are those of the eventfds.
    let calls = ["?epoll_wait,?epoll_pwait", "accept4", "recvfrom,?recv,read", "sendto,?send,write", "futex"];
    for call in calls {
        // Every other call, beginning with the first, ten times in each thread.
        let fault = Fault::inject(&servers.victim, call, "error=EINTR:when=1..19+2");
        for round in 0..30 {
            old.iter_mut().for_each(|client| echo(client, &format!("{round} of an old client\n")));
            servers.serve_others();
            // Says so from a thread that is no worker, which has to wake one.
            assert_eq!(servers.victim.ask("reports"), "0", "{call}");
        }
        // Threads that are idle do not wait by futex; there are enough others.
        fault.wait_for(if call == "futex" { 0 } else { 5 });
        fault.end();
    }
    drop(old);
    servers.end();
}

#[test]
fn accepting_outlives_every_error_and_does_not_spin() {
    let test = "accepting_outlives_every_error_and_does_not_spin";
    let _watch = watch();
    let Some(mut servers) = Servers::start(test, 2) else { return };
    let mut old: Vec<_> = servers.clients().collect();
    let errors =
        ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "ECONNABORTED", "EPROTO", "ENETDOWN", "EHOSTUNREACH", "EPERM"];
    for error in errors {
        let fault = Fault::inject(&servers.victim, "accept4", &format!("error={error}"));
        let mut waiting: Vec<_> = servers.clients().collect();
        waiting.iter_mut().for_each(|client| client.write_all(b"patience\n").unwrap());
        fault.wait_for(2);
        // Those that have been accepted before are served meanwhile.
        old.iter_mut().for_each(|client| echo(client, "served\n"));
        thread::sleep(Duration::from_millis(200));
        let failed = fault.end();
        // Two servers, which pause for 5 ms and longer; a burst of connections that have gone is no more than 65.
        assert!(failed < 65 * 2 * 20, "{error}: accept4 failed {failed} times in 0.2 s");
        waiting.iter_mut().for_each(|client| hear_echo(client, "patience\n"));
    }
    let reports: usize = servers.victim.ask("reports").parse().unwrap();
    // A shortage once a minute and server; the permission at each attempt of the server, every 100 ms.
    assert!((2..60).contains(&reports), "{reports} reports");
    drop((old, servers.clients()));
    servers.end();
}

#[test]
fn an_error_of_a_connection_ends_that_one_alone() {
    let test = "an_error_of_a_connection_ends_that_one_alone";
    let _watch = watch();
    let Some(servers) = Servers::start(test, 2) else { return };
    for (call, error) in [("recvfrom", "ECONNRESET"), ("recvfrom", "ETIMEDOUT"), ("sendto", "EPIPE")] {
        let mut old: Vec<_> = servers.clients().collect();
        old.iter_mut().for_each(|client| echo(client, "before\n"));
        // The first call of each thread.
        let fault = Fault::inject(&servers.victim, call, &format!("error={error}:when=1"));
        let mut ended = 0;
        while fault.count() == 0 {
            for mut client in servers.clients() {
                client.write_all(b"now\n").unwrap();
                let mut bytes = Vec::new();
                let _ = client.shutdown(std::net::Shutdown::Write);
                // The server closes with what was sent unread, which is a reset.
                ended += usize::from(client.read_to_end(&mut bytes).is_err() || bytes != b"now\n");
            }
        }
        let failed = fault.end();
        assert!((1..=failed).contains(&ended), "{error}: {failed} calls failed, {ended} connections ended");
        old.iter_mut().for_each(|client| echo(client, "after\n"));
    }
    servers.end();
}

#[test]
fn a_read_that_would_block_for_no_reason_comes_back() {
    // The first read of a connection, before the kernel was asked to tell: whatever there is, it tells then. (Later, the
    // kernel's word that there is nothing is taken: it tells of what comes, and not again of what is there.)
    let test = "a_read_that_would_block_for_no_reason_comes_back";
    let _watch = watch();
    let Some(servers) = Servers::start(test, 1) else { return };
    for _ in 0..5 {
        let fault = Fault::inject(&servers.victim, "recvfrom", "error=EAGAIN:when=1");
        servers.serve_others();
        assert_eq!(fault.end(), 1);
    }
    servers.end();
}

#[test]
fn a_socket_that_cannot_be_watched_is_an_error_which_passes() {
    let test = "a_socket_that_cannot_be_watched_is_an_error_which_passes";
    let _watch = watch();
    let Some(servers) = Servers::start(test, 2) else { return };
    for error in ["ENOSPC", "ENOMEM"] {
        let mut old: Vec<_> = servers.clients().collect();
        old.iter_mut().for_each(|client| echo(client, "before\n"));
        let fault = Fault::inject(&servers.victim, "epoll_ctl", &format!("error={error}"));
        for mut client in servers.clients() {
            // Its handler may find what it reads at once, and is told when it would have to wait.
            let _ = client.write_all(b"now\n");
            let mut bytes = Vec::new();
            let _ = client.read_to_end(&mut bytes);
            assert!(bytes.is_empty() || bytes == b"now\n");
        }
        old.iter_mut().for_each(|client| echo(client, "meanwhile\n"));
        assert!(fault.end() > 0);
        servers.serve_others();
        old.iter_mut().for_each(|client| echo(client, "after\n"));
    }
    servers.end();
}
