//! futures-rustls over raddle's sockets, by futures-io's traits: another TLS than the one of the feature `tls`, with the
//! same demands on the sockets below.

mod common;
mod tls_support;

use std::io::{self, ErrorKind};
use std::sync::Arc;

use futures_rustls::rustls::pki_types::ServerName;
use futures_rustls::rustls::{ClientConfig, HandshakeKind};
use futures_rustls::{TlsAcceptor, TlsConnector, client, server};
use futures_util::{AsyncReadExt, AsyncWriteExt};
use raddle::{TcpListener, TcpStream, create_task, gather};

use common::{runner, watch};
use tls_support::{client_config, pattern, server_config};

type Near = client::TlsStream<TcpStream>;
type Far = server::TlsStream<TcpStream>;

async fn pair(config: Arc<ClientConfig>, acceptor: &TlsAcceptor) -> (Near, Far) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (far, _) = listener.accept().await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let (near, far) = gather((TlsConnector::from(config).connect(name, near), acceptor.accept(far))).await;
    (near.unwrap(), far.unwrap())
}

/// A megabyte and back while both sides write and read, then an orderly end.
#[test]
fn every_byte_comes_back_and_the_end_is_told() {
    let _watch = watch();
    runner(2).run(async {
        let (near, mut far) = pair(client_config(), &TlsAcceptor::from(server_config())).await;
        let echo = create_task(async move {
            let mut buffer = [0; 10_000];
            loop {
                match far.read(&mut buffer).await? {
                    0 => return far.close().await,
                    count => {
                        far.write_all(&buffer[..count]).await?;
                        far.flush().await?;
                    }
                }
            }
        });
        let sent = pattern(1 << 20);
        let (mut reader, mut writer) = near.split();
        let mut received = Vec::new();
        let write = async {
            writer.write_all(&sent).await?;
            writer.close().await
        };
        let (written, read) = gather((write, reader.read_to_end(&mut received))).await;
        written.unwrap();
        read.unwrap();
        assert!(received == sent);
        echo.await.unwrap().unwrap();
    });
}

#[test]
fn a_second_connection_resumes_the_session() {
    let _watch = watch();
    runner(2).run(async {
        let (config, acceptor) = (client_config(), TlsAcceptor::from(server_config()));
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let (mut near, mut far) = pair(config.clone(), &acceptor).await;
            // With the first bytes of the application come the tickets.
            far.write_all(b"hello").await.unwrap();
            far.flush().await.unwrap();
            near.read_exact(&mut [0; 5]).await.unwrap();
            kinds.push(near.get_ref().1.handshake_kind().unwrap());
        }
        assert_eq!(kinds, [HandshakeKind::Full, HandshakeKind::Resumed]);
    });
}

/// A connection that is cut off is no end of the stream: somebody in between might have cut it.
#[test]
fn a_connection_that_is_cut_off_is_an_error() {
    let _watch = watch();
    runner(2).run(async {
        let (mut near, mut far) = pair(client_config(), &TlsAcceptor::from(server_config())).await;
        far.write_all(b"half of ").await.unwrap();
        far.flush().await.unwrap();
        drop(far);
        let mut received = Vec::new();
        let cut: io::Result<usize> = near.read_to_end(&mut received).await;
        assert_eq!(cut.unwrap_err().kind(), ErrorKind::UnexpectedEof);
        assert_eq!(received, b"half of ");
    });
}
