//! Promises of the example `crawler`: each page that is linked to is visited once, whatever becomes of others, and the
//! summary tells what went wrong with which.

mod common;
#[path = "../examples/crawler/crawl.rs"]
mod crawl;
#[path = "../examples/crawler/fetch.rs"]
mod fetch;
#[allow(dead_code, reason = "there is no command line here")]
#[path = "../examples/crawler/options.rs"]
mod options;
#[path = "../examples/crawler/progress.rs"]
mod progress;
#[path = "../examples/crawler/site.rs"]
mod site;
#[path = "../examples/crawler/summary.rs"]
mod summary;

use std::net::SocketAddr;
use std::time::Duration;

use common::{runner, watch};
use fetch::{Trouble, fetch};
use options::Options;
use raddle::{StreamReader, StreamWriter, start_server};
use site::{Character, character};

#[test]
fn every_page_is_visited_once_and_troubles_are_told() {
    let _watch = watch();
    let pages = 80;
    let options = Options { pages, at_once: 8, patience: Duration::from_secs(2) };
    let summary = runner(2).run(async {
        let site = site::serve(pages).await.unwrap();
        crawl::crawl(site.local_addrs()[0], &options).await.unwrap()
    });
    for (character_of, trouble) in [
        (Character::Silent, Trouble::TooSlow),
        (Character::Missing, Trouble::Status(404)),
        (Character::Failing, Trouble::Status(500)),
        (Character::BreaksOff, Trouble::BrokeOff),
    ] {
        let mut found = summary.with_trouble(trouble);
        found.sort_unstable();
        let mut all: Vec<_> =
            (0..pages).filter(|&page| character(page) == character_of).map(|page| format!("/page/{page}")).collect();
        all.sort_unstable();
        assert_eq!(found, all, "{trouble:?}");
    }
    assert_eq!((summary.visited(), summary.failed()), (pages, 8));
    let text = summary.to_string();
    assert!(text.contains("72 good") && text.contains("2 not found: /page/"), "{text}");
}

/// What comes of a page that is answered with `bytes`.
fn fetched(bytes: &'static str) -> Result<(usize, Vec<String>), Trouble> {
    let _watch = watch();
    runner(1).run(async {
        let answer = async move |mut reader: StreamReader, mut writer: StreamWriter| {
            while reader.read_line().await?.len() > 2 {}
            writer.write(bytes.as_bytes());
            writer.close();
            writer.wait_closed().await
        };
        let server = start_server("127.0.0.1:0", answer).await.unwrap();
        fetch(server.local_addrs()[0], "/").await.map(|page| (page.bytes, page.links))
    })
}

#[test]
fn strange_answers_are_told_apart() {
    let body = "HTTP/1.1 200 OK\r\ncontent-length: 34\r\n\r\n<a href=\"/a\"><a href=\"http://b/\"><";
    assert_eq!(fetched(body), Ok((34, vec!["/a".into()])));
    assert_eq!(fetched(""), Err(Trouble::Strange));
    assert_eq!(fetched("SSH-2.0-x\r\n"), Err(Trouble::Strange));
    assert_eq!(fetched("HTTP/1.1 200 OK\r\n"), Err(Trouble::BrokeOff));
    assert_eq!(fetched("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc"), Err(Trouble::BrokeOff));
    assert_eq!(fetched("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"), Err(Trouble::Strange));
    assert_eq!(fetched("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), Err(Trouble::Strange));
    assert_eq!(fetched("HTTP/1.1 503 Busy\r\n\r\n"), Err(Trouble::Status(503)));
}

#[test]
fn nobody_there_is_told() {
    let _watch = watch();
    runner(1).run(async {
        let free = raddle::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr: SocketAddr = free.local_addr().unwrap();
        drop(free);
        assert_eq!(fetch(addr, "/").await.map(|page| page.bytes), Err(Trouble::Unreachable));
    });
}
