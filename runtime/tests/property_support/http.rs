//! The HTTP conversation of the example `http_hello`: how the bytes are cut changes no answer, and each is one.

#[allow(dead_code, reason = "the example asks more")]
#[path = "../../examples/server/http.rs"]
mod conversation;

use self::conversation::{Conversation, Next};
use super::random::{Rng, pieces};
use super::{Check, Input};

pub(crate) const CHECK: Check = Check {
    run: check,
    likely: &[
        b"GET / HTTP/1.1\r\n",
        b"HEAD / HTTP/1.0\r\n",
        b"POST /a HTTP/1.1\r\n",
        b"\r\n",
        b"\r\n\r\n",
        b"\r",
        b"\n",
        b"Content-Length: 3\r\n",
        b"Content-Length: 3\r\n\r\nabc",
        b"Connection: close\r\n",
        b"A: b\r\n",
        b"A",
        b": ",
        b"Connection: keep-alive\r\n",
        b"Expect: 100-continue\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"HTTP/2.0",
        // Two hundred bytes, of which forty are more than a head may have.
        &[b'x'; 200],
    ],
};

/// The longest answer to a request, with a `100 Continue` before it.
const ANSWER_AT_MOST: usize = 200;

fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let seed = input.word();
    let rest = input.rest();
    let whole = talk(&[rest]);
    assert_eq!(talk(&pieces(rest, &mut Rng(seed))), whole);
    // Heads of the greatest length, too: the limit must not depend on the pieces either.
    if seed.is_multiple_of(4) {
        let long: Vec<u8> = rest.iter().copied().cycle().take(if rest.is_empty() { 0 } else { 9000 }).collect();
        assert_eq!(talk(&pieces(&long, &mut Rng(seed / 4))), talk(&[&long]));
    }
    let (answers, _, is_idle) = whole;
    assert!(answers.is_empty() || answers.starts_with(b"HTTP/1.1 "), "{:?}", String::from_utf8_lossy(&answers));
    // A request has eighteen bytes at least, of which an empty line is four.
    assert!(answers.len() <= (rest.len() / 4 + 1) * ANSWER_AT_MOST, "{} bytes for {}", answers.len(), rest.len());
    assert!(is_idle || !rest.is_empty(), "who has said nothing owes something");
}

/// The answers until the end or the first close, what comes then, and whether the client owes nothing.
fn talk(pieces: &[&[u8]]) -> (Vec<u8>, Next, bool) {
    let (mut conversation, mut out, mut next) = (Conversation::default(), Vec::new(), Next::Read);
    for piece in pieces {
        next = conversation.receive(piece, &mut out);
        if next == Next::Close {
            // Nobody asks any more.
            return (out, next, true);
        }
    }
    let is_idle = conversation.is_idle();
    (out, next, is_idle)
}
