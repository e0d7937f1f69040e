//! Promises of the example `chat_server`: everybody reads what others say, in order, and who comes and goes; a reader
//! that is too slow is told what it missed and holds up nobody; names are one's own; long lines end the visit.

mod common;
#[path = "../examples/chat/room.rs"]
mod room;
#[path = "../examples/chat/visit.rs"]
mod visit;

use std::io;
use std::time::Duration;

use common::{runner, watch};
use raddle::{Server, StreamReader, StreamWriter, open_connection, timeout};

struct Guest {
    reader: StreamReader,
    writer: StreamWriter,
}

impl Guest {
    /// Comes in and reads the welcome.
    async fn enter(server: &Server, name: &str) -> Guest {
        let (reader, writer) = open_connection(server.local_addrs()[0]).await.unwrap();
        let mut guest = Guest { reader, writer };
        assert!(guest.line().await.starts_with("* welcome, guest-"));
        assert!(guest.line().await.starts_with("* /nick NAME"));
        guest.say(&format!("/nick {name}"));
        assert_eq!(guest.line().await, format!("* you are called {name} now"));
        guest
    }

    fn say(&mut self, line: &str) {
        self.writer.write(line.as_bytes());
        self.writer.write(b"\n");
    }

    /// The next line; empty at the end.
    async fn line(&mut self) -> String {
        let line = timeout(Duration::from_secs(30), self.reader.read_line()).await.expect("a line in time").unwrap();
        String::from_utf8(line.to_vec()).unwrap().trim_end().to_owned()
    }

    /// Reads until this line.
    async fn until(&mut self, wanted: &str) -> Vec<String> {
        let mut lines = Vec::new();
        while lines.last().is_none_or(|line| line != wanted) {
            let line = self.line().await;
            assert!(!line.is_empty(), "the end came before `{wanted}`: {lines:?}");
            lines.push(line);
        }
        lines
    }
}

fn in_a_room<F: Future<Output = Server>>(test: impl FnOnce(Server) -> F) {
    let _watch = watch();
    runner(2).run(async {
        let server = test(visit::open("127.0.0.1:0").await.unwrap()).await;
        server.close();
        server.abort_clients();
        server.wait_closed().await;
    });
}

#[test]
fn what_one_says_others_read_in_order() {
    in_a_room(async |server| {
        let mut ann = Guest::enter(&server, "ann").await;
        let mut bob = Guest::enter(&server, "bob").await;
        ann.until("* guest-2 is called bob now").await;
        for n in 0..50 {
            bob.say(&format!("line {n}"));
        }
        for n in 0..50 {
            assert_eq!(ann.line().await, format!("bob: line {n}"));
        }
        ann.say("  esc\x1b[2Jape \r");
        assert_eq!(bob.line().await, "ann: esc[2Jape");
        ann.say("/who");
        assert_eq!(ann.line().await, "* ann, bob");
        server
    });
}

#[test]
fn leaving_is_told_however_it_comes_about() {
    in_a_room(async |server| {
        let mut ann = Guest::enter(&server, "ann").await;
        let mut bob = Guest::enter(&server, "bob").await;
        bob.say("/quit");
        bob.until("* goodbye").await;
        assert_eq!(bob.line().await, "");
        ann.until("* bob leaves").await;
        let mut cid = Guest::enter(&server, "cid").await;
        cid.writer.abort();
        ann.until("* cid leaves").await;
        let mut dan = Guest::enter(&server, "dan").await;
        dan.writer.shutdown_write();
        ann.until("* dan leaves").await;
        // Their names are free again.
        Guest::enter(&server, "bob").await;
        server
    });
}

#[test]
fn names_are_short_plain_and_one_s_own() {
    in_a_room(async |server| {
        let mut ann = Guest::enter(&server, "ann").await;
        let mut bob = Guest::enter(&server, "bob").await;
        bob.say("/nick ann");
        assert_eq!(bob.line().await, "* somebody is called ann already");
        for bad in ["", "a b", "a:b", "123456789012345678901"] {
            bob.say(&format!("/nick {bad}"));
            assert!(bob.line().await.contains("letters"), "{bad:?}");
        }
        bob.say("/dance");
        assert_eq!(bob.line().await, "* what is /dance?");
        ann.until("* guest-2 is called bob now").await;
        server
    });
}

#[test]
fn a_slow_reader_is_told_what_it_missed_and_holds_up_nobody() {
    in_a_room(async |server| {
        let mut slow = Guest::enter(&server, "slow").await;
        let mut quick = Guest::enter(&server, "quick").await;
        let mut speaker = Guest::enter(&server, "speaker").await;
        quick.until("* guest-3 is called speaker now").await;
        // More than the kernel and the server keep for the slow one.
        let (text, count) = ("x".repeat(1000), 20_000);
        for n in 0..count {
            speaker.say(&format!("{n} {text}"));
            speaker.writer.drain().await.unwrap();
            if n % 50 == 0 {
                // Nobody waits for the slow one; this one keeps up.
                quick.until(&format!("speaker: {n} {text}")).await;
            }
        }
        speaker.say("the end");
        quick.until("speaker: the end").await;
        let lines = slow.until("speaker: the end").await;
        let missed: usize = lines
            .iter()
            .filter_map(|line| line.strip_prefix("* you read too slowly and have missed "))
            .map(|rest| rest.trim_end_matches(" messages").parse::<usize>().unwrap())
            .sum();
        let heard = lines.iter().filter(|line| line.starts_with("speaker: ") && line.len() > 100).count();
        let before = lines.iter().filter(|line| line.starts_with("* guest") || line.contains("is called")).count();
        assert!(missed > 0);
        // The four messages about the other two coming and being renamed are either heard or among the missed.
        assert_eq!(missed + heard + before, count + 4);
        server
    });
}

#[test]
fn a_line_that_is_too_long_ends_the_visit() {
    in_a_room(async |server| {
        let mut ann = Guest::enter(&server, "ann").await;
        let mut bob = Guest::enter(&server, "bob").await;
        bob.say(&"x".repeat(visit::LONGEST_LINE * 2));
        assert_eq!(bob.line().await, "* a line has at most 1024 bytes; goodbye");
        ann.until("* bob leaves").await;
        server
    });
}

#[test]
fn closing_the_room_shows_everybody_out() {
    in_a_room(async |server| {
        let mut ann = Guest::enter(&server, "ann").await;
        let addr = server.local_addrs()[0];
        server.close();
        server.close_clients();
        assert_eq!(ann.line().await, "");
        let refused = open_connection(addr).await.err().unwrap();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        server
    });
}
