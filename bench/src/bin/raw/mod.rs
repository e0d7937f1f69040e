//! Servers without a runtime: one thread, one epoll, and what any server has to do for the bytes it answers.
//!
//! They show how much of a request's price is the kernel's and the protocol's. So they have the protocols, options, sizes
//! of buffers and answers of raddle's examples, and nothing that a request does not need: one buffer serves all
//! connections, no clock is read, no task is made. What they leave out is patience with slow clients, a second core and an
//! orderly end.

mod bell;
mod connection;
mod listener;
mod server;

use std::env;
use std::io;
use std::process::ExitCode;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use self::server::Server;
use crate::options;

/// What to do once the answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "the echo server never closes first")]
pub(crate) enum Next {
    Read,
    /// Ask for more answers, with nothing.
    Continue,
    Close,
}

/// The server's half of one conversation: bytes in, bytes out.
pub(crate) trait Protocol: Sized {
    /// How much is read at once.
    const READ_SIZE: usize;

    /// How often [`sweep`](Protocol::sweep) is called, if at all.
    const BETWEEN_SWEEPS: Option<Duration> = None;

    /// What all connections have in common.
    type Shared;

    fn new(shared: &Self::Shared) -> Self;

    /// Takes what was read. The answers may be put into `answers`, which is empty.
    fn answer<'a>(&mut self, bytes: &'a [u8], answers: &'a mut Vec<u8>) -> (&'a [u8], Next);

    /// Whether something may come for this client that another one sends.
    fn is_subscribed(&self) -> bool {
        false
    }

    /// Puts what came from others into `answers`, which is empty; an error ends the connection.
    fn poll_messages(&mut self, _cx: &mut Context<'_>, _answers: &mut Vec<u8>) -> Poll<io::Result<()>> {
        Poll::Pending
    }

    /// Asked while the client does not read: `Err` if what comes from others has become too much.
    fn poll_too_slow(&mut self, _cx: &mut Context<'_>) -> Poll<io::Error> {
        Poll::Pending
    }

    /// Tidies up, and says whether it is worth coming back at once.
    fn sweep(_shared: &Self::Shared) -> bool {
        false
    }
}

/// Serves at the `--addr` of the command line, or at `addr`, for as long as the process lives.
pub(crate) fn main<P: Protocol>(name: &str, addr: &str, shared: P::Shared) -> ExitCode {
    let options = match options::parse(env::args().skip(1), addr) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{name}: {message}");
            return ExitCode::from(2);
        }
    };
    accompany(options.workers);
    match serve::<P>(&options.addr, shared) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: cannot serve at {}: {error}", options.addr);
            ExitCode::FAILURE
        }
    }
}

/// Makes this a program of so many threads, all but one of which sleep. That alone costs each system call: the kernel
/// counts its use of a file that other threads could close meanwhile.
fn accompany(threads: usize) {
    for _ in 1..threads {
        thread::spawn(|| {
            loop {
                thread::park();
            }
        });
    }
}

fn serve<P: Protocol>(addr: &str, shared: P::Shared) -> io::Result<()> {
    let listener = listener::bind(addr)?;
    println!("listening on {}", listener::address(&listener)?);
    Server::<P>::new(listener, shared)?.run()
}
