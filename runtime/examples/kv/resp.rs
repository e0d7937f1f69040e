//! RESP2 as clients send it: bytes in, commands out, no sockets.
//!
//! What is feared of such a parser: that it looks at the same bytes again and again when they come one by one, that a
//! mere announcement makes it reserve memory, and that how the network cuts the bytes changes what they mean. So it
//! remembers where it stands in the command under way (`at`, `searched`), it reserves nothing before bytes are there,
//! and every limit is a number of bytes of the command and not of what happens to have been read.
//!
//! The buffer begins with the same byte from call to call until a command or an error comes out; then the caller
//! strips the command's `length`. What redis takes, this takes: the two bytes after a bulk are skipped, whatever they
//! are, and errors carry redis's words.

use std::ops::Range;

use super::inline;

/// The longest argument.
pub(crate) const MAX_BULK: usize = 512 * 1024 * 1024;
/// The longest command with everything in it.
pub(crate) const MAX_COMMAND: usize = 1024 * 1024 * 1024;
/// The most arguments of a command.
const MAX_ARGUMENTS: i64 = 1024 * 1024;
/// The longest line: a whole inline command, or a number.
pub(crate) const MAX_LINE: usize = 64 * 1024;

/// Where the parser stands in the command under way.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    /// Where the next line or bulk begins.
    at: usize,
    /// How many bytes after `at` are known to hold no end of line.
    searched: usize,
    /// How many arguments are still to come; 0 between commands.
    missing: usize,
    /// The length of the bulk at `at`, once its line is read.
    bulk: Option<usize>,
    /// Where the arguments lie: in the buffer, or in `unquoted`.
    spans: Vec<Range<usize>>,
    /// The arguments of an inline command, without their quotes.
    unquoted: Vec<u8>,
}

/// What the bytes so far are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed<'a> {
    /// The beginning of something.
    Incomplete,
    /// A command and its length in the buffer. It is without arguments if the client sent none, and then asks nothing.
    Command { command: Command<'a>, length: usize },
    /// No RESP, and nobody knows where the next command would begin. The parser is of no use any more.
    Error(String),
}

/// The arguments of a command, its name first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Command<'a> {
    bytes: &'a [u8],
    spans: &'a [Range<usize>],
}

/// Whose bytes the spans mean.
enum Source {
    Buffer,
    Unquoted,
}

impl Parser {
    /// Goes on where the last call left off.
    pub(crate) fn parse<'a>(&'a mut self, buffer: &'a [u8]) -> Parsed<'a> {
        let bytes = match self.advance(buffer) {
            Ok(None) => return Parsed::Incomplete,
            Err(text) => return Parsed::Error(text),
            Ok(Some(Source::Buffer)) => buffer,
            Ok(Some(Source::Unquoted)) => &self.unquoted,
        };
        let length = std::mem::take(&mut self.at);
        Parsed::Command { command: Command { bytes, spans: &self.spans }, length }
    }

    fn advance(&mut self, buffer: &[u8]) -> Result<Option<Source>, String> {
        if self.missing == 0 {
            self.spans.clear();
            match buffer.first() {
                None => return Ok(None),
                Some(b'*') => {}
                Some(_) => return self.inline(buffer),
            }
            let Some(line) = self.line(buffer, b'\r', "too big mbulk count string")? else { return Ok(None) };
            match integer(&buffer[line.start + 1..line.end]) {
                Some(..=0) => {}
                Some(count) if count <= MAX_ARGUMENTS => self.missing = count as usize,
                _ => return Err("invalid multibulk length".into()),
            }
        }
        while self.missing > 0 {
            let Some(length) = self.bulk_length(buffer)? else { return Ok(None) };
            if buffer.len() - self.at < length + 2 {
                self.bulk = Some(length);
                return Ok(None);
            }
            self.spans.push(self.at..self.at + length);
            self.at += length + 2;
            self.missing -= 1;
        }
        Ok(Some(Source::Buffer))
    }

    fn bulk_length(&mut self, buffer: &[u8]) -> Result<Option<usize>, String> {
        if let Some(length) = self.bulk.take() {
            return Ok(Some(length));
        }
        let Some(line) = self.line(buffer, b'\r', "too big bulk count string")? else { return Ok(None) };
        let kind = buffer[line.start];
        if kind != b'$' {
            return Err(format!("expected '$', got '{}'", char::from(kind)));
        }
        let length = integer(&buffer[line.start + 1..line.end]).and_then(|length| usize::try_from(length).ok());
        match length {
            Some(length) if length <= MAX_BULK && self.at + length <= MAX_COMMAND => Ok(Some(length)),
            Some(length) if length <= MAX_BULK => Err("too big request".into()),
            _ => Err("invalid bulk length".into()),
        }
    }

    fn inline(&mut self, buffer: &[u8]) -> Result<Option<Source>, String> {
        let Some(line) = self.line(buffer, b'\n', "too big inline request")? else { return Ok(None) };
        let line = &buffer[line];
        self.unquoted.clear();
        inline::split(line.strip_suffix(b"\r").unwrap_or(line), &mut self.unquoted, &mut self.spans)?;
        Ok(Some(Source::Unquoted))
    }

    /// The line at `at`, which then lies behind it. `\r` is followed by one byte more.
    fn line(&mut self, buffer: &[u8], end: u8, too_long: &str) -> Result<Option<Range<usize>>, String> {
        let (from, until) = (self.at + self.searched, buffer.len().min(self.at + MAX_LINE));
        let behind = if end == b'\r' { 2 } else { 1 };
        match buffer[from..until].iter().position(|&byte| byte == end) {
            Some(offset) if from + offset + behind <= buffer.len() => {
                let line = self.at..from + offset;
                self.at = line.end + behind;
                self.searched = 0;
                Ok(Some(line))
            }
            Some(offset) => {
                self.searched += offset;
                Ok(None)
            }
            None if until == self.at + MAX_LINE => Err(too_long.into()),
            None => {
                self.searched = until - self.at;
                Ok(None)
            }
        }
    }
}

impl<'a> Command<'a> {
    pub(crate) fn len(self) -> usize {
        self.spans.len()
    }

    /// An argument that is there; 0 is the command's name.
    pub(crate) fn get(self, index: usize) -> &'a [u8] {
        &self.bytes[self.spans[index].clone()]
    }

    /// The arguments from the one at `first` on.
    pub(crate) fn from(self, first: usize) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone {
        self.spans[first..].iter().map(move |span| &self.bytes[span.clone()])
    }
}

impl PartialEq for Command<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.from(0).eq(other.from(0))
    }
}

impl Eq for Command<'_> {}

/// A whole number as redis writes it: no plus sign, no leading zeros, no blanks.
pub(crate) fn integer(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    match digits {
        [b'0'] if text.len() == 1 => Some(0),
        [b'1'..=b'9', ..] => std::str::from_utf8(text).ok()?.parse().ok(),
        _ => None,
    }
}
