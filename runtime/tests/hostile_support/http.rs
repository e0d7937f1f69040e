//! What hostile clients do to an HTTP server.

use super::attack::Attack;

const HOST: &str = "HTTP/1.1\r\nHost: test\r\n";

/// HTTP/1, and what looks like it.
pub(crate) fn http1() -> Vec<Attack> {
    let get = |path: &str| format!("GET {path} {HOST}\r\n");
    let websocket = format!(
        "GET /ws {HOST}Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let upload = format!("POST /echo {HOST}Content-Length: 100000000\r\n\r\n");
    let json = format!("POST /json {HOST}Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n[1");
    vec![
        Attack::new("connects", ""),
        Attack::new("drips a head", "GET / HTT").drips(b"P/1.1\r\nHost: test\r\nX-Slow: "),
        Attack::new("a long head without end", format!("GET / {HOST}X: {}", "x".repeat(11_000))),
        Attack::new("a long head, and its body drips", long_head_with_body()).drips(b"0123456789"),
        Attack::new("a head of 1 MB", format!("GET / {HOST}X: {}\r\n\r\n", "x".repeat(1 << 20))),
        Attack::new("a million lines", format!("GET / {HOST}").into_bytes()).floods("a: b\r\n".repeat(1000)),
        Attack::new("drips a body", json).drips(b",2,3,4,5,6,7"),
        Attack::new("drips a body that is sent back", upload.clone() + "body").drips(b"0123456789"),
        Attack::new("an upload that is sent back, never read", upload).floods(vec![b'u'; 64 * 1024]),
        Attack::new("an endless answer, never read", get("/lines/1000000000")).owed(),
        Attack::new("an endless answer, begun to be read", get("/lines/1000000000")).owed().hears(1000),
        Attack::new("small answers, never read", "").floods(get("/json").repeat(100)),
        Attack::new("long answers, never read", "").floods(get("/lines/10000").repeat(100)),
        Attack::new("rests after its answer", get("/")).hears(100),
        Attack::new("waits for its answer", get("/sleep/200")).owed(),
        Attack::new("a websocket that rests", websocket.clone()).hears(100),
        Attack::new("a websocket in the middle of a frame", websocket.clone())
            .hears(100)
            .drips(b"\x82\xff\0\0\0\0\0\x10"),
        Attack::new("a websocket, never read", websocket.clone()).hears(100).floods(websocket_message(10_000)),
        Attack::new("garbage", garbage(1, 20_000)),
    ]
}

/// HTTP/2 without negotiation.
pub(crate) fn http2() -> Vec<Attack> {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let greeting = [PREFACE, &frame(4, 0, 0, &[])].concat();
    // 2 GiB of window for each stream and for all of them.
    let window = i32::MAX.to_be_bytes();
    let generous = frame(4, 0, 0, &[&[0, 4][..], &window].concat());
    let more = frame(8, 0, 0, &(i32::MAX - 65_535).to_be_bytes());
    let generous = [PREFACE, &generous, &more].concat();
    let streams = |count: u32, path: &str| -> Vec<u8> {
        (0..count).flat_map(|n| frame(1, 5, 2 * n + 1, &head("GET", path))).collect()
    };
    let endless = "/lines/1000000000";
    let upload = frame(1, 4, 1, &head("POST", "/echo"));
    let unread = frame(1, 4, 1, &head("GET", "/sleep/60000"));
    let data = frame(0, 0, 1, &[b'u'; 16_000]).repeat(4);
    let (bytes, empty) = (frame(0, 0, 1, b"u").repeat(16_000), frame(0, 0, 1, b"").repeat(1000));
    let (begun, continued) = (frame(1, 0, 1, &head("GET", "/")), frame(9, 0, 1, &[0, 1, b'a', 1, b'b'].repeat(100)));
    let resets: Vec<u8> = (0..1000)
        .flat_map(|n| [frame(1, 5, 2 * n + 1, &head("GET", "/")), frame(3, 0, 2 * n + 1, &[0; 4])].concat())
        .collect();
    vec![
        Attack::new("HTTP/2: the preface and no more", PREFACE),
        Attack::new("HTTP/2: rests", greeting.clone()).hears(20),
        Attack::new("HTTP/2: a head without end", [&greeting[..], &frame(1, 0, 1, &head("GET", "/"))].concat()),
        Attack::new("HTTP/2: endless answer, never read", [&greeting[..], &streams(1, endless)].concat()).owed(),
        Attack::new("HTTP/2: endless answer, any window", [&generous[..], &streams(1, endless)].concat()).owed(),
        Attack::new("HTTP/2: ten endless answers, any window", [&generous[..], &streams(10, endless)].concat())
            .asks(10)
            .owed(),
        Attack::new("HTTP/2: an upload that is sent back", [&greeting[..], &upload, &data].concat())
            .owed()
            .fills_window(),
        Attack::new("HTTP/2: an upload that nobody reads", [&greeting[..], &unread, &data].concat()).fills_window(),
        Attack::new("HTTP/2: one in single bytes", [&greeting[..], &unread, &bytes].concat()).fills_window(),
        Attack::new("HTTP/2: one in empty frames", [&greeting[..], &unread].concat()).floods(empty),
        Attack::new("HTTP/2: more than the window", [&greeting[..], &unread].concat()).floods(data).fills_window(),
        Attack::new("HTTP/2: a head in any number of frames", [&greeting[..], &begun].concat()).floods(continued),
        Attack::new("HTTP/2: asks and resets", [&greeting[..], &resets].concat()),
        Attack::new("HTTP/2: pings, never read", greeting.clone()).floods(frame(6, 0, 0, b"12345678").repeat(100)),
        Attack::new("HTTP/2: garbage", [&greeting[..], &garbage(2, 20_000)].concat()),
    ]
}

fn long_head_with_body() -> String {
    format!("POST /echo {HOST}X: {}\r\nContent-Length: 1000\r\n\r\nbody", "x".repeat(11_000))
}

/// A message in one frame, masked with zeros.
fn websocket_message(length: u16) -> Vec<u8> {
    let head = [&[0x82, 0x80 | 126][..], &length.to_be_bytes(), &[0; 4]].concat();
    [head, vec![b'w'; length.into()]].concat()
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A request's head in HPACK: literals, none of them remembered.
fn head(method: &str, path: &str) -> Vec<u8> {
    let literal = |name: u8, value: &str| [&[name, value.len() as u8], value.as_bytes()].concat();
    // The names by their numbers in the static table; 0x86 is `:scheme: http`.
    [literal(2, method), vec![0x86], literal(4, path), literal(1, "test")].concat()
}

/// Bytes that mean nothing, the same each time.
pub(crate) fn garbage(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}
