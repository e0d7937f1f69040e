//! Streams and servers: what was written arrives, whoever closes, drops or cancels; limits hold; nobody waits in vain.

mod common;

use std::future::IntoFuture;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{Count, Reports, eventually, runner, scaled, up_to, watch};
use raddle::{
    BoxError, Event, ReadError, Runner, Semaphore, Server, StreamReader, StreamWriter, TcpListener, TcpStream,
    all_tasks, create_task, gather, open_connection, open_unix_connection, sleep, start_server, start_unix_server,
    timeout, with, yield_now,
};

async fn echo(mut reader: StreamReader, mut writer: StreamWriter) -> io::Result<()> {
    loop {
        let bytes = reader.read(1 << 16).await?;
        if bytes.is_empty() {
            return Ok(());
        }
        writer.write(&bytes);
        writer.drain().await?;
    }
}

async fn echo_server() -> (Server, SocketAddr) {
    let server = start_server("127.0.0.1:0", echo).await.unwrap();
    let address = server.local_addrs()[0];
    (server, address)
}

/// Both ends of a connection: streams here, a plain stream there.
async fn pair() -> (StreamReader, StreamWriter, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (near, far) = gather((open_connection(address).into_future(), listener.accept())).await;
    let (reader, writer) = near.unwrap();
    (reader, writer, far.unwrap().0)
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 31 % 251) as u8).collect()
}

async fn read_all(stream: &TcpStream) -> Vec<u8> {
    let (mut all, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut chunk).await.unwrap() {
            0 => return all,
            n => all.extend_from_slice(&chunk[..n]),
        }
    }
}

/// Much is written and never drained, and the writer is dropped: all of it arrives, then the end.
#[test]
fn what_was_written_arrives_also_when_the_writer_is_dropped() {
    let _watch = watch();
    for workers in [1, 2] {
        runner(workers).on_exception(|_| {}).run(async {
            let (_reader, mut writer, far) = pair().await;
            let sent = pattern(8 << 20);
            writer.write(&sent);
            assert!(writer.write_buffer_size() > 0, "more than the kernel takes");
            drop(writer);
            assert_eq!(read_all(&far).await, sent);
        });
    }
}

/// `run` ends right after the write; the peer, a plain thread, gets everything all the same.
#[test]
fn what_was_written_arrives_also_when_the_runtime_ends() {
    let _watch = watch();
    for _ in 0..scaled(100) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let peer = std::thread::spawn(move || {
            let (mut far, _) = listener.accept().unwrap();
            let mut all = Vec::new();
            io::Read::read_to_end(&mut far, &mut all).unwrap();
            all
        });
        let sent = pattern(4 << 20);
        Runner::new().on_exception(|context| assert!(context.message.contains("drain"), "{context:?}")).run(async {
            let (_reader, mut writer) = open_connection(address).await.unwrap();
            writer.write(&sent);
        });
        assert_eq!(peer.join().unwrap(), sent);
    }
}

