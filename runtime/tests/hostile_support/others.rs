//! What hostile clients do to the servers that speak something else than HTTP, and to TLS.

use raddle::tls::rustls::ClientConfig;
use std::sync::Arc;

use super::attack::Attack;
use super::http::garbage;
use super::wire::client_hello;

/// The store keeps so much for subscribers that do not read, before it sends them away. They share it.
const MESSAGES: usize = 4 << 20;

/// The store that speaks RESP.
pub(crate) fn kv() -> Vec<Attack> {
    let value = format!("SET long {}\r\n", "v".repeat(10_000));
    vec![
        Attack::new("connects", ""),
        Attack::new("drips a command", "*3\r\n$3\r\nSE").drips(b"T\r\n$1\r\nk\r\n$1000000\r\nvalue"),
        Attack::new("drips a line", "SET k").drips(b"eys and values"),
        Attack::new("a command of many arguments", format!("*1000000\r\n{}", "$1\r\na\r\n".repeat(1000))),
        Attack::new("rests after its answer", "PING\r\n").hears(7),
        Attack::new("small answers, never read", "").floods("PING\r\n".repeat(1000)),
        Attack::new("long answers, never read", value.clone()).hears(5).floods("GET long\r\n".repeat(1000)),
        Attack::new("subscribes, never reads", "SUBSCRIBE news\r\n").owed().share(MESSAGES),
        Attack::new("subscribes again and again", "").floods("SUBSCRIBE news\r\n".repeat(1000)).share(MESSAGES),
        Attack::new("garbage", garbage(3, 20_000)),
    ]
}

/// The chat.
pub(crate) fn chat() -> Vec<Attack> {
    vec![
        Attack::new("connects, never reads", "").owed(),
        Attack::new("drips a line", "he").drips(b"llo, hello, hello").owed(),
        Attack::new("talks, never reads", "").floods(format!("{}\n", "t".repeat(1000)).repeat(20)),
        Attack::new("asks, never reads", "").floods("/who\n".repeat(100)),
        Attack::new("a line without end", "").floods("endless".repeat(1000)),
        Attack::new("garbage", garbage(4, 20_000)).owed(),
    ]
}

/// What sends back what it is sent, by the line or as it comes.
pub(crate) fn echo() -> Vec<Attack> {
    vec![
        Attack::new("connects", ""),
        Attack::new("drips", "he").drips(b"llo, hello"),
        Attack::new("never reads", "").floods(format!("{}\n", "e".repeat(1000)).repeat(20)),
        Attack::new("long lines, never read", "").floods(format!("{}\n", "e".repeat(8000))),
        Attack::new("garbage", garbage(5, 20_000)),
    ]
}

/// TLS that goes wrong: cut in each flight of the handshake, and within a record after it.
pub(crate) fn tls(config: &Arc<ClientConfig>) -> Vec<Attack> {
    let hello = client_hello();
    let half_a_record = [&[0x17, 3, 3, 0x40, 0][..], &[7; 5000]].concat();
    vec![
        Attack::new("TLS: connects", ""),
        Attack::new("TLS: a piece of the hello", &hello[..100]),
        Attack::new("TLS: the hello, nothing read", hello.clone()),
        Attack::new("TLS: the hello, the answer read", hello.clone()).hears(500),
        Attack::new("TLS: half of the last flight", "").within(config).half_secured(),
        Attack::new("TLS: garbage after the hello", [&hello[..], &garbage(6, 5000)].concat()),
        Attack::new(
            "TLS: a long handshake message",
            [&[0x16, 3, 1, 0x40, 0, 1, 0, 0xff, 0xff][..], &[7; 5000]].concat(),
        ),
        Attack::new("TLS: garbage", garbage(7, 20_000)),
        Attack::new("TLS: rests after the handshake", "").within(config),
        Attack::new("TLS: within a record", "").within(config).below(half_a_record),
        Attack::new("TLS: garbage after the handshake", "").within(config).below(garbage(8, 20_000)),
    ]
}

/// The same within TLS.
pub(crate) fn within(config: &Arc<ClientConfig>, attacks: Vec<Attack>) -> Vec<Attack> {
    attacks.into_iter().map(|attack| attack.within(config)).collect()
}
