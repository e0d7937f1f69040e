//! Commands about the connection and the server; of the latter what client libraries and redis-benchmark ask first.

use super::client::Client;
use super::commands::{unknown_subcommand, wrong_number};
use super::reply::{NOT_AN_INTEGER, Outcome, Refusal, Reply};
use super::resp::{Command, integer};

/// The version of redis whose answers these are.
const VERSION: &str = "7.0.0";

/// Settings that are asked for, and what they are here: nothing is ever saved.
const SETTINGS: [(&str, &str); 4] = [("save", ""), ("appendonly", "no"), ("databases", "1"), ("maxmemory", "0")];

pub(crate) fn ping(client: &mut Client, command: Command<'_>, reply: &mut Reply<'_>) -> Outcome {
    let payload = match command.len() {
        1 => None,
        2 => Some(command.get(1)),
        _ => return Err(wrong_number(command.get(0))),
    };
    if client.is_subscribed() {
        reply.array(2);
        reply.bulk(b"pong");
        reply.bulk(payload.unwrap_or_default());
    } else {
        match payload {
            Some(payload) => reply.bulk(payload),
            None => reply.simple("PONG"),
        }
    }
    Ok(())
}

pub(crate) fn echo(_: &mut Client, command: Command<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.bulk(command.get(1));
    Ok(())
}

pub(crate) fn quit(client: &mut Client, _: Command<'_>, reply: &mut Reply<'_>) -> Outcome {
    client.is_leaving = true;
    reply.ok();
    Ok(())
}

pub(crate) fn select(_: &mut Client, command: Command<'_>, reply: &mut Reply<'_>) -> Outcome {
    match integer(command.get(1)) {
        Some(0) => reply.ok(),
        Some(_) => return Err(Refusal("ERR DB index is out of range".into())),
        None => return Err(NOT_AN_INTEGER),
    }
    Ok(())
}

/// Protocol 2 is what is spoken here, whether or not it is asked for.
pub(crate) fn hello(_: &mut Client, command: Command<'_>, reply: &mut Reply<'_>) -> Outcome {
    if command.len() > 1 && command.get(1) != b"2" {
        return Err(Refusal("NOPROTO unsupported protocol version".into()));
    }
    if command.len() > 2 && !command.get(2).eq_ignore_ascii_case(b"setname") {
        return Err(Refusal("ERR Syntax error in HELLO: only SETNAME is known here".into()));
    }
    reply.array(10);
    for (name, value) in [("server", "redis"), ("version", VERSION), ("mode", "standalone"), ("role", "master")] {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"proto");
    reply.integer(2);
    Ok(())
}

pub(crate) fn client(_: &mut Client, command: Command<'_>, reply: &mut Reply<'_>) -> Outcome {
    match command.get(1).to_ascii_uppercase().as_slice() {
        b"SETNAME" | b"SETINFO" | b"NO-EVICT" | b"NO-TOUCH" => reply.ok(),
        b"GETNAME" => reply.null(),
        _ => return Err(unknown_subcommand(command)),
    }
    Ok(())
}

pub(crate) fn config(_: &mut Client, command: Command<'_>, reply: &mut Reply<'_>) -> Outcome {
    if !command.get(1).eq_ignore_ascii_case(b"get") {
        return Err(unknown_subcommand(command));
    }
    if command.len() < 3 {
        return Err(wrong_number(b"config|get"));
    }
    let is_asked =
        |name: &str| command.from(2).any(|asked| asked == b"*" || asked.eq_ignore_ascii_case(name.as_bytes()));
    let asked: Vec<_> = SETTINGS.iter().filter(|(name, _)| is_asked(name)).collect();
    reply.array(2 * asked.len());
    for (name, value) in asked {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    Ok(())
}

/// No descriptions are kept; an empty list makes redis-cli go on without hints.
pub(crate) fn command(_: &mut Client, command: Command<'_>, reply: &mut Reply<'_>) -> Outcome {
    match command.len() {
        1 => reply.array(0),
        _ if command.get(1).eq_ignore_ascii_case(b"docs") => reply.array(0),
        _ => return Err(unknown_subcommand(command)),
    }
    Ok(())
}
