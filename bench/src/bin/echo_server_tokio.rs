//! The twin of raddle's example `echo_server` on tokio: the same options, buffer and order of operations.
//!
//! `--flavor mt` (the default) is tokio's multi_thread scheduler, `--flavor ct` its current_thread one.

#[path = "twin/accept.rs"]
mod accept;
#[path = "../../../runtime/examples/server/options.rs"]
mod options;
#[path = "twin/mod.rs"]
mod twin;

use std::io;
use std::process::ExitCode;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..length]).await?;
    }
}

fn main() -> ExitCode {
    twin::main("echo_server_tokio", "127.0.0.1:7008", |addr| async move { accept::serve(&addr, echo).await })
}
