//! An echo server with TLS, and a client of it, in one program.
//!
//! Without arguments it talks to itself with the certificate of the tests. With the files of a certificate chain and its
//! key it serves on port 8443 until Ctrl-C: `tls_echo chain.pem key.pem`; `openssl s_client -connect localhost:8443`
//! talks to it.

use std::io;

use raddle::{Server, StreamReader, StreamWriter, open_connection, start_server, tls};

const CHAIN: &[u8] = include_bytes!("../tests/tls_support/leaf.pem");
const KEY: &[u8] = include_bytes!("../tests/tls_support/leaf.key");
const ROOTS: &[u8] = include_bytes!("../tests/tls_support/ca.pem");

async fn echo(mut reader: StreamReader, mut writer: StreamWriter) -> io::Result<()> {
    loop {
        let line = reader.read_line().await?;
        if line.is_empty() {
            return Ok(());
        }
        writer.write(&line);
        writer.drain().await?;
    }
}

async fn serve(address: &str, chain: &[u8], key: &[u8]) -> io::Result<Server> {
    start_server(address, echo).tls(tls::server_config_from_pem(chain, key, &[])?).await
}

async fn talk_to_itself() -> io::Result<()> {
    let server = serve("localhost:0", CHAIN, KEY).await?;
    let address = ("localhost", server.local_addrs()[0].port());
    let config = tls::client_config_with_roots_pem(ROOTS, &[])?;
    let (mut reader, mut writer) = open_connection(address).tls(config).await?;
    writer.write(b"hello\n");
    let version = writer.tls_version().expect("a connection with TLS");
    println!("{version:?}: {}", String::from_utf8_lossy(&reader.read_line().await?).trim_end());
    writer.close();
    writer.wait_closed().await?;
    server.close();
    server.wait_closed().await;
    Ok(())
}

#[raddle::main]
async fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [] => talk_to_itself().await,
        [chain, key] => {
            let server = serve("localhost:8443", &std::fs::read(chain)?, &std::fs::read(key)?).await?;
            println!("listening on {:?}", server.local_addrs());
            server.serve_forever().await
        }
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "usage: tls_echo [CHAIN.pem KEY.pem]")),
    }
}
