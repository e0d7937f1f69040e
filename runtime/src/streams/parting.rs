//! The end of a TLS connection, whose peer is to answer the farewell.
//!
//! This side has said `close_notify` and ended its sending side. It waits for the peer to do the same, and throws away
//! what that sends until then. To close the socket earlier would be worse than impolite: the kernel answers bytes that
//! nobody has read, such as a TLS 1.3 server's tickets, with a reset, and a reset makes both kernels throw away what was
//! sent and not yet read.
//!
//! The waiting is a task of its own and, unlike the sending, no cleanup: all bytes have been handed to the kernel, so
//! the end of a runtime does not wait for the peer.

use std::time::Duration;

use super::connection::Connection;
use super::transport::Transport;
use crate::api::spawn::create_task;
use crate::api::timeout::move_on_after;
use crate::shim::Arc;

/// Closes a connection that has said its farewell: when the peer has answered, or has not in time.
pub(super) fn part(connection: &Arc<Connection>, limit: Duration) {
    connection.transport.end_reading();
    let parting = Parting(connection.clone());
    if parting.is_over() {
        // It was the peer who began.
        return;
    }
    create_task(async move {
        let answer = async {
            // By a wait of its own: the place of the one who polls may still be taken by the reader, on its way out.
            while !parting.is_over() && parting.0.transport.socket().wait_readable().await.is_ok() {}
        };
        move_on_after(limit, answer).await;
    });
}

/// Closes the connection when it is dropped: also if the runtime ends before the peer has answered.
struct Parting(Arc<Connection>);

impl Parting {
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
