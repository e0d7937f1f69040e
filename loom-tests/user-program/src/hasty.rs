//! The mistake.

use crate::Pool;

impl<C> Pool<C> {
    /// As `take`, by somebody who wants to hold the lock no longer than needed. In one order of a thousand it waits
    /// for ever beside an idle connection.
    pub async fn take_hastily(&self) -> C {
        loop {
            if let Some(connection) = self.idle.lock().await.pop() {
                return connection;
            }
            // A connection that comes back here is in the pool, its notification is wiped out, and nobody looks again.
            self.returned.clear();
            self.returned.wait().await;
        }
    }
}
