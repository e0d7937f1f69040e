//! Promises of the servers without a runtime: they answer what raddle's examples answer, however requests are cut up, and
//! no client keeps them from the others.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

const ECHO: &str = env!("CARGO_BIN_EXE_echo_server_epoll");
const HTTP: &str = env!("CARGO_BIN_EXE_http_hello_epoll");
const KV: &str = env!("CARGO_BIN_EXE_kv_server_epoll");

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 14\r\n\r\nHello, world!\n";

/// Longer than any answer takes: who waits so long waits in vain.
const IN_VAIN: Duration = Duration::from_secs(60);

/// More than the buffers of a connection take on either side, and on the server's way from one to the other.
const MORE_THAN_BUFFERS: usize = 256 * 1024 * 1024;

/// A server until this is dropped.
struct Server {
    process: Child,
    addr: SocketAddr,
}

impl Server {
    fn start(program: &str) -> Server {
        let mut process = Command::new(program).args(["--addr", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let addr = line.trim_end().strip_prefix("listening on ").expect("the address in the first line");
        Server { process, addr: addr.parse().unwrap() }
    }

    fn client(&self) -> Client {
        let stream = TcpStream::connect(self.addr).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(IN_VAIN)).unwrap();
        Client { stream }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let has_ended = self.process.try_wait().unwrap();
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        assert!(has_ended.is_none() || thread::panicking(), "the server has ended by itself: {has_ended:?}");
    }
}

struct Client {
    stream: TcpStream,
}

impl Client {
    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    #[track_caller]
    fn expect(&mut self, answer: impl AsRef<[u8]>) {
        let mut bytes = vec![0; answer.as_ref().len()];
        self.stream.read_exact(&mut bytes).unwrap();
        assert_eq!(String::from_utf8_lossy(&bytes), String::from_utf8_lossy(answer.as_ref()));
    }

    #[track_caller]
    fn ask(&mut self, request: &str, answer: &str) {
        self.send(request);
        self.expect(answer);
    }

    #[track_caller]
    fn expect_the_end(&mut self) {
        assert_eq!(self.stream.read(&mut [0]).unwrap(), 0);
    }

