//! Promises of the RESP parser of the example `kv_server`: how the network cuts the bytes changes nothing, garbage
//! never panics, each byte is looked at a bounded number of times, and errors are redis's.

#[path = "common/random.rs"]
mod random;
#[path = "property_support/resp_words.rs"]
mod resp_words;

use std::time::Instant;

use random::{Rng, pieces};
use resp_words::resp::{MAX_BULK, MAX_LINE, Parsed, Parser, integer};
use resp_words::{Words, encode, parse};

fn whole(bytes: &[u8]) -> (Vec<Words>, Option<String>) {
    parse(&[bytes])
}

fn words(texts: &[&str]) -> Words {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

#[test]
fn commands_survive_every_random_cut() {
    let mut rng = Rng(0x5eed_0001);
    for round in 0..500 {
        let commands: Vec<Words> = (0..1 + rng.below(8))
            .map(|_| {
                (0..1 + rng.below(5))
                    .map(|_| {
                        let longest = [1, 10, 300][rng.below(3)];
                        let length = rng.below(longest);
                        (0..length).map(|_| rng.below(256) as u8).collect()
                    })
                    .collect()
            })
            .collect();
        let bytes: Vec<u8> = commands.iter().flat_map(encode).collect();
        let cut = pieces(&bytes, &mut rng);
        assert_eq!(parse(&cut), (commands, None), "round {round}");
    }
}

#[test]
fn garbage_never_panics_and_means_the_same_in_pieces() {
    // Bytes of which the grammar is made come more often than others, so that the depths are reached.
    const LIKELY: &[u8] = b"*$\r\n0123-\"'\\x ab\r\n\r\n*1$";
    let mut rng = Rng(0x5eed_0002);
    for round in 0..20_000 {
        let length = rng.below(80);
        let garbage: Vec<u8> = (0..length)
            .map(|_| if rng.below(8) == 0 { rng.below(256) as u8 } else { LIKELY[rng.below(LIKELY.len())] })
            .collect();
        let cut = pieces(&garbage, &mut rng);
        assert_eq!(parse(&cut), whole(&garbage), "round {round}: {:?}", String::from_utf8_lossy(&garbage));
    }
}

#[test]
fn damaged_commands_never_panic() {
    let mut rng = Rng(0x5eed_0003);
    let good = encode(&words(&["SET", "key", "some value", "EX", "100"])).repeat(3);
    for _ in 0..5_000 {
        let mut bytes = good.clone();
        for _ in 0..1 + rng.below(4) {
            let at = rng.below(bytes.len());
            match rng.below(3) {
                0 => bytes[at] = rng.below(256) as u8,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, rng.below(256) as u8),
            }
        }
        let cut = pieces(&bytes, &mut rng);
        assert_eq!(parse(&cut), whole(&bytes));
    }
}

#[test]
fn many_arguments_byte_by_byte_take_linear_time() {
    // A parser that begins anew with each byte would look at 2·10^10 of them: hours, and not a fraction of a second.
    let command = words(&["x"; 30_000]);
    let bytes = encode(&command);
    let start = Instant::now();
    let (mut parser, mut looked_at) = (Parser::default(), 0);
    for end in 0..bytes.len() {
        assert_eq!(parser.parse(&bytes[..end]), Parsed::Incomplete);
        looked_at = end;
        assert!(start.elapsed().as_secs() < 60, "still at byte {looked_at}");
    }
    let Parsed::Command { command: parsed, length } = parser.parse(&bytes) else { panic!("not after {looked_at}") };
    assert_eq!((parsed.len(), length), (30_000, bytes.len()));
}

#[test]
fn an_announcement_reserves_nothing() {
    let announcement = format!("*1048576\r\n${MAX_BULK}\r\n");
    let mut parser = Parser::default();
    assert_eq!(parser.parse(announcement.as_bytes()), Parsed::Incomplete);
    assert!(format!("{parser:?}").contains("spans: []"));
    assert!(std::mem::size_of::<Parser>() < 200);
}

#[test]
fn what_a_person_types() {
    assert_eq!(whole(b"PING\r\n").0, [words(&["PING"])]);
    assert_eq!(whole(b"\r\n  SET  a\tb \nGET a\n").0, [words(&["SET", "a", "b"]), words(&["GET", "a"])]);
    assert_eq!(whole(b"SET \"a b\" 'it\\'s' \"\\x41\\n\\q\" \"\"\r\n").0, [words(&["SET", "a b", "it's", "A\nq", ""])]);
    for unbalanced in ["GET \"a\r\n", "GET 'a\r\n", "GET \"a\"b\r\n", "GET 'a'b\r\n", "GET \"\\\r\n"] {
        assert_eq!(whole(unbalanced.as_bytes()).1.as_deref(), Some("unbalanced quotes in request"), "{unbalanced:?}");
    }
}

#[test]
fn commands_without_arguments_ask_nothing() {
    assert_eq!(whole(b"*0\r\n*-1\r\n*-7\r\n\r\nPING\r\n"), (vec![words(&["PING"])], None));
}

#[test]
fn errors_are_redis_s() {
    let cases = [
        ("*x\r\n", "invalid multibulk length"),
        ("*1048577\r\n", "invalid multibulk length"),
        ("*01\r\n", "invalid multibulk length"),
        ("*1\r\n:1\r\n", "expected '$', got ':'"),
        ("*1\r\n$-1\r\n", "invalid bulk length"),
        ("*1\r\n$\r\n", "invalid bulk length"),
        ("*1\r\n$+1\r\n", "invalid bulk length"),
        ("*1\r\n$536870913\r\n", "invalid bulk length"),
        ("*1\r\n$99999999999999999999\r\n", "invalid bulk length"),
    ];
    for (bytes, error) in cases {
        assert_eq!(whole(bytes.as_bytes()).1.as_deref(), Some(error), "{bytes:?}");
    }
    let long = "1".repeat(MAX_LINE);
    for (start, error) in
        [("", "too big inline request"), ("*", "too big mbulk count string"), ("*1\r\n$", "too big bulk count string")]
    {
        assert_eq!(whole(format!("{start}{long}").as_bytes()).1.as_deref(), Some(error), "{start:?}");
    }
}

#[test]
fn numbers_are_as_redis_writes_them() {
    let cases = [
        ("0", Some(0)),
        ("-1", Some(-1)),
        ("9223372036854775807", Some(i64::MAX)),
        ("-9223372036854775808", Some(i64::MIN)),
        ("9223372036854775808", None),
        ("", None),
        ("-", None),
        ("-0", None),
        ("+1", None),
        ("01", None),
        (" 1", None),
        ("1x", None),
    ];
    for (text, number) in cases {
        assert_eq!(integer(text.as_bytes()), number, "{text:?}");
    }
}
