//! A TCP proxy that is a bad network: it delays, cuts what passes into small pieces, and lets connections end badly.
//!
//! Everything is drawn from one seed: the number of a connection (in the order in which they come) and its direction
//! say at which byte it is cut, for how long it is held up and where it ends. How the kernel hands the bytes over
//! changes nothing of that. What a seed cannot fix is when things happen, and which of two directions ends first.

mod options;
mod pipe;
mod plan;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use raddle::{Runner, TcpListener, TcpStream, create_task, sleep, try_gather};

pub(crate) use self::options::{Proxy, parse};
use self::pipe::pipe;
use self::plan::Chaos;
use self::plan::{Direction, Fate, Plan};

pub(crate) fn run(options: &Proxy) -> Result<(), String> {
    Runner::new().workers(1).run(async {
        let listener = TcpListener::bind(options.listen.as_str()).await.map_err(|error| error.to_string())?;
        let addr = listener.local_addr().map_err(|error| error.to_string())?;
        println!("listening on {addr}, for {}, seed {}", options.to, options.chaos.seed);
        proxy(listener, options.to.clone(), options.chaos).await
    })
}

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
