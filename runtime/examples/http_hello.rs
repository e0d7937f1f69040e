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
#[path = "server/http.rs"]
mod http;
#[path = "server/options.rs"]
mod options;

use std::env;
use std::io;
use std::net::Shutdown;
use std::process::ExitCode;
use std::time::Duration;

use raddle::{Runner, TcpStream, timeout};

use crate::http::{Conversation, Next};

/// How long the rest of a request, once begun, may take from one piece to the next.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much, and for how long, is read from a client that was told goodbye.
const GOODBYE_BYTES: usize = 256 * 1024;
const GOODBYE_TIME: Duration = Duration::from_secs(1);

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

/// Ends the conversation without a reset: closing while the client still sends would destroy the answer on its way.
async fn goodbye(stream: TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    let drain = async {
        let (mut buffer, mut left) = ([0; 4096], GOODBYE_BYTES);
        while left > 0 {
            match stream.read(&mut buffer).await? {
                0 => break,
                length => left = left.saturating_sub(length),
            }
        }
        Ok(())
    };
    timeout(GOODBYE_TIME, drain).await?
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
