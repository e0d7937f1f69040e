use std::future::IntoFuture;
use std::panic::Location;
use std::time::Duration;

use raddle_io::net::TcpStream;
use rustix::net::sockopt;
use rustls::{ClientConfig, ServerConfig};

use crate::api::gather::gather;
use crate::api::timeout::move_on_after;
use crate::shim::Arc;
use crate::streams::open::streams;
use crate::streams::start_tls::start_tls;
use crate::streams::transport::Transport;
use crate::streams::{StreamReader, StreamWriter};

fn configs() -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let [chain, key, roots] = [
        &include_bytes!("../../tests/tls_support/leaf.pem")[..],
        include_bytes!("../../tests/tls_support/leaf.key"),
        include_bytes!("../../tests/tls_support/ca.pem"),
    ];
    let client = crate::tls::client_config_with_roots_pem(roots, &[]).unwrap();
    (client, crate::tls::server_config_from_pem(chain, key, &[]).unwrap())
}

/// A connection whose kernel takes a few thousand bytes and no more.
async fn narrow_pair() -> [(StreamReader, StreamWriter); 2] {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    sockopt::set_socket_recv_buffer_size(&listener, 4096).unwrap();
    let near = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    sockopt::set_socket_send_buffer_size(&near, 4096).unwrap();
    let [near, far] = [near, listener.accept().unwrap().0]
        .map(|socket| streams(Transport::Tcp(TcpStream::try_from(socket).unwrap()), 1 << 16, Location::caller()));
    let (client, server) = configs();
    let near = start_tls(near.0, near.1, client).server_hostname("localhost").into_future();
    let (near, far) = gather((near, start_tls(far.0, far.1, server).into_future())).await;
    [near.unwrap(), far.unwrap()]
}

/// One write that the session takes whole and the kernel does not: it counts as unsent, `drain` can wait for it, and it
/// arrives although nothing is written after it.
#[test]
fn what_the_session_holds_back_is_sent_without_another_write() {
    crate::run(async {
        let [(_reader, mut writer), (mut far_reader, _far_writer)] = narrow_pair().await;
        writer.set_write_buffer_limits(0, 0);
        writer.write(&[7; 60_000]);
        assert_eq!(writer.write_buffer_size(), 60_000);
        assert!(move_on_after(Duration::from_millis(10), writer.drain()).await.is_none());
        let (drained, read) = gather((writer.drain(), far_reader.read_exactly(60_000))).await;
        drained.unwrap();
        assert_eq!(read.unwrap(), vec![7; 60_000]);
        assert_eq!(writer.write_buffer_size(), 0);
    });
}

/// A close waits for what the session holds back, too.
#[test]
fn a_close_is_behind_what_the_session_holds_back() {
    crate::run(async {
        let [(reader, mut writer), (mut far_reader, far_writer)] = narrow_pair().await;
        writer.write(&[7; 60_000]);
        writer.close();
        assert_eq!(far_reader.read_to_end().await.unwrap(), vec![7; 60_000]);
        drop(far_writer);
        writer.wait_closed().await.unwrap();
        drop(reader);
    });
}
