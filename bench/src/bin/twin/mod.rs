//! What the twins on tokio share: the flavor of the runtime, the last line of `main`, and the goodbye.

use std::env;
use std::future::Future;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::options;

const GOODBYE_BYTES: usize = 256 * 1024;
const GOODBYE_TIME: Duration = Duration::from_secs(1);

/// As `server/goodbye.rs` of the examples.
#[allow(dead_code, reason = "the echo server says nothing")]
pub(crate) async fn goodbye(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
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

/// Serves at the `--addr` of the command line, or at `addr`.
pub(crate) fn main<F>(name: &str, addr: &str, serve: impl FnOnce(String) -> F) -> ExitCode
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let mut args: Vec<String> = env::args().skip(1).collect();
    let parsed = take_flavor(&mut args).and_then(|flavor| Ok((flavor, options::parse(args, addr)?)));
    let (is_multi_thread, options) = match parsed {
        Ok(parsed) => parsed,
        Err(message) => {
            eprintln!("{name}: {message}");
            return ExitCode::from(2);
        }
    };
    match run(is_multi_thread, options.workers, serve(options.addr.clone())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: cannot serve at {}: {error}", options.addr);
            ExitCode::FAILURE
        }
    }
}

/// Serves from a spawned task, as tokio advises: the main future of `block_on` is woken at a higher price.
fn run<F>(is_multi_thread: bool, workers: usize, serving: F) -> io::Result<()>
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    runtime(is_multi_thread, workers)?.block_on(async move { tokio::spawn(serving).await? })
}

fn runtime(is_multi_thread: bool, workers: usize) -> io::Result<Runtime> {
    match is_multi_thread {
        true => Builder::new_multi_thread().worker_threads(workers).enable_all().build(),
        false => Builder::new_current_thread().enable_all().build(),
    }
}

/// Takes `--flavor` out of the arguments: the number of workers is known only after the rest is parsed.
fn take_flavor(args: &mut Vec<String>) -> Result<bool, String> {
    let Some(at) = args.iter().position(|arg| arg == "--flavor") else { return Ok(true) };
    let is_multi_thread = match args.get(at + 1).map(String::as_str) {
        Some("mt") => true,
        Some("ct") => false,
        Some(other) => return Err(format!("--flavor is mt or ct, not `{other}`")),
        None => return Err("--flavor needs mt or ct".into()),
    };
    args.drain(at..at + 2);
    Ok(is_multi_thread)
}
