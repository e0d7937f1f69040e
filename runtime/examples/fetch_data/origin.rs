//! The server that `--net` fetches from, on plain threads, and the text of the conversation with it.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

const BODY: &str = "{\"data\": 1}";

/// Serves on a free loopback port for as long as the process lives.
pub(crate) fn serve() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let addr = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that has gone, since its task was cancelled, is no trouble.
            thread::spawn(move || answer(stream));
        }
    });
    Ok(addr)
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|header| !header.is_empty()) {}
    thread::sleep(delay_of(&request).unwrap_or_default());
    let length = BODY.len();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
    stream.write_all(format!("{head}\r\nContent-Length: {length}\r\n\r\n{BODY}").as_bytes())
}

/// A request whose answer takes `delay`.
pub(crate) fn request(delay: Duration) -> String {
    format!("GET /data?micros={} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", delay.as_micros())
}

fn delay_of(request_line: &str) -> Option<Duration> {
    let (_, after) = request_line.split_once("micros=")?;
    after.split(' ').next()?.parse().ok().map(Duration::from_micros)
}

/// The number in the JSON of a whole answer.
pub(crate) fn data_of(answer: &str) -> io::Result<i64> {
    let strange = || io::Error::new(io::ErrorKind::InvalidData, format!("a strange answer: {answer:?}"));
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(strange)?;
    if !head.starts_with("HTTP/1.1 200 ") {
        return Err(strange());
    }
    let number = body.trim().strip_prefix("{\"data\":").and_then(|rest| rest.strip_suffix('}'));
    number.and_then(|number| number.trim().parse().ok()).ok_or_else(strange)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_travels_in_the_request() {
        assert_eq!(delay_of(&request(Duration::from_secs(2))), Some(Duration::from_secs(2)));
        assert_eq!(delay_of("GET / HTTP/1.1"), None);
    }

    #[test]
    fn the_number_in_an_answer() {
        assert_eq!(data_of("HTTP/1.1 200 OK\r\nA: b\r\n\r\n{\"data\": -7}").unwrap(), -7);
        for strange in ["", "HTTP/1.1 500 No\r\n\r\n{\"data\": 1}", "HTTP/1.1 200 OK\r\n\r\n{}", "HTTP/1.1 200 OK\r\n"]
        {
            assert!(data_of(strange).unwrap_err().to_string().contains("strange"));
        }
    }
}
