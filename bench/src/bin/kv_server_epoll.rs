//! raddle's example `kv_server` without a runtime: the same protocol, commands, options and order of operations.

#[path = "../../../runtime/examples/kv/mod.rs"]
#[allow(dead_code, reason = "what waits as futures do is not needed here")]
mod kv;
#[path = "../../../runtime/examples/server/options.rs"]
mod options;
#[path = "raw/mod.rs"]
mod raw;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::kv::Shared;
use crate::kv::session::{self, Session};
use crate::raw::{Next, Protocol};

impl Protocol for Session {
    const READ_SIZE: usize = session::READ_SIZE;
    const BETWEEN_SWEEPS: Option<Duration> = Some(Duration::from_millis(100));
    type Shared = Arc<Shared>;

    fn new(shared: &Arc<Shared>) -> Session {
        Session::new(shared)
    }

    fn answer<'a>(&mut self, bytes: &'a [u8], answers: &'a mut Vec<u8>) -> (&'a [u8], Next) {
        let next = match self.receive(bytes, answers) {
            session::Next::Read => Next::Read,
            session::Next::Continue => Next::Continue,
            session::Next::Close => Next::Close,
        };
        (answers, next)
    }

    fn is_subscribed(&self) -> bool {
        self.outbox().is_some()
    }

    fn poll_messages(&mut self, cx: &mut Context<'_>, answers: &mut Vec<u8>) -> Poll<io::Result<()>> {
        let Some(outbox) = self.outbox() else { return Poll::Pending };
        outbox.poll_take(cx, answers).map_err(|_overfull| too_slow())
    }

    fn poll_too_slow(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let Some(outbox) = self.outbox() else { return Poll::Pending };
        outbox.poll_overfull(cx).map(|_overfull| too_slow())
    }

    fn sweep(shared: &Arc<Shared>) -> bool {
        shared.sweep()
    }
}

fn too_slow() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the subscriber does not read its messages")
}

fn main() -> ExitCode {
    raw::main::<Session>("kv_server_epoll", "127.0.0.1:6382", Shared::new())
}
