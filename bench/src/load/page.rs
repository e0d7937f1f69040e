//! One page asked for over HTTP/1.1, and its answer looked at.

use std::io;

use raddle::TcpStream;

use super::connection::unexpected;

/// The longest head that is read.
const LONGEST_HEAD: usize = 64 * 1024;

/// What is asked for, and what came back the first time.
#[derive(Debug)]
pub(super) struct Page {
    request: Vec<u8>,
    buffer: Vec<u8>,
    body: Option<Vec<u8>>,
}

impl Page {
    pub(super) fn new(addr: &str, path: &str) -> Page {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {addr}\r\n\r\n").into_bytes();
        Page { request, buffer: vec![0; 4096], body: None }
    }

    /// Asks, and compares what comes with what came before.
    pub(super) async fn exchange(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        stream.write_all(&self.request).await?;
        let (head, length) = self.read(stream).await?;
        let answer = &self.buffer[..length];
        if !answer.starts_with(b"HTTP/1.1 200 ") {
            let line = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
            return Err(unexpected(format!("the answer is {:?}, not 200", String::from_utf8_lossy(line))));
        }
        let body = &answer[head..];
        match &self.body {
            None => self.body = Some(body.to_vec()),
            Some(first) if first == body => {}
            Some(first) => {
                let text = format!("a body of {} bytes is not the one of {} that came first", body.len(), first.len());
                return Err(unexpected(text));
            }
        }
        Ok(())
    }

    /// Reads an answer into the buffer. Returns how long its head is, and the whole.
    async fn read(&mut self, stream: &mut TcpStream) -> io::Result<(usize, usize)> {
        let mut filled = 0;
        loop {
            let searched = filled;
            filled += self.read_some(stream, filled).await?;
            let Some(head) = end_of_head(&self.buffer[..filled], searched) else {
                if filled >= LONGEST_HEAD {
                    return Err(unexpected(format!("the head of an answer is longer than {LONGEST_HEAD} bytes")));
                }
                continue;
            };
            let length = head + content_length(&self.buffer[..head])?;
            while filled < length {
                filled += self.read_some(stream, filled).await?;
            }
            return match filled == length {
                true => Ok((head, length)),
                false => Err(unexpected("more came back than was asked for".into())),
            };
        }
    }

    async fn read_some(&mut self, stream: &mut TcpStream, filled: usize) -> io::Result<usize> {
        if filled == self.buffer.len() {
            self.buffer.resize(filled * 2, 0);
        }
        match stream.read(&mut self.buffer[filled..]).await? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection")),
            count => Ok(count),
        }
    }
}

/// Where the body begins, if that much has come; before `searched` there was no end.
fn end_of_head(bytes: &[u8], searched: usize) -> Option<usize> {
    let from = searched.saturating_sub(3);
    bytes[from..].windows(4).position(|window| window == b"\r\n\r\n").map(|at| from + at + 4)
}

fn content_length(head: &[u8]) -> io::Result<usize> {
    let head = String::from_utf8_lossy(head);
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .ok_or_else(|| unexpected("an answer has no content-length: pages of a fixed length are asked for only".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_that_comes_in_pieces_has_one_end() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        for cut in 0..answer.len() {
            let early = end_of_head(&answer[..cut], 0);
            let found = early.or_else(|| end_of_head(answer, cut));
            assert_eq!(found, Some(answer.len() - 2), "cut at {cut}");
        }
        assert_eq!(content_length(answer).unwrap(), 2);
        assert!(content_length(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
