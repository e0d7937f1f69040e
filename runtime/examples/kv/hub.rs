//! Who has subscribed to which channel.
//!
//! A message goes into all outboxes under the lock of its channel's shard, so all subscribers of a channel see its
//! messages in one order; their tasks are woken after the lock.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::outbox::Outbox;
use super::reply::Reply;
use super::store::place;

const SHARDS: usize = 16;

type Channels = HashMap<Box<[u8]>, Vec<Arc<Outbox>>>;

/// All channels with at least one subscriber.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    shards: [Mutex<Channels>; SHARDS],
}

impl Hub {
    /// The caller has not subscribed to this channel yet.
    pub(crate) fn subscribe(&self, channel: &[u8], outbox: &Arc<Outbox>) {
        self.lock(channel).entry(channel.into()).or_default().push(outbox.clone());
    }

    pub(crate) fn unsubscribe(&self, channel: &[u8], outbox: &Arc<Outbox>) {
        let mut channels = self.lock(channel);
        if let Some(subscribers) = channels.get_mut(channel) {
            subscribers.retain(|subscriber| !Arc::ptr_eq(subscriber, outbox));
            if subscribers.is_empty() {
                channels.remove(channel);
            }
        }
    }

    /// Hands a message to all who have subscribed, and says how many that are.
    pub(crate) fn publish(&self, channel: &[u8], payload: &[u8]) -> usize {
        let channels = self.lock(channel);
        let Some(subscribers) = channels.get(channel) else { return 0 };
        let mut message = Vec::new();
        let mut reply = Reply::to(&mut message);
        reply.array(3);
        [b"message", channel, payload].into_iter().for_each(|part| reply.bulk(part));
        let count = subscribers.len();
        let wakers: Vec<_> = subscribers.iter().filter_map(|subscriber| subscriber.push(&message)).collect();
        drop(channels);
        wakers.into_iter().for_each(|waker| waker.wake());
        count
    }

    fn lock(&self, channel: &[u8]) -> MutexGuard<'_, Channels> {
        self.shards[place(channel) % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