    /// Sends until the kernel takes no more: not even after the server has answered somebody else, so that it had its turn
    /// to read. How much that was.
    fn send_until_full(&mut self, pattern: &[u8], mut elsewhere: impl FnMut()) -> usize {
        self.stream.set_nonblocking(true).unwrap();
        let (mut sent, mut before) = (0, None);
        while before != Some(sent) {
            before = Some(sent);
            elsewhere();
            loop {
                match self.stream.write(&pattern[sent % pattern.len()..]) {
                    Ok(length) => sent += length,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => panic!("the server reads no more: {error}"),
                }
                assert!(sent < MORE_THAN_BUFFERS, "the server keeps {sent} bytes for a client that does not read");
            }
        }
        self.stream.set_nonblocking(false).unwrap();
        sent
    }
}

/// One that does not repeat itself where buffers end.
fn pattern() -> Vec<u8> {
    (0..10_007_u32).map(|n| ((n * n) >> 3) as u8).collect()
}

#[test]
fn a_request_in_every_possible_pair_of_pieces() {
    let server = Server::start(HTTP);
    let mut client = server.client();
    for cut in 1..GET.len() {
        client.send(&GET[..cut]);
        // Nothing is answered before the rest has come; whatever were would stand before the answer.
        client.ask(&GET[cut..], HELLO);
    }
    let server = Server::start(KV);
    let (mut client, set) = (server.client(), "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$5\r\nb\r\nc\n\r\n");
    for cut in 1..set.len() {
        client.send(&set[..cut]);
        client.ask(&set[cut..], "+OK\r\n");
    }
    client.ask("GET a\r\n", "$5\r\nb\r\nc\n\r\n");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = Server::start(HTTP);
    let mut client = server.client();
    client.ask(&GET.repeat(1000), &HELLO.repeat(1000));

    let server = Server::start(KV);
    let mut client = server.client();
    let (mut requests, mut answers) = (String::new(), String::new());
    for number in 1..=5000 {
        requests += "INCR a\r\nGET a\r\n";
        let digits = number.to_string();
        answers += &format!(":{digits}\r\n${}\r\n{digits}\r\n", digits.len());
    }
    client.ask(&requests, &answers);
}

#[test]
fn who_closes_first_says_goodbye() {
    let server = Server::start(HTTP);
    let mut client = server.client();
    let closing = "GET / HTTP/1.1\r\nConnection: close\r\n\r\n";
    // What comes after the last request would make a reset of a plain close, and the answer might be lost.
    client.send(closing.to_string() + &"x".repeat(100_000));
    client.expect("HTTP/1.1 200 OK\r\n");
    let mut rest = Vec::new();
    client.stream.read_to_end(&mut rest).unwrap();
    assert!(rest.ends_with(b"Hello, world!\n"), "{}", String::from_utf8_lossy(&rest));
    for _ in 0..10 {
        // After a reset this would be a broken pipe.
        client.send("more");
        server.client().ask(GET, HELLO);
    }

    let server = Server::start(KV);
    let mut client = server.client();
    client.ask("QUIT\r\n", "+OK\r\n");
    client.expect_the_end();
}

#[test]
fn what_a_client_sent_before_it_ended_its_side_is_answered() {
    for (program, request, answer) in [(ECHO, "hello", "hello"), (HTTP, GET, HELLO), (KV, "PING\r\n", "+PONG\r\n")] {
        let server = Server::start(program);
        let mut client = server.client();
        client.send(request);
        client.stream.shutdown(Shutdown::Write).unwrap();
        client.expect(answer);
        client.expect_the_end();
    }
}

#[test]
fn a_client_that_does_not_read_is_not_read_from_and_loses_nothing() {
    let server = Server::start(ECHO);
    let (mut client, mut other) = (server.client(), server.client());
    let pattern = pattern();
    let sent = client.send_until_full(&pattern, || other.ask("x", "x"));
    let mut writer = client.stream.try_clone().unwrap();
    // The rest of the message is written while the beginning is read.
    let whole = sent + 1_000_000;
    let rest: Vec<u8> = pattern.iter().copied().cycle().skip(sent % pattern.len()).take(whole - sent).collect();
    let writing = thread::spawn(move || {
        writer.write_all(&rest).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut bytes = Vec::new();
    client.stream.read_to_end(&mut bytes).unwrap();
    writing.join().unwrap();
    assert_eq!(bytes.len(), whole);
    assert!(bytes.iter().eq(pattern.iter().cycle().take(whole)), "what comes back is what was sent");
    other.ask("y", "y");
}

#[test]
fn much_asked_for_by_few_bytes_waits_until_it_is_read() {
    let server = Server::start(KV);
    let (mut client, mut other) = (server.client(), server.client());
    // One value alone is more than the buffers take, and goes out in many pieces.
    let value: Vec<u8> = pattern().into_iter().cycle().take(20_000_000).collect();
    let bulk = [b"$20000000\r\n", value.as_slice(), b"\r\n"].concat();
    other.send([b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n", bulk.as_slice()].concat());
    other.expect("+OK\r\n");
    client.send("GET a\r\n".repeat(3));
    other.ask("PING\r\n", "+PONG\r\n");
    for _ in 0..3 {
        let mut answer = vec![0; bulk.len()];
        client.stream.read_exact(&mut answer).unwrap();
        assert!(answer == bulk, "the value comes back as it was");
    }
}

#[test]
fn clients_that_leave_in_the_middle_take_nobody_with_them() {
    for (program, half, request, answer) in [
        (ECHO, pattern(), "hello", "hello"),
        (HTTP, GET[..10].into(), GET, HELLO),
        (KV, b"*3\r\n$3\r\nSET\r\n$1".to_vec(), "PING\r\n", "+PONG\r\n"),
    ] {
        let server = Server::start(program);
        let mut stays = server.client();
        for _ in 0..100 {
            let mut leaves = server.client();
            leaves.send(&half);
            // With answers that nobody reads, this is a reset.
            drop(leaves);
            stays.ask(request, answer);
        }
        server.client().ask(request, answer);
    }
}

#[test]
fn subscribers_hear_what_others_publish() {
    let server = Server::start(KV);
    let (mut subscriber, mut publisher) = (server.client(), server.client());
    subscriber.ask("SUBSCRIBE news\r\n", "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    for _ in 0..3 {
        publisher.ask("PUBLISH news hi\r\n", ":1\r\n");
        subscriber.expect("*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n");
    }
}

#[test]
fn a_subscriber_that_does_not_read_is_given_up() {
    let server = Server::start(KV);
    let (mut subscriber, mut publisher) = (server.client(), server.client());
    subscriber.ask("SUBSCRIBE news\r\n", "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    let message = format!("*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$1000000\r\n{}\r\n", "m".repeat(1_000_000));
    let publish = |publisher: &mut Client| {
        publisher.send(&message);
        let mut answer = [0; 4];
        publisher.stream.read_exact(&mut answer).unwrap();
        &answer == b":1\r\n"
    };
    let heard = (0..100).take_while(|_| publish(&mut publisher)).count();
    assert!(heard < 100, "somebody who reads nothing was sent 100 MB");
}

#[test]
fn times_to_live_end_without_anybody_who_asks() {
    let server = Server::start(KV);
    let mut client = server.client();
    client.ask("SET a 1 PX 1\r\nSET b 1\r\n", "+OK\r\n+OK\r\n");
    // Keys that are due and not swept up count.
    let give_up = Instant::now() + IN_VAIN;
    loop {
        assert!(Instant::now() < give_up, "nobody sweeps");
        client.send("DBSIZE\r\n");
        let mut answer = [0; 4];
        client.stream.read_exact(&mut answer).unwrap();
        match &answer {
            b":1\r\n" => break,
            other => assert_eq!(other, b":2\r\n"),
        }
    }
    client.ask("GET a\r\nGET b\r\n", "$-1\r\n$1\r\n1\r\n");
}

#[test]
fn without_file_descriptors_newcomers_wait_until_there_are_some() {
    let server = Server::start(ECHO);
    let allow = |files| {
        let limit = Rlimit { current: files, ..getrlimit(Resource::Nofile) };
        prlimit(Some(Pid::from_child(&server.process)), Resource::Nofile, limit).unwrap().current
    };
    let before = allow(Some(16));
    let mut stays = server.client();
    stays.ask("stays", "stays");
    let mut many: Vec<Client> = (0..32).map(|_| server.client()).collect();
    many.iter_mut().for_each(|client| client.send("hello"));
    stays.ask("stays", "stays");
    // In the order in which they came, each has its turn when one before it leaves.
    for mut client in many {
        client.expect("hello");
    }
    allow(Some(0));
    let mut newcomer = server.client();
    newcomer.send("hello");
    // After the second answer the server has tried to accept; nobody leaves, and nothing comes, to make it try again.
    stays.ask("stays", "stays");
    stays.ask("stays", "stays");
    allow(before);
    newcomer.expect("hello");
}
