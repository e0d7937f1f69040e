//! The end of a TLS connection, whose peer is to answer the farewell.
//!
//! This side has said `close_notify` and ended its sending side. It waits for the peer to do the same, and throws away
//! what that sends until then. To close the socket earlier would be worse than impolite: the kernel answers bytes that
//! nobody has read, such as a TLS 1.3 server's tickets, with a reset, and a reset makes both kernels throw away what was
//! sent and not yet read.
//!
//! The waiting counts as cleanup, but the end of a runtime is not held up by a peer that does not answer: all bytes have
//! been handed to the kernel by then, and a second is enough for what the peer has sent unasked.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use raddle_io::{Instant, sleep};

use super::connection::Connection;
use super::transport::Transport;
use crate::harness::adopt;
use crate::scheduler::context;
use crate::scheduler::phase::Phase;
use crate::shim::Arc;

/// How long an answer is waited for when the runtime ends.
const AT_THE_END: Duration = Duration::from_secs(1);

/// Closes a connection that has said its farewell: when the peer has answered, or has not in time.
pub(super) fn part(connection: &Arc<Connection>, limit: Duration) {
    connection.transport.end_reading();
    let parting = Parting(connection.clone());
    // Else it was the peer who began.
    if !parting.is_over() {
        adopt::start_cleanup(parting.wait(limit), connection.at);
    }
}

/// Closes the connection when it is dropped: also if the runtime ends before the peer has answered.
struct Parting(Arc<Connection>);

impl Parting {
    async fn wait(self, limit: Duration) {
        // By a wait of its own: the place of the one who polls may still be taken by the reader, on its way out.
        let answer = async { while !self.is_over() && self.0.transport.socket().wait_readable().await.is_ok() {} };
        let (mut answer, mut patience, mut is_hurried) = (pin!(answer), sleep(limit), false);
        poll_fn(|cx| {
            if answer.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            // The end of the runtime wakes cleanup now and then.
            if !is_hurried && is_ending() {
                is_hurried = true;
                let soon = Instant::now() + AT_THE_END.min(limit);
                if patience.deadline().is_none_or(|deadline| soon < deadline) {
                    patience.reset(soon);
                }
            }
            Pin::new(&mut patience).poll(cx)
        })
        .await;
    }

    fn is_over(&self) -> bool {
        match &self.0.transport {
            Transport::Tls(tls) => tls.has_parted(),
            Transport::Tcp(_) | Transport::Unix(_) | Transport::Fed(_) => true,
        }
    }
}

impl Drop for Parting {
    fn drop(&mut self) {
        self.0.is_closed_now();
    }
}

fn is_ending() -> bool {
    context::current().is_some_and(|worker| worker.shared.phase.get() >= Phase::Closing)
}
