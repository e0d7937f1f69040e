//! TLS: what was written arrives, whoever closes, cancels or ends; who is not trusted is not talked to; nobody waits for
//! a peer that does not keep to the protocol.

mod common;
mod tls_support;

use std::error::Error;
use std::future::{Future, poll_fn};
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use common::{Reports, eventually, runner, scaled, watch};
use raddle::tls::rustls::{self, HandshakeKind};
use raddle::tls::{client_config_with_roots_pem, server_config_from_pem};
use raddle::{
    BoxError, Event, ReadError, Runner, StreamReader, StreamWriter, TcpListener, TcpStream, create_task, gather,
    move_on_after, open_connection, sleep, start_server, start_tls, timeout, yield_now,
};
use tls_support::{CA, LEAF, LEAF_KEY, OTHER_CA, client_config, connect, echo, echo_server, pattern, server_config};

/// A client and a server over a connection that both can also be broken in the middle.
async fn pair() -> ((StreamReader, StreamWriter), (StreamReader, StreamWriter)) {
    let (to_test, far) = raddle::channel::<(StreamReader, StreamWriter)>(1);
    let server = start_server("127.0.0.1:0", move |reader, writer| {
        let to_test = to_test.clone();
        async move {
            let _ = to_test.send((reader, writer)).await;
        }
    })
    .tls(server_config())
    .await
    .unwrap();
    let near = connect(server.local_addrs()[0]).await;
    let far = far.recv().await.unwrap();
    server.close();
    (near, far)
}

/// Waits for reports.
async fn reported(reports: &Reports, count: usize) {
    let seen = reports.clone();
    raddle::to_thread(move || eventually("a report", || seen.len() >= count)).await.unwrap();
}

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
        let sending = create_task(async move {
            let (mut rest, mut random) = (&bytes[..], Random(7));
            while !rest.is_empty() {
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
            let impatient = poll_fn(|cx| match reading.as_mut().poll(cx) {
                Poll::Pending if patience == 0 => Poll::Ready(None),
                polled => {
                    patience = patience.saturating_sub(1);
                    polled.map(Some)
                }
            });
            match impatient.await {
                None => {
                    dropped += 1;
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

/// Who writes anything but TLS to a server is reported with its address, and the server serves on. Who just leaves is
/// not worth a report.
#[test]
fn a_handshake_of_garbage_is_reported_with_the_peer() {
    let _watch = watch();
    let reports = Reports::default();
    reports.of(Runner::new().workers(2)).run(async {
        let (server, address) = echo_server().await;
        let left = TcpStream::connect(address).await.unwrap();
        drop(left);
        let mut garbage = TcpStream::connect(address).await.unwrap();
        let from = garbage.local_addr().unwrap();
        garbage.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut answer = [0; 100];
        while garbage.read(&mut answer).await.is_ok_and(|count| count > 0) {}
        reported(&reports, 1).await;
        let (mut reader, mut writer) = connect(address).await;
        writer.write(b"served\n");
        assert_eq!(reader.read_line().await.unwrap(), "served\n");
        drop((reader, writer));
        server.close();
        server.wait_closed().await;
        let told = reports.take();
        assert!(told.len() == 1 && told[0].contains(&from.to_string()), "{told:?}");
        assert!(told[0].contains("InvalidContentType") || told[0].contains("corrupt message"), "{told:?}");
    });
}

/// A peer that says nothing is given up after the time for the handshake, and keeps nobody else waiting.
#[test]
fn a_handshake_that_hangs_is_given_up_and_holds_nobody_up() {
    let _watch = watch();
    let reports = Reports::default();
    reports.of(Runner::new().workers(1)).run(async {
        let limit = Duration::from_millis(200);
        let server = start_server("127.0.0.1:0", echo).tls(server_config()).tls_handshake_timeout(limit).await.unwrap();
        let address = server.local_addrs()[0];
        let mut silent = TcpStream::connect(address).await.unwrap();
        let (mut reader, mut writer) = connect(address).await;
        writer.write(b"served\n");
        assert_eq!(reader.read_line().await.unwrap(), "served\n");
        assert_eq!(silent.read(&mut [0; 10]).await.unwrap(), 0, "it is closed");
        reported(&reports, 1).await;
        let told = reports.take();
        assert!(told.len() == 1 && told[0].contains("timed out after 200ms"), "{told:?}");
        assert!(told[0].contains(&silent.local_addr().unwrap().to_string()), "{told:?}");
        silent.write_all(b"x").await.unwrap();
    });
    runner(1).run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let open = open_connection(address).tls(client_config()).tls_handshake_timeout(Duration::from_millis(20));
        let error = open.await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    });
}

async fn refused(
    address: SocketAddr,
    config: Arc<rustls::ClientConfig>,
    name: Option<&str>,
) -> (rustls::Error, String) {
    let mut open = open_connection(address).tls(config);
    if let Some(name) = name {
        open = open.server_hostname(name);
    }
    let error = open.await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
    let text = error.to_string();
    let mut source: &(dyn Error + 'static) = error.get_ref().unwrap();
    loop {
        let inner = source.downcast_ref::<io::Error>().and_then(|error| error.get_ref());
        match inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(found) => return (found.clone(), text),
            None => source = source.source().expect("rustls's error is inside"),
        }
    }
}

/// A certificate for another name, and one of nobody whom the client trusts: no connection, and both sides know why.
#[test]
fn who_is_not_trusted_is_not_talked_to() {
    let _watch = watch();
    let reports = Reports::default();
    reports.of(Runner::new().workers(2)).run(async {
        let (server, address) = echo_server().await;
        let (error, text) = refused(address, client_config(), Some("example.org")).await;
        assert!(format!("{error:?}").contains("NotValidForName"), "{error:?}");
        assert!(text.contains(&address.to_string()), "{text}");
        let others = client_config_with_roots_pem(OTHER_CA, &[]).unwrap();
        let (error, _) = refused(address, others, None).await;
        assert!(format!("{error:?}").contains("UnknownIssuer"), "{error:?}");
        server.close();
        server.wait_closed().await;
        reported(&reports, 2).await;
        let told = reports.take();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told.iter().any(|text| text.contains("UnknownCA")), "{told:?}");
    });
    let error = runner(1).run(async {
        let (_server, address) = echo_server().await;
        open_connection(address).tls(client_config()).server_hostname("no name").await.unwrap_err()
    });
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("\"no name\""), "{error}");
}

/// The second connection with the same configuration resumes the session of the first.
#[test]
fn a_second_connection_resumes_the_session() {
    let _watch = watch();
    runner(2).run(async {
        let (_server, address) = echo_server().await;
        let config = client_config();
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
            let (mut reader, mut writer) = open_connection(address).tls(config.clone()).await.unwrap();
            assert_eq!(writer.tls_handshake_kind(), Some(expected));
            writer.write(b"ping\n");
            assert_eq!(reader.read_line().await.unwrap(), "ping\n");
            writer.close();
            writer.wait_closed().await.unwrap();
        }
    });
}

