//! Commands of publishers and subscribers.

use super::client::Client;
use super::reply::{Outcome, Reply};
use super::resp::Command;

pub(crate) fn subscribe(client: &mut Client, command: Command<'_>, reply: &mut Reply<'_>) -> Outcome {
    for channel in command.from(1) {
        let count = client.subscribe(channel);
        confirm(reply, b"subscribe", Some(channel), count);
    }
    Ok(())
}

/// Without arguments from everything; then there is an answer even if that is nothing.
pub(crate) fn unsubscribe(client: &mut Client, command: Command<'_>, reply: &mut Reply<'_>) -> Outcome {
    if command.len() == 1 {
        if !client.is_subscribed() {
            confirm(reply, b"unsubscribe", None, 0);
        }
        while let Some(channel) = client.first_channel() {
            leave(client, &channel, reply);
        }
    }
    command.from(1).for_each(|channel| leave(client, channel, reply));
    Ok(())
}

fn leave(client: &mut Client, channel: &[u8], reply: &mut Reply<'_>) {
    let count = client.unsubscribe(channel, reply.buffer());
    confirm(reply, b"unsubscribe", Some(channel), count);
}

fn confirm(reply: &mut Reply<'_>, what: &[u8], channel: Option<&[u8]>, count: usize) {
    reply.array(3);
    reply.bulk(what);
    reply.optional(channel);
    reply.integer(count as i64);
}

/// Answers with the number of subscribers.
pub(crate) fn publish(client: &mut Client, command: Command<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.integer(client.shared.hub.publish(command.get(1), command.get(2)) as i64);
    Ok(())
}
