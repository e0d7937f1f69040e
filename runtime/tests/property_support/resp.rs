//! The RESP parser of the example `kv_server`: how the bytes are cut changes nothing, and what was written is read.

use super::random::{Rng, pieces};
use super::resp_words::{Words, encode, parse};
use super::{Check, Input};

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

fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let seed = input.word();
    let rest = input.rest();
    assert_eq!(parse(&pieces(rest, &mut Rng(seed))), parse(&[rest]));
    // The same bytes as the words of commands.
    let commands: Vec<Words> = rest.split(|byte| *byte == b'\n').map(words).collect();
    let encoded: Vec<u8> = commands.iter().flat_map(encode).collect();
    assert_eq!(parse(&pieces(&encoded, &mut Rng(seed))), (commands, None));
}

fn words(line: &[u8]) -> Words {
    line.split(|byte| *byte == b' ').map(<[u8]>::to_vec).collect()
}
