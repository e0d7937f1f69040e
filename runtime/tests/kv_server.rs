//! Promises of the example `kv_server`, over real sockets: redis's answers to the byte, pipelining, several clients,
//! subscribers that are slow, clients that announce much or read nothing, and an orderly end.

mod common;
#[path = "../examples/server/goodbye.rs"]
mod goodbye;
#[allow(dead_code, reason = "the twin in the bench uses the rest")]
#[path = "../examples/kv/mod.rs"]
mod kv;
#[path = "../examples/kv/serve.rs"]
mod serve;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use common::{runner, scaled, watch};
use raddle::{Task, TcpListener, TcpStream, create_task, gather, sleep, timeout};

struct Server {
    addr: SocketAddr,
    task: Task<()>,
}

impl Server {
    async fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        Server { addr, task: create_task(serve::serve(listener, kv::Shared::new())) }
    }

    async fn client(&self) -> Client {
        Client { stream: TcpStream::connect(self.addr).await.unwrap() }
    }

    async fn stop(self) {
        self.task.stop();
        self.task.await.unwrap();
    }
}

struct Client {
    stream: TcpStream,
}

impl Client {
    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    async fn expect(&mut self, answer: impl AsRef<[u8]>) {
        let mut bytes = vec![0; answer.as_ref().len()];
        let read = timeout(Duration::from_secs(30), self.stream.read_exact(&mut bytes)).await;
        read.expect("an answer in time").unwrap();
        assert_eq!(String::from_utf8_lossy(&bytes), String::from_utf8_lossy(answer.as_ref()));
    }

    /// One line of words, and what comes back.
    async fn ask(&mut self, line: &str, answer: &str) {
        self.send(format!("{line}\r\n")).await;
        let mut bytes = vec![0; answer.len()];
        self.stream.read_exact(&mut bytes).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&bytes), answer, "{line}");
    }

    async fn expect_the_end(&mut self) {
        assert_eq!(self.stream.read(&mut [0]).await.unwrap(), 0);
    }
}

fn with_server<F: Future<Output = Server>>(test: impl FnOnce(Server) -> F) {
    let _watch = watch();
    runner(2).run(async {
        let server = test(Server::start().await).await;
        server.stop().await;
    });
}

