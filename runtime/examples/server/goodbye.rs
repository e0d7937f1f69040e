//! The end of a connection, from the side that closes first.

use std::io;
use std::net::Shutdown;
use std::time::Duration;

use raddle::{TcpStream, timeout};

/// How much, and for how long, is read from a client that was told goodbye.
const GOODBYE_BYTES: usize = 256 * 1024;
const GOODBYE_TIME: Duration = Duration::from_secs(1);

/// Ends the conversation without a reset: closing while the client still sends would destroy the answer on its way.
pub(crate) async fn goodbye(stream: TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
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
