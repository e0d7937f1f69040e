//! TLS: what was written arrives, whoever closes, cancels or ends; a stream that is cut or damaged is an error; nobody
//! waits in vain.

mod common;
mod tls_support;

use std::future::{Future, poll_fn};
use std::io::{self, Read as _, Write as _};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use common::{runner, scaled, watch};
use futures_io::AsyncBufRead;
use raddle::tls::rustls;
use raddle::{
    Event, Handle, ReadError, Runner, StreamReader, StreamWriter, create_task, gather, move_on_after, open_connection,
    sleep, start_server, timeout, yield_now,
};
use tls_support::{client_config, connect, echo, echo_server, pair, pattern, server_config};

/// By name and by number, IPv4 and IPv6: the certificate is for all of them, and is seen.
#[test]
fn an_echo_comes_back_from_wherever_the_certificate_is_for() {
    let _watch = watch();
    runner(2).run(async {
        for host in ["localhost", "127.0.0.1", "::1"] {
            let server = start_server((host, 0), echo).tls(server_config()).await.unwrap();
            let address = (host, server.local_addrs()[0].port());
            let (mut reader, mut writer) = open_connection(address).tls(client_config()).await.unwrap();
            writer.write(b"hello\n");
            assert_eq!(reader.read_line().await.unwrap(), "hello\n");
            assert_eq!(writer.peer_addr().unwrap(), server.local_addrs()[0]);
            assert_eq!(writer.tls_version(), Some(rustls::ProtocolVersion::TLSv1_3));
            assert_eq!(writer.peer_certificates().unwrap().len(), 1);
            assert_eq!(writer.alpn_protocol(), None);
            writer.close();
            writer.wait_closed().await.unwrap();
            server.close();
            server.wait_closed().await;
        }
    });
}

/// Each side writes much more than all buffers hold, and reads at the same time: the two directions share one session.
#[test]
fn big_transfers_in_both_directions_at_once_arrive_whole() {
    let _watch = watch();
    for workers in [1, 2] {
        runner(workers).run(async {
            let (near, far) = pair().await;
            let sent = Arc::new(pattern(scaled(32 << 20)));
            let ends = [near, far].map(|(mut reader, mut writer)| {
                let sent = sent.clone();
                create_task(async move {
                    let writing = async {
                        for chunk in sent.chunks(100_000) {
                            writer.write(chunk);
                            writer.drain().await.unwrap();
                        }
                        writer.shutdown_write();
                    };
                    let ((), read) = gather((writing, async { reader.read_to_end().await.unwrap() })).await;
                    assert!(read == sent[..], "{} of {} bytes", read.len(), sent.len());
                })
            });
            for end in ends {
                end.await.unwrap();
            }
        });
    }
}

