//! What is shown, and what keys do to it. Knows neither terminal nor program.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::figures::Figures;
use crate::groups::{Sort, chosen, holds};
use crate::process::Process;
use crate::snapshot::{Group, Runtime, Snapshot};

/// The state of the screen.
#[derive(Clone, Debug)]
pub(crate) struct Screen {
    pub(crate) process: Process,
    before: Option<Snapshot>,
    now: Option<Snapshot>,
    /// The lines of the tree, by runtime.
    trees: Vec<Vec<String>>,
    pub(crate) shows_tree: bool,
    pub(crate) sort: Sort,
    pub(crate) is_reversed: bool,
    pub(crate) filter: String,
    /// Keys go into the filter.
    pub(crate) is_typing: bool,
    pub(crate) is_paused: bool,
    runtime: usize,
    /// How many lines of the list are above what is shown.
    pub(crate) scrolled: usize,
    /// How many lines of the list were shown last: a page.
    pub(crate) page: usize,
    /// In place of the help line.
    pub(crate) notice: Option<String>,
}

/// What a key asks the program for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Nothing,
    Quit,
    /// Something else is shown: look now.
    Look,
}

impl Screen {
    pub(crate) fn new(process: Process) -> Screen {
        Screen {
            process,
            before: None,
            now: None,
            trees: Vec::new(),
            shows_tree: false,
            sort: Sort::default(),
            is_reversed: false,
            filter: String::new(),
            is_typing: false,
            is_paused: false,
            runtime: 0,
            scrolled: 0,
            page: 10,
            notice: None,
        }
    }

    /// A new look at the program.
    pub(crate) fn take(&mut self, snapshot: Snapshot) {
        self.before = self.now.replace(snapshot);
        self.notice = None;
    }

    /// Its tasks as trees, a text for each runtime.
    pub(crate) fn take_trees(&mut self, texts: &[String]) {
        self.trees = texts.iter().map(|text| text.lines().map(str::to_owned).collect()).collect();
    }

    /// The runtime that is shown, its place among them, and how many there are.
    pub(crate) fn runtime(&self) -> Option<(&Runtime, usize, usize)> {
        let runtimes = &self.now.as_ref()?.runtimes;
        let place = self.runtime.min(runtimes.len().checked_sub(1)?);
        Some((&runtimes[place], place, runtimes.len()))
    }

    pub(crate) fn figures(&self) -> Option<Figures> {
        let (_, place, _) = self.runtime()?;
        Figures::between(self.before.as_ref()?, self.now.as_ref()?, place)
    }

    /// Shows another of the program's runtimes.
    pub(crate) fn show_runtime(&mut self, place: usize) {
        (self.runtime, self.scrolled) = (place, 0);
    }

    pub(crate) fn groups(&self) -> Vec<&Group> {
        let groups = self.runtime().map_or(&[][..], |(runtime, ..)| &runtime.groups);
        chosen(groups, self.sort, self.is_reversed, &self.filter)
    }

    pub(crate) fn tree(&self) -> Vec<&str> {
        let place = self.runtime().map_or(0, |(_, place, _)| place);
        let lines = self.trees.get(place).into_iter().flatten();
        lines.map(String::as_str).filter(|line| holds(line, &self.filter)).collect()
    }

    fn len(&self) -> usize {
        if self.shows_tree { self.tree().len() } else { self.groups().len() }
    }

