//! Names looked up, on threads of their own.
//!
//! The system's lookup blocks, and hangs for half a minute when the name server does not answer. So:
//!
//! * it has its own threads: a hanging lookup must not take one from `to_thread`, whose callers know what they call;
//! * there are few of them ([`at_once`]), the rest wait in order: a thousand connects to names that hang are no thousand
//!   threads. Somebody who gives up waiting is not looked up for;
//! * the end of the runtime waits for none: nobody is left to hear the answer. A thread that hangs then keeps the pool and
//!   its host's name, nothing of the runtime, and ends when the system lets it.
//!
//! As long as one is under way a virtual clock stands still, as for any other blocking call.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use raddle_io::reactor::Reactor;

use super::blocking::Pool;
use super::config::{Config, cores};
use crate::shim::Arc;
use crate::sync::{Pending, promise};

/// Blocks until the addresses of a host are known.
pub(crate) type LookUp = fn(&str, u16) -> io::Result<Vec<SocketAddr>>;

/// How many lookups are made at a time. They mostly wait, so there may be more of them than cores.
pub(crate) fn at_once() -> usize {
    (4 + cores() / 2).min(32)
}

/// What the system knows: hosts file, name servers, and whatever else it was told to ask.
pub(super) fn ask_the_system(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    (host, port).to_socket_addrs().map(Iterator::collect)
}

/// The lookups of one runtime.
pub(crate) struct Lookups {
    pool: Arc<Pool>,
    look_up: LookUp,
}

impl Lookups {
    pub(super) fn new(config: &Config) -> Lookups {
        Lookups { pool: Pool::new(at_once(), format!("{}-lookup", config.name)), look_up: config.look_up }
    }

    /// Starts to look a host up, or has it wait for its turn.
    pub(super) fn start(&self, host: String, port: u16) -> io::Result<Pending<io::Result<Vec<SocketAddr>>>> {
        let (found, pending) = promise();
        let look_up = self.look_up;
        self.pool.start(Box::new(move || {
            if !found.is_abandoned() {
                let _ = found.set(look_up(&host, port));
            }
        }))?;
        Ok(pending)
    }

    pub(super) fn is_busy(&self) -> bool {
        self.pool.is_busy()
    }

    pub(super) fn set_waiting_clock(&self, reactor: Arc<Reactor>) {
        self.pool.set_waiting_clock(reactor);
    }

    /// The runtime ends: waits for nobody, and begins nothing more.
    pub(crate) fn abandon(&self) {
        self.pool.abandon();
    }
}
