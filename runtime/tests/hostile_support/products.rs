//! The servers under attack, each in a process of its own: this test binary, called once more.
//!
//! The process prints `listening on ADDR`, then a line of counts for every line that it is sent, and ends with its
//! standard input.

use std::fs;
use std::io::{self, Write};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use axum::routing::any;
use raddle::tower::{Listener, TlsListener};
use raddle::{Handle, Runner, StreamReader, StreamWriter, TcpListener, serve, sleep, start_server, tls};

use super::counting;
use crate::{accept, echo, kv, kv_serve, routes, tls_support, visit, websocket};

/// Tells the process which product it is.
pub(crate) const VARIABLE: &str = "RADDLE_HOSTILE_PRODUCT";

/// A server under attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Product {
    Http,
    Https,
    Kv,
    Chat,
    Echo,
    Lines,
    TlsLines,
}

const ALL: [Product; 7] =
    [Product::Http, Product::Https, Product::Kv, Product::Chat, Product::Echo, Product::Lines, Product::TlsLines];

/// For the servers that read lines.
const LONGEST_LINE: usize = 8 * 1024;

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// Serves, if this process was started for that.
pub(crate) fn serve_if_asked() {
    let Ok(name) = std::env::var(VARIABLE) else { return };
    let product = ALL.into_iter().find(|product| format!("{product:?}") == name);
    let product = product.unwrap_or_else(|| panic!("{VARIABLE}={name}: one of {ALL:?} was expected"));
    let mut runner = Runner::new().workers(2).on_exception(|context| {
        if let Some(panic) = &context.panic {
            eprintln!("{}: {panic}", context.message);
            PANICS.fetch_add(1, Relaxed);
        }
    });
    let handle = runner.handle();
    thread::spawn(move || answer(&handle));
    runner.run(run(product)).unwrap();
}

async fn run(product: Product) -> io::Result<()> {
    match product {
        Product::Http => http(listen().await?).await,
        Product::Https => {
            let config = tls::server_config_from_pem(tls_support::LEAF, tls_support::LEAF_KEY, &["h2", "http/1.1"])?;
            http(TlsListener::new(listen().await?, config)).await
        }
        Product::Kv => {
            kv_serve::serve(listen().await?, kv::Shared::new()).await;
            Ok(())
        }
        Product::Echo => accept::serve("127.0.0.1:0", echo::echo).await,
        Product::Chat => forever(visit::open("127.0.0.1:0").await?).await,
        Product::Lines => forever(start_server("127.0.0.1:0", lines).limit(LONGEST_LINE).await?).await,
        Product::TlsLines => {
            let server = start_server("127.0.0.1:0", lines).limit(LONGEST_LINE);
            forever(server.tls(tls_support::server_config()).await?).await
        }
    }
}

async fn listen() -> io::Result<TcpListener> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    Ok(listener)
}

/// As the example `http_server`.
async fn http(listener: impl Listener) -> io::Result<()> {
    serve(listener, routes::routes(sleep).route("/ws", any(websocket::upgrade))).await
}

async fn forever(server: raddle::Server) -> io::Result<()> {
    println!("listening on {}", server.local_addrs()[0]);
    server.serve_forever().await?;
    Ok(())
}

/// As in the example `streams`, with the limits of a server that is open to everybody. With those of asyncio, 64 KiB for
/// a line and as much to be sent, it would be some 300 KiB.
async fn lines(mut reader: StreamReader, mut writer: StreamWriter) -> io::Result<()> {
    writer.set_write_buffer_limits(LONGEST_LINE, LONGEST_LINE / 4);
    while !reader.is_at_eof() {
        let line = reader.read_line().await?;
        writer.write(&line);
        writer.drain().await?;
    }
    writer.close();
    writer.wait_closed().await
}

/// How many are open. The rest is the runtime's own: an epoll for each worker, files that its watchdog reads.
fn sockets() -> usize {
    let entries = fs::read_dir("/proc/self/fd").unwrap().flatten();
    let targets = entries.filter_map(|entry| fs::read_link(entry.path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
}

fn answer(handle: &Handle) {
    for question in io::stdin().lines() {
        if question.unwrap() == "tasks" {
            let tasks = handle.create_task(async { raddle::all_tasks() }).join_blocking().unwrap();
            eprintln!("{tasks:#?}");
            continue;
        }
        let (allocated, peak) = counting::allocated();
        let tasks = handle.metrics().tasks_alive;
        let sockets = sockets();
        let panics = PANICS.load(Relaxed);
        println!("counts {allocated} {peak} {tasks} {sockets} {panics}");
        io::stdout().flush().unwrap();
    }
    process::exit(0);
}
