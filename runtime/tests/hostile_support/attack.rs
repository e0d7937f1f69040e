//! One kind of hostile client: what state it brings its connection to, and how it goes on from there.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use raddle::tls::rustls::ClientConfig;

use super::wire::Wire;

/// More than the kernel keeps for both sides, so that a server that goes on reading is seen to do so.
const MOST_SAID: usize = 256 * 1024;

/// A state that a connection is brought to.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    /// Inside of TLS, with this configuration.
    pub(crate) tls: Option<Arc<ClientConfig>>,
    /// What is said at once.
    pub(crate) says: Vec<u8>,
    /// … and after that, below TLS.
    pub(crate) says_below: Vec<u8>,
    /// How many bytes of the answer are read.
    pub(crate) hears: usize,
    pub(crate) goes_on: GoesOn,
    /// It asks for more than it reads, so that the server has bytes for it still when it has ended its own direction.
    pub(crate) is_owed: bool,
    /// How many requests are under way at a time.
    pub(crate) asks: usize,
    /// It fills the window that HTTP/2 gives to every connection before a server can say otherwise.
    pub(crate) fills_window: bool,
    /// What all of them may cost together for a moment, beside what each may, until the server sends them away.
    pub(crate) shared: Option<usize>,
    /// Its handshake is never completed.
    pub(crate) is_half_secured: bool,
}

/// What a client does for the rest of its time. It never reads.
#[derive(Clone)]
pub(crate) enum GoesOn {
    Silence,
    /// A byte now and then.
    Drip(&'static [u8]),
    /// As much as the socket takes, again and again, up to `MOST_SAID`.
    Flood(Vec<u8>),
}

impl Attack {
    pub(crate) fn new(name: &'static str, says: impl Into<Vec<u8>>) -> Attack {
        let says = says.into();
        Attack {
            name,
            tls: None,
            says,
            says_below: Vec::new(),
            hears: 0,
            goes_on: GoesOn::Silence,
            is_owed: false,
            asks: 1,
            fills_window: false,
            shared: None,
            is_half_secured: false,
        }
    }

    pub(crate) fn hears(mut self, bytes: usize) -> Attack {
        self.hears = bytes;
        self
    }

    pub(crate) fn drips(mut self, bytes: &'static [u8]) -> Attack {
        self.goes_on = GoesOn::Drip(bytes);
        self
    }

    pub(crate) fn floods(mut self, bytes: impl Into<Vec<u8>>) -> Attack {
        self.goes_on = GoesOn::Flood(bytes.into());
        self.owed()
    }

    pub(crate) fn owed(mut self) -> Attack {
        self.is_owed = true;
        self
    }

    pub(crate) fn fills_window(mut self) -> Attack {
        self.fills_window = true;
        self
    }

    pub(crate) fn asks(mut self, requests: usize) -> Attack {
        self.asks = requests;
        self
    }

    pub(crate) fn share(mut self, bytes: usize) -> Attack {
        self.shared = Some(bytes);
        self
    }

    pub(crate) fn half_secured(mut self) -> Attack {
        self.is_half_secured = true;
        self
    }

    pub(crate) fn below(mut self, bytes: impl Into<Vec<u8>>) -> Attack {
        self.says_below = bytes.into();
        self
    }

    pub(crate) fn within(mut self, tls: &Arc<ClientConfig>) -> Attack {
        self.tls = Some(tls.clone());
        self
    }
}

/// One hostile client.
pub(crate) struct Attacker<'a> {
    attack: &'a Attack,
    pub(crate) wire: Wire,
    said: usize,
    is_over: bool,
}

impl<'a> Attacker<'a> {
    /// Connects and brings the connection to its state.
    pub(crate) fn begin(attack: &'a Attack, address: SocketAddr) -> io::Result<Attacker<'a>> {
        let mut wire = match &attack.tls {
            Some(config) if attack.is_half_secured => Wire::half_secured(address, config)?,
            Some(config) => Wire::secured(address, config)?,
            None => Wire::plain(address)?,
        };
        // A server that refuses closes before it has heard all of it.
        let mut is_over = wire.write_all(&attack.says).is_err();
        is_over |= wire.socket().write_all(&attack.says_below).is_err();
        let mut heard = vec![0; attack.hears];
        wire.read_exact(&mut heard).map_err(|error| io::Error::new(error.kind(), format!("no answer: {error}")))?;
        wire.socket().set_nonblocking(true)?;
        Ok(Attacker { attack, wire, said: 0, is_over })
    }

    /// Goes on for a while: how many bytes were taken.
    pub(crate) fn go_on(&mut self) -> usize {
        if self.is_over {
            return 0;
        }
        match &self.attack.goes_on {
            GoesOn::Silence => 0,
            GoesOn::Drip(bytes) => self.say(&bytes[self.said..][..1.min(bytes.len() - self.said)]),
            GoesOn::Flood(bytes) => {
                let mut taken = 0;
                while self.said < MOST_SAID {
                    match self.say(&bytes[self.said % bytes.len()..]) {
                        0 => break,
                        count => taken += count,
                    }
                }
                taken
            }
        }
    }

    fn say(&mut self, bytes: &[u8]) -> usize {
        match self.wire.write(bytes) {
            Ok(count) => {
                self.said += count;
                count
            }
            Err(error) => {
                self.is_over = error.kind() != ErrorKind::WouldBlock;
                0
            }
        }
    }
}
