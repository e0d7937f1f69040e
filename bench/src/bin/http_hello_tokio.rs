//! The twin of raddle's example `http_hello` on tokio: the same protocol file, options and order of operations.
//!
//! `--flavor mt` (the default) is tokio's multi_thread scheduler, `--flavor ct` its current_thread one.

#[path = "twin/accept.rs"]
mod accept;
#[path = "../../../runtime/examples/server/http.rs"]
mod http;
#[path = "../../../runtime/examples/server/options.rs"]
mod options;
#[path = "twin/mod.rs"]
mod twin;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::http::{Conversation, Next};
use crate::twin::goodbye;

const PATIENCE: Duration = Duration::from_secs(10);

async fn converse(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut conversation, mut buffer, mut answers) = (Conversation::default(), [0; 4096], Vec::new());
    loop {
        let length = match conversation.is_idle() {
            true => stream.read(&mut buffer).await?,
            false => timeout(PATIENCE, stream.read(&mut buffer)).await??,
        };
        if length == 0 {
            return Ok(());
        }
        answers.clear();
        let next = conversation.receive(&buffer[..length], &mut answers);
        if !answers.is_empty() {
            stream.write_all(&answers).await?;
        }
        if next == Next::Close {
            return goodbye(stream).await;
        }
    }
}

fn main() -> ExitCode {
    twin::main("http_hello_tokio", "127.0.0.1:8081", |addr| async move { accept::serve(&addr, converse).await })
}
