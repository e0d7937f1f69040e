//! The twin of raddle's example `http_server` on tokio: the same routes and options, served by axum itself.
//!
//! ```text
//! cargo run --release -p raddle-bench --features axum --bin http_server_tokio -- --addr 127.0.0.1:8081 --workers 2
//! ```
//!
//! `--flavor mt` (the default) is tokio's multi_thread scheduler, `--flavor ct` its current_thread one.

#[path = "../../../runtime/examples/server/options.rs"]
mod options;
#[path = "../../../runtime/examples/server/routes.rs"]
mod routes;

use std::env;
use std::io;
use std::process::ExitCode;

use axum::Router;
use axum::extract::WebSocketUpgrade;
use axum::extract::ws::{Message, WebSocket};
use axum::response::Response;
use axum::routing::any;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

async fn upgrade(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(echo)
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if matches!(message, Message::Text(_) | Message::Binary(_)) && socket.send(message).await.is_err() {
            return;
        }
    }
}

async fn listen_and_serve(addr: String) -> io::Result<()> {
    let listener = TcpListener::bind(&addr).await?;
    let address = listener.local_addr()?;
    let (mut interrupts, mut terminations) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let end = async move {
        tokio::select! {
            _ = interrupts.recv() => {}
            _ = terminations.recv() => {}
        }
    };
    println!("listening on {address}");
    let router: Router = routes::routes(sleep).route("/ws", any(upgrade));
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, router).with_graceful_shutdown(end).await
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
    runtime(is_multi_thread, options.workers)?.block_on(async move { tokio::spawn(listen_and_serve(addr)).await? })
}

fn main() -> ExitCode {
    let mut args: Vec<String> = env::args().skip(1).collect();
    let parsed = take_flavor(&mut args).and_then(|flavor| Ok((flavor, options::parse(args, "127.0.0.1:8081")?)));
    let (is_multi_thread, options) = match parsed {
        Ok(parsed) => parsed,
        Err(message) => {
            eprintln!("http_server_tokio: {message}");
            return ExitCode::from(2);
        }
    };
    match run(is_multi_thread, &options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("http_server_tokio: cannot serve on {}: {error}", options.addr);
            ExitCode::FAILURE
        }
    }
}
