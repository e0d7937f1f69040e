//! Commands on strings.

use std::time::{Duration, Instant};

use super::client::Client;
use super::commands::wrong_number;
use super::reply::{NOT_AN_INTEGER, Outcome, Refusal, Reply, SYNTAX, WRONG_TYPE};
use super::resp::{Command, MAX_COMMAND, integer};
use super::shard::Value;

pub(crate) fn get(client: &mut Client, command: Command<'_>, reply: &mut Reply<'_>) -> Outcome {
    match client.shared.store.shard(command.get(1)).get(command.get(1)) {
        Some(Value::String(value)) => reply.bulk(value),
        Some(Value::List(_)) => return Err(WRONG_TYPE),
        None => reply.null(),
    }
    Ok(())
}

/// What SET was told besides key and value.
#[derive(Default)]
struct SetOptions {
    due: Option<Instant>,
    only_new: bool,
    only_old: bool,
}

pub(crate) fn set(client: &mut Client, command: Command<'_>, reply: &mut Reply<'_>) -> Outcome {
    let options = SetOptions::parse(command)?;
    let (key, value) = (command.get(1), command.get(2).to_vec());
    let mut shard = client.shared.store.shard(key);
    if options.only_new || options.only_old {
        let exists = shard.get(key).is_some();
        if (options.only_new && exists) || (options.only_old && !exists) {
            reply.null();
            return Ok(());
        }
    }
    shard.set(key, Value::String(value), options.due);
    reply.ok();
    Ok(())
}

impl SetOptions {
    fn parse(command: Command<'_>) -> Result<SetOptions, Refusal> {
        let mut options = SetOptions::default();
        let mut words = command.from(3);
        while let Some(word) = words.next() {
            match word.to_ascii_uppercase().as_slice() {
                b"NX" if !options.only_old => options.only_new = true,
                b"XX" if !options.only_new => options.only_old = true,
                unit @ (b"EX" | b"PX") if options.due.is_none() => {
                    let count = integer(words.next().ok_or(SYNTAX)?).ok_or(NOT_AN_INTEGER)?;
                    let count = u64::try_from(count).ok().filter(|&count| count > 0);
                    let time = count.map(if unit == b"EX" { Duration::from_secs } else { Duration::from_millis });
                    let due = time.and_then(|time| Instant::now().checked_add(time));
                    options.due = Some(due.ok_or_else(|| Refusal("ERR invalid expire time in 'set' command".into()))?);
                }
                _ => return Err(SYNTAX),
            }
        }
        Ok(options)
    }
}

/// A key of another kind counts as none, as in redis. Unlike there, a few bytes that name one long value again and again
/// are not answered with more than fits into memory.
pub(crate) fn mget(client: &mut Client, command: Command<'_>, reply: &mut Reply<'_>) -> Outcome {
    let keys = command.from(1);
    let mut shards = client.shared.store.shards(keys.clone());
    let start = reply.buffer().len();
    reply.array(keys.len());
    for key in keys {
        match shards.of(key).get(key) {
            Some(Value::String(value)) => reply.bulk(value),
            _ => reply.null(),
        }
        if reply.buffer().len() - start > MAX_COMMAND {
            reply.buffer().truncate(start);
            return Err(Refusal("ERR the answer would be longer than a command may be".into()));
        }
    }
    Ok(())
}

pub(crate) fn mset(client: &mut Client, command: Command<'_>, reply: &mut Reply<'_>) -> Outcome {
    if command.len().is_multiple_of(2) {
        return Err(wrong_number(command.get(0)));
    }
    let keys = || command.from(1).step_by(2);
    let mut shards = client.shared.store.shards(keys());
    for (key, value) in keys().zip(command.from(2).step_by(2)) {
        shards.of(key).set(key, Value::String(value.to_vec()), None);
    }
    reply.ok();
    Ok(())
}
