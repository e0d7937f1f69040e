//! The proxy itself: two directions for each connection, until one of them ends badly or both have ended well.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use raddle::{TcpListener, TcpStream, create_task, sleep, try_gather};

use super::pipe::pipe;
use super::plan::{Chaos, Direction, Fate, Plan};

/// Hands every connection on to `to`, for as long as it is polled.
pub(crate) async fn proxy(listener: TcpListener, to: String, chaos: Chaos) -> ! {
    let to: Arc<str> = to.into();
    let mut number = 0;
    loop {
        match listener.accept().await {
            Ok((client, _peer)) => {
                // A connection that ends badly is what this is for.
                create_task(connection(client, to.clone(), chaos, number)).detach();
                number += 1;
            }
            Err(error) => {
                eprintln!("cannot accept for now: {error}");
                sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

async fn connection(client: TcpStream, to: Arc<str>, chaos: Chaos, number: u64) -> io::Result<()> {
    let server = TcpStream::connect(&*to).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let there = pipe(&client, &server, Plan::new(chaos, number, Direction::ToServer));
    let back = pipe(&server, &client, Plan::new(chaos, number, Direction::ToClient));
    // Dropping the streams closes them: in the usual way, or with a reset.
    if let Err(Fate::Reset) = try_gather((there, back)).await {
        client.set_linger(Some(Duration::ZERO))?;
        server.set_linger(Some(Duration::ZERO))?;
    }
    Ok(())
}