/// `shutdown_write` is a close_notify and the end of the socket's sending side; the other direction goes on.
#[test]
fn half_a_connection_can_be_closed() {
    let _watch = watch();
    runner(2).run(async {
        let ((mut reader, mut writer), (mut far_reader, mut far_writer)) = pair().await;
        writer.write(b"question");
        writer.shutdown_write();
        assert_eq!(far_reader.read_to_end().await.unwrap(), "question");
        far_writer.write(&pattern(300_000));
        far_writer.close();
        assert_eq!(reader.read_to_end().await.unwrap(), pattern(300_000));
        writer.write(b"too late");
        assert_eq!(writer.drain().await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        far_writer.wait_closed().await.unwrap();
    });
}

/// What is written and not drained arrives when both handles are dropped, although the client never read the tickets
/// that a TLS 1.3 server sends it: closing a socket with unread bytes would reset it.
#[test]
fn what_was_written_arrives_when_the_handles_are_dropped() {
    let _watch = watch();
    for workers in [1, 2] {
        runner(workers).on_exception(|_| {}).run(async {
            let ((reader, mut writer), (mut far_reader, far_writer)) = pair().await;
            let sent = pattern(4 << 20);
            writer.write(&sent);
            assert!(writer.write_buffer_size() > 0, "more than the kernel takes");
            drop((reader, writer));
            assert!(far_reader.read_to_end().await.unwrap() == sent);
            drop(far_writer);
        });
    }
}

/// Numbers that look random and are the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

/// Reads are dropped at random moments while the other side sends in pieces: no byte is lost or doubled.
#[test]
fn reads_that_are_dropped_lose_nothing() {
    let _watch = watch();
    runner(2).run(async {
        let ((mut reader, _writer), (_far_reader, mut far_writer)) = pair().await;
        let sent = pattern(scaled(4 << 20));
        let bytes = sent.clone();
        let (asked, answered) = (Arc::new(Event::new()), Arc::new(Event::new()));
        let (drop_one, dropped_one) = (asked.clone(), answered.clone());
        let sending = create_task(async move {
            let (mut rest, mut random) = (&bytes[..], Random(7));
            while !rest.is_empty() {
                if random.below(8) == 0 {
                    // However quick this side is, a read has to be dropped now.
                    drop_one.set();
                    dropped_one.wait().await;
                    dropped_one.clear();
                }
                let (piece, more) = rest.split_at(rest.len().min(1 + random.below(2_000)));
                far_writer.write(piece);
                far_writer.drain().await.unwrap();
                rest = more;
                for _ in 0..random.below(4) {
                    yield_now().await;
                }
            }
            far_writer.close();
        });
        let (mut read, mut random, mut dropped) = (Vec::new(), Random(1), 0);
        loop {
            let mut patience = random.below(3);
            let mut reading = pin!(reader.read_exactly(1 + random.below(10_000)));
            let mut asked_to = pin!(asked.wait());
            let impatient = poll_fn(|cx| match reading.as_mut().poll(cx) {
                Poll::Pending if patience == 0 || asked_to.as_mut().poll(cx).is_ready() => Poll::Ready(None),
                polled => {
                    patience = patience.saturating_sub(1);
                    polled.map(Some)
                }
            });
            match impatient.await {
                None => {
                    dropped += 1;
                    if asked.is_set() {
                        asked.clear();
                        answered.set();
                    }
                    yield_now().await;
                }
                Some(Ok(bytes)) => read.extend_from_slice(&bytes),
                Some(Err(ReadError::Incomplete { partial, .. })) => {
                    read.extend_from_slice(&partial);
                    break;
                }
                Some(Err(error)) => panic!("{error}"),
            }
        }
        sending.await.unwrap();
        assert!(read == sent, "{} of {} bytes", read.len(), sent.len());
        assert!(dropped > 0, "no read was dropped");
    });
}

/// A reader that waits comes to its end when its own side closes the connection, although the peer says nothing.
#[test]
fn closing_wakes_the_own_reader() {
    let _watch = watch();
    runner(2).run(async {
        let ((mut reader, mut writer), (mut far_reader, mut far_writer)) = pair().await;
        let reading = create_task(async move { reader.read_to_end().await.unwrap() });
        sleep(Duration::from_millis(5)).await;
        writer.close();
        assert_eq!(reading.await.unwrap(), "");
        // It is closed when the peer has answered, and not before.
        assert!(move_on_after(Duration::from_millis(20), writer.wait_closed()).await.is_none());
        assert_eq!(far_reader.read_to_end().await.unwrap(), "");
        far_writer.write(b"nobody reads this");
        far_writer.close();
        writer.wait_closed().await.unwrap();
    });
}

/// A peer that does not answer the farewell is given up.
#[test]
fn a_close_does_not_wait_for_ever() {
    let _watch = watch();
    runner(2).run(async {
        let server = start_server("127.0.0.1:0", async |mut reader: StreamReader, _writer| {
            reader.read_to_end().await?;
            std::future::pending::<io::Result<()>>().await
        })
        .tls(server_config())
        .await
        .unwrap();
        let open = open_connection(server.local_addrs()[0]).tls(client_config());
        let (_reader, mut writer) = open.tls_shutdown_timeout(Duration::from_millis(30)).await.unwrap();
        writer.write(b"bye");
        writer.close();
        timeout(Duration::from_secs(20), writer.wait_closed()).await.unwrap().unwrap();
    });
}

/// The peer's socket ends without a close_notify: whoever cut it, the reader must not take this for the end.
#[test]
fn a_truncated_stream_is_an_error_and_stays_one() {
    let _watch = watch();
    runner(2).run(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let peer = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut tls = rustls::ServerConnection::new(server_config()).unwrap();
            while tls.is_handshaking() {
                tls.complete_io(&mut socket).unwrap();
            }
            rustls::Stream::new(&mut tls, &mut socket).write_all(b"all of").unwrap();
            // And no more: it does not say that this was all.
            socket.shutdown(std::net::Shutdown::Write).unwrap();
            let _ = socket.read_to_end(&mut Vec::new());
        });
        let (mut reader, mut writer) = connect(address).await;
        assert_eq!(reader.read_exactly(6).await.unwrap(), "all of");
        for _ in 0..2 {
            let error = reader.read(10).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{error}");
        }
        assert!(!reader.is_at_eof());
        writer.close();
        writer.wait_closed().await.unwrap();
        peer.join().unwrap();
    });
}

