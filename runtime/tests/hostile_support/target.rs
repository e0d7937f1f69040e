//! A server's process, seen from the test.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::products::{Product, VARIABLE};

/// How long the server may take for anything; a healthy one needs a fraction of a second.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A server under attack.
pub(crate) struct Target {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
}

/// What the server holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Bytes, by its allocator's count.
    pub(crate) allocated: usize,
    /// The most that were allocated since the counts before.
    pub(crate) peak: usize,
    /// Bytes of memory, whoever mapped them, as the kernel counts them.
    pub(crate) resident: usize,
    pub(crate) tasks: usize,
    pub(crate) sockets: usize,
    pub(crate) panics: usize,
}

impl Target {
    pub(crate) fn start(product: Product) -> Target {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "serves_the_other_tests", "--ignored", "--nocapture", "--test-threads=1"])
            .env(VARIABLE, format!("{product:?}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let questions = child.stdin.take().unwrap();
        let mut answers = BufReader::new(child.stdout.take().unwrap());
        let address = line_after(&mut answers, "listening on ").parse().unwrap();
        Target { child, questions, answers, address }
    }

    pub(crate) fn counts(&mut self) -> Counts {
        writeln!(self.questions).unwrap();
        let line = line_after(&mut self.answers, "counts ");
        let numbers: Vec<usize> = line.split(' ').map(|number| number.parse().unwrap()).collect();
        let [allocated, peak, tasks, sockets, panics] = numbers[..] else { panic!("counts: {line}") };
        Counts { allocated, peak, resident: self.resident(), tasks, sockets, panics }
    }

    fn resident(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
    }

    /// Waits until the counts are as they should be.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, mut is_so: impl FnMut(&Counts) -> bool) -> Counts {
        let began = Instant::now();
        loop {
            let counts = self.counts();
            if is_so(&counts) {
                return counts;
            }
            if began.elapsed() > PATIENCE {
                writeln!(self.questions, "tasks").unwrap();
                self.counts();
                panic!("never: {what}; it is {counts:?}");
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn line_after(answers: &mut impl BufRead, beginning: &str) -> String {
    loop {
        let mut line = String::new();
        assert!(answers.read_line(&mut line).unwrap() > 0, "the server ended where `{beginning}` was expected");
        if let Some((_, rest)) = line.split_once(beginning) {
            return rest.trim_end().to_owned();
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