    pub(crate) fn press(&mut self, key: KeyEvent) -> Asked {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return if key.code == KeyCode::Char('c') { Asked::Quit } else { Asked::Nothing };
        }
        if self.is_typing { self.type_filter(key.code) } else { self.command(key.code) }
    }

    fn type_filter(&mut self, code: KeyCode) -> Asked {
        match code {
            KeyCode::Enter => self.is_typing = false,
            KeyCode::Esc => (self.is_typing, self.filter) = (false, String::new()),
            KeyCode::Backspace => _ = self.filter.pop(),
            KeyCode::Char(c) => self.filter.push(c),
            _ => {}
        }
        self.scrolled = 0;
        Asked::Nothing
    }

    fn command(&mut self, code: KeyCode) -> Asked {
        match code {
            KeyCode::Char('q') => return Asked::Quit,
            KeyCode::Esc if self.filter.is_empty() => return Asked::Quit,
            KeyCode::Esc => (self.filter, self.scrolled) = (String::new(), 0),
            KeyCode::Char('p' | ' ') => {
                self.is_paused = !self.is_paused;
                return if self.is_paused { Asked::Nothing } else { Asked::Look };
            }
            KeyCode::Char('t') => {
                (self.shows_tree, self.scrolled) = (!self.shows_tree, 0);
                return Asked::Look;
            }
            KeyCode::Char('/') => (self.is_typing, self.filter) = (true, String::new()),
            KeyCode::Tab => {
                let (place, all) = self.runtime().map_or((0, 1), |(_, place, all)| (place, all));
                self.show_runtime((place + 1) % all);
            }
            KeyCode::Char('c') => self.sort_by(Sort::Tasks),
            KeyCode::Char('w') => self.sort_by(Sort::Wait),
            KeyCode::Char('n') => self.sort_by(Sort::Name),
            KeyCode::Char('l') => self.sort_by(Sort::Line),
            code => self.scroll(code),
        }
        Asked::Nothing
    }

    /// The same order again is the other way round.
    fn sort_by(&mut self, sort: Sort) {
        self.is_reversed = self.sort == sort && !self.is_reversed;
        (self.sort, self.scrolled) = (sort, 0);
    }

    fn scroll(&mut self, code: KeyCode) {
        let last = self.len().saturating_sub(self.page);
        let page = self.page.max(1);
        self.scrolled = match code {
            KeyCode::Up | KeyCode::Char('k') => self.scrolled.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.scrolled + 1,
            KeyCode::PageUp => self.scrolled.saturating_sub(page),
            KeyCode::PageDown => self.scrolled + page,
            KeyCode::Home => 0,
            KeyCode::End => last,
            _ => self.scrolled,
        };
        self.scrolled = self.scrolled.min(last);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A program with so many groups of tasks.
    pub(crate) fn screen(groups: usize) -> Screen {
        let mut screen = Screen::new(Process::find(std::process::id()).unwrap());
        let groups: Vec<String> = (0..groups)
            .map(|n| format!(r#"{{"name":"group {n:02}","spawned_at":"src/main.rs:{n}:1","tasks":{}}}"#, n + 1))
            .collect();
        let answer = format!(r#"{{"groups":[{}]}}"#, groups.join(","));
        screen.take(Snapshot::parse(&[answer.clone(), answer]).unwrap());
        screen
    }

    pub(crate) fn press(screen: &mut Screen, keys: &str) -> Asked {
        let codes = keys.chars().map(|key| match key {
            '\n' => KeyCode::Enter,
            '\t' => KeyCode::Tab,
            '\u{1b}' => KeyCode::Esc,
            '↓' => KeyCode::Down,
            '↑' => KeyCode::Up,
            '⇟' => KeyCode::PageDown,
            '⇞' => KeyCode::PageUp,
            '⇱' => KeyCode::Home,
            '⇲' => KeyCode::End,
            key => KeyCode::Char(key),
        });
        codes.map(|code| screen.press(code.into())).last().unwrap()
    }

    #[test]
    fn keys_leave() {
        let mut screen = screen(1);
        assert_eq!(press(&mut screen, "q"), Asked::Quit);
        assert_eq!(press(&mut screen, "\u{1b}"), Asked::Quit);
        let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(screen.press(ctrl_c), Asked::Quit);
        assert_eq!(press(&mut screen, "/q"), Asked::Nothing);
        assert_eq!(screen.press(ctrl_c), Asked::Quit, "also while a filter is typed");
    }

    #[test]
    fn what_ends_a_pause_or_changes_the_view_looks_at_once() {
        let mut screen = screen(1);
        assert_eq!((press(&mut screen, "p"), screen.is_paused), (Asked::Nothing, true));
        assert_eq!((press(&mut screen, "p"), screen.is_paused), (Asked::Look, false));
        assert_eq!((press(&mut screen, "t"), screen.shows_tree), (Asked::Look, true));
        assert_eq!((press(&mut screen, "t"), screen.shows_tree), (Asked::Look, false));
    }

    #[test]
    fn the_list_scrolls_and_stops_at_its_ends() {
        let mut screen = screen(25);
        screen.page = 10;
        let mut after = |keys| {
            press(&mut screen, keys);
            screen.scrolled
        };
        assert_eq!([after("↑"), after("↓↓"), after("⇟"), after("⇟"), after("↓")], [0, 2, 12, 15, 15]);
        assert_eq!([after("⇞"), after("⇱"), after("⇲"), after("w")], [5, 0, 15, 0]);
    }

    #[test]
    fn a_filter_is_typed_kept_and_taken_back() {
        let mut screen = screen(25);
        press(&mut screen, "/group 1q\n");
        assert_eq!((screen.filter.as_str(), screen.groups().len()), ("group 1q", 0));
        press(&mut screen, "/group 1\n");
        assert_eq!(screen.groups().len(), 10);
        assert_eq!(press(&mut screen, "\u{1b}"), Asked::Nothing);
        assert_eq!(screen.groups().len(), 25);
    }

    #[test]
    fn orders_are_turned_round_by_asking_again() {
        let mut screen = screen(3);
        let first = |screen: &Screen| screen.groups()[0].title().to_owned();
        assert_eq!(first(&screen), "group 02");
        press(&mut screen, "c");
        assert_eq!(first(&screen), "group 00");
        press(&mut screen, "n");
        assert_eq!(first(&screen), "group 00");
        press(&mut screen, "n");
        assert_eq!(first(&screen), "group 02");
    }

    #[test]
    fn tab_goes_round_the_runtimes() {
        let mut screen = screen(1);
        let mut place = || {
            press(&mut screen, "\t");
            screen.runtime().unwrap().1
        };
        assert_eq!([place(), place(), place()], [1, 0, 1]);
        screen.take(Snapshot::parse(&["{}".into()]).unwrap());
        assert_eq!(screen.runtime().unwrap().1, 0, "the second has gone");
        screen.take(Snapshot::parse(&[]).unwrap());
        assert!(screen.runtime().is_none() && screen.groups().is_empty());
    }
}
