//! The commands in bytes, as the RESP parser of the example `kv_server` finds them, and the bytes of commands.

#[path = "../../examples/kv/inline.rs"]
mod inline;
#[allow(dead_code, reason = "the store and some tests use the rest")]
#[path = "../../examples/kv/resp.rs"]
pub(crate) mod resp;

use self::resp::{Parsed, Parser};

/// The words of a command.
pub(crate) type Words = Vec<Vec<u8>>;

pub(crate) fn encode(command: &Words) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", command.len()).into_bytes();
    for word in command {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// All commands that ask something, up to the error if there is one; the buffer is handled as the server does it.
pub(crate) fn parse(pieces: &[&[u8]]) -> (Vec<Words>, Option<String>) {
    let (mut parser, mut buffer, mut commands) = (Parser::default(), Vec::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        let mut used = 0;
        loop {
            match parser.parse(&buffer[used..]) {
                Parsed::Incomplete => break,
                Parsed::Error(text) => return (commands, Some(text)),
                Parsed::Command { command, length } => {
                    assert!(length > 0, "a command of no bytes would come for ever");
                    used += length;
                    assert!(used <= buffer.len(), "a command is longer than what has come");
                    if command.len() > 0 {
                        commands.push(command.from(0).map(<[u8]>::to_vec).collect());
                    }
                }
            }
        }
        buffer.drain(..used);
    }
    (commands, None)
}
