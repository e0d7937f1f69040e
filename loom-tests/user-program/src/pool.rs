//! A pool of connections, each of which is used by one task at a time.

use raddle::{Event, Mutex};

/// Lends its connections.
#[derive(Debug)]
pub struct Pool<C> {
    pub(crate) idle: Mutex<Vec<C>>,
    /// Up if there may be an idle connection. It is changed while `idle` is locked, and by nobody else.
    pub(crate) returned: Event,
}

impl<C> Pool<C> {
    /// Makes a pool of what is open already.
    pub fn new(connections: Vec<C>) -> Pool<C> {
        Pool { idle: Mutex::new(connections), returned: Event::new() }
    }

    /// Takes a connection; if none is idle, waits for one to come back.
    pub async fn take(&self) -> C {
        loop {
            {
                let mut idle = self.idle.lock().await;
                if let Some(connection) = idle.pop() {
                    return connection;
                }
                // Down while nobody can give one back: whoever does so later puts it up again.
                self.returned.clear();
            }
            self.returned.wait().await;
        }
    }

    /// Gives a connection back.
    pub async fn give_back(&self, connection: C) {
        let mut idle = self.idle.lock().await;
        idle.push(connection);
        self.returned.set();
    }
}