/// A peer that never reads cannot hold the end of the runtime up for longer than its grace.
#[test]
fn a_peer_that_never_reads_is_given_up_with_the_grace() {
    let _watch = watch();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut runner = Runner::new().grace(Duration::from_millis(50)).on_exception(|_| {});
    let mut writer = runner.run(async {
        let (_reader, mut writer) = open_connection(address).await.unwrap();
        writer.write(&pattern(16 << 20));
        writer
    });
    drop(runner);
    let error = raddle::run(writer.wait_closed()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
    assert!(error.to_string().contains("the runtime ended before"), "{error}");
}

/// Drain lets go when the peer has read, and not before.
#[test]
fn drain_waits_for_a_slow_peer() {
    let _watch = watch();
    runner(2).run(async {
        let (_reader, mut writer, far) = pair().await;
        let sent = pattern(16 << 20);
        let read_on = Arc::new(Event::new());
        let may_read = read_on.clone();
        let peer = create_task(async move {
            may_read.wait().await;
            read_all(&far).await
        });
        let (mut at, mut waited) = (0, 0);
        while at < sent.len() {
            let end = (at + 50_000).min(sent.len());
            writer.write(&sent[at..end]);
            at = end;
            if timeout(Duration::from_millis(20), writer.drain()).await.is_err() {
                waited += 1;
                assert!(writer.write_buffer_size() > 64 * 1024);
                read_on.set();
                writer.drain().await.unwrap();
                assert!(writer.write_buffer_size() <= 64 * 1024);
            }
        }
        assert!(waited > 0, "nobody had to wait");
        writer.shutdown_write();
        assert_eq!(peer.await.unwrap(), sent);
    });
}

/// The sending side ends, and the receiving side goes on; then the other way round.
#[test]
fn each_side_can_be_closed_alone() {
    let _watch = watch();
    runner(2).run(async {
        let (mut reader, mut writer, mut far) = pair().await;
        writer.write(b"question");
        writer.shutdown_write();
        assert_eq!(read_all(&far).await, b"question");
        far.write_all(b"answer").await.unwrap();
        drop(far);
        assert_eq!(reader.read_to_end().await.unwrap(), "answer");
        assert!(reader.is_at_eof());
        writer.write(b"too late");
        let error = writer.drain().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert!(error.to_string().contains("shutdown_write"), "{error}");

        let (mut reader, mut writer, far) = pair().await;
        far.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(reader.read(10).await.unwrap().is_empty());
        writer.write(b"still here");
        writer.close();
        writer.wait_closed().await.unwrap();
        assert_eq!(read_all(&far).await, b"still here");
    });
}

/// A reset by the peer is the error of who drains and of who reads.
#[test]
fn a_reset_reaches_writer_and_reader() {
    let _watch = watch();
    runner(2).run(async {
        let (mut reader, mut writer, far) = pair().await;
        far.set_linger(Some(Duration::ZERO)).unwrap();
        drop(far);
        let error = reader.read_line().await.unwrap_err();
        assert!(matches!(&error, ReadError::Io(io) if io.kind() == io::ErrorKind::ConnectionReset), "{error:?}");
        writer.write(b"hello?");
        let error = writer.drain().await.unwrap_err();
        assert!(matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset), "{error:?}");
        assert!(writer.is_closing());
        assert!(writer.wait_closed().await.is_err());
    });
}

/// More than the limit is not kept, and the connection is closed.
#[test]
fn a_write_limit_ends_the_connection() {
    let _watch = watch();
    runner(2).run(async {
        let (mut reader, mut writer, _far) = pair().await;
        writer.write_limit(1 << 20);
        for _ in 0..64 {
            writer.write(&[7; 1 << 18]);
        }
        assert_eq!(writer.write_buffer_size(), 0);
        let error = writer.drain().await.unwrap_err();
        assert!(error.to_string().contains("limit of 1048576 bytes"), "{error}");
        assert!(reader.read(1).await.unwrap().is_empty());
        writer.wait_closed().await.unwrap_err();
    });
}

/// Who never drains is told so, once.
#[test]
fn a_writer_that_never_drains_is_reported_once() {
    let _watch = watch();
    let reports = Reports::default();
    reports.of(runner(2)).run(async {
        let (_reader, mut writer, _far) = pair().await;
        for _ in 0..32 {
            writer.write(&[7; 1 << 18]);
        }
        writer.abort();
        assert_eq!(writer.write_buffer_size(), 0);
    });
    let reports = reports.take();
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert!(reports[0].contains("await drain()") && reports[0].contains("streams.rs"), "{reports:?}");
}

/// Reads of all kinds, cancelled at random, from a peer that sends in pieces: every byte comes once, in order.
#[test]
fn reads_that_are_dropped_lose_no_byte() {
    let _watch = watch();
    for (seed, workers) in [(1, 1), (2, 2), (3, 2)] {
        runner(workers).run(async {
            let mut random = Random(seed);
            let sent = pattern(scaled(400_000));
            let (mut reader, _writer, mut far) = pair().await;
            let bytes = sent.clone();
            let mut pieces = Random(seed + 100);
            assert!(up_to(1, reader.read_line()).await.is_none(), "one at least is dropped");
            let peer = create_task(async move {
                let mut rest = &bytes[..];
                while !rest.is_empty() {
                    let (piece, more) = rest.split_at(rest.len().min(1 + pieces.below(700)));
                    far.write_all(piece).await.unwrap();
                    rest = more;
                    for _ in 0..pieces.below(3) {
                        yield_now().await;
                    }
                }
            });
            let mut got = Vec::new();
            while !reader.is_at_eof() {
                let (polls, n) = (1 + random.below(3), 1 + random.below(3000));
                let read = match random.below(4) {
                    0 => up_to(polls, reader.read(n)).await.map(|read| read.map_err(ReadError::from)),
                    1 => up_to(polls, reader.read_exactly(n)).await,
                    2 => up_to(polls, reader.read_until((&[n as u8][..], b"\x01\x20"))).await,
                    _ => up_to(polls, reader.read_line()).await,
                };
                match read {
                    Some(Ok(bytes)) => got.extend_from_slice(&bytes),
                    Some(Err(ReadError::Incomplete { partial, .. })) => got.extend_from_slice(&partial),
                    Some(Err(other)) => panic!("{other}"),
                    None => yield_now().await,
                }
            }
            assert!(got == sent, "seed {seed}: {} bytes of {}", got.len(), sent.len());
            peer.await.unwrap();
        });
    }
}

