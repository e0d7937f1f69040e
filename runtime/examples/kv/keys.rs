//! Commands on keys of any kind.

use std::time::{Duration, Instant};

use super::client::Client;
use super::reply::{NOT_AN_INTEGER, Outcome, Refusal, Reply};
use super::resp::{Command, integer};

pub(crate) fn del(client: &mut Client, command: Command<'_>, reply: &mut Reply<'_>) -> Outcome {
    let keys = command.from(1);
    let mut shards = client.shared.store.shards(keys.clone());
    let removed = keys.filter(|key| shards.of(key).remove(key)).count();
    reply.integer(removed as i64);
    Ok(())
}

/// A key that is named twice counts twice.
pub(crate) fn exists(client: &mut Client, command: Command<'_>, reply: &mut Reply<'_>) -> Outcome {
    let keys = command.from(1);
    let mut shards = client.shared.store.shards(keys.clone());
    let there = keys.filter(|key| shards.of(key).get(key).is_some()).count();
    reply.integer(there as i64);
    Ok(())
}

pub(crate) fn expire(client: &mut Client, command: Command<'_>, reply: &mut Reply<'_>) -> Outcome {
    expire_in(client, command, Duration::from_secs, "expire", reply)
}

pub(crate) fn pexpire(client: &mut Client, command: Command<'_>, reply: &mut Reply<'_>) -> Outcome {
    expire_in(client, command, Duration::from_millis, "pexpire", reply)
}

/// A time that is not in the future removes the key at once.
fn expire_in(
    client: &Client,
    command: Command<'_>,
    unit: fn(u64) -> Duration,
    name: &str,
    reply: &mut Reply<'_>,
) -> Outcome {
    let (key, count) = (command.get(1), integer(command.get(2)).ok_or(NOT_AN_INTEGER)?);
    let time = unit(u64::try_from(count).unwrap_or(0));
    let too_far = || Refusal::new(format!("ERR invalid expire time in '{name}' command"));
    let mut shard = client.shared.store.shard(key);
    let is_there = match time {
        Duration::ZERO => shard.remove(key),
        time => shard.set_due(key, Instant::now().checked_add(time).ok_or_else(too_far)?),
    };
    reply.integer(i64::from(is_there));
    Ok(())
}

/// In whole seconds, rounded to the nearest.
pub(crate) fn ttl(client: &mut Client, command: Command<'_>, reply: &mut Reply<'_>) -> Outcome {
    left(client, command, |left| (left.as_millis() as i64 + 500) / 1000, reply)
}

pub(crate) fn pttl(client: &mut Client, command: Command<'_>, reply: &mut Reply<'_>) -> Outcome {
    left(client, command, |left| left.as_millis() as i64, reply)
}

/// -2: there is no such key; -1: it stays.
fn left(client: &Client, command: Command<'_>, unit: fn(Duration) -> i64, reply: &mut Reply<'_>) -> Outcome {
    reply.integer(match client.shared.store.shard(command.get(1)).due(command.get(1)) {
        None => -2,
        Some(None) => -1,
        Some(Some(due)) => unit(due.saturating_duration_since(Instant::now())),
    });
    Ok(())
}

pub(crate) fn dbsize(client: &mut Client, _: Command<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.integer(client.shared.store.len() as i64);
    Ok(())
}

/// SYNC and ASYNC are the same here.
pub(crate) fn flushdb(client: &mut Client, _: Command<'_>, reply: &mut Reply<'_>) -> Outcome {
    client.shared.store.clear();
    reply.ok();
    Ok(())
}