/// The first protocol of the server that the client speaks; none in common is refused.
#[test]
fn both_sides_agree_on_a_protocol() {
    let _watch = watch();
    runner(2).on_exception(|_| {}).run(async {
        let config = server_config_from_pem(LEAF, LEAF_KEY, &["h2", "http/1.1"]).unwrap();
        let server = start_server("127.0.0.1:0", async |_reader, mut writer: StreamWriter| {
            let protocol = writer.alpn_protocol().unwrap();
            writer.write(&protocol);
        })
        .tls(config)
        .await
        .unwrap();
        let address = server.local_addrs()[0];
        for (offered, agreed) in [(&["http/1.1", "h2"][..], "h2"), (&["http/1.1"], "http/1.1")] {
            let config = client_config_with_roots_pem(CA, offered).unwrap();
            let (mut reader, writer) = open_connection(address).tls(config).await.unwrap();
            assert_eq!(writer.alpn_protocol().unwrap(), agreed.as_bytes());
            assert_eq!(reader.read_to_end().await.unwrap(), agreed);
        }
        let config = client_config_with_roots_pem(CA, &["gopher"]).unwrap();
        let (error, _) = refused(address, config, None).await;
        assert!(matches!(error, rustls::Error::AlertReceived(_)), "{error:?}");
    });
}

