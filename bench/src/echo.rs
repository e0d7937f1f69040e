//! An echo server whose system calls are counted, and clients that keep it busy: each sends its next message when the
//! last one is back, so that a server which is slower than they are always finds many messages at once.
//!
//! The server is the loop of the example `echo_server`. It ends when its clients have gone.

use std::io::{self, BufRead, BufReader, Read};

use raddle::{Runner, TcpListener, TcpStream, create_task, gather};

use crate::WORKERS;

#[path = "../../runtime/examples/server/echo.rs"]
mod example;

/// How many clients the server has.
pub const CONNECTIONS: usize = 64;

const MESSAGE: [u8; 64] = *b"a message of 64 bytes that comes back as it went: as it went  \r\n";

/// Says where it listens, and serves until all clients have come and gone.
pub fn serve() -> io::Result<()> {
    // Its clients are to have sent what they can whenever it looks, also where they share a core with it.
    _ = rustix::process::nice(19);
    Runner::new().workers(WORKERS).run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        let mut connections = Vec::new();
        while connections.len() < CONNECTIONS {
            let (stream, _peer) = listener.accept().await?;
            connections.push(create_task(example::echo(stream)));
        }
        for ended in gather(connections).await {
            ended.map_err(io::Error::other)??;
        }
        Ok(())
    })
}

/// Sends `count` messages on each connection to the server which says `said`. Returns how many came back.
pub fn exchange(said: impl Read, count: u64) -> io::Result<u64> {
    let mut addr = String::new();
    BufReader::new(said).read_line(&mut addr)?;
    Runner::new().workers(1).run(async {
        let mut streams = Vec::new();
        while streams.len() < CONNECTIONS {
            streams.push(TcpStream::connect(addr.trim()).await?);
        }
        let clients: Vec<_> = streams.into_iter().map(|stream| create_task(converse(stream, count))).collect();
        for ended in gather(clients).await {
            ended.map_err(io::Error::other)??;
        }
        Ok(count * CONNECTIONS as u64)
    })
}

async fn converse(mut stream: TcpStream, count: u64) -> io::Result<()> {
    stream.set_nodelay(true)?;
    for _ in 0..count {
        let mut back = [0; MESSAGE.len()];
        stream.write_all(&MESSAGE).await?;
        stream.read_exact(&mut back).await?;
        if back != MESSAGE {
            return Err(io::Error::other(format!("another message came back: {:?}", back.escape_ascii().to_string())));
        }
    }
    Ok(())
}
