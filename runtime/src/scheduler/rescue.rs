//! What a worker does for neighbours that are stuck in a poll: nobody else has this.
//!
//! A stuck worker's deque can be stolen from, its next slot is an atomic that a rescuer may empty, its timers sit
//! behind a lock that is never held across user code, and its reactor can be asked by anyone who gets its lock (the
//! owner holds it only while it waits for events, which a stuck worker does not). Only what is pinned stays.

use super::remote::Remote;
use super::worker::Worker;
use crate::shim::atomic::Ordering;

impl Worker {
    /// Serves every stuck worker once. True: there is something to run now.
    pub(super) fn rescue(&self) -> bool {
        let stuck = self
            .shared
            .everyone()
            .enumerate()
            .filter(|(index, remote)| *index != self.index && remote.stuck.load(Ordering::Relaxed));
        let mut found = false;
        for (_, remote) in stuck {
            found |= self.rescue_one(remote);
        }
        found
    }

    fn rescue_one(&self, remote: &Remote) -> bool {
        let mut found = false;
        if let Some(task) = remote.queue.take_next() {
            self.queue.push_back(task);
            found = true;
        }
        if let Some(task) = remote.queue.steal_into(&self.queue) {
            self.queue.push_back(task);
            found = true;
        }
        if let Some(reactor) = remote.reactor() {
            // Wakers that run here push onto this worker's deque.
            found |= reactor.turn() > 0;
        }
        found
    }
}