/// As SMTP does: a line, an answer, and then TLS on the same connection. The client's first ciphertext may come with the
/// line, and be in the reader's buffer when the server begins; what the server had written leaves before the handshake.
#[test]
fn tls_can_be_started_in_the_middle() {
    let _watch = watch();
    runner(2).run(async {
        let server = start_server("127.0.0.1:0", async |mut reader: StreamReader, mut writer: StreamWriter| {
            writer.write(b"220 ready\r\n");
            assert_eq!(reader.read_line().await?, "STARTTLS\r\n");
            // Until the client's first message has been fetched with the line, or at least is about to be.
            writer.write(b"220 go ahead\r\n");
            let (mut reader, mut writer) = start_tls(reader, writer, server_config()).await?;
            assert_eq!(reader.read_line().await?, "EHLO\r\n");
            assert!(writer.tls_version().is_some());
            writer.write(b"250 hello\r\n");
            assert_eq!(reader.read_to_end().await?, "");
            Ok::<_, BoxError>(())
        })
        .limit(1000)
        .await
        .unwrap();
        for pipelined in [false, true] {
            let (mut reader, mut writer) = open_connection(server.local_addrs()[0]).limit(77).await.unwrap();
            writer.set_write_buffer_limits(1000, 10);
            assert_eq!(reader.read_line().await.unwrap(), "220 ready\r\n");
            writer.write(b"STARTTLS\r\n");
            if !pipelined {
                assert_eq!(reader.read_line().await.unwrap(), "220 go ahead\r\n");
            } else {
                // Not read before the handshake: it would be taken for TLS.
                assert_eq!(reader.read_exactly(14).await.unwrap(), "220 go ahead\r\n");
            }
            let started = start_tls(reader, writer, client_config()).server_hostname("localhost");
            let (mut reader, mut writer) = started.await.unwrap();
            assert_eq!(reader.limit(), 77);
            writer.write(b"EHLO\r\n");
            assert_eq!(reader.read_line().await.unwrap(), "250 hello\r\n");
            writer.close();
            writer.wait_closed().await.unwrap();
        }
        server.close();
        server.wait_closed().await;
    });
}

/// The client sends its line and its first TLS message in one go: the server's reader has fetched both with the line.
#[test]
fn what_the_reader_had_fetched_belongs_to_the_session() {
    let _watch = watch();
    runner(2).run(async {
        let server = start_server("127.0.0.1:0", async |mut reader: StreamReader, writer: StreamWriter| {
            assert_eq!(reader.read_line().await?, "STARTTLS\n");
            assert!(!reader.buffered().is_empty(), "the client's message came along");
            let (mut reader, mut writer) = start_tls(reader, writer, server_config()).await?;
            writer.write(&reader.read_line().await?);
            Ok::<_, BoxError>(())
        })
        .await
        .unwrap();
        let address = server.local_addrs()[0];
        let client = raddle::to_thread(move || {
            let mut socket = std::net::TcpStream::connect(address)?;
            let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
            let mut tls = rustls::ClientConnection::new(client_config(), name).unwrap();
            let mut first = b"STARTTLS\n".to_vec();
            tls.write_tls(&mut first)?;
            socket.write_all(&first)?;
            let mut stream = rustls::Stream::new(&mut tls, &mut socket);
            stream.write_all(b"pipelined\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok::<_, io::Error>(answer)
        });
        assert_eq!(client.await.unwrap().unwrap(), "pipelined\n");
    });
}

/// TLS on what cannot carry it, on what is closed, and twice: an error, and no panic.
#[test]
fn tls_is_started_once_and_on_open_sockets() {
    let _watch = watch();
    runner(2).on_exception(|_| {}).run(async {
        let ((reader, writer), _far) = pair().await;
        let error = start_tls(reader, writer, client_config()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        let (_server, address) = echo_server().await;
        let (reader, mut writer) = open_connection(address).await.unwrap();
        writer.shutdown_write();
        let error = start_tls(reader, writer, client_config()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotConnected);
        // Plain, and never secured.
        let (_reader, writer) = open_connection(address).await.unwrap();
        assert!(writer.tls_version().is_none() && writer.peer_certificates().is_none());
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

/// A client in the middle of its handshake does not keep a server that closes its clients.
#[test]
fn close_clients_ends_handshakes() {
    let _watch = watch();
    runner(2).run(async {
        let (server, address) = echo_server().await;
        let silent = TcpStream::connect(address).await.unwrap();
        while !format!("{server:?}").contains("connections: 1") {
            yield_now().await;
        }
        server.close();
        server.close_clients();
        server.wait_closed().await;
        assert_eq!(silent.read(&mut [0; 10]).await.unwrap(), 0);
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

/// What is wrong with a configuration is told by name.
#[test]
fn wrong_pem_is_explained() {
    let error = server_config_from_pem(LEAF, LEAF, &[]).unwrap_err().to_string();
    assert!(error.contains("the key") && error.contains("no private key"), "{error}");
    let damaged = String::from_utf8(LEAF.to_vec()).unwrap().replace("MII", "M!I");
    let error = server_config_from_pem(&damaged, LEAF_KEY, &[]).unwrap_err().to_string();
    assert!(error.contains("the certificate chain") && error.contains("certificate 1"), "{error}");
    let error = server_config_from_pem(CA, LEAF_KEY, &[]).unwrap_err().to_string();
    assert!(error.contains("the certificate chain and its key"), "{error}");
    let error = client_config_with_roots_pem(LEAF_KEY, &[]).unwrap_err().to_string();
    assert!(error.contains("the roots") && error.contains("no certificate"), "{error}");
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
