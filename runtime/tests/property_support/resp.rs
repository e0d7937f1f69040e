//! The RESP parser of the example `kv_server`: how the bytes are cut changes nothing, and what was written is read.

#[path = "../../examples/kv/inline.rs"]
mod inline;
#[allow(dead_code, reason = "the store uses the rest")]
#[path = "../../examples/kv/resp.rs"]
mod parser;

use self::parser::{Parsed, Parser};
use super::{Check, Input, pieces};

pub(crate) const CHECK: Check = Check {
    run: check,
    likely: &[
        b"*1\r\n",
        b"*2\r\n",
        b"$0\r\n",
        b"$1\r\n",
        b"$3\r\nabc\r\n",
        b"\r\n",
        b"\r",
        b"\n",
        b"*",
        b"$",
        b"-1",
        b"00",
        b"GET k\r\n",
        b"\"",
        b"'",
        b"\\x",
        b" ",
        b"536870912",
        b"*1048577\r\n",
    ],
};

type Words = Vec<Vec<u8>>;

fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let seed = input.word();
    let rest = input.rest();
    assert_eq!(parse(&pieces(rest, seed)), parse(&[rest]));
    // The same bytes as the words of commands.
    let commands: Vec<Words> = rest.split(|byte| *byte == b'\n').map(words).collect();
    let encoded: Vec<u8> = commands.iter().flat_map(encode).collect();
    assert_eq!(parse(&pieces(&encoded, seed)), (commands, None));
}

fn words(line: &[u8]) -> Words {
    line.split(|byte| *byte == b' ').map(<[u8]>::to_vec).collect()
}

fn encode(command: &Words) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", command.len()).into_bytes();
    for word in command {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// All commands that ask something, up to the error if there is one; the buffer is handled as the server does it.
fn parse(pieces: &[&[u8]]) -> (Vec<Words>, Option<String>) {
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
