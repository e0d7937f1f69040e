//! Commands on strings that are numbers.

use super::client::Client;
use super::reply::{NOT_AN_INTEGER, Outcome, Refusal, Reply, WRONG_TYPE};
use super::resp::{Command, integer};
use super::shard::Value;

pub(crate) fn incr(client: &mut Client, command: Command<'_>, reply: &mut Reply<'_>) -> Outcome {
    add(client, command.get(1), 1, reply)
}

pub(crate) fn decr(client: &mut Client, command: Command<'_>, reply: &mut Reply<'_>) -> Outcome {
    add(client, command.get(1), -1, reply)
}

pub(crate) fn incrby(client: &mut Client, command: Command<'_>, reply: &mut Reply<'_>) -> Outcome {
    let amount = integer(command.get(2)).ok_or(NOT_AN_INTEGER)?;
    add(client, command.get(1), amount, reply)
}

/// The key keeps its time; one that is not there counts as 0.
fn add(client: &Client, key: &[u8], amount: i64, reply: &mut Reply<'_>) -> Outcome {
    let mut shard = client.shared.store.shard(key);
    let sum = match shard.get(key) {
        Some(Value::String(text)) => {
            let sum = sum(integer(text).ok_or(NOT_AN_INTEGER)?, amount)?;
            *text = sum.to_string().into_bytes();
            sum
        }
        Some(Value::List(_)) => return Err(WRONG_TYPE),
        None => {
            shard.set(key, Value::String(amount.to_string().into_bytes()), None);
            amount
        }
    };
    reply.integer(sum);
    Ok(())
}

fn sum(value: i64, amount: i64) -> Result<i64, Refusal> {
    value.checked_add(amount).ok_or_else(|| Refusal("ERR increment or decrement would overflow".into()))
}