/// Damaged ciphertext is an error; what came before it is not.
#[test]
fn a_damaged_record_is_an_error_after_the_bytes_before_it() {
    let _watch = watch();
    runner(2).run(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let peer = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut tls = rustls::ServerConnection::new(server_config()).unwrap();
            while tls.is_handshaking() {
                tls.complete_io(&mut socket).unwrap();
            }
            let mut bytes = Vec::new();
            tls.writer().write_all(b"good").unwrap();
            tls.write_tls(&mut bytes).unwrap();
            let good = bytes.len();
            tls.writer().write_all(b"bad").unwrap();
            tls.write_tls(&mut bytes).unwrap();
            bytes[good + 8] ^= 1;
            socket.write_all(&bytes).unwrap();
            let _ = socket.read_to_end(&mut Vec::new());
        });
        let (mut reader, writer) = connect(address).await;
        assert_eq!(reader.read_exactly(4).await.unwrap(), "good");
        for _ in 0..2 {
            let error = reader.read(10).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
            let inner = error.get_ref().unwrap().downcast_ref::<rustls::Error>();
            assert_eq!(inner, Some(&rustls::Error::DecryptError));
        }
        drop((reader, writer));
        peer.join().unwrap();
    });
}

/// `run` ends right after the write; the peer, a plain thread, gets everything, and the farewell.
#[test]
fn what_was_written_arrives_also_when_the_runtime_ends() {
    let _watch = watch();
    for _ in 0..scaled(50) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let peer = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut tls = rustls::ServerConnection::new(server_config()).unwrap();
            let mut all = Vec::new();
            // Fails if the stream ends without a close_notify.
            rustls::Stream::new(&mut tls, &mut socket).read_to_end(&mut all).unwrap();
            all
        });
        let sent = pattern(2 << 20);
        Runner::new().on_exception(|context| assert!(context.message.contains("drain"), "{context:?}")).run(async {
            let (_reader, mut writer) = connect(address).await;
            writer.write(&sent);
        });
        assert!(peer.join().unwrap() == sent);
    }
}

/// Each client reads a clean end, not a torn connection, and the server's account of them comes to nothing.
#[test]
fn close_clients_says_farewell_to_each() {
    let _watch = watch();
    runner(2).run(async {
        let (server, address) = echo_server().await;
        let mut clients = Vec::new();
        for _ in 0..10 {
            let (mut reader, mut writer) = connect(address).await;
            writer.write(b"in\n");
            assert_eq!(reader.read_line().await.unwrap(), "in\n");
            clients.push((reader, writer));
        }
        server.close();
        server.close_clients();
        for (mut reader, writer) in clients {
            assert_eq!(reader.read_to_end().await.unwrap(), "");
            drop(writer);
        }
        server.wait_closed().await;
        // Those that are torn all the same see it.
        let (server, address) = echo_server().await;
        let (mut reader, mut writer) = connect(address).await;
        writer.write(b"in\n");
        assert_eq!(reader.read_line().await.unwrap(), "in\n");
        server.close();
        server.abort_clients();
        assert!(reader.read_to_end().await.is_err());
        server.wait_closed().await;
    });
}

/// A handler may be quicker than the abort: it reads the end, and lets go of the connection, before that is through. No
/// farewell is begun then: the client would take for whole what was cut short.
#[test]
fn an_aborted_connection_says_no_farewell_however_quick_its_handler_is() {
    /// Lets go of both handles at the wake that tells the reader of the end. Keeps how many tasks that has started.
    #[derive(Default)]
    struct LetsGo(Mutex<Option<(StreamReader, StreamWriter)>>, Mutex<Option<u64>>);
    impl Wake for LetsGo {
        fn wake(self: Arc<Self>) {
            let alive = || Handle::current().metrics().tasks_alive;
            let before = alive();
            drop(self.0.lock().unwrap().take());
            *self.1.lock().unwrap() = Some(alive() - before);
        }
    }
    let _watch = watch();
    runner(2).run(async {
        let (to_test, accepted) = raddle::channel(1);
        let server = start_server("127.0.0.1:0", move |reader: StreamReader, writer: StreamWriter| {
            let to_test = to_test.clone();
            async move {
                drop(to_test.send((reader, writer)).await);
                // No task ends or begins while they are counted.
                std::future::pending::<()>().await;
            }
        });
        let server = server.tls(server_config()).await.unwrap();
        let (mut reader, _writer) = connect(server.local_addrs()[0]).await;
        let (mut served, writer) = accepted.recv().await.unwrap();
        let lets_go = Arc::new(LetsGo::default());
        let waker = Waker::from(lets_go.clone());
        assert!(Pin::new(&mut served).poll_fill_buf(&mut Context::from_waker(&waker)).is_pending());
        *lets_go.0.lock().unwrap() = Some((served, writer));
        server.abort_clients();
        assert_eq!(*lets_go.1.lock().unwrap(), Some(0), "nobody is to say the farewell");
        assert!(reader.read_to_end().await.is_err());
        server.close();
        server.wait_closed().await;
    });
}

