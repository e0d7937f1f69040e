//! The command, and what it says.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use super::victim::Victim;

pub(crate) fn raddle(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_raddle")).args(arguments).env("COLUMNS", "300").output().unwrap()
}

#[track_caller]
pub(crate) fn answer(arguments: &[&str]) -> String {
    let output = raddle(arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Asks again until the answer has that in it.
#[track_caller]
pub(crate) fn answer_with(arguments: &[&str], part: &str) -> String {
    let begun = Instant::now();
    loop {
        let text = answer(arguments);
        if text.contains(part) {
            return text;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{part:?} never comes: {text}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Victim {
    /// What the command says of it.
    #[track_caller]
    pub(crate) fn told(&self, command: &str, options: &[&str]) -> String {
        let process = self.pid().to_string();
        answer(&[&[command, &process], options].concat())
    }
}
