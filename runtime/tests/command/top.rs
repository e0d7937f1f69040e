//! `raddle top` in a terminal, and where there is none.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use raddle::{Event, Runner, TaskBuilder, yield_now};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use super::victim::{Victim, heard, is_victim, say};
use crate::common::watch;

/// Some tasks that wait, until it is told to end.
fn program() {
    Runner::new().workers(2).inspect(true).run(async {
        let event = Arc::new(Event::new());
        let tasks: Vec<_> = (0..50)
            .map(|number| {
                let event = event.clone();
                TaskBuilder::new().name(&format!("waiter-{number}\u{1b}[31m")).create(async move { event.wait().await })
            })
            .collect();
        while raddle::all_tasks().iter().filter(|task| task.waiting.is_some()).count() < tasks.len() {
            yield_now().await;
        }
        say("here");
        drop(raddle::to_thread(heard).await);
        drop(tasks);
    });
}

fn victim(test: &str) -> Option<Victim> {
    if is_victim("some tasks", program) {
        return None;
    }
    let mut victim = Victim::start(module_path!(), test, "some tasks", &[]);
    victim.hear("here");
    Some(victim)
}

#[test]
fn where_the_output_is_no_terminal_one_picture_is_printed() {
    let _watch = watch();
    let Some(victim) = victim("where_the_output_is_no_terminal_one_picture_is_printed") else { return };
    let text = victim.told("top", &[]);
    let line = text.lines().find(|line| line.contains("waiter-*")).unwrap_or_else(|| panic!("{text}"));
    assert!(line.trim_start().starts_with("50 ") && line.contains("Event::wait"), "{text}");
    assert!(line.contains("top.rs:") && !text.contains('\u{1b}'), "{text}");
    assert!(text.contains("tasks 51  workers 2: "), "{text}");
    victim.finish();
}

