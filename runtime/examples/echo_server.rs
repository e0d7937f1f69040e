//! A TCP server that sends back whatever it receives.
//!
//! ```text
//! cargo run --release -p raddle --example echo_server -- --addr 127.0.0.1:7007 --workers 2
//! nc 127.0.0.1 7007
//! ```
//!
//! Port 0 takes a free one; the first line tells which.

#[path = "server/accept.rs"]
mod accept;
#[path = "server/echo.rs"]
mod echo;
#[path = "server/options.rs"]
mod options;

use std::env;
use std::process::ExitCode;

use raddle::Runner;

fn main() -> ExitCode {
    let options = match options::parse(env::args().skip(1), "127.0.0.1:7007") {
        Ok(options) => options,
        Err(message) => {
            eprintln!("echo_server: {message}");
            return ExitCode::from(2);
        }
    };
    match Runner::new().workers(options.workers).run(accept::serve(&options.addr, echo::echo)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The error names the address.
            eprintln!("echo_server: {error}");
            ExitCode::FAILURE
        }
    }
}
