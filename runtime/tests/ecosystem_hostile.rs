//! Hostile clients against the examples: they dawdle, hang, vanish in every state, send too much or nonsense, and never
//! read. Promised: a slow client costs the server at most 64 KiB (over HTTP/2 64 more if it fills the window that the
//! protocol gives it), over TLS too, other clients are served meanwhile, and when the hostile ones have gone nothing of
//! them is left.
//!
//! `RADDLE_STRESS` multiplies the rounds. What each kind of client cost is printed (`--nocapture`).

mod common;
mod hostile_support;
mod tls_support;

#[path = "../examples/server/accept.rs"]
mod accept;
#[path = "../examples/server/echo.rs"]
mod echo;
#[path = "../examples/server/goodbye.rs"]
mod goodbye;
#[path = "../examples/kv/mod.rs"]
mod kv;
#[path = "../examples/kv/serve.rs"]
mod kv_serve;
#[path = "../examples/chat/room.rs"]
mod room;
#[path = "../examples/server/routes.rs"]
mod routes;
#[path = "../examples/chat/visit.rs"]
mod visit;
#[path = "../examples/server/websocket.rs"]
mod websocket;

use std::time::Duration;

use common::watch_for;
use hostile_support::assault::{ALLOWED, Siege};
use hostile_support::attack::Attack;
use hostile_support::products::{self, Product};
use hostile_support::target::Counts;
use hostile_support::{counting, http, others};

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

/// How many clients of a kind attack at a time.
const MANY: usize = 24;
/// … and of each kind, where all attack together: one for each way to end.
const FEW: usize = 3;
const ROUNDS: usize = 10;
/// After so many rounds there is everything that is made once.
const WARM: usize = 3;
/// What the server's memory may differ by from round to round. A kilobyte left by each client of the rounds in between
/// would be more.
const NOISE: usize = 64 * 1024;
/// … as the kernel sees it, with what malloc keeps.
const PAGES: usize = 2 << 20;

#[test]
#[ignore = "not a test: it is what the tests attack, in a process of its own"]
fn serves_the_other_tests() {
    products::serve_if_asked();
}

/// Every kind of client in turn, and then all of them, again and again. None costs more than it may, and they leave
/// nothing behind.
fn withstands(product: Product, attacks: Vec<Attack>) {
    let _watch = watch_for(Duration::from_secs(60 + 240 * times(1) as u64));
    let mut siege = Siege::begin(product);
    // All that is made once is there, then.
    siege.suffer_all(&attacks, FEW);
    siege.calm();
    let mut expensive = Vec::new();
    for attack in &attacks {
        let cost = siege.suffer(attack, if attack.tls.is_some() { times(MANY) / 2 } else { times(MANY) });
        let text = format!("{product:?}: {}: {cost}", attack.name);
        eprintln!("{text}");
        if cost.is_too_much(attack) {
            expensive.push(text);
        }
    }
    assert!(expensive.is_empty(), "more than {ALLOWED} bytes for a slow client: {expensive:#?}");
    let left: Vec<Counts> = (0..times(ROUNDS).max(ROUNDS))
        .map(|_| {
            siege.suffer_all(&attacks, FEW);
            siege.calm()
        })
        .collect();
    let bytes = |counts: &Counts| counts.allocated;
    let pages = |counts: &Counts| counts.resident;
    for (what, count, noise) in [("allocated", &bytes as &dyn Fn(&Counts) -> usize, NOISE), ("resident", &pages, PAGES)]
    {
        let left: Vec<usize> = left.iter().map(count).collect();
        eprintln!("{product:?}: bytes {what} after each round: {left:?}");
        let (most, last) = (left[..WARM].iter().max().unwrap(), left.last().unwrap());
        assert!(*last <= most + noise, "{product:?}: memory grows from round to round: {left:?}");
    }
}

/// So many, times `RADDLE_STRESS`.
fn times(usual: usize) -> usize {
    let factor = std::env::var("RADDLE_STRESS").ok().filter(|text| !text.is_empty());
    let factor: f64 = factor.map_or(1.0, |text| text.parse().expect("RADDLE_STRESS: a number"));
    ((usual as f64 * factor).round() as usize).max(1)
}

#[test]
fn http_server_withstands_them() {
    withstands(Product::Http, http::http1());
}

#[test]
fn http_2_withstands_them() {
    withstands(Product::Http, http::http2());
}

#[test]
fn https_withstands_them() {
    let config = tls_support::client_config();
    let mut attacks = others::tls(&config);
    attacks.extend(others::within(&config, http::http1()));
    attacks.extend(others::within(&config, http::http2()));
    withstands(Product::Https, attacks);
}

#[test]
fn kv_server_withstands_them() {
    withstands(Product::Kv, others::kv());
}

#[test]
fn chat_server_withstands_them() {
    withstands(Product::Chat, others::chat());
}

#[test]
fn echo_server_withstands_them() {
    withstands(Product::Echo, others::echo());
}

#[test]
fn streams_withstand_them() {
    withstands(Product::Lines, others::echo());
}

#[test]
fn streams_with_tls_withstand_them() {
    let config = tls_support::client_config();
    let mut attacks = others::tls(&config);
    attacks.extend(others::within(&config, others::echo()));
    withstands(Product::TlsLines, attacks);
}