/// Writes and drains that are cancelled at random: the echo is byte-exact.
#[test]
fn drains_that_are_dropped_lose_no_byte() {
    let _watch = watch();
    runner(2).run(async {
        let (server, address) = echo_server().await;
        let (mut reader, mut writer) = open_connection(address).await.unwrap();
        let sent = pattern(scaled(40 << 20));
        let bytes = sent.clone();
        let writing = create_task(async move {
            let mut random = Random(9);
            for chunk in bytes.chunks(30_000) {
                writer.write(chunk);
                let patience = Duration::from_micros(random.below(100) as u64);
                if let Ok(drained) = timeout(patience, writer.drain()).await {
                    drained.unwrap();
                }
            }
            writer.shutdown_write();
            writer.wait_closed().await.unwrap();
        });
        assert!(reader.read_to_end().await.unwrap() == sent);
        writing.cancel();
        server.close();
        server.wait_closed().await;
    });
}

/// The error of a handler, and its panic, are reported with who was connected; the server serves on.
#[test]
fn a_handler_that_fails_is_reported_and_the_server_serves_on() {
    let _watch = watch();
    let reports = Reports::default();
    reports.of(runner(2)).run(async {
        let server = start_server("127.0.0.1:0", async |mut r: StreamReader, mut w: StreamWriter| {
            let line = r.read_line().await?;
            match &line[..] {
                b"fail\n" => return Err(BoxError::from("as asked")),
                b"panic\n" => panic!("as asked, too"),
                _ => w.write(&line),
            }
            Ok(())
        })
        .await
        .unwrap();
        for line in ["fail\n", "panic\n", "serve\n"] {
            let (mut r, mut w) = open_connection(server.local_addrs()[0]).await.unwrap();
            w.write(line.as_bytes());
            let answer = r.read_to_end().await.unwrap();
            assert_eq!(answer, if line == "serve\n" { line } else { "" });
        }
        server.close();
        server.wait_closed().await;
    });
    let mut reports = reports.take();
    reports.sort();
    assert_eq!(reports.len(), 2, "{reports:?}");
    assert!(reports.iter().any(|text| text.contains("127.0.0.1:") && text.contains("error as asked")), "{reports:?}");
    assert!(reports.iter().any(|text| text.contains("as asked, too")), "{reports:?}");
}

/// `close_clients` lets what was written leave; `abort_clients` does not wait for it. Either way `wait_closed` returns.
#[test]
fn clients_can_be_closed_and_aborted() {
    let _watch = watch();
    runner(2).run(async {
        let greet = async |mut r: StreamReader, mut w: StreamWriter| {
            w.write(b"hello\n");
            assert!(r.read_to_end().await.unwrap().is_empty());
        };
        for abort in [false, true] {
            let server = start_server("127.0.0.1:0", greet).await.unwrap();
            let mut clients = Vec::new();
            for _ in 0..10 {
                let (mut r, w) = open_connection(server.local_addrs()[0]).await.unwrap();
                assert_eq!(r.read_line().await.unwrap(), "hello\n");
                clients.push((r, w));
            }
            server.close();
            if abort {
                server.abort_clients()
            } else {
                server.close_clients()
            }
            server.wait_closed().await;
            for (mut r, _w) in clients {
                assert!(r.read_to_end().await.unwrap().is_empty());
            }
        }
        // One that does not read, and is not waited for.
        let server = start_server("127.0.0.1:0", async |_r: StreamReader, mut w: StreamWriter| {
            w.write(&vec![0; 16 << 20]);
            w.wait_closed().await.unwrap_err();
        });
        let server = server.await.unwrap();
        let (mut client, _w) = open_connection(server.local_addrs()[0]).await.unwrap();
        client.read_exactly(1).await.unwrap();
        server.close();
        server.close_clients();
        assert!(timeout(Duration::from_millis(20), server.wait_closed()).await.is_err());
        server.abort_clients();
        server.wait_closed().await;
    });
}

