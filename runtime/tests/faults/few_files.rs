//! `ulimit -n 64`: servers wait for file descriptors, everybody else is told what is missing, and nothing is lost.

use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::thread;
use std::time::Duration;

use raddle::{
    Handle, Runner, StreamReader, StreamWriter, TcpListener, TcpStream, UdpSocket, create_task, fs, lookup_host,
    open_connection, sleep, start_server, to_thread, yield_now,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::victim::{Victim, connect, hear_echo, is_victim, open_sockets, orders, say};
use crate::common::{Reports, eventually, on_each_worker, panic_of, runner, watch};

const FILES: u64 = 64;
/// More than there are files for, fewer than a server leaves waiting.
const CLIENTS: usize = 140;
const SHORT: &str = "Too many open files (os error 24)";

fn limit_files() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(FILES), maximum }).unwrap();
}

/// All that can still be had.
fn take_all_files() -> Vec<OwnedFd> {
    std::iter::from_fn(|| File::open("/dev/null").ok().map(OwnedFd::from)).collect()
}

/// What the process has computed so far, all threads together.
fn computed() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

async fn echo(mut stream: TcpStream) {
    let mut buffer = [0; 64];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        stream.write_all(&buffer[..length]).await.unwrap();
    }
}

async fn accept_all(listener: TcpListener) {
    loop {
        create_task(echo(listener.accept().await.unwrap().0)).detach();
    }
}

async fn echo_lines(mut reader: StreamReader, mut writer: StreamWriter) {
    while let Ok(line @ [_, ..]) = reader.read_line().await.as_deref() {
        writer.write(line);
        if writer.drain().await.is_err() {
            return;
        }
    }
}

/// The victim: a server of one of two kinds, which says how much it computes in a second in which nobody says anything.
fn serve(by_streams: bool) {
    limit_files();
    let reports = Reports::default();
    reports.of(runner(2)).run(async {
        let orders = orders();
        let server;
        if by_streams {
            server = Some(start_server("127.0.0.1:0", echo_lines).await.unwrap());
            say(format!("listening {}", server.as_ref().unwrap().local_addrs()[0]));
        } else {
            server = None;
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            say(format!("listening {}", listener.local_addr().unwrap()));
            create_task(accept_all(listener)).detach();
        }
        let before = open_sockets();
        while let Ok(order) = orders.get().await {
            if order == "compute" {
                let before = computed();
                sleep(Duration::from_secs(1)).await;
                say(format!("compute {}", (computed() - before).as_millis()));
            } else {
                assert_eq!(order, "all closed");
                while open_sockets() > before {
                    sleep(Duration::from_millis(1)).await;
                }
                say(order);
            }
        }
        drop(server);
    });
    let (shortage, others): (Vec<_>, Vec<_>) =
        reports.take().into_iter().partition(|report| report.contains("cannot accept connections at present: "));
    assert_eq!(shortage.len(), 1, "{shortage:?}");
    assert!(shortage[0].contains(SHORT), "{shortage:?}");
    // The second worker may have been just too late.
    assert!(others.iter().all(|report| report.contains("worker 1 could not be started: ")), "{others:?}");
}

fn all_are_served_in_the_end(test: &str, by_streams: bool) {
    let _watch = watch();
    if is_victim(test, || serve(by_streams)) {
        return;
    }
    let mut victim = Victim::start(module_path!(), test, test, &[]);
    let address: SocketAddr = victim.hear("listening ").parse().unwrap();
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| connect(address)).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.write_all(format!("{number}\n").as_bytes()).unwrap();
    }
    // Those that were accepted are served while the others wait.
    hear_echo(&mut clients[0], "0\n");
    let computed: u64 = victim.ask("compute ").parse().unwrap();
    assert!(computed < 300, "{computed} ms of computing in a second without file descriptors");
    for (number, mut client) in clients.into_iter().enumerate() {
        if number > 0 {
            hear_echo(&mut client, &format!("{number}\n"));
        }
    }
    victim.ask("all closed");
    victim.finish();
}

#[test]
fn a_listener_neither_spins_nor_dies_and_all_are_served_in_the_end() {
    all_are_served_in_the_end("a_listener_neither_spins_nor_dies_and_all_are_served_in_the_end", false);
}

#[test]
fn a_server_neither_spins_nor_dies_and_all_are_served_in_the_end() {
    all_are_served_in_the_end("a_server_neither_spins_nor_dies_and_all_are_served_in_the_end", true);
}

/// What the call says that it lacks.
#[track_caller]
fn lacks<T>(what: &str, called: std::io::Result<T>) {
    let Err(error) = called else { panic!("{what} works without file descriptors") };
    let text = error.to_string();
    assert!(text.starts_with(what) && text.contains(SHORT), "{what}: {text}");
}

