//! What the tests of TLS share.
//!
//! `leaf.pem` is a certificate for localhost, 127.0.0.1 and ::1, signed by `ca.pem`, whose key was thrown away; nothing
//! is signed by `other_ca.pem`. All are valid until 2120, and trusted by tests alone: the leaf's key lies beside it.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use raddle::tls::rustls::{ClientConfig, ServerConfig};
use raddle::tls::{client_config_with_roots_pem, server_config_from_pem};
use raddle::{Server, StreamReader, StreamWriter, open_connection, start_server};

pub(crate) const CA: &[u8] = include_bytes!("ca.pem");
pub(crate) const OTHER_CA: &[u8] = include_bytes!("other_ca.pem");
pub(crate) const LEAF: &[u8] = include_bytes!("leaf.pem");
pub(crate) const LEAF_KEY: &[u8] = include_bytes!("leaf.key");

pub(crate) fn server_config() -> Arc<ServerConfig> {
    server_config_from_pem(LEAF, LEAF_KEY, &[]).unwrap()
}

pub(crate) fn client_config() -> Arc<ClientConfig> {
    client_config_with_roots_pem(CA, &[]).unwrap()
}

pub(crate) async fn echo(mut reader: StreamReader, mut writer: StreamWriter) -> io::Result<()> {
    loop {
        let bytes = reader.read(1 << 16).await?;
        if bytes.is_empty() {
            return Ok(());
        }
        writer.write(&bytes);
        writer.drain().await?;
    }
}

pub(crate) async fn echo_server() -> (Server, SocketAddr) {
    let server = start_server("127.0.0.1:0", echo).tls(server_config()).await.unwrap();
    let address = server.local_addrs()[0];
    (server, address)
}

pub(crate) async fn connect(address: SocketAddr) -> (StreamReader, StreamWriter) {
    open_connection(address).tls(client_config()).await.unwrap()
}

pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 31 % 251) as u8).collect()
}

/// A client and a server over a connection that both can also be broken in the middle.
pub(crate) async fn pair() -> ((StreamReader, StreamWriter), (StreamReader, StreamWriter)) {
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
