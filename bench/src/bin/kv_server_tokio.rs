//! The twin of raddle's example `kv_server` on tokio: the same protocol, commands, options and order of operations.
//!
//! `--flavor mt` (the default) is tokio's multi_thread scheduler, `--flavor ct` its current_thread one.

#[path = "../../../runtime/examples/kv/mod.rs"]
mod kv;
#[path = "../../../runtime/examples/server/options.rs"]
mod options;
#[path = "twin/mod.rs"]
mod twin;

use std::io;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use crate::kv::Shared;
use crate::kv::hear::{Heard, hear, write_while_it_keeps_up};
use crate::kv::session::{Next, READ_SIZE, Session, recycled};
use crate::twin::goodbye;

const BETWEEN_SWEEPS: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(5);

/// Becomes true when the server is asked to stop.
type Stop = watch::Receiver<bool>;

async fn stopped(mut stop: Stop) {
    // Whoever would say so has gone: that says it, too.
    _ = stop.wait_for(|stop| *stop).await;
}

async fn listen_and_serve(addr: String) -> io::Result<()> {
    let listener = TcpListener::bind(&addr).await?;
    println!("listening on {}", listener.local_addr()?);
    let (stop, stopping) = watch::channel(false);
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let serving = tokio::spawn(serve(listener, Shared::new(), stopping));
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    _ = stop.send(true);
    _ = timeout(PATIENCE, serving).await;
    Ok(())
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, stop: Stop) {
    let (here, mut nobody_is_here) = mpsc::channel::<()>(1);
    drop(tokio::spawn(sweep(shared.clone(), stop.clone())));
    let mut failing = false;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(stop.clone()) => break,
        };
        match accepted {
            Ok((stream, _peer)) => {
                failing = false;
                let (session, here, stop) = (Session::new(&shared), here.clone(), stop.clone());
                drop(tokio::spawn(async move {
                    _ = converse(stream, session, stop).await;
                    drop(here);
                }));
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
    drop((listener, here));
    _ = nobody_is_here.recv().await;
}

async fn sweep(shared: Arc<Shared>, stop: Stop) {
    while timeout(BETWEEN_SWEEPS, stopped(stop.clone())).await.is_err() {
        while shared.sweep() {
            tokio::task::yield_now().await;
        }
    }
}

async fn converse(mut stream: TcpStream, mut session: Session, stop: Stop) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut buffer, mut out) = (vec![0; READ_SIZE], Vec::new());
    let mut stop = pin!(stopped(stop));
    let mut next = Next::Read;
    loop {
        match next {
            Next::Close => return goodbye(stream).await,
            Next::Continue => next = session.receive(&[], &mut out),
            Next::Read => match hear(stream.read(&mut buffer), session.outbox(), stop.as_mut(), &mut out).await? {
                Heard::Read(length) => match length? {
                    0 => return Ok(()),
                    length => next = session.receive(&buffer[..length], &mut out),
                },
                Heard::Messages => {}
                Heard::Stop => return goodbye(stream).await,
            },
        }
        if !out.is_empty() {
            write_while_it_keeps_up(stream.write_all(&out), session.outbox()).await?;
            out = recycled(out);
        }
    }
}

fn main() -> ExitCode {
    twin::main("kv_server_tokio", "127.0.0.1:6381", listen_and_serve)
}
