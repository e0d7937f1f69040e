//! The store on raddle's sockets: a task for each connection, and one that sweeps.
//!
//! When the server is asked to stop it accepts nobody any more, answers what has been read, and says goodbye to those
//! who are silent. Connections are no children of a group, so that a failure in one could not end the others: `here`
//! counts them.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use raddle::{TcpListener, TcpStream, channel, create_task, run_until_stopped, sleep, stop_requested};

use crate::goodbye::goodbye;
use crate::kv::Shared;
use crate::kv::hear::{Heard, hear, write_while_it_keeps_up};
use crate::kv::session::{Next, READ_SIZE, Session, recycled};

/// How often keys that are due are looked for.
const BETWEEN_SWEEPS: Duration = Duration::from_millis(100);

/// Serves until this task is asked to stop and the last connection has ended.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let (here, nobody_is_here) = channel::<()>(1);
    create_task(sweep(shared.clone())).detach();
    let mut failing = false;
    while let Some(accepted) = run_until_stopped(listener.accept()).await {
        match accepted {
            Ok((stream, _peer)) => {
                failing = false;
                let (session, here) = (Session::new(&shared), here.clone());
                create_task(async move {
                    // What goes wrong with one connection is that client's business, or was its doing.
                    _ = converse(stream, session).await;
                    drop(here);
                })
                .detach();
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

async fn sweep(shared: Arc<Shared>) {
    while run_until_stopped(sleep(BETWEEN_SWEEPS)).await.is_some() {
        while shared.sweep() {
            raddle::yield_now().await;
        }
    }
}

async fn converse(mut stream: TcpStream, mut session: Session) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut buffer, mut out) = (vec![0; READ_SIZE], Vec::new());
    let mut stop = pin!(stop_requested());
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
