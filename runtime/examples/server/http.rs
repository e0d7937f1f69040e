//! The server's half of an HTTP/1.1 conversation: bytes in, bytes out, no sockets.
//!
//! A head of at most 8 KiB is gathered until its empty line, however the network has cut it up; several requests in one
//! piece are answered in order. A body is skipped by its Content-Length and answered after its last byte. Whatever
//! leaves it unclear where the next request begins is answered with an error, after which the connection ends.

/// The longest head, with its empty line.
const MAX_HEAD: usize = 8 * 1024;

const HELLO: &str = "Hello, world!\n";

/// What to do with the connection once the answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Next {
    Read,
    Close,
}

/// One connection between two reads.
#[derive(Debug, Default)]
pub(crate) struct Conversation {
    /// The beginning of a head whose end has not come yet.
    partial: Vec<u8>,
    /// A request whose body is still coming, and how much of it.
    reading: Option<(Request, u64)>,
}

impl Conversation {
    /// Takes what was read and appends the answers to `out`.
    pub(crate) fn receive(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Next {
        if self.partial.is_empty() {
            return self.take(bytes, out);
        }
        let mut joined = std::mem::take(&mut self.partial);
        // The part known to hold no empty line is not searched again, up to the three bytes that may begin one.
        let searched = joined.len().saturating_sub(3);
        // Half an empty line before a request is not the beginning of one.
        let may_be_empty_line = joined == b"\r";
        joined.extend_from_slice(bytes);
        if !may_be_empty_line && find_end(&joined[searched..]).is_none() && joined.len() < MAX_HEAD {
            self.partial = joined;
            return Next::Read;
        }
        self.take(&joined, out)
    }

    /// Whether the other side owes nothing: neither the rest of a head nor a body.
    pub(crate) fn is_idle(&self) -> bool {
        self.partial.is_empty() && self.reading.is_none()
    }

    fn take(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Next {
        loop {
            if let Some((request, missing)) = self.reading.take() {
                let skipped = missing.min(bytes.len() as u64);
                bytes = &bytes[skipped as usize..];
                if skipped < missing {
                    self.reading = Some((request, missing - skipped));
                    return Next::Read;
                }
                request.answer(out);
                if !request.keep_alive {
                    return Next::Close;
                }
            }
            // An empty line or two before a request is what some old clients send after a body.
            while let Some(rest) = bytes.strip_prefix(b"\r\n") {
                bytes = rest;
            }
            let Some(end) = find_end(&bytes[..bytes.len().min(MAX_HEAD)]) else {
                if bytes.len() >= MAX_HEAD {
                    return refuse("431 Request Header Fields Too Large", out);
                }
                self.partial = bytes.to_vec();
                return Next::Read;
            };
            match Request::parse(&bytes[..end]) {
                Ok((request, length)) => {
                    if request.expects_continue && length > 0 {
                        out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
                    }
                    self.reading = Some((request, length));
                }
                Err(status) => return refuse(status, out),
            }
            bytes = &bytes[end + 4..];
        }
    }
}

/// Where the empty line begins.
fn find_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n")
}

fn refuse(status: &str, out: &mut Vec<u8>) -> Next {
    let length = status.len() + 1;
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{status}\n");
    out.extend_from_slice(answer.as_bytes());
    Next::Close
}

/// What of a request decides its answer.
#[derive(Debug)]
struct Request {
    is_head: bool,
    is_old: bool,
    keep_alive: bool,
    expects_continue: bool,
}

impl Request {
    /// The request and the length of its body, or the status that refuses it.
    fn parse(head: &[u8]) -> Result<(Request, u64), &'static str> {
        const BAD: &str = "400 Bad Request";
        let head = std::str::from_utf8(head).map_err(|_| BAD)?;
        let mut lines = head.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(BAD);
        };
        if !is_token(method) || target.is_empty() || !target.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(BAD);
        }
        let is_old = match version {
            "HTTP/1.1" => false,
            "HTTP/1.0" => true,
            other if other.starts_with("HTTP/") => return Err("505 HTTP Version Not Supported"),
            _ => return Err(BAD),
        };
        let mut request = Request { is_head: method == "HEAD", is_old, keep_alive: !is_old, expects_continue: false };
        let mut length = None;
        for line in lines {
            // A line that begins with a blank continues the one before it, in a way long forbidden: its name is no token.
            let (name, value) = line.split_once(':').ok_or(BAD)?;
            let value = value.trim_matches([' ', '\t']);
            if !is_token(name) || value.bytes().any(|byte| byte != b'\t' && byte.is_ascii_control()) {
                return Err(BAD);
            }
            if name.eq_ignore_ascii_case("content-length") {
                let given = digits(value).ok_or(BAD)?;
                if length.replace(given).is_some_and(|before| before != given) {
                    return Err(BAD);
                }
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                return Err("501 Not Implemented");
            } else if name.eq_ignore_ascii_case("connection") {
                request.connection(value);
            } else if name.eq_ignore_ascii_case("expect") {
                request.expects_continue = !is_old && value.eq_ignore_ascii_case("100-continue");
            }
        }
        Ok((request, length.unwrap_or(0)))
    }

    fn connection(&mut self, value: &str) {
        for word in value.split(',').map(str::trim) {
            if word.eq_ignore_ascii_case("close") {
                self.keep_alive = false;
                return;
            }
            self.keep_alive |= word.eq_ignore_ascii_case("keep-alive");
        }
    }

    fn answer(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 14\r\n");
        match (self.keep_alive, self.is_old) {
            (true, false) => {}
            (true, true) => out.extend_from_slice(b"Connection: keep-alive\r\n"),
            (false, _) => out.extend_from_slice(b"Connection: close\r\n"),
        }
        out.extend_from_slice(b"\r\n");
        if !self.is_head {
            out.extend_from_slice(HELLO.as_bytes());
        }
    }
}

