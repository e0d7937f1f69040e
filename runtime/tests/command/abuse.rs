//! Those who ask badly: the program goes on, and others get their answers.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use raddle::{Event, Runner, create_task, yield_now};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::victim::{Victim, is_victim, open_sockets, orders, say};
use crate::common::{eventually, watch};

/// A program with 10,000 tasks that answers orders by a task.
fn program() {
    let orders = orders();
    Runner::new().workers(2).inspect(true).run(async {
        let event = std::sync::Arc::new(Event::new());
        let tasks: Vec<_> = (0..10_000)
            .map(|_| {
                let event = event.clone();
                create_task(async move { event.wait().await })
            })
            .collect();
        yield_now().await;
        say("here");
        while let Ok(order) = orders.get().await {
            let answered = create_task(async move { order }).await.unwrap();
            say(format!("{answered} {}", open_sockets()));
        }
        drop(tasks);
    });
}

/// The program, once for each test.
struct Abused {
    victim: Victim,
    socket: PathBuf,
    /// How many sockets it has while nobody asks.
    sockets: String,
}

impl Abused {
    fn start(test: &str) -> Option<Abused> {
        if is_victim("abused", program) {
            return None;
        }
        let mut victim = Victim::start(module_path!(), test, "abused", &["env", "-u", "XDG_RUNTIME_DIR"]);
        victim.hear("here");
        let user = rustix::process::geteuid().as_raw();
        let socket = PathBuf::from(format!("/tmp/raddle-{user}/{}-1.sock", victim.pid()));
        let sockets = victim.ask("ping");
        Some(Abused { victim, socket, sockets })
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(&self.socket).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// The program runs tasks, and tells an honest client what there is.
    #[track_caller]
    fn goes_on(&mut self) {
        self.victim.ask("ping");
        let ps = self.victim.told("ps", &[]);
        assert_eq!(ps.lines().filter(|line| line.starts_with("Task-")).count(), 10_001);
    }

    /// It keeps nothing of those who have gone.
    #[track_caller]
    fn recovers(mut self) {
        self.goes_on();
        let Abused { victim, sockets, .. } = &mut self;
        eventually("the sockets of those who asked are closed", || victim.ask("ping") == *sockets);
        self.victim.finish();
    }
}

#[test]
fn clients_that_say_nothing_keep_nobody_waiting() {
    let _watch = watch();
    let Some(mut abused) = Abused::start("clients_that_say_nothing_keep_nobody_waiting") else { return };
    let silent: Vec<_> = (0..40).map(|_| abused.connect()).collect();
    abused.goes_on();
    let mut half = abused.connect();
    half.write_all(b"p").unwrap();
    abused.goes_on();
    drop((silent, half));
    abused.recovers();
}

#[test]
fn garbage_is_refused() {
    let _watch = watch();
    let Some(abused) = Abused::start("garbage_is_refused") else { return };
    for garbage in [&b"\xff\xfe\0\x1b[2J\n"[..], b"ps; rm -rf /\n", b"\n", b"PS\n"] {
        let mut client = abused.connect();
        client.write_all(garbage).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(
            answer.starts_with("no such question: ") && answer.ends_with("there are ps, pstree, json and top\n"),
            "{answer}"
        );
        assert!(!answer.contains('\x1b'), "{answer}");
    }
    abused.recovers();
}

#[test]
fn a_line_of_a_hundred_megabytes_is_not_read() {
    let _watch = watch();
    let Some(abused) = Abused::start("a_line_of_a_hundred_megabytes_is_not_read") else { return };
    let mut client = abused.connect();
    let sent = (0..100).try_for_each(|_| client.write_all(&vec![b'x'; 1 << 20]));
    assert!(sent.is_err(), "it takes 64 bytes");
    abused.recovers();
}

#[test]
fn clients_that_do_not_read_their_answers_are_sent_away_when_others_come() {
    let _watch = watch();
    let test = "clients_that_do_not_read_their_answers_are_sent_away_when_others_come";
    let Some(mut abused) = Abused::start(test) else { return };
    // Each comes when the one before is being told its answer, so that none shares it, and there are more than are kept.
    let mut greedy = Vec::new();
    for _ in 0..6 {
        let mut client = abused.connect();
        client.write_all(b"json\n").unwrap();
        client.read_exact(&mut [0]).unwrap();
        greedy.push(client);
    }
    abused.goes_on();
    // Some have not got it all.
    let cut = greedy.iter_mut().map(|client| {
        let mut answer = String::new();
        client.read_to_string(&mut answer).is_err() || !answer.ends_with("}\n")
    });
    assert!(cut.filter(|is_cut| *is_cut).count() > 0);
    drop(greedy);
    abused.recovers();
}

#[test]
fn a_thousand_connections_at_once_cost_a_few_files() {
    let _watch = watch();
    let Some(mut abused) = Abused::start("a_thousand_connections_at_once_cost_a_few_files") else { return };
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    let crowd: Vec<_> = (0..1000).map(|_| abused.connect()).collect();
    let now: usize = abused.victim.ask("ping").parse().unwrap();
    let before: usize = abused.sockets.parse().unwrap();
    assert!(now <= before + 16, "{now} sockets, and {before} before");
    abused.goes_on();
    drop(crowd);
    abused.recovers();
}

#[test]
fn clients_that_leave_midway_leave_nothing() {
    let _watch = watch();
    let Some(abused) = Abused::start("clients_that_leave_midway_leave_nothing") else { return };
    for _ in 0..20 {
        drop(abused.connect());
        let mut half = abused.connect();
        half.write_all(b"js").unwrap();
        drop(half);
        let mut asked = abused.connect();
        asked.write_all(b"json").unwrap();
        asked.shutdown(Shutdown::Write).unwrap();
        drop(asked);
        let mut reading = abused.connect();
        reading.write_all(b"json\n").unwrap();
        reading.read_exact(&mut [0; 1000]).unwrap();
        drop(reading);
    }
    abused.recovers();
}