#[test]
fn redis_s_answers() {
    const TALK: &[(&str, &str)] = &[
        ("ping", "+PONG\r\n"),
        ("PING hi", "$2\r\nhi\r\n"),
        ("ECHO \"a\\r\\nb\"", "$4\r\na\r\nb\r\n"),
        ("GET a", "$-1\r\n"),
        ("SET a 1", "+OK\r\n"),
        ("GET a", "$1\r\n1\r\n"),
        ("SET a 2 NX", "$-1\r\n"),
        ("SET b 2 XX", "$-1\r\n"),
        ("SET b 2 NX PX 100000", "+OK\r\n"),
        ("SET b 2 NX XX", "-ERR syntax error\r\n"),
        ("SET b 2 EX", "-ERR syntax error\r\n"),
        ("SET b 2 EX x", "-ERR value is not an integer or out of range\r\n"),
        ("SET b 2 EX 0", "-ERR invalid expire time in 'set' command\r\n"),
        ("SET b 2 EX 9223372036854775807", "-ERR invalid expire time in 'set' command\r\n"),
        ("TTL a", ":-1\r\n"),
        ("TTL nothing", ":-2\r\n"),
        ("EXPIRE a 100", ":1\r\n"),
        ("EXPIRE nothing 100", ":0\r\n"),
        ("INCR a", ":2\r\n"),
        ("EXPIRE a -1", ":1\r\n"),
        ("EXISTS a", ":0\r\n"),
        ("DECR a", ":-1\r\n"),
        ("INCRBY a 9223372036854775807", ":9223372036854775806\r\n"),
        ("INCRBY a 9223372036854775807", "-ERR increment or decrement would overflow\r\n"),
        ("MSET x 1 y 2 x 3", "+OK\r\n"),
        ("MSET x 1 y", "-ERR wrong number of arguments for 'mset' command\r\n"),
        ("MGET x z y", "*3\r\n$1\r\n3\r\n$-1\r\n$1\r\n2\r\n"),
        ("EXISTS x x z", ":2\r\n"),
        ("DEL x y x z", ":2\r\n"),
        ("RPUSH list a b c", ":3\r\n"),
        ("LPUSH list 1 2", ":5\r\n"),
        ("LRANGE list 0 -1", "*5\r\n$1\r\n2\r\n$1\r\n1\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n"),
        ("LRANGE list -2 100", "*2\r\n$1\r\nb\r\n$1\r\nc\r\n"),
        ("LRANGE list 3 1", "*0\r\n"),
        ("LRANGE nothing 0 -1", "*0\r\n"),
        ("LPOP list", "$1\r\n2\r\n"),
        ("RPOP list 2", "*2\r\n$1\r\nc\r\n$1\r\nb\r\n"),
        ("LLEN list", ":2\r\n"),
        ("GET list", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        ("INCR list", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        ("LPUSH a x", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        ("LPOP list 9", "*2\r\n$1\r\n1\r\n$1\r\na\r\n"),
        ("LPOP list", "$-1\r\n"),
        ("LPOP list 1", "*-1\r\n"),
        ("DBSIZE", ":2\r\n"),
        ("FLUSHDB", "+OK\r\n"),
        ("DBSIZE", ":0\r\n"),
        ("SELECT 0", "+OK\r\n"),
        ("SELECT 1", "-ERR DB index is out of range\r\n"),
        ("HELLO 3", "-NOPROTO unsupported protocol version\r\n"),
        ("CONFIG GET appendonly", "*2\r\n$10\r\nappendonly\r\n$2\r\nno\r\n"),
        ("CLIENT SETNAME me", "+OK\r\n"),
        ("GET", "-ERR wrong number of arguments for 'get' command\r\n"),
        ("foo bar", "-ERR unknown command 'foo', with args beginning with: 'bar' \r\n"),
        ("abcdefghijklmnop", "-ERR unknown command 'abcdefghijklmnop', with args beginning with: \r\n"),
        ("UNSUBSCRIBE", "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n"),
        ("PUBLISH news x", ":0\r\n"),
        ("QUIT", "+OK\r\n"),
    ];
    with_server(async |server| {
        let mut client = server.client().await;
        for (line, answer) in TALK {
            client.ask(line, answer).await;
        }
        client.expect_the_end().await;
        server
    });
}

#[test]
fn a_thousand_commands_in_one_piece_and_byte_by_byte() {
    with_server(async |server| {
        let count = 1000;
        let pipeline = "*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n".repeat(count);
        let mut client = server.client().await;
        client.send(&pipeline).await;
        client.expect((1..=count).map(|n| format!(":{n}\r\n")).collect::<String>()).await;
        for byte in b"*3\r\n$3\r\nSET\r\n$1\r\n\0\r\n$4\r\n\r\n\xff\0\r\n*2\r\n$3\r\nGET\r\n$1\r\n\0\r\n" {
            client.send([*byte]).await;
        }
        client.expect(b"+OK\r\n$4\r\n\r\n\xff\0\r\n").await;
        server
    });
}

#[test]
fn many_clients_count_together() {
    // Every increment is seen, whichever worker carries it out; MSET is seen as a whole or not at all.
    with_server(async |server| {
        let rounds = scaled(2000);
        let counting = (0..8).map(|_| {
            let connecting = server.client();
            async move {
                let mut client = connecting.await;
                for _ in 0..rounds {
                    client.send("INCR n\r\nMSET left 1 right 1\r\nMSET left 2 right 2\r\nMGET left right\r\n").await;
                    let mut answer = Vec::new();
                    while !answer.ends_with(b"$1\r\n1\r\n$1\r\n1\r\n") && !answer.ends_with(b"$1\r\n2\r\n$1\r\n2\r\n") {
                        let mut bytes = [0; 256];
                        let length = client.stream.read(&mut bytes).await.unwrap();
                        answer.extend_from_slice(&bytes[..length]);
                        assert!(answer.len() < 100, "{}", String::from_utf8_lossy(&answer));
                    }
                }
            }
        });
        gather(counting.collect::<Vec<_>>()).await;
        server.client().await.ask("GET n", &format!("$4\r\n{}\r\n", 8 * rounds)).await;
        server
    });
}

#[test]
fn keys_go_when_they_are_due_also_those_that_nobody_asks_for() {
    with_server(async |server| {
        let mut client = server.client().await;
        client.ask("SET a 1 PX 20", "+OK\r\n").await;
        client.ask("SET b 1 PX 100000", "+OK\r\n").await;
        client.ask("SET c 1 PX 20", "+OK\r\n").await;
        client.ask("SET c 2", "+OK\r\n").await;
        client.ask("RPUSH d x", ":1\r\n").await;
        client.ask("PEXPIRE d 20", ":1\r\n").await;
        let two_are_left = async {
            loop {
                client.send("DBSIZE\r\n").await;
                let mut answer = [0; 4];
                client.stream.read_exact(&mut answer).await.unwrap();
                if &answer == b":2\r\n" {
                    break;
                }
                sleep(Duration::from_millis(5)).await;
            }
        };
        two_are_left.await;
        client.ask("MGET a b c", "*3\r\n$-1\r\n$1\r\n1\r\n$1\r\n2\r\n").await;
        client.ask("PEXPIRE b 1", ":1\r\n").await;
        sleep(Duration::from_millis(2)).await;
        client.ask("GET b", "$-1\r\n").await;
        server
    });
}

#[test]
fn what_is_left_of_a_key_s_time_is_told_and_kept() {
    with_server(async |server| {
        let mut client = server.client().await;
        client.send("SET a 1 EX 1000\r\nTTL a\r\nINCR a\r\nPTTL a\r\nSET a 1\r\nTTL a\r\n").await;
        client.send("PEXPIRE a 1000000\r\nTTL a\r\nQUIT\r\n").await;
        let mut answers = Vec::new();
        let mut buffer = [0; 256];
        while let length @ 1.. = client.stream.read(&mut buffer).await.unwrap() {
            answers.extend_from_slice(&buffer[..length]);
        }
        let text = String::from_utf8(answers).unwrap();
        let lines: Vec<_> = text.lines().collect();
        let ["+OK", set, ":2", kept, "+OK", ":-1", ":1", renewed, "+OK"] = lines[..] else { panic!("{text}") };
        // As much may pass as the test itself has time.
        let left = |line: &str| line.trim_start_matches(':').parse::<u64>().unwrap();
        assert!((900..=1000).contains(&left(set)) && (900..=1000).contains(&left(renewed)), "{text}");
        assert!((900_000..=1_000_000).contains(&left(kept)), "{text}");
        server
    });
}

#[test]
fn protocol_errors_end_the_connection_after_the_answers() {
    with_server(async |server| {
        for (bytes, error) in [
            ("*1\r\n:1\r\n", "expected '$', got ':'"),
            ("*x\r\n", "invalid multibulk length"),
            ("*1\r\n$-2\r\n", "invalid bulk length"),
            ("GET \"a\r\n", "unbalanced quotes in request"),
        ] {
            let mut client = server.client().await;
            // More follows than the server will ever look at, and still the answer is not lost.
            client.send(format!("PING\r\n{bytes}{}", "PING\r\n".repeat(5000))).await;
            client.expect(format!("+PONG\r\n-ERR Protocol error: {error}\r\n")).await;
            client.expect_the_end().await;
        }
        server
    });
}

#[test]
fn messages_arrive_in_order_and_before_the_farewell() {
    with_server(async |server| {
        let (mut reader, mut writer) = (server.client().await, server.client().await);
        reader.ask("SUBSCRIBE a b a", "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n").await;
        reader.expect("*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:2\r\n").await;
        reader.ask("GET x", "-ERR Can't execute 'get': only SUBSCRIBE / UNSUBSCRIBE / PING / QUIT are allowed").await;
        reader.expect(" in this context\r\n").await;
        reader.ask("PING", "*2\r\n$4\r\npong\r\n$0\r\n\r\n").await;
        for n in 0..100 {
            writer.ask(&format!("PUBLISH {} {n}", ["a", "b"][n % 2]), ":1\r\n").await;
        }
        reader.send("UNSUBSCRIBE\r\n").await;
        for n in 0..100 {
            let text = n.to_string();
            let channel = ["a", "b"][n % 2];
            reader.expect(format!("*3\r\n$7\r\nmessage\r\n$1\r\n{channel}\r\n${}\r\n{text}\r\n", text.len())).await;
        }
        reader
            .expect("*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$11\r\nunsubscribe\r\n$1\r\nb\r\n:0\r\n")
            .await;
        writer.ask("PUBLISH a x", ":0\r\n").await;
        reader.ask("GET x", "$-1\r\n").await;
        server
    });
}

#[test]
fn a_subscriber_that_never_reads_is_sent_away_and_holds_up_nobody() {
    with_server(async |server| {
        let (mut reader, mut slow, mut writer) = (server.client().await, server.client().await, server.client().await);
        reader.ask("SUBSCRIBE news", "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n").await;
        slow.ask("SUBSCRIBE news", "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n").await;
        let payload = "x".repeat(1 << 20);
        let publish = format!("*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$1048576\r\n{payload}\r\n");
        let message = format!("*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$1048576\r\n{payload}\r\n");
        let mut listeners = Vec::new();
        while listeners.last() != Some(&"1") {
            writer.send(&publish).await;
            let mut answer = [0; 4];
            writer.stream.read_exact(&mut answer).await.unwrap();
            listeners.push(if &answer == b":2\r\n" { "2" } else { "1" });
            reader.expect(&message).await;
            assert!(listeners.len() < 200, "the slow one was not sent away");
        }
        server
    });
}

#[test]
fn a_client_that_reads_nothing_is_not_read_from() {
    // It asks for more than fits anywhere; the server stops listening to it, and others are served meanwhile.
    with_server(async |server| {
        let (mut client, greedy) = (server.client().await, server.client().await);
        let value = "x".repeat(1 << 20);
        client.send(format!("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1048576\r\n{value}\r\n")).await;
        client.expect("+OK\r\n").await;
        let (many, mut taken) = ("GET a\r\n".repeat(10_000), 0);
        // A write that goes nowhere for a while is taken for the end; that it comes at all is what is tested.
        while let Ok(written) = timeout(Duration::from_millis(200), greedy.stream.write(many.as_bytes())).await {
            taken += written.unwrap();
            assert!(taken < 100 << 20, "the server takes everything");
        }
        client.ask("PING", "+PONG\r\n").await;
        server
    });
}

/// In KiB, what is reserved and not used included.
fn virtual_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    size.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn half_a_gibibyte_that_never_comes_costs_nothing() {
    with_server(async |server| {
        let (mut clients, before) = (Vec::new(), virtual_memory());
        for _ in 0..50 {
            let mut client = server.client().await;
            client.send("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$536870912\r\n").await;
            clients.push(client);
        }
        let mut client = server.client().await;
        client.ask("PING", "+PONG\r\n").await;
        let more = virtual_memory().saturating_sub(before);
        assert!(more < 4 << 20, "{more} KiB more than before");
        server
    });
}

#[test]
fn a_stop_ends_silent_clients_and_accepts_no_others() {
    let _watch = watch();
    runner(2).run(async {
        let server = Server::start().await;
        let addr = server.addr;
        let (mut silent, mut subscriber) = (server.client().await, server.client().await);
        silent.ask("SET a 1", "+OK\r\n").await;
        subscriber.ask("SUBSCRIBE a", "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n").await;
        server.task.stop();
        silent.expect_the_end().await;
        subscriber.expect_the_end().await;
        drop((silent, subscriber));
        server.task.await.unwrap();
        assert_eq!(TcpStream::connect(addr).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    });
}
