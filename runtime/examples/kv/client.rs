//! One client as its commands see it: the state shared by all, and its own subscriptions.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::commands;
use super::hub::Hub;
use super::outbox::Outbox;
use super::reply::{Refusal, Reply};
use super::resp::Command;
use super::store::Store;

/// What all clients share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) hub: Hub,
}

/// One client.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) shared: Arc<Shared>,
    /// The channels it has subscribed to, in the order in which it is told so when it leaves them all.
    channels: BTreeSet<Box<[u8]>>,
    /// From the first subscription on.
    outbox: Option<Arc<Outbox>>,
    /// After QUIT.
    pub(crate) is_leaving: bool,
}

impl Shared {
    pub(crate) fn new() -> Arc<Shared> {
        Arc::new(Shared { store: Store::new(), hub: Hub::default() })
    }

    /// Removes some of the keys that are due, and subscribers that do not keep up; true if it is worth coming back soon.
    pub(crate) fn sweep(&self) -> bool {
        self.hub.sweep();
        self.store.sweep()
    }
}

impl Client {
    pub(crate) fn new(shared: Arc<Shared>) -> Client {
        Client { shared, channels: BTreeSet::new(), outbox: None, is_leaving: false }
    }

    /// Carries a command out and appends its answer.
    pub(crate) fn execute(&mut self, command: Command<'_>, out: &mut Vec<u8>) {
        if command.len() == 0 {
            return;
        }
        let mut reply = Reply::to(out);
        if let Err(Refusal(text)) = commands::execute(self, command, &mut reply) {
            reply.error(&text);
        }
    }

    pub(crate) fn is_subscribed(&self) -> bool {
        !self.channels.is_empty()
    }

    /// Where its messages come in.
    pub(crate) fn outbox(&self) -> Option<&Outbox> {
        self.outbox.as_deref()
    }

    /// How many channels it is subscribed to afterwards.
    pub(crate) fn subscribe(&mut self, channel: &[u8]) -> usize {
        let outbox = self.outbox.get_or_insert_default();
        if self.channels.insert(channel.into()) {
            self.shared.hub.subscribe(channel, outbox);
        }
        self.channels.len()
    }

    /// How many channels it is subscribed to afterwards. What came before lies in `out` then, before the answer.
    pub(crate) fn unsubscribe(&mut self, channel: &[u8], out: &mut Vec<u8>) -> usize {
        if let Some(outbox) = self.outbox.as_ref().filter(|_| self.channels.remove(channel)) {
            self.shared.hub.unsubscribe(channel, outbox);
            outbox.take(out);
        }
        self.channels.len()
    }

    pub(crate) fn first_channel(&self) -> Option<Box<[u8]>> {
        self.channels.first().cloned()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(outbox) = &self.outbox {
            self.channels.iter().for_each(|channel| self.shared.hub.unsubscribe(channel, outbox));
        }
    }
}
