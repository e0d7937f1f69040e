//! One page: a request, and what comes back.

use std::io;
use std::net::SocketAddr;

use raddle::{ReadError, open_connection};

/// The longest page that is wanted.
const LONGEST: usize = 1024 * 1024;

/// A page that came whole.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) bytes: usize,
    /// The paths that it links to, in order.
    pub(crate) links: Vec<String>,
}

/// Why there is no page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trouble {
    /// The server says so, with this status.
    Status(u16),
    TooSlow,
    BrokeOff,
    /// No HTTP, or too much of it.
    Strange,
    Unreachable,
}

/// Fetches one page.
pub(crate) async fn fetch(site: SocketAddr, path: &str) -> Result<Page, Trouble> {
    let (mut reader, mut writer) = open_connection(site).await.map_err(|_| Trouble::Unreachable)?;
    writer.write(format!("GET {path} HTTP/1.1\r\nHost: {site}\r\nConnection: close\r\n\r\n").as_bytes());
    writer.drain().await.map_err(|_| Trouble::BrokeOff)?;
    let status = status_of(&reader.read_line().await.map_err(trouble)?).ok_or(Trouble::Strange)?;
    let mut length = None;
    loop {
        let line = reader.read_line().await.map_err(trouble)?;
        let line = String::from_utf8_lossy(&line);
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse().ok(),
            Some(_) => {}
            None if line == "\r\n" => break,
            None if line.is_empty() => return Err(Trouble::BrokeOff),
            None => return Err(Trouble::Strange),
        }
    }
    if status != 200 {
        return Err(Trouble::Status(status));
    }
    let length = length.filter(|&length| length <= LONGEST).ok_or(Trouble::Strange)?;
    let body = reader.read_exactly(length).await.map_err(trouble)?;
    Ok(Page { bytes: length, links: links_in(&String::from_utf8_lossy(&body)) })
}

fn trouble(error: ReadError) -> Trouble {
    match error {
        ReadError::LimitOverrun { .. } => Trouble::Strange,
        ReadError::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => Trouble::Unreachable,
        _ => Trouble::BrokeOff,
    }
}

/// The number in `HTTP/1.1 200 OK`.
fn status_of(line: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(line).ok()?.strip_prefix("HTTP/1.")?;
    line.split(' ').nth(1)?.parse().ok()
}

/// Whatever stands between `href="` and the next quote and begins with a slash.
fn links_in(text: &str) -> Vec<String> {
    let links = text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    links.filter(|link| link.starts_with('/')).map(str::to_owned).collect()
}
