//! The table of commands: name, number of arguments, and who carries it out.

use super::client::Client;
use super::reply::{Outcome, Refusal, Reply};
use super::resp::Command;
use super::{channels, connection, counters, keys, lists, strings};

type Handler = fn(&mut Client, Command<'_>, &mut Reply<'_>) -> Outcome;

/// The longest name in the table.
const LONGEST: usize = 11;

/// How many arguments a command takes, with its name: exactly that many, or (negative) at least, as redis puts it; and
/// its handler, which relies on their number.
fn find(name: &[u8]) -> Option<(i32, Handler)> {
    let handler: (i32, Handler) = match name {
        b"PING" => (-1, connection::ping),
        b"ECHO" => (2, connection::echo),
        b"QUIT" => (-1, connection::quit),
        b"SELECT" => (2, connection::select),
        b"HELLO" => (-1, connection::hello),
        b"CLIENT" => (-2, connection::client),
        b"CONFIG" => (-2, connection::config),
        b"COMMAND" => (-1, connection::command),
        b"GET" => (2, strings::get),
        b"SET" => (-3, strings::set),
        b"MGET" => (-2, strings::mget),
        b"MSET" => (-3, strings::mset),
        b"INCR" => (2, counters::incr),
        b"DECR" => (2, counters::decr),
        b"INCRBY" => (3, counters::incrby),
        b"DEL" => (-2, keys::del),
        b"EXISTS" => (-2, keys::exists),
        b"EXPIRE" => (3, keys::expire),
        b"PEXPIRE" => (3, keys::pexpire),
        b"TTL" => (2, keys::ttl),
        b"PTTL" => (2, keys::pttl),
        b"DBSIZE" => (1, keys::dbsize),
        b"FLUSHDB" | b"FLUSHALL" => (-1, keys::flushdb),
        b"LPUSH" => (-3, lists::lpush),
        b"RPUSH" => (-3, lists::rpush),
        b"LPOP" => (-2, lists::lpop),
        b"RPOP" => (-2, lists::rpop),
        b"LLEN" => (2, lists::llen),
        b"LRANGE" => (4, lists::lrange),
        b"SUBSCRIBE" => (-2, channels::subscribe),
        b"UNSUBSCRIBE" => (-1, channels::unsubscribe),
        b"PUBLISH" => (3, channels::publish),
        _ => return None,
    };
    Some(handler)
}

/// Carries out a command of at least one argument, its name.
pub(crate) fn execute(client: &mut Client, command: Command<'_>, reply: &mut Reply<'_>) -> Outcome {
    let name = command.get(0);
    let mut upper = [0; LONGEST];
    let Some(upper) = upper.get_mut(..name.len()) else { return Err(unknown(command)) };
    upper.copy_from_slice(name);
    upper.make_ascii_uppercase();
    let Some((arity, handler)) = find(upper) else { return Err(unknown(command)) };
    let count = command.len();
    if count < arity.unsigned_abs() as usize || (arity > 0 && count > arity as usize) {
        return Err(wrong_number(name));
    }
    if client.is_subscribed() && !matches!(&*upper, b"PING" | b"SUBSCRIBE" | b"UNSUBSCRIBE" | b"QUIT") {
        return Err(Refusal::new(format!(
            "ERR Can't execute '{}': only SUBSCRIBE / UNSUBSCRIBE / PING / QUIT are allowed in this context",
            text(name).to_lowercase()
        )));
    }
    handler(client, command, reply)
}

/// That a command was given too few or too many arguments.
pub(crate) fn wrong_number(name: &[u8]) -> Refusal {
    Refusal::new(format!("ERR wrong number of arguments for '{}' command", text(name).to_lowercase()))
}

/// That a command of many kinds has none of this name.
pub(crate) fn unknown_subcommand(command: Command<'_>) -> Refusal {
    let (name, subcommand) = (text(command.get(0)).to_uppercase(), text(command.get(1)));
    Refusal::new(format!("ERR unknown subcommand '{subcommand}'. Try {name} HELP."))
}

fn unknown(command: Command<'_>) -> Refusal {
    let mut message = format!("ERR unknown command '{}', with args beginning with: ", text(command.get(0)));
    for argument in command.from(1) {
        if message.len() >= 256 {
            break;
        }
        message.push_str(&format!("'{}' ", text(argument)));
    }
    Refusal::new(message)
}

/// Something a client sent, for an error: what is no text is replaced, and what is long is cut.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(128)]).into_owned()
}