/// The characters that methods and header names are made of.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Digits only: `parse` alone would take a plus sign, too.
fn digits(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 14\r\n\r\nHello, world!\n";

    /// Feeds the pieces one after the other, until the end or the first close.
    fn talk(pieces: &[&[u8]]) -> (String, Next) {
        let (mut conversation, mut out) = (Conversation::default(), Vec::new());
        let mut next = Next::Read;
        for piece in pieces {
            next = conversation.receive(piece, &mut out);
            if next == Next::Close {
                break;
            }
        }
        (String::from_utf8(out).unwrap(), next)
    }

    fn status(request: &str) -> (String, Next) {
        let (answer, next) = talk(&[request.as_bytes()]);
        (answer.split(' ').nth(1).unwrap_or_default().to_string(), next)
    }

    #[test]
    fn a_request_in_every_possible_pair_of_pieces() {
        let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for cut in 0..request.len() {
            assert_eq!(talk(&[&request[..cut], &request[cut..]]), (OK.into(), Next::Read), "cut at {cut}");
        }
        let bytes: Vec<&[u8]> = request.chunks(1).collect();
        assert_eq!(talk(&bytes), (OK.into(), Next::Read));
    }

    #[test]
    fn pipelined_requests_are_answered_in_order() {
        let three = "GET / HTTP/1.1\r\n\r\n".repeat(3);
        assert_eq!(talk(&[three.as_bytes()]), (OK.repeat(3), Next::Read));
        assert_eq!(talk(&[&three.as_bytes()[..25], &three.as_bytes()[25..]]), (OK.repeat(3), Next::Read));
        let closing = "GET / HTTP/1.1\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\n\r\n";
        let (answers, next) = talk(&[closing.as_bytes()]);
        assert_eq!((answers.matches("200 OK").count(), next), (1, Next::Close));
    }

    #[test]
    fn bodies_are_skipped_and_answered_after_their_end() {
        let post = "POST / HTTP/1.1\r\nContent-Length: 6\r\n\r\n";
        assert_eq!(talk(&[post.as_bytes(), b"GET"]), (String::new(), Next::Read));
        assert_eq!(talk(&[post.as_bytes(), b"GET", b" / GET / HTTP/1.1\r\n\r\n"]), (OK.repeat(2), Next::Read));
        let expecting = "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n";
        assert_eq!(talk(&[expecting.as_bytes()]).0, "HTTP/1.1 100 Continue\r\n\r\n");
    }

    #[test]
    fn who_keeps_the_connection() {
        let next = |head: &str| talk(&[format!("{head}\r\n\r\n").as_bytes()]).1;
        assert_eq!(next("GET / HTTP/1.1"), Next::Read);
        assert_eq!(next("GET / HTTP/1.1\r\nconnection: Keep-Alive, CLOSE"), Next::Close);
        assert_eq!(next("GET / HTTP/1.0"), Next::Close);
        assert_eq!(next("GET / HTTP/1.0\r\nConnection: keep-alive"), Next::Read);
    }

    #[test]
    fn head_has_a_length_and_no_body() {
        let (answer, _) = talk(&[b"HEAD / HTTP/1.1\r\n\r\n"]);
        assert!(answer.contains("Content-Length: 14\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
    }

    #[test]
    fn a_head_of_eight_kibibytes_is_the_longest() {
        let head = |length: usize| format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "x".repeat(length - 23));
        assert_eq!(head(MAX_HEAD).len(), MAX_HEAD);
        assert_eq!(status(&head(MAX_HEAD)), ("200".into(), Next::Read));
        assert_eq!(status(&head(MAX_HEAD + 1)), ("431".into(), Next::Close));
        assert_eq!(status(&"x".repeat(100_000)), ("431".into(), Next::Close));
        let drops: Vec<&[u8]> = [b"x".as_slice(); MAX_HEAD].to_vec();
        assert!(talk(&drops).0.starts_with("HTTP/1.1 431 "));
    }

    #[test]
    fn what_is_refused() {
        let cases = [
            ("garbage\r\n\r\n", "400"),
            ("GET /\r\n\r\n", "400"),
            ("GET  / HTTP/1.1\r\n\r\n", "400"),
            ("G@T / HTTP/1.1\r\n\r\n", "400"),
            ("GET /\x01 HTTP/1.1\r\n\r\n", "400"),
            ("GET / XTTP/1.1\r\n\r\n", "400"),
            ("GET / HTTP/2.0\r\n\r\n", "505"),
            ("GET / HTTP/1.1\r\nno colon\r\n\r\n", "400"),
            ("GET / HTTP/1.1\r\nName : value\r\n\r\n", "400"),
            ("GET / HTTP/1.1\r\nA: b\r\n folded: c\r\n\r\n", "400"),
            ("GET / HTTP/1.1\r\nA: b\nB: c\r\n\r\n", "400"),
            ("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "400"),
            ("POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n", "400"),
            ("POST / HTTP/1.1\r\nContent-Length: \r\n\r\n", "400"),
            ("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", "400"),
            ("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "400"),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "501"),
        ];
        for (request, expected) in cases {
            assert_eq!(status(request), (expected.into(), Next::Close), "{request:?}");
        }
        assert!(talk(&[b"\xff\xfe\x00\r\n\r\n"]).0.starts_with("HTTP/1.1 400 "));
    }

    #[test]
    fn idle_is_between_requests() {
        let (mut conversation, mut out) = (Conversation::default(), Vec::new());
        assert!(conversation.is_idle());
        assert_eq!(conversation.receive(b"GET", &mut out), Next::Read);
        assert!(!conversation.is_idle());
        assert_eq!(conversation.receive(b" / HTTP/1.1\r\n\r\n", &mut out), Next::Read);
        assert!(conversation.is_idle());
        // An empty line between requests, in two pieces.
        assert_eq!(conversation.receive(b"\r", &mut out), Next::Read);
        assert_eq!(conversation.receive(b"\n", &mut out), Next::Read);
        assert!(conversation.is_idle());
    }
}
