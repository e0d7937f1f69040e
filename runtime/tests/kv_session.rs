//! Promises of the example `kv_server` below its sockets: what clients are answered does not depend on how the network
//! cuts what they send, no bytes make it panic, and few bytes that ask for much are answered piece by piece.

#[allow(dead_code, reason = "the server uses the rest")]
#[path = "../examples/kv/mod.rs"]
mod kv;
#[path = "common/random.rs"]
mod random;

use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use kv::Shared;
use kv::session::{Next, Session};
use random::{Rng, pieces};

fn pick<'a>(rng: &mut Rng, words: &[&'a str]) -> &'a str {
    words[rng.below(words.len())]
}

/// All answers to the pieces, sent to a new server.
fn answers<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Vec<u8> {
    let (mut session, mut answers) = (Session::new(&Shared::new()), Vec::new());
    for piece in pieces {
        let mut piece = piece;
        loop {
            let mut out = Vec::new();
            let next = session.receive(piece, &mut out);
            answers.append(&mut out);
            match next {
                Next::Read => break,
                Next::Continue => piece = &[],
                Next::Close => return answers,
            }
        }
    }
    answers
}

/// A command that may be a good one; nothing that depends on the time.
fn command(rng: &mut Rng) -> Vec<u8> {
    const NAMES: &[&str] = &[
        "ping",
        "echo",
        "get",
        "set",
        "del",
        "exists",
        "incr",
        "decr",
        "incrby",
        "lpush",
        "rpush",
        "lpop",
        "rpop",
        "llen",
        "lrange",
        "mset",
        "mget",
        "subscribe",
        "unsubscribe",
        "publish",
        "config",
        "command",
        "hello",
        "select",
        "client",
        "flushdb",
        "dbsize",
        "nonsense",
    ];
    const WORDS: &[&str] = &["a", "b", "c", "1", "-1", "0", "2", "x y", "NX", "XX", "get", "docs", "\r\n", ""];
    // Who has subscribed may do little else, so that comes rarely.
    let name = match pick(rng, NAMES) {
        "subscribe" if rng.below(10) > 0 => "unsubscribe",
        name => name,
    };
    let words: Vec<_> = std::iter::once(name).chain((0..rng.below(5)).map(|_| pick(rng, WORDS))).collect();
    let mut bytes = format!("*{}\r\n", words.len());
    words.iter().for_each(|word| bytes.push_str(&format!("${}\r\n{word}\r\n", word.len())));
    bytes.into_bytes()
}

#[test]
fn random_commands_are_answered_alike_however_they_are_cut() {
    let mut rng = Rng(0x5eed_0011);
    for round in 0..300 {
        let bytes: Vec<u8> = (0..1 + rng.below(60)).flat_map(|_| command(&mut rng)).collect();
        let whole = answers([bytes.as_slice()]);
        let cut = pieces(&bytes, &mut rng);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(text(&answers(cut)), text(&whole), "round {round}: {}", text(&bytes));
    }
}

#[test]
fn damaged_commands_never_panic() {
    let mut rng = Rng(0x5eed_0012);
    for _ in 0..1000 {
        let mut bytes: Vec<u8> = (0..1 + rng.below(10)).flat_map(|_| command(&mut rng)).collect();
        for _ in 0..1 + rng.below(5) {
            let at = rng.below(bytes.len());
            bytes[at] = rng.below(256) as u8;
        }
        let whole = answers([bytes.as_slice()]);
        let cut = pieces(&bytes, &mut rng);
        assert_eq!(answers(cut), whole);
    }
}

#[test]
fn few_bytes_that_ask_for_much_are_answered_piece_by_piece() {
    let (mut session, mut out) = (Session::new(&Shared::new()), Vec::new());
    let value = "x".repeat(60_000);
    assert_eq!(session.receive(format!("SET a {value}\r\n").as_bytes(), &mut out), Next::Read);
    out.clear();
    let asking = "GET a\r\n".repeat(100);
    let (mut piece, mut rounds) = (asking.as_bytes(), 0);
    while session.receive(piece, &mut out) == Next::Continue {
        assert!(out.len() < 200_000, "{} bytes at once", out.len());
        (piece, rounds) = (&[], rounds + 1);
        out.clear();
    }
    assert!(rounds >= 50, "{rounds}");
}

/// A subscriber that takes nothing is given up when its time is up, though nobody publishes any more; one that has
/// little to take is not, and neither is one that takes what waits.
#[test]
fn a_subscriber_that_takes_nothing_is_given_up() {
    let shared = Shared::new();
    let subscribe = |channels: &[u8]| {
        let mut session = Session::new(&shared);
        assert_eq!(session.receive(&[b"SUBSCRIBE ", channels, b"\r\n"].concat(), &mut Vec::new()), Next::Read);
        session
    };
    let (silent, takes, modest) = (subscribe(b"much"), subscribe(b"much"), subscribe(b"little"));
    let mut publisher = Session::new(&shared);
    let much = format!("PUBLISH much {}\r\n", "m".repeat(10_000)).repeat(5);
    assert_eq!(publisher.receive(much.as_bytes(), &mut Vec::new()), Next::Read);
    assert_eq!(publisher.receive(b"PUBLISH little l\r\n", &mut Vec::new()), Next::Read);
    let cx = &mut Context::from_waker(Waker::noop());
    let mut taken = Vec::new();
    while takes.outbox().unwrap().poll_take(cx, &mut taken).is_ready() {
        taken.clear();
    }
    let is_given_up = |session: &Session, cx: &mut Context<'_>| session.outbox().unwrap().poll_overfull(cx).is_ready();
    assert!(!is_given_up(&silent, cx), "it has its time");
    let began = Instant::now();
    while !is_given_up(&silent, cx) {
        assert!(began.elapsed() < Duration::from_secs(30), "the silent one is kept");
        std::thread::sleep(Duration::from_millis(10));
        shared.sweep();
    }
    assert!(!is_given_up(&takes, cx) && !is_given_up(&modest, cx));
    assert!(modest.outbox().unwrap().poll_take(cx, &mut taken).is_ready(), "it is there still");
}
