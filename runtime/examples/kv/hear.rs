//! What a connection waits for: the client, messages for it, or the end of the server.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use super::outbox::{Outbox, Overfull};

/// What came first.
#[derive(Debug)]
pub(crate) enum Heard<R> {
    Read(R),
    /// They lie in the buffer.
    Messages,
    /// The server ends, and nothing else had come.
    Stop,
}

/// Waits for a read, for messages if there is an outbox, and for `stop`. A read that has its bytes is always heard.
pub(crate) async fn hear<R: Future>(
    read: R,
    outbox: Option<&Outbox>,
    mut stop: Pin<&mut impl Future<Output = ()>>,
    out: &mut Vec<u8>,
) -> io::Result<Heard<R::Output>> {
    let mut read = pin!(read);
    let listen = |cx: &mut Context<'_>| {
        if let Poll::Ready(read) = read.as_mut().poll(cx) {
            return Poll::Ready(Ok(Heard::Read(read)));
        }
        if let Some(Poll::Ready(taken)) = outbox.map(|outbox| outbox.poll_take(cx, out)) {
            return Poll::Ready(taken.map(|()| Heard::Messages).map_err(too_slow));
        }
        stop.as_mut().poll(cx).map(|()| Ok(Heard::Stop))
    };
    poll_fn(listen).await
}

/// Writes, and gives up on a client whose messages pile up meanwhile.
pub(crate) async fn write_while_it_keeps_up(
    write: impl Future<Output = io::Result<()>>,
    outbox: Option<&Outbox>,
) -> io::Result<()> {
    let Some(outbox) = outbox else { return write.await };
    let mut write = pin!(write);
    poll_fn(|cx| match write.as_mut().poll(cx) {
        Poll::Ready(written) => Poll::Ready(written),
        Poll::Pending => outbox.poll_overfull(cx).map(|overfull| Err(too_slow(overfull))),
    })
    .await
}

fn too_slow(_: Overfull) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the subscriber does not read its messages")
}
