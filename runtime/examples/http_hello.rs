//! An HTTP/1.1 server that says hello, with keep-alive and pipelining.
//!
//! ```text
//! cargo run --release -p raddle --example http_hello -- --addr 127.0.0.1:8080 --workers 2
//! curl -i http://127.0.0.1:8080/
//! wrk -t1 -c64 -d5 http://127.0.0.1:8080/
//! ```
//!
//! Port 0 takes a free one; the first line tells which. The protocol itself is in `server/http.rs`.

#[path = "server/accept.rs"]
mod accept;
#[path = "server/goodbye.rs"]
mod goodbye;
#[path = "server/http.rs"]
mod http;
#[path = "server/options.rs"]
mod options;

use std::env;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use raddle::{Runner, TcpStream, timeout};

use crate::goodbye::goodbye;
use crate::http::{Conversation, Next};

/// How long the rest of a request, once begun, may take from one piece to the next.
const PATIENCE: Duration = Duration::from_secs(10);

async fn converse(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut conversation, mut buffer, mut answers) = (Conversation::default(), [0; 4096], Vec::new());
    loop {
        // Between requests a client may rest as long as it likes, and no timer is set.
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
    let options = match options::parse(env::args().skip(1), "127.0.0.1:8080") {
        Ok(options) => options,
        Err(message) => {
            eprintln!("http_hello: {message}");
            return ExitCode::from(2);
        }
    };
    match Runner::new().workers(options.workers).run(accept::serve(&options.addr, converse)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The error names the address.
            eprintln!("http_hello: {error}");
            ExitCode::FAILURE
        }
    }
}