async fn every_call(address: SocketAddr, works: bool) {
    let place = format!("cannot connect to {address}: ");
    let outcomes = [
        (&*place, TcpStream::connect(address).await.map(drop)),
        (&place, open_connection(address).await.map(drop)),
        ("cannot listen on 127.0.0.1:0: ", TcpListener::bind("127.0.0.1:0").await.map(drop)),
        ("cannot listen on 127.0.0.1:0: ", start_server("127.0.0.1:0", echo_lines).await.map(drop)),
        ("cannot bind to 127.0.0.1:0: ", UdpSocket::bind("127.0.0.1:0").await.map(drop)),
        ("cannot read \"Cargo.toml\": ", fs::read("Cargo.toml").await.map(drop)),
        ("cannot open \"Cargo.toml\": ", fs::File::open("Cargo.toml").await.map(drop)),
        ("cannot start \"true\": ", raddle::Command::new("true").status().await.map(drop)),
    ];
    for (what, outcome) in outcomes {
        match works {
            true => outcome.unwrap_or_else(|error| panic!("{what} with file descriptors: {error}")),
            false => lacks(what, outcome),
        }
    }
    // The resolver's own error says less, but it is one.
    let found = lookup_host("raddle.invalid:1").await;
    assert!(found.is_err(), "{found:?}");
    assert_eq!(to_thread(|| 5).await.unwrap(), 5, "that needs none");
}

#[test]
fn whoever_needs_a_file_is_told_so_and_may_try_again() {
    let test = "whoever_needs_a_file_is_told_so_and_may_try_again";
    let _watch = watch();
    let body = || {
        limit_files();
        runner(2).run(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let mut client = TcpStream::connect(address).await.unwrap();
            let server = create_task(echo(listener.accept().await.unwrap().0));
            every_call(address, true).await;
            for _ in 0..2 {
                let files = take_all_files();
                every_call(address, false).await;
                // What is open works as ever.
                client.write_all(b"still here").await.unwrap();
                let mut bytes = [0; 10];
                client.read_exact(&mut bytes).await.unwrap();
                assert_eq!(&bytes, b"still here");
                drop(files);
                every_call(address, true).await;
            }
            drop(client);
            server.await.unwrap();
        });
    };
    if !is_victim(test, body) {
        Victim::start(module_path!(), test, test, &[]).finish();
    }
}

#[test]
fn a_runtime_says_what_it_cannot_start_without() {
    let test = "a_runtime_says_what_it_cannot_start_without";
    let _watch = watch();
    let body = || {
        limit_files();
        let lacking = ["epoll instance", "second number for an epoll", "eventfd to be woken by"];
        let mut files = take_all_files();
        for what in lacking {
            let expected = format!("the runtime could not be started: no {what} to be had: {SHORT}");
            let mut runner = runner(2);
            assert_eq!(runner.try_run(async {}).unwrap_err().to_string(), expected);
            assert_eq!(Runner::new().in_background().unwrap_err().to_string(), expected);
            assert_eq!(panic_of(|| raddle::run(async {})), format!("raddle::run: {expected}"));
            assert_eq!(panic_of(|| runner.run(async {})), format!("Runner::run: {expected}"));
            assert_eq!(panic_of(|| drop(runner.handle())), format!("Runner::handle: {expected}"));
            let before = open_files_by_trying();
            drop(files.pop());
            assert_eq!(open_files_by_trying(), before + 1, "a runtime that was not started has kept nothing");
            if what == lacking[2] {
                assert_eq!(runner.run(async { 1 }), 1, "the runner that failed may be tried again");
            }
        }
    };
    if !is_victim(test, body) {
        Victim::start(module_path!(), test, test, &[]).finish();
    }
}

/// How many file descriptors can be had.
fn open_files_by_trying() -> usize {
    take_all_files().len()
}

#[test]
fn a_worker_that_cannot_start_harms_nobody_and_comes_later() {
    let test = "a_worker_that_cannot_start_harms_nobody_and_comes_later";
    let _watch = watch();
    let body = || {
        limit_files();
        let reports = Reports::default();
        let mut runner = reports.of(runner(3));
        runner.run(async {
            let files = take_all_files();
            let handle = Handle::current();
            // Its own work wants help, and so does that of another thread.
            let outside = thread::spawn(move || {
                let task = |n| handle.create_task(async move { (yield_now().await, n).1 });
                let tasks: Vec<_> = (0..1000).map(task).collect();
                tasks.into_iter().map(|task| task.join_blocking().unwrap()).sum::<usize>()
            });
            let tasks: Vec<_> = (0..10_000).map(|n| create_task(async move { (yield_now().await, n).1 })).collect();
            for (n, task) in tasks.into_iter().enumerate() {
                assert_eq!(task.await.unwrap(), n);
            }
            assert_eq!(to_thread(move || outside.join().unwrap()).await.unwrap(), 1000 * 999 / 2);
            drop(files);
            // Returns once there are three.
            on_each_worker(3, |_| ()).await;
        });
        drop(runner);
        let said = reports.take();
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains(" could not be started: no epoll instance to be had: "), "{said:?}");
        assert!(said[0].contains("going on with fewer workers"), "{said:?}");
        eventually("all is closed", || open_files_by_trying() > FILES as usize - 10);
    };
    if !is_victim(test, body) {
        Victim::start(module_path!(), test, test, &[]).finish();
    }
}
