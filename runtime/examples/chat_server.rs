//! A chat: whoever connects is in the room, and what one says, all others read.
//!
//! ```text
//! cargo run -p raddle --example chat_server -- --addr 127.0.0.1:7070
//! nc 127.0.0.1 7070
//! ```
//!
//! `/nick NAME` takes a name, `/who` tells who is there, `/quit` leaves. Who reads too slowly is told how many messages
//! were missed, and holds nobody up. Ctrl-C or `kill` closes the room.

#[path = "server/options.rs"]
mod options;
#[path = "chat/room.rs"]
mod room;
#[path = "chat/visit.rs"]
mod visit;

use std::env;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use raddle::{Runner, run_until_stopped};

/// How long guests may take to read the rest when the room closes.
const PATIENCE: Duration = Duration::from_secs(2);

async fn chat(addr: &str) -> io::Result<()> {
    let server = visit::open(addr).await?;
    println!("listening on {}", server.local_addrs()[0]);
    // Dropping what serves for ever closes the door; then those inside are shown out.
    _ = run_until_stopped(server.serve_forever()).await;
    server.close_clients();
    server.wait_closed().await;
    Ok(())
}

fn main() -> ExitCode {
    let options = match options::parse(env::args().skip(1), "127.0.0.1:7070") {
        Ok(options) => options,
        Err(message) => {
            eprintln!("chat_server: {message}");
            return ExitCode::from(2);
        }
    };
    // A guest whose connection breaks is no news for whoever runs this.
    let mut runner = Runner::new().workers(options.workers).graceful(PATIENCE).on_exception(|_| {});
    match runner.try_run(chat(&options.addr)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            // The error names the address.
            eprintln!("chat_server: {error}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("chat_server: {error}");
            ExitCode::FAILURE
        }
    }
}
