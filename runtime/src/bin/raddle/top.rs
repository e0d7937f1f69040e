//! `raddle top`: looks at a program again and again.
//!
//! A thread of its own asks, so that keys do something while the program does not answer. The looks come as often as
//! was asked for, and less often where one costs the program more than a hundredth of that time: so `top` takes
//! no more than one percent of a core from a program with however many tasks.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use ratatui::layout::Rect;

use crate::arguments::Top;
use crate::draw::{draw, whole_height};
use crate::process::Process;
use crate::questions::array;
use crate::screen::{Asked, Screen};
use crate::snapshot::Snapshot;
use crate::terminal::Terminal;

/// Between the two looks that one picture needs.
const FOR_RATES: Duration = Duration::from_millis(500);
/// Answers and signals are looked for as often.
const GLANCE: Duration = Duration::from_millis(100);
/// A look may cost the program this part of the time until the next.
const SHARE: u32 = 100;
/// Columns of a picture where nobody says how many there are.
const WIDTH: u16 = 120;

pub(crate) fn run(options: &Top) -> Result<String, String> {
    let process = Process::find(options.process);
    let process = process.ok_or_else(|| format!("raddle: there is no process {}\n", options.process))?;
    if options.json {
        stream(&process, options)
    } else if options.once || !io::stdout().is_terminal() {
        once(&process)
    } else {
        watch(process, options.every)
    }
}

/// A look at a program: what was asked, and what it costs the program, as far as that is known here.
struct Look {
    snapshot: Snapshot,
    trees: Option<Vec<String>>,
    /// How long the longer of the two answers took.
    took: Duration,
}

fn look(process: &Process, with_trees: bool) -> io::Result<Look> {
    let asked = Instant::now();
    let answers = raddle::ask(process.number, "top")?;
    let snapshot = Snapshot::parse(&answers).map_err(io::Error::other)?;
    let begun = Instant::now();
    let trees = with_trees.then(|| raddle::ask(process.number, "pstree")).transpose()?;
    let took = if with_trees { begun.elapsed() } else { asked.elapsed() };
    Ok(Look { snapshot, trees: trees.map(|trees| trees.iter().map(|tree| crate::clean::clean(tree)).collect()), took })
}

/// Why nothing more is to be learned, if that is so.
fn ended(process: &Process, error: &io::Error) -> Option<String> {
    let Process { number, name, .. } = process;
    if !process.lives() {
        Some(format!("raddle: process {number} ({name}) has ended\n"))
    } else if error.kind() == ErrorKind::NotFound {
        Some(format!("raddle: process {number} ({name}) lives on, but answers no more: its runtime has ended\n"))
    } else {
        None
    }
}

/// One picture as text.
fn once(process: &Process) -> Result<String, String> {
    let mut screen = Screen::new(process.clone());
    screen.take(look(process, false).map_err(told)?.snapshot);
    thread::sleep(FOR_RATES);
    screen.take(look(process, false).map_err(told)?.snapshot);
    let width = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).unwrap_or(WIDTH);
    let all = screen.runtime().map_or(0, |(.., all)| all);
    let pictures = (0..all).map(|place| {
        screen.show_runtime(place);
        picture(&mut screen, width)
    });
    Ok(pictures.collect::<Vec<_>>().join("\n"))
}

fn told(error: io::Error) -> String {
    format!("raddle: {error}\n")
}

/// All there is to be seen, but for the keys.
fn picture(screen: &mut Screen, width: u16) -> String {
    let area = Rect::new(0, 0, width.max(40), whole_height(screen, width));
    let mut buffer = Buffer::empty(area);
    draw(screen, area, &mut buffer);
    let mut lines: Vec<String> = (area.top()..area.bottom() - 1)
        .map(|row| {
            let line: String = (area.left()..area.right()).map(|column| buffer[(column, row)].symbol()).collect();
            line.trim_end().to_owned()
        })
        .collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines.join("\n") + "\n"
}

/// A line of JSON for each look, until the program ends or nobody reads.
fn stream(process: &Process, options: &Top) -> Result<String, String> {
    loop {
        let asked = Instant::now();
        let answers = match raddle::ask(process.number, "top") {
            Ok(answers) => answers,
            Err(error) => {
                return ended(process, &error).filter(|_| !options.once).map_or_else(|| Err(told(error)), Err);
            }
        };
        let runtimes = array(&answers).replace('\n', "");
        let line = format!("{{\"process\":{},\"runtimes\":{runtimes}}}\n", process.number);
        let mut out = io::stdout().lock();
        if options.once || out.write_all(line.as_bytes()).and_then(|()| out.flush()).is_err() {
            return Ok(if options.once { line } else { String::new() });
        }
        thread::sleep(options.every.max(asked.elapsed() * SHARE).saturating_sub(asked.elapsed()));
    }
}

