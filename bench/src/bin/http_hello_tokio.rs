//! The twin of raddle's example `http_hello` on tokio: the same protocol file, options and order of operations.
//!
//! `--flavor mt` (the default) is tokio's multi_thread scheduler, `--flavor ct` its current_thread one.

#[path = "../../../runtime/examples/server/http.rs"]
mod http;
#[path = "../../../runtime/examples/server/options.rs"]
mod options;

use std::env;
use std::future::Future;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

use crate::http::{Conversation, Next};

const PATIENCE: Duration = Duration::from_secs(10);
const GOODBYE_BYTES: usize = 256 * 1024;
const GOODBYE_TIME: Duration = Duration::from_secs(1);

async fn serve<H, F>(addr: &str, handle: H) -> io::Result<()>
where
    H: Fn(TcpStream) -> F,
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind(addr).await?;
    println!("listening on {}", listener.local_addr()?);
    let mut failing = false;
    loop {
        match listener.accept().await {
            Ok((stream, _peer)) => {
                failing = false;
                drop(tokio::spawn(handle(stream)));
            }
            Err(error) => {
                if !failing {
                    eprintln!("cannot accept for now: {error}");
                }
                failing = true;
                sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

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

async fn goodbye(mut stream: TcpStream) -> io::Result<()> {
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

fn runtime(is_multi_thread: bool, workers: usize) -> io::Result<Runtime> {
    match is_multi_thread {
        true => Builder::new_multi_thread().worker_threads(workers).enable_all().build(),
        false => Builder::new_current_thread().enable_all().build(),
    }
}

/// Serves from a spawned task, as tokio advises: the main future of `block_on` is woken at a higher price.
fn run(is_multi_thread: bool, options: &options::Options) -> io::Result<()> {
    let addr = options.addr.clone();
    runtime(is_multi_thread, options.workers)?
        .block_on(async move { tokio::spawn(async move { serve(&addr, converse).await }).await? })
}

fn main() -> ExitCode {
    let mut args: Vec<String> = env::args().skip(1).collect();
    let parsed = take_flavor(&mut args).and_then(|flavor| Ok((flavor, options::parse(args, "127.0.0.1:8081")?)));
    let (is_multi_thread, options) = match parsed {
        Ok(parsed) => parsed,
        Err(message) => {
            eprintln!("http_hello_tokio: {message}");
            return ExitCode::from(2);
        }
    };
    match run(is_multi_thread, &options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("http_hello_tokio: cannot listen on {}: {error}", options.addr);
            ExitCode::FAILURE
        }
    }
}