#[test]
fn json_comes_line_by_line_until_the_program_ends() {
    let _watch = watch();
    let Some(victim) = victim("json_comes_line_by_line_until_the_program_ends") else { return };
    let process = victim.pid().to_string();
    let mut top = Command::new(env!("CARGO_BIN_EXE_raddle"));
    top.args(["top", &process, "--json", "--every", "0.05"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut top = top.spawn().unwrap();
    let mut lines = BufReader::new(top.stdout.take().unwrap()).lines();
    for _ in 0..3 {
        let look: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert_eq!(look["process"].to_string(), process);
        let runtime = &look["runtimes"][0];
        assert_eq!((&runtime["tasks"], runtime["workers"].as_array().unwrap().len()), (&51.into(), 2));
        let waits = runtime["groups"].as_array().unwrap().iter().find(|group| group["name"] == "waiter-*").unwrap();
        assert_eq!((&waits["waits"][0]["op"], &waits["waits"][0]["tasks"]), (&"Event::wait".into(), &50.into()));
    }
    victim.finish();
    lines.for_each(|line| drop(line.unwrap()));
    let mut last = String::new();
    top.stderr.take().unwrap().read_to_string(&mut last).unwrap();
    assert!(last.contains(&format!("raddle: process {process} (")), "{last}");
    assert!(!top.wait().unwrap().success());
}

/// `raddle top` in a terminal of its own.
struct Terminal {
    keyboard: File,
    /// What the program's end of the terminal is, to be looked at.
    line: OwnedFd,
    screen: Arc<Mutex<Vec<u8>>>,
    top: Child,
}

impl Terminal {
    fn start(victim: &Victim) -> Terminal {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
        let line = || OwnedFd::from(File::options().read(true).write(true).open(&name).unwrap());
        let mut top = Command::new(env!("CARGO_BIN_EXE_raddle"));
        top.args(["top", &victim.pid().to_string(), "--every", "0.1"]).env("TERM", "xterm-256color");
        top.stdin(line()).stdout(line()).stderr(line());
        let line = line();
        tcsetwinsize(&line, size(80, 24)).unwrap();
        let top = top.spawn().unwrap();
        let screen = Arc::new(Mutex::new(Vec::new()));
        let keyboard = File::from(terminal);
        let (mut shown, kept) = (keyboard.try_clone().unwrap(), screen.clone());
        thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = shown.read(&mut piece) {
                kept.lock().unwrap().extend_from_slice(&piece[..count]);
            }
        });
        Terminal { keyboard, line, screen, top }
    }

    fn seen(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().unwrap()).into_owned()
    }

    #[track_caller]
    fn shows(&self, part: &str) {
        let begun = Instant::now();
        while !self.seen().contains(part) {
            let seen = self.seen();
            let end = seen.len().saturating_sub(3000);
            assert!(begun.elapsed() < Duration::from_secs(30), "{part:?} is not shown: {:?}", seen.get(end..));
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// As `shows`, of what is drawn anew, again and again: words come in one piece then.
    #[track_caller]
    fn shows_anew(&self, part: &str) {
        let begun = Instant::now();
        for width in [90, 91].into_iter().cycle() {
            self.forget();
            tcsetwinsize(&self.line, size(width, 30)).unwrap();
            kill_process(Pid::from_raw(self.top.id() as i32).unwrap(), Signal::WINCH).unwrap();
            let drawn = Instant::now();
            while drawn.elapsed() < Duration::from_millis(500) {
                if self.seen().contains(part) {
                    return;
                }
                thread::sleep(Duration::from_millis(5));
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{part:?} is not shown: {:?}", self.seen());
        }
    }

    /// Shows what comes from now on.
    fn forget(&self) {
        self.screen.lock().unwrap().clear();
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    fn is_raw(&self) -> bool {
        !tcgetattr(&self.line).unwrap().local_modes.contains(LocalModes::ICANON)
    }

    /// It ends well, and the terminal is as it was. Returns what was said last.
    #[track_caller]
    fn is_given_back(&mut self) -> String {
        let status = self.top.wait().unwrap();
        self.shows("\u{1b}[?1049l");
        assert!(status.success(), "{status}: {:?}", self.seen());
        assert!(!self.is_raw());
        thread::sleep(Duration::from_millis(50));
        let seen = self.seen();
        // And the cursor is shown.
        seen.rsplit_once("\u{1b}[?1049l").unwrap().1.replace("\u{1b}[?25h", "")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.top.kill();
        let _ = self.top.wait();
    }
}

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 }
}

#[test]
fn keys_and_sizes_do_what_they_say_and_q_gives_the_terminal_back() {
    let _watch = watch();
    let Some(victim) = victim("keys_and_sizes_do_what_they_say_and_q_gives_the_terminal_back") else { return };
    let mut terminal = Terminal::start(&victim);
    terminal.shows("waiter-*");
    terminal.shows("quit");
    assert!(terminal.is_raw());
    terminal.forget();
    terminal.press("t");
    terminal.shows("fut=program");
    terminal.shows("waiter-0\\u{1b}[31m");
    terminal.press("t");
    terminal.forget();
    terminal.press("p");
    terminal.shows("PAUSED");
    terminal.press("p");
    tcsetwinsize(&terminal.line, size(100, 40)).unwrap();
    kill_process(Pid::from_raw(terminal.top.id() as i32).unwrap(), Signal::WINCH).unwrap();
    // The last of forty lines.
    terminal.shows("\u{1b}[40;");
    terminal.forget();
    terminal.press("/nobody\r");
    terminal.shows_anew("'nobody'");
    // The keys are told again when the filter has been typed.
    terminal.shows_anew("quit");
    terminal.press("q");
    assert_eq!(terminal.is_given_back(), "");
    victim.finish();
}

#[test]
fn ctrl_c_and_signals_give_the_terminal_back() {
    let _watch = watch();
    let Some(victim) = victim("ctrl_c_and_signals_give_the_terminal_back") else { return };
    for signal in [None, Some(Signal::INT), Some(Signal::TERM), Some(Signal::HUP)] {
        let mut terminal = Terminal::start(&victim);
        terminal.shows("waiter-*");
        match signal {
            None => terminal.press("\u{3}"),
            Some(signal) => kill_process(Pid::from_raw(terminal.top.id() as i32).unwrap(), signal).unwrap(),
        }
        assert_eq!(terminal.is_given_back(), "");
    }
    victim.finish();
}

#[test]
fn the_end_of_the_program_is_told_in_a_sentence() {
    let _watch = watch();
    let Some(victim) = victim("the_end_of_the_program_is_told_in_a_sentence") else { return };
    let mut terminal = Terminal::start(&victim);
    terminal.shows("waiter-*");
    let process = victim.pid();
    victim.finish();
    let last = terminal.is_given_back();
    assert!(last.contains(&format!("raddle: process {process} (")) && last.contains(") "), "{last}");
}
