//! Who has subscribed to which channel.
//!
//! A message goes into all outboxes under the lock of its channel's shard, so all subscribers of a channel see its
//! messages in one order; their tasks are woken after the lock.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use super::outbox::{Message, Outbox};
use super::reply::Reply;
use super::store::place;

const SHARDS: usize = 16;

type Channels = HashMap<Box<[u8]>, Vec<Arc<Outbox>>>;

/// All channels with at least one subscriber.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    shards: [Mutex<Channels>; SHARDS],
    /// Some outbox is to be looked at by [`sweep`](Hub::sweep).
    is_any_behind: AtomicBool,
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
        let message = Message::from(message);
        let count = subscribers.len();
        let wakers = self.attend(subscribers, |subscriber| subscriber.push(&message));
        drop(channels);
        wakers.into_iter().for_each(Waker::wake);
        count
    }

    /// Gives up on subscribers that are behind, also where nobody publishes any more.
    pub(crate) fn sweep(&self) {
        // Relaxed: who sets it under a lock that was passed already is seen the next time.
        if !self.is_any_behind.swap(false, Ordering::Relaxed) {
            return;
        }
        for shard in &self.shards {
            let channels = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let wakers = self.attend(channels.values().flatten(), |subscriber| subscriber.look());
            drop(channels);
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    /// Does the same to some outboxes, and says whom to wake.
    fn attend<'a>(
        &self,
        subscribers: impl IntoIterator<Item = &'a Arc<Outbox>>,
        act: impl Fn(&Outbox) -> (Option<Waker>, bool),
    ) -> Vec<Waker> {
        let mut wakers = Vec::new();
        for subscriber in subscribers {
            let (waker, is_behind) = act(subscriber);
            wakers.extend(waker);
            if is_behind {
                self.is_any_behind.store(true, Ordering::Relaxed);
            }
        }
        wakers
    }

    fn lock(&self, channel: &[u8]) -> MutexGuard<'_, Channels> {
        self.shards[place(channel) % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