/// No more connections are served at once than were allowed; the others have their turn.
#[test]
fn max_connections_is_the_most_at_a_time() {
    let _watch = watch();
    runner(2).run(async {
        let (now, most) = (Count::default(), Arc::new(AtomicUsize::new(0)));
        let (at_once, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        let served = now.clone();
        let (seen, open) = (most.clone(), gate.clone());
        let server = start_server("127.0.0.1:0", move |r: StreamReader, w: StreamWriter| {
            let (served, seen, at_once, open) = (served.clone(), seen.clone(), at_once.clone(), open.clone());
            async move {
                seen.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                open.acquire().await.forget();
                at_once.fetch_sub(1, Ordering::SeqCst);
                served.add();
                drop((r, w));
            }
        });
        let server = server.max_connections(3).await.unwrap();
        let mut clients = Vec::new();
        for _ in 0..12 {
            clients.push(open_connection(server.local_addrs()[0]).await.unwrap());
        }
        gate.add_permits(12);
        for (mut reader, _writer) in clients {
            assert!(reader.read(1).await.unwrap().is_empty());
        }
        assert_eq!(now.get(), 12);
        assert!(most.load(Ordering::SeqCst) <= 3);
    });
}

/// The end of the runtime ends a server, its handlers and its port.
#[test]
fn the_end_of_the_runtime_ends_the_server() {
    let _watch = watch();
    let ended = Count::default();
    let in_handler = ended.clone();
    let server = runner(2).run(async {
        let server = start_server("127.0.0.1:0", move |mut r: StreamReader, mut w: StreamWriter| {
            let guard = in_handler.drops();
            async move {
                w.write(b"here\n");
                let _ = r.read_line().await;
                drop(guard);
            }
        });
        let server = server.await.unwrap();
        let (mut r, _w) = open_connection(server.local_addrs()[0]).await.unwrap();
        assert_eq!(r.read_line().await.unwrap(), "here\n");
        server
    });
    assert_eq!(ended.get(), 1);
    assert!(!server.is_serving());
    raddle::run(server.wait_closed());
}

/// All addresses of a name are served, and several sockets share one port.
#[test]
fn names_and_shared_ports_are_listened_on() {
    let _watch = watch();
    runner(2).run(async {
        let server = start_server("localhost:0", echo).await.unwrap();
        for address in server.local_addrs() {
            with_echo(address).await;
        }
        let shared = start_server("127.0.0.1:0", echo).reuse_port(true).await.unwrap();
        assert_eq!(shared.local_addrs().len(), 1);
        for _ in 0..20 {
            with_echo(shared.local_addrs()[0]).await;
        }
        let error = start_server(shared.local_addrs()[0], echo).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(error.to_string().contains(&shared.local_addrs()[0].to_string()), "{error}");
        let v6 = start_server("[::1]:0", echo).await.unwrap();
        with_echo(v6.local_addrs()[0]).await;
    });
}

async fn with_echo(address: SocketAddr) {
    let (mut reader, writer) = open_connection(address).await.unwrap();
    with(writer, async |writer| {
        writer.write_vectored([&b"one "[..], b"two ", b"three\n"]);
        assert_eq!(reader.read_line().await.unwrap(), "one two three\n");
    })
    .await;
    assert!(reader.read_to_end().await.unwrap().is_empty(), "closed");
}

/// The same over a Unix socket, whose file comes and goes with the server.
#[test]
fn a_server_at_a_path_replaces_what_was_left_there_and_leaves_nothing() {
    let _watch = watch();
    let directory = std::env::temp_dir().join(format!("raddle-streams-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("socket");
    runner(2).run(async {
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap()); // left behind
        let server = start_unix_server(&path, echo).await.unwrap();
        assert!(server.is_serving() && format!("{server:?}").contains("socket"));
        let (mut reader, mut writer) = open_unix_connection(&path).await.unwrap();
        writer.write(b"over a path\n");
        assert_eq!(reader.read_line().await.unwrap(), "over a path\n");
        assert_eq!(writer.peer_addr().unwrap_err().kind(), io::ErrorKind::Unsupported);
        server.close();
        assert!(!path.exists());
        let error = open_unix_connection(&path).await.unwrap_err();
        assert!(error.to_string().contains("socket"), "{error}");
        writer.close();
        server.wait_closed().await;

        std::fs::write(&path, "a file that is no socket").unwrap();
        let error = start_unix_server(&path, echo).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    });
    std::fs::remove_dir_all(&directory).unwrap();
}

/// `with` closes a server when its body is cancelled, also one whose clients do not leave.
#[test]
fn a_cancelled_server_closes_its_clients() {
    let _watch = watch();
    runner(2).run(async {
        let (server, address) = echo_server().await;
        let (mut reader, mut writer) = open_connection(address).await.unwrap();
        writer.write(b"ping");
        reader.read_exactly(4).await.unwrap();
        let serving = with(server.clone(), async |server| server.serve_forever().await);
        assert!(timeout(Duration::from_millis(10), serving).await.is_err());
        assert!(!server.is_serving());
        assert!(reader.read_to_end().await.unwrap().is_empty());
    });
}

/// The close of a connection is awaited by the timeout that cancels its use.
#[test]
fn a_timeout_returns_after_the_connection_is_closed() {
    let _watch = watch();
    runner(2).run(async {
        let (mut reader, writer, far) = pair().await;
        let peer = create_task(async move { read_all(&far).await });
        let session = with(writer, async |writer| {
            writer.write(b"begun");
            reader.read_line().await
        });
        assert!(timeout(Duration::from_millis(10), session).await.is_err());
        assert_eq!(peer.await.unwrap(), b"begun");
    });
}

/// Readers and writers speak futures-io as well.
#[test]
fn the_traits_of_futures_io_work() {
    use futures_io::{AsyncBufRead, AsyncRead, AsyncWrite};
    use std::future::poll_fn;
    use std::pin::Pin;
    let _watch = watch();
    runner(2).run(async {
        let (server, address) = echo_server().await;
        let (mut reader, mut writer) = open_connection(address).await.unwrap();
        let sent = pattern(3 << 20);
        let bytes = sent.clone();
        let writing = create_task(async move {
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let n = poll_fn(|cx| Pin::new(&mut writer).poll_write(cx, &rest[..rest.len().min(70_000)])).await;
                rest = &rest[n.unwrap()..];
            }
            poll_fn(|cx| Pin::new(&mut writer).poll_flush(cx)).await.unwrap();
            assert_eq!(writer.write_buffer_size(), 0);
            poll_fn(|cx| Pin::new(&mut writer).poll_close(cx)).await.unwrap();
            writer
        });
        let mut got = Vec::new();
        loop {
            let there = poll_fn(|cx| Pin::new(&mut reader).poll_fill_buf(cx).map_ok(|there| there.to_vec())).await;
            let there = there.unwrap();
            if there.is_empty() {
                break;
            }
            Pin::new(&mut reader).consume(there.len() / 2 + 1);
            got.extend_from_slice(&there[..there.len() / 2 + 1]);
            let mut more = [0; 100];
            let n = poll_fn(|cx| Pin::new(&mut reader).poll_read(cx, &mut more)).await.unwrap();
            got.extend_from_slice(&more[..n]);
        }
        assert!(got == sent);
        drop(writing.await.unwrap());
        server.close();
        server.wait_closed().await;
    });
}

/// Bad input, and no runtime.
#[test]
fn errors_say_what_to_do() {
    let _watch = watch();
    let text = common::panic_of(|| {
        let (_feeder, mut reader) = StreamReader::pair();
        drop(reader.read_until(b""));
    });
    assert!(text.contains("separator 1 is empty"), "{text}");
    runner(1).run(async {
        let error = open_connection("nonsense").await.unwrap_err();
        assert!(error.to_string().contains("\"nonsense\" is no address"), "{error}");
    });
    let error = ReadError::LimitOverrun { consumed: 9 };
    let round = ReadError::from(io::Error::from(error));
    assert!(matches!(round, ReadError::LimitOverrun { consumed: 9 }), "{round:?}");
}

/// A thousand connections come and go: descriptors and tasks are back where they were.
#[test]
fn nothing_is_left_of_connections_that_have_gone() {
    let _watch = watch();
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    runner(2).run(async {
        let (server, address) = echo_server().await;
        with_echo(address).await;
        let (before, tasks) = (descriptors(), all_tasks().len());
        for _ in 0..scaled(1000) / 10 {
            let round = (0..10).map(|_| create_task(with_echo(address)));
            for ended in gather(round).await {
                ended.unwrap();
            }
        }
        server.close();
        server.wait_closed().await;
        while all_tasks().len() >= tasks {
            sleep(Duration::from_millis(1)).await;
        }
        // Other tests of this process come and go, too.
        eventually("descriptors come back", || descriptors() <= before + 200);
    });
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}
