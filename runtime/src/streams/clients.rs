//! The connections of a server that are open.
//!
//! A client is counted from its acceptance until its connection is closed, by whichever side, or dropped. Once the server
//! is closed, nobody is added: so `over` is set once, by whoever takes the last one off, or by the close that finds none.

use std::collections::BTreeMap;
use std::sync::Weak;

use super::connection::Connection;
use crate::shim::{Arc, Mutex};
use crate::sync::{Event, OwnedPermit};

/// Who is connected.
#[derive(Default)]
pub(super) struct Clients {
    state: Mutex<State>,
    /// The server is closed, and so are its connections.
    pub(super) over: Event,
}

#[derive(Default)]
struct State {
    open: BTreeMap<u64, Weak<Connection>>,
    next: u64,
    is_closed: bool,
}

/// A client's place; dropped, it has gone.
pub(super) struct Client {
    clients: Arc<Clients>,
    key: u64,
    /// Lets another one in.
    _permit: Option<OwnedPermit>,
}

impl Clients {
    /// Counts a connection in. False: the server is closed.
    pub(super) fn add(self: &Arc<Self>, connection: &Arc<Connection>, permit: Option<OwnedPermit>) -> bool {
        let mut state = self.state.lock();
        if state.is_closed {
            return false;
        }
        let key = state.next;
        state.next += 1;
        state.open.insert(key, Arc::downgrade(connection));
        drop(state);
        connection.belongs_to(Client { clients: self.clone(), key, _permit: permit });
        true
    }

    /// Lets nobody in any more.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        let is_over = !state.is_closed && state.open.is_empty();
        state.is_closed = true;
        drop(state);
        if is_over {
            self.over.set();
        }
    }

    /// How many are open.
    pub(super) fn len(&self) -> usize {
        self.state.lock().open.len()
    }

    /// Calls `act` for each that is open.
    pub(super) fn each(&self, act: impl Fn(&Arc<Connection>)) {
        let open: Vec<_> = self.state.lock().open.values().filter_map(Weak::upgrade).collect();
        open.iter().for_each(act);
    }
}

#[cfg(feature = "tls")]
impl Client {
    /// It goes on as another connection.
    pub(super) fn is_now(&self, connection: &Arc<Connection>) {
        self.clients.state.lock().open.insert(self.key, Arc::downgrade(connection));
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let mut state = self.clients.state.lock();
        state.open.remove(&self.key);
        let is_over = state.is_closed && state.open.is_empty();
        drop(state);
        if is_over {
            self.clients.over.set();
        }
    }
}
