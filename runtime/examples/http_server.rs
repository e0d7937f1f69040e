//! An HTTP server with axum's router on raddle: routes, JSON, bodies of any length, WebSockets, metrics, and an orderly end.
//!
//! ```text
//! cargo run --release -p raddle --features tower --example http_server -- --addr 127.0.0.1:8080 --workers 2
//! curl -i http://127.0.0.1:8080/
//! curl -d '[1, 2]' -H 'content-type: application/json' http://127.0.0.1:8080/json
//! curl http://127.0.0.1:8080/lines/1000000 | tail -n 1
//! curl --data-binary @Cargo.lock http://127.0.0.1:8080/echo
//! curl --http2-prior-knowledge http://127.0.0.1:8080/sleep/3000
//! websocat ws://127.0.0.1:8080/ws
//! curl http://127.0.0.1:8080/metrics
//! ```
//!
//! With the feature `tls` it serves HTTPS, too, to those who trust its certificate or do not look at it:
//!
//! ```text
//! cargo run --release -p raddle --features tower,tls --example http_server -- --tls
//! curl -k --http2 https://127.0.0.1:8080/
//! ```
//!
//! `--cert FILE --key FILE` shows another one.
//!
//! Port 0 takes a free one; the first line tells which. Press Ctrl-C, or `kill` it, while the sleeper sleeps: nobody is
//! let in any more, the sleeper is answered, WebSockets are told goodbye, and the program returns.

#[cfg(feature = "tls")]
#[path = "server/certificate.rs"]
mod certificate;
#[path = "server/metrics.rs"]
mod metrics;
#[path = "server/options.rs"]
mod options;
#[path = "server/routes.rs"]
mod routes;
#[path = "server/websocket.rs"]
mod websocket;

use std::env;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use axum::routing::{any, get};
use raddle::tower::Listener;
use raddle::{Runner, Signal, TcpListener, race, serve, signal, sleep};
#[cfg(feature = "tls")]
use raddle::{tls, tower::TlsListener};

use crate::options::Options;

/// How long requests under way are waited for at the end.
const PATIENCE: Duration = Duration::from_secs(10);

async fn listen_and_serve(options: &Options, secured: &Secured) -> io::Result<()> {
    let listener = TcpListener::bind(&options.addr).await?;
    let address = listener.local_addr()?;
    let end = asked_to_end()?;
    println!("listening on {address}");
    #[cfg(feature = "tls")]
    if let Some(config) = secured {
        return serve_all(TlsListener::new(listener, config.clone()), end).await;
    }
    let _ = secured;
    serve_all(listener, end).await
}

#[cfg(feature = "tls")]
type Secured = Option<std::sync::Arc<tls::rustls::ServerConfig>>;
#[cfg(not(feature = "tls"))]
type Secured = ();

/// Takes what is about TLS out of the arguments.
#[cfg(feature = "tls")]
fn secured(args: &mut Vec<String>) -> Result<Secured, String> {
    let Some(certificate) = certificate::Certificate::take_from(args)? else { return Ok(None) };
    let config = certificate.read().and_then(|(cert, key)| tls::server_config_from_pem(cert, key, &["h2", "http/1.1"]));
    config.map(Some).map_err(|error| error.to_string())
}

#[cfg(not(feature = "tls"))]
fn secured(_args: &mut Vec<String>) -> Result<Secured, String> {
    Ok(())
}

/// Ctrl-C, or `kill`. From the call on, they have no other effect.
fn asked_to_end() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let (mut interrupts, mut terminations) = (signal(Signal::INT)?, signal(Signal::TERM)?);
    Ok(async move { race((interrupts.recv(), terminations.recv())).await })
}

/// Serves whatever kind of connection the listener has.
async fn serve_all(listener: impl Listener, end: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    let router = routes::routes(sleep).route("/ws", any(websocket::upgrade)).route("/metrics", get(metrics::metrics));
    serve(listener, router).graceful(end).graceful_timeout(PATIENCE).await
}

fn main() -> ExitCode {
    let mut args: Vec<String> = env::args().skip(1).collect();
    let parsed = secured(&mut args).and_then(|secured| Ok((options::parse(args, "127.0.0.1:8080")?, secured)));
    let (options, secured) = match parsed {
        Ok(parsed) => parsed,
        Err(message) => {
            eprintln!("http_server: {message}");
            return ExitCode::from(2);
        }
    };
    // A poll that answers a request takes microseconds: timing one in 32 costs it a thousandth.
    match Runner::new().workers(options.workers).sample_polls(32).run(listen_and_serve(&options, &secured)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The error names the address.
            eprintln!("http_server: {error}");
            ExitCode::FAILURE
        }
    }
}
