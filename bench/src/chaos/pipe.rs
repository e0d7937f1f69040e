//! One direction of a connection through the proxy.

use std::net::Shutdown;
use std::time::Duration;

use raddle::{TcpStream, sleep};

use super::plan::{Fate, Plan, Step};

/// Hands bytes on until the end of the stream, a failure of either side (which is a reset), or its fate.
pub(crate) async fn pipe(from: &TcpStream, to: &TcpStream, mut plan: Plan) -> Result<(), Fate> {
    let mut buffer = [0; 4096];
    loop {
        let length = from.read(&mut buffer).await.map_err(|_| Fate::Reset)?;
        if length == 0 {
            return to.shutdown(Shutdown::Write).map_err(|_| Fate::Reset);
        }
        let mut rest = &buffer[..length];
        while !rest.is_empty() {
            match plan.next(rest.len()) {
                Step::Send { length, delay } => {
                    if delay > Duration::ZERO {
                        sleep(delay).await;
                    }
                    let (piece, after) = rest.split_at(length);
                    write_all(to, piece).await?;
                    rest = after;
                }
                Step::End(Fate::HalfClose) => {
                    to.shutdown(Shutdown::Write).map_err(|_| Fate::Reset)?;
                    return discard(from).await;
                }
                Step::End(fate) => return Err(fate),
            }
        }
    }
}

async fn write_all(to: &TcpStream, mut bytes: &[u8]) -> Result<(), Fate> {
    while !bytes.is_empty() {
        let length = to.write(bytes).await.map_err(|_| Fate::Reset)?;
        bytes = &bytes[length..];
    }
    Ok(())
}

/// The sender notices nothing.
async fn discard(from: &TcpStream) -> Result<(), Fate> {
    let mut buffer = [0; 4096];
    while from.read(&mut buffer).await.map_err(|_| Fate::Reset)? > 0 {}
    Ok(())
}
