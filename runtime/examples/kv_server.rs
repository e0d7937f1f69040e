//! A store that redis's clients can talk to: strings, numbers, lists, times to live, publishers and subscribers.
//!
//! ```text
//! cargo run --release -p raddle --example kv_server -- --addr 127.0.0.1:6380 --workers 2
//! redis-cli -p 6380 set greeting hello ex 60
//! redis-benchmark -p 6380 -t get,set -P 16
//! ```
//!
//! Port 0 takes a free one; the first line tells which. Ctrl-C or `kill` stops it in an orderly way. Nothing is saved.
//! What is independent of sockets, the protocol and the commands, is in `kv/`; `kv/serve.rs` has the sockets.

#[path = "server/goodbye.rs"]
mod goodbye;
#[path = "kv/mod.rs"]
mod kv;
#[path = "server/options.rs"]
mod options;
#[path = "kv/serve.rs"]
mod serve;

use std::env;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use raddle::{Runner, TcpListener};

/// How long clients may take to read their last answers when the server ends.
const PATIENCE: Duration = Duration::from_secs(5);

async fn listen_and_serve(addr: &str) -> io::Result<()> {
    let listener = TcpListener::bind(addr).await?;
    println!("listening on {}", listener.local_addr()?);
    serve::serve(listener, kv::Shared::new()).await;
    Ok(())
}

fn main() -> ExitCode {
    let options = match options::parse(env::args().skip(1), "127.0.0.1:6380") {
        Ok(options) => options,
        Err(message) => {
            eprintln!("kv_server: {message}");
            return ExitCode::from(2);
        }
    };
    match Runner::new().workers(options.workers).graceful(PATIENCE).try_run(listen_and_serve(&options.addr)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            // The error names the address.
            eprintln!("kv_server: {error}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("kv_server: {error}");
            ExitCode::FAILURE
        }
    }
}