/// Asks on a thread of its own: with the trees, or without.
struct Looker {
    ask: Sender<bool>,
    looks: Receiver<io::Result<Look>>,
}

impl Looker {
    fn start(process: Process) -> io::Result<Looker> {
        let (ask, asked) = channel();
        let (give, looks) = channel();
        // It ends when nobody asks any more; the command does not wait for it.
        thread::Builder::new().name("raddle-top-asks".into()).spawn(move || {
            for with_trees in asked {
                if give.send(look(&process, with_trees)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Looker { ask, looks })
    }
}

/// The screen, until a key or a signal ends it, or the program itself. Returns what is to be said last.
fn watch(process: Process, every: Duration) -> Result<String, String> {
    // Before the terminal is taken: what cannot be asked is told as by the others.
    let first = look(&process, false).map_err(told)?;
    let looker = Looker::start(process.clone()).map_err(told)?;
    let mut screen = Screen::new(process);
    screen.take(first.snapshot);
    let mut terminal = Terminal::open().map_err(told)?;
    let watched = Watch { screen, looker, every, next: Instant::now() + FOR_RATES.min(every), asked: None };
    let last = watched.run(&mut terminal);
    drop(terminal);
    last.map_err(told)
}

struct Watch {
    screen: Screen,
    looker: Looker,
    every: Duration,
    next: Instant,
    /// When the program was asked that has not answered yet.
    asked: Option<Instant>,
}

impl Watch {
    fn run(mut self, terminal: &mut Terminal) -> io::Result<String> {
        let mut is_changed = true;
        loop {
            if std::mem::take(&mut is_changed) {
                terminal.draw(|frame| {
                    let area = frame.area();
                    draw(&mut self.screen, area, frame.buffer_mut());
                })?;
            }
            if event::poll(GLANCE)? {
                is_changed = true;
                match event::read()? {
                    Event::Key(key) if key.kind != KeyEventKind::Release => match self.screen.press(key) {
                        Asked::Quit => return Ok(String::new()),
                        Asked::Look => self.next = Instant::now(),
                        Asked::Nothing => {}
                    },
                    _ => {}
                }
            }
            if terminal.is_told_to_end() {
                return Ok(String::new());
            }
            match self.looker.looks.try_recv() {
                Ok(look) => {
                    is_changed = true;
                    if let Some(last) = self.take(look) {
                        return Ok(last);
                    }
                }
                Err(_) => self.ask_if_due(),
            }
        }
    }

    fn ask_if_due(&mut self) {
        let now = Instant::now();
        if self.asked.is_none() && !self.screen.is_paused && now >= self.next {
            // The thread is there as long as this is.
            _ = self.looker.ask.send(self.screen.shows_tree);
            self.asked = Some(now);
        }
    }

    /// Returns what is to be said when that was the last.
    fn take(&mut self, look: io::Result<Look>) -> Option<String> {
        let asked = self.asked.take().unwrap_or_else(Instant::now);
        match look {
            Ok(Look { snapshot, trees, took }) => {
                self.screen.take(snapshot);
                if let Some(trees) = trees {
                    self.screen.take_trees(&trees);
                }
                self.next = asked + self.every.max(took.min(self.cost(took)) * SHARE);
                None
            }
            Err(error) => {
                self.next = asked + self.every;
                self.screen.notice = Some(error.to_string());
                ended(&self.screen.process, &error)
            }
        }
    }

    /// What the look has cost the program: for the lists it tells itself, for the trees the time that they took stands.
    fn cost(&self, took: Duration) -> Duration {
        let told = self.screen.figures().map(|figures| Duration::from_secs_f64(figures.spent)).unwrap_or_default();
        if self.screen.shows_tree { took } else { told }
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;
    use crate::screen::tests::{press, screen};

    fn shown(screen: &mut Screen, width: u16, height: u16) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal
            .draw(|frame| {
                let area = frame.area();
                draw(screen, area, frame.buffer_mut());
            })
            .unwrap();
        let buffer = terminal.backend().buffer();
        let row = |row| (0..width).map(|column| buffer[(column, row)].symbol()).collect::<String>();
        (0..height).map(|number| row(number).trim_end().to_owned()).collect()
    }

    fn busy() -> Screen {
        let mut screen = Screen::new(Process::find(std::process::id()).unwrap());
        let answer = |uptime: u32, polls: u32| {
            format!(
                concat!(
                    r#"{{"runtime":"app","uptime":{uptime},"cost":0.001,"tasks":10001,"injected":0,"blocking":1,"#,
                    r#""blocking_threads":6,"workers":[{{"worker":0,"state":"running","polls":{polls},"queue":3}},"#,
                    r#"{{"worker":1,"state":"stuck","polls":7,"seconds":12.5,"task":{{"id":7,"name":"resize","#,
                    r#""spawned_at":"src/images/resize.rs:40:9"}}}}],"groups":[{{"name":"conn-*","future":"serve","#,
                    r#""spawned_at":"src/main.rs:10:5","tasks":9000,"ready":4,"waits":[{{"op":"Queue::get","#,
                    r#""at":"src/main.rs:99:1","tasks":8000,"seconds":75}},{{"op":"sleep","at":null,"tasks":996,"#,
                    r#""seconds":2}}]}},{{"name":null,"future":"main","spawned_at":"src/main.rs:3:1","tasks":1}}],"#,
                    r#""deadlocks":[{{"text":"deadlock: 2 tasks wait for each other\n  Task-3 waits for Task-4\n"}}],"#,
                    r#""stalled":0}}"#
                ),
                uptime = uptime,
                polls = polls
            )
        };
        screen.take(Snapshot::parse(&[answer(60, 1000)]).unwrap());
        screen.take(Snapshot::parse(&[answer(62, 41_000)]).unwrap());
        screen
    }

    #[test]
    fn eighty_columns_and_twenty_four_lines_show_what_matters() {
        let lines = shown(&mut busy(), 80, 24);
        let text = lines.join("\n");
        assert!(lines[0].contains("up 1m02s"), "{text}");
        assert_eq!(lines[1], "tasks 10,001  workers 2: 1 running, 1 stuck, 0 parked, 0 unstarted");
        let work = "polls/s 20.0k  steals/s 0  timers 0  sockets 0  blocking 1 of 6  top costs 0.0%";
        assert_eq!(lines[2], work);
        assert_eq!(lines[3], "worker 1 is stuck for 12s in Task-7 'resize', created at src/images/resize.rs:40");
        assert!(lines[4].starts_with("deadlock: 2 tasks wait for each other"), "{text}");
        assert!(lines[7].contains("stuck 12s in Task-7 'resize'") && lines[7].ends_with("e.rs:40"), "{text}");
        assert!(lines[8].starts_with("     0     20.0k      3       0        0  running"), "{text}");
        let group = &lines[10];
        assert!(group.starts_with("  9,000        4    1m15s  conn-* src/main.rs:10"), "{text}");
        assert!(group.contains("8,000× Queue::get"), "{text}");
        assert!(lines[11].contains("      1                    main src/main.rs:3"), "{text}");
        assert!(lines[23].starts_with("q quit  p pause"), "{text}");
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn every_size_is_drawn_and_the_keys_stay() {
        let mut screen = busy();
        for (width, height) in [(1, 1), (10, 3), (20, 5), (40, 10), (80, 24), (200, 60), (79, 8)] {
            let lines = shown(&mut screen, width, height);
            let last = &lines[usize::from(height) - 1];
            assert!(width < 40 || last.contains("q quit"), "{width}x{height}: {last}");
        }
    }

    #[test]
    fn a_list_that_is_longer_than_the_screen_says_so_and_scrolls() {
        let mut screen = screen(40);
        let lines = shown(&mut screen, 80, 24);
        assert!(lines[23].starts_with("22 more below"), "{}", lines.join("\n"));
        press(&mut screen, "⇲");
        let lines = shown(&mut screen, 80, 24);
        assert!(lines[22].contains("group 00") && !lines[23].contains("below"), "{}", lines.join("\n"));
        let lines = shown(&mut screen, 80, 100);
        assert!(lines.join("\n").contains("group 39"), "a larger window shows what had been scrolled away");
    }

    #[test]
    fn a_tree_is_shown_in_the_place_of_the_groups() {
        let mut screen = busy();
        press(&mut screen, "t");
        screen.take_trees(&["Task-1 main\n  Task-2 child\n".to_owned()]);
        let lines = shown(&mut screen, 80, 24);
        assert_eq!((lines[10].as_str(), lines[11].as_str()), ("Task-1 main", "  Task-2 child"));
        press(&mut screen, "/child");
        let lines = shown(&mut screen, 80, 24);
        assert_eq!((lines[10].as_str(), lines[11].as_str(), lines[23].as_str()), ("  Task-2 child", "", "/child_"));
    }

    #[test]
    fn a_picture_has_all_groups_and_no_keys() {
        let text = picture(&mut screen(100), 80);
        assert!((0..100).all(|n| text.contains(&format!("group {n:02}"))), "{text}");
        assert!(!text.contains("quit") && text.ends_with('\n') && !text.ends_with("\n\n"), "{text}");
        assert!(picture(&mut busy(), 80).contains("Task-3 waits for Task-4"));
    }
}
