//! RESP2 as the server sends it.

use std::borrow::Cow;
use std::io::Write;

/// How many bytes are sent around those of a bulk, at most.
const MOST_AROUND: usize = 25;

/// Appends answers to a buffer.
#[derive(Debug)]
pub(crate) struct Reply<'a> {
    out: &'a mut Vec<u8>,
}

/// Why a command was not carried out, with redis's word for its kind in front.
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) Cow<'static, str>);

/// A command either has answered or is refused; it never does both.
pub(crate) type Outcome = Result<(), Refusal>;

pub(crate) const SYNTAX: Refusal = Refusal(Cow::Borrowed("ERR syntax error"));
pub(crate) const NOT_AN_INTEGER: Refusal = Refusal(Cow::Borrowed("ERR value is not an integer or out of range"));
pub(crate) const WRONG_TYPE: Refusal =
    Refusal(Cow::Borrowed("WRONGTYPE Operation against a key holding the wrong kind of value"));

impl Refusal {
    pub(crate) fn new(text: String) -> Refusal {
        Refusal(Cow::Owned(text))
    }
}

impl<'a> Reply<'a> {
    pub(crate) fn to(out: &'a mut Vec<u8>) -> Reply<'a> {
        Reply { out }
    }

    pub(crate) fn ok(&mut self) {
        self.simple("OK");
    }

    /// A word of this program's own.
    pub(crate) fn simple(&mut self, word: &str) {
        self.line('+', word);
    }

    /// An error may quote what the client sent, and is a single line all the same.
    pub(crate) fn error(&mut self, text: &str) {
        self.line('-', text.replace(['\r', '\n'], " "));
    }

    pub(crate) fn integer(&mut self, value: i64) {
        self.line(':', value);
    }

    pub(crate) fn bulk(&mut self, bytes: &[u8]) {
        // In one step: a long value would come first, and its end double the buffer.
        self.out.reserve(bytes.len() + MOST_AROUND);
        self.line('$', bytes.len());
        self.out.extend_from_slice(bytes);
        self.out.extend_from_slice(b"\r\n");
    }

    pub(crate) fn null(&mut self) {
        self.out.extend_from_slice(b"$-1\r\n");
    }

    pub(crate) fn null_array(&mut self) {
        self.out.extend_from_slice(b"*-1\r\n");
    }

    /// Bytes, or what says that there are none.
    pub(crate) fn optional(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bulk(bytes),
            None => self.null(),
        }
    }

    /// So many answers follow and are one.
    pub(crate) fn array(&mut self, length: usize) {
        self.line('*', length);
    }

    /// What lies ready elsewhere already.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        self.out
    }

    fn line(&mut self, kind: char, what: impl std::fmt::Display) {
        write!(self.out, "{kind}{what}\r\n").expect("a Vec takes everything");
    }
}
