//! One task for each connection, for as long as the process lives.

use std::io;
use std::time::Duration;

use raddle::{TcpListener, TcpStream, create_task, sleep};

/// Listens on `addr`, says so, and hands every connection to a task of its own.
///
/// Only a failure to listen ends this. When the process has no file descriptor left, the listener itself waits for one:
/// connections stay in the kernel's backlog meanwhile, and those that end give theirs back.
pub(crate) async fn serve<H, F>(addr: &str, handle: H) -> io::Result<()>
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
                // What goes wrong with one connection is that client's business, or was its doing.
                create_task(handle(stream)).detach();
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
