//! The site that is crawled: numbered pages that link to each other, each with its own character.

use std::io;
use std::time::Duration;

use raddle::{Server, StreamReader, StreamWriter, sleep, start_server};

/// How a page behaves. One of each kind comes in every `CYCLE` pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Character {
    Good,
    /// Takes a while, and is worth it.
    Slow,
    /// Is never sent.
    Silent,
    /// Is linked to, and not there.
    Missing,
    /// Makes the server fail.
    Failing,
    /// Ends in the middle.
    BreaksOff,
}

const CYCLE: usize = 40;
const SLOW: Duration = Duration::from_millis(150);

/// The character of a page; the first is good.
pub(crate) fn character(page: usize) -> Character {
    match page % CYCLE {
        7 | 19 | 31 => Character::Slow,
        13 => Character::Silent,
        23 => Character::Missing,
        29 => Character::Failing,
        37 => Character::BreaksOff,
        _ => Character::Good,
    }
}

/// Serves so many pages on a free loopback port until the server is dropped or the program ends.
pub(crate) async fn serve(pages: usize) -> io::Result<Server> {
    start_server(("127.0.0.1", 0), move |reader, writer| answer(pages, reader, writer)).backlog(1024).await
}

async fn answer(pages: usize, mut reader: StreamReader, mut writer: StreamWriter) -> io::Result<()> {
    let request = reader.read_line().await?;
    while reader.read_line().await?.len() > 2 {}
    let page = page_of(&request).filter(|&page| page < pages);
    let body = page.map_or_else(String::new, |page| text(page, pages));
    let (status, sent) = match page.map_or(Character::Missing, character) {
        Character::Good => ("200 OK", body.len()),
        Character::Slow => {
            sleep(SLOW).await;
            ("200 OK", body.len())
        }
        Character::Silent => {
            // Until the client has had enough.
            reader.read_line().await?;
            return Ok(());
        }
        Character::Missing => ("404 Not Found", 0),
        Character::Failing => ("500 Internal Server Error", 0),
        Character::BreaksOff => ("200 OK", body.len() / 2),
    };
    let length = if status == "200 OK" { body.len() } else { 0 };
    writer.write(format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n").as_bytes());
    writer.write(&body.as_bytes()[..sent]);
    writer.close();
    writer.wait_closed().await
}

fn page_of(request: &[u8]) -> Option<usize> {
    let path = std::str::from_utf8(request).ok()?.split(' ').nth(1)?;
    path.strip_prefix("/page/")?.parse().ok()
}

/// Links to three further on, so that many are found soon, and to the next two: no two in a row are broken, so all
/// are found.
fn text(page: usize, pages: usize) -> String {
    let links = (1..=3).map(|n| page * 3 + n).chain([page + 1, page + 2]).filter(|&link| link < pages);
    let links: Vec<_> = links.map(|link| format!("<p><a href=\"/page/{link}\">page {link}</a></p>\n")).collect();
    format!("<h1>Page {page}</h1>\n{}{}", links.concat(), "<p>And so on.</p>\n".repeat(page % 50))
}
