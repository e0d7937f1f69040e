//! Handshakes: who is not trusted is not talked to, nobody waits for a peer that does not keep to the protocol, and TLS can
//! begin in the middle of a conversation.

mod common;
mod tls_support;

use std::error::Error;
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use common::{Reports, eventually, runner, watch};
use raddle::tls::rustls::pki_types::CertificateDer;
use raddle::tls::rustls::pki_types::pem::PemObject;
use raddle::tls::rustls::{self, HandshakeKind};
use raddle::tls::{client_config_with_roots_pem, server_config_from_pem};
use raddle::{
    BoxError, Runner, StreamReader, StreamWriter, TcpListener, TcpStream, open_connection, start_server, start_tls,
    yield_now,
};
use tls_support::{
    CA, LEAF, LEAF_KEY, OTHER_CA, client_config, connect, echo, echo_server, pair, pattern, server_config,
};

/// Waits for reports.
async fn reported(reports: &Reports, count: usize) {
    let seen = reports.clone();
    raddle::to_thread(move || eventually("a report", || seen.len() >= count)).await.unwrap();
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

/// The older version, where both sides allow it: the certificate, the two directions, and the farewell.
#[test]
fn tls_1_2_is_spoken_too() {
    let _watch = watch();
    runner(2).run(async {
        let (_server, address) = echo_server().await;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider);
        let builder = builder.with_protocol_versions(&[&rustls::version::TLS12]).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(CA).unwrap()).unwrap();
        let config = Arc::new(builder.with_root_certificates(roots).with_no_client_auth());
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let (mut reader, mut writer) = open_connection(address).tls(config.clone()).await.unwrap();
            assert_eq!(writer.tls_version(), Some(rustls::ProtocolVersion::TLSv1_2));
            assert_eq!(writer.tls_handshake_kind(), Some(expected));
            writer.write(&pattern(100_000));
            writer.shutdown_write();
            assert!(reader.read_to_end().await.unwrap() == pattern(100_000));
            writer.close();
            writer.wait_closed().await.unwrap();
        }
    });
}