/// A hundred handshakes and conversations at once on two workers, with more bytes than fit into a record.
#[test]
fn a_hundred_connections_at_once() {
    let _watch = watch();
    runner(2).run(async {
        let (server, address) = echo_server().await;
        let (config, served) = (client_config(), Arc::new(AtomicUsize::new(0)));
        let gate = Event::new();
        let all: Vec<_> = (0..100)
            .map(|index| {
                let (config, served) = (config.clone(), served.clone());
                let gate = &gate;
                async move {
                    gate.wait().await;
                    let (mut reader, mut writer) = open_connection(address).tls(config).await.unwrap();
                    let sent = pattern(20_000 + index);
                    for _ in 0..3 {
                        writer.write(&sent);
                        assert!(reader.read_exactly(sent.len()).await.unwrap() == sent);
                    }
                    writer.close();
                    writer.wait_closed().await.unwrap();
                    served.fetch_add(1, Ordering::Relaxed);
                }
            })
            .collect();
        gate.set();
        gather(all).await;
        assert_eq!(served.load(Ordering::Relaxed), 100);
        server.close();
        server.wait_closed().await;
    });
}

/// With marks of 0, `drain` means that the kernel has everything: also what the session had taken and held back.
#[test]
fn drain_knows_of_what_the_session_holds_back() {
    let _watch = watch();
    runner(2).on_exception(|_| {}).run(async {
        let ((_reader, mut writer), (mut far_reader, _far_writer)) = pair().await;
        writer.set_write_buffer_limits(0, 0);
        let mut written = 0;
        while writer.write_buffer_size() == 0 {
            writer.write(&pattern(10_000));
            written += 10_000;
        }
        assert!(move_on_after(Duration::from_millis(20), writer.drain()).await.is_none());
        let ((), read) = gather((
            async {
                writer.drain().await.unwrap();
                assert_eq!(writer.write_buffer_size(), 0);
                writer.close();
            },
            far_reader.read_to_end(),
        ))
        .await;
        assert_eq!(read.unwrap().len(), written);
    });
}

/// The peer asks for new keys while this side's sending waits for room: the answer is the reader's to send, and must
/// neither be lost nor cost the sending its wake-up.
#[test]
fn new_keys_in_the_middle_of_a_transfer() {
    let _watch = watch();
    runner(2).on_exception(|_| {}).run(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let sent = pattern(8 << 20);
        let peer = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut tls = rustls::ServerConnection::new(server_config()).unwrap();
            while tls.is_handshaking() {
                tls.complete_io(&mut socket).unwrap();
            }
            let mut all = Vec::new();
            for _ in 0..20 {
                tls.refresh_traffic_keys().unwrap();
                rustls::Stream::new(&mut tls, &mut socket).write_all(b"go on\n").unwrap();
                let mut piece = vec![0; 100_000];
                rustls::Stream::new(&mut tls, &mut socket).read_exact(&mut piece).unwrap();
                all.extend_from_slice(&piece);
            }
            rustls::Stream::new(&mut tls, &mut socket).read_to_end(&mut all).unwrap();
            tls.send_close_notify();
            tls.complete_io(&mut socket).unwrap();
            all
        });
        let (mut reader, mut writer) = connect(address).await;
        writer.write(&sent);
        writer.shutdown_write();
        for _ in 0..20 {
            assert_eq!(reader.read_line().await.unwrap(), "go on\n");
        }
        assert_eq!(reader.read_to_end().await.unwrap(), "");
        assert!(peer.join().unwrap() == sent);
    });
}

/// The end of the runtime sends what is left, and the farewell; it does not wait for the peer's.
#[test]
fn the_end_of_the_runtime_waits_for_no_answer() {
    let _watch = watch();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (over, is_over) = std::sync::mpsc::channel();
    let peer = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut tls = rustls::ServerConnection::new(server_config()).unwrap();
        let mut all = Vec::new();
        rustls::Stream::new(&mut tls, &mut socket).read_to_end(&mut all).unwrap();
        // It holds its side open until the other's runtime has ended.
        is_over.recv().unwrap();
        all
    });
    Runner::new().grace(Duration::MAX).run(async {
        let open = open_connection(address).tls(client_config()).tls_shutdown_timeout(Duration::MAX);
        let (_reader, mut writer) = open.await.unwrap();
        writer.write(b"the last words");
        writer.close();
    });
    over.send(()).unwrap();
    assert_eq!(peer.join().unwrap(), b"the last words");
}
