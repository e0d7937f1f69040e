//! Commands on lists. A list that becomes empty is gone, key and all.

use std::collections::VecDeque;
use std::ops::Range;

use super::client::Client;
use super::commands::wrong_number;
use super::reply::{NOT_AN_INTEGER, Outcome, Refusal, Reply, WRONG_TYPE};
use super::resp::{Command, integer};
use super::shard::{Shard, Value};

type List = VecDeque<Box<[u8]>>;

pub(crate) fn lpush(client: &mut Client, command: Command<'_>, reply: &mut Reply<'_>) -> Outcome {
    push(client, command, List::push_front, reply)
}

pub(crate) fn rpush(client: &mut Client, command: Command<'_>, reply: &mut Reply<'_>) -> Outcome {
    push(client, command, List::push_back, reply)
}

fn push(client: &Client, command: Command<'_>, at: fn(&mut List, Box<[u8]>), reply: &mut Reply<'_>) -> Outcome {
    let key = command.get(1);
    let mut shard = client.shared.store.shard(key);
    if shard.get(key).is_none() {
        shard.set(key, Value::List(List::new()), None);
    }
    let list = list(&mut shard, key)?.expect("there now");
    command.from(2).for_each(|item| at(list, item.into()));
    reply.integer(list.len() as i64);
    Ok(())
}

pub(crate) fn lpop(client: &mut Client, command: Command<'_>, reply: &mut Reply<'_>) -> Outcome {
    pop(client, command, List::pop_front, reply)
}

pub(crate) fn rpop(client: &mut Client, command: Command<'_>, reply: &mut Reply<'_>) -> Outcome {
    pop(client, command, List::pop_back, reply)
}

/// With a count, a list of so many; without, one.
fn pop(
    client: &Client,
    command: Command<'_>,
    from: fn(&mut List) -> Option<Box<[u8]>>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let count = match command.len() {
        2 => None,
        3 => Some(
            usize::try_from(integer(command.get(2)).ok_or(NOT_AN_INTEGER)?)
                .map_err(|_| Refusal("ERR value is out of range, must be positive".into()))?,
        ),
        _ => return Err(wrong_number(command.get(0))),
    };
    let key = command.get(1);
    let mut shard = client.shared.store.shard(key);
    let Some(list) = list(&mut shard, key)? else {
        match count {
            None => reply.null(),
            Some(_) => reply.null_array(),
        }
        return Ok(());
    };
    match count {
        None => reply.optional(from(list).as_deref()),
        Some(count) => {
            let count = count.min(list.len());
            reply.array(count);
            (0..count).for_each(|_| reply.optional(from(list).as_deref()));
        }
    }
    if list.is_empty() {
        shard.remove(key);
    }
    Ok(())
}

pub(crate) fn llen(client: &mut Client, command: Command<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = command.get(1);
    let length = list(&mut client.shared.store.shard(key), key)?.map_or(0, |list| list.len());
    reply.integer(length as i64);
    Ok(())
}

pub(crate) fn lrange(client: &mut Client, command: Command<'_>, reply: &mut Reply<'_>) -> Outcome {
    let [first, last] = [2, 3].map(|index| integer(command.get(index)).ok_or(NOT_AN_INTEGER));
    let (first, last) = (first?, last?);
    let key = command.get(1);
    let mut shard = client.shared.store.shard(key);
    match list(&mut shard, key)? {
        None => reply.array(0),
        Some(list) => {
            let range = range(first, last, list.len());
            reply.array(range.len());
            list.range(range).for_each(|item| reply.bulk(item));
        }
    }
    Ok(())
}

fn list<'s>(shard: &'s mut Shard, key: &[u8]) -> Result<Option<&'s mut List>, Refusal> {
    match shard.get(key) {
        Some(Value::List(list)) => Ok(Some(list)),
        Some(Value::String(_)) => Err(WRONG_TYPE),
        None => Ok(None),
    }
}

/// Positions count from 0, or from the end if negative; the last one is inside.
fn range(first: i64, last: i64, length: usize) -> Range<usize> {
    let length = i64::try_from(length).expect("a list fits into memory");
    let position = |at: i64| if at < 0 { at.saturating_add(length) } else { at };
    let start = position(first).max(0);
    let end = position(last).min(length - 1);
    if start > end { 0..0 } else { start as usize..end as usize + 1 }
}
