//! The screen as it is drawn.
//!
//! From above: what the runtime does, what is wrong, its workers, the tasks, the keys. Where there is little room, workers
//! and troubles take a third of it each at most, the troubled workers first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use crate::figures::Figures;
use crate::screen::Screen;
use crate::snapshot::{Group, Runtime, Task, Worker};
use crate::units::{count, place, rate, time};

const PLAIN: Style = Style::new();
const TITLE: Style = Style::new().add_modifier(Modifier::BOLD);
const HEADING: Style = Style::new().add_modifier(Modifier::REVERSED);
const TROUBLE: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
const QUIET: Style = Style::new().add_modifier(Modifier::DIM);

const KEYS: &str = "q quit  p pause  t tree  / filter  sort by c count, w wait, n name, l line  ↑↓";

/// Lines to be drawn.
type Lines = Vec<(String, Style)>;

/// Draws everything, and notes how much of the list there is room for.
pub(crate) fn draw(screen: &mut Screen, area: Rect, buffer: &mut Buffer) {
    let Some((runtime, ..)) = screen.runtime() else {
        let lines = vec![(title(screen), TITLE), ("nothing is known of it yet".to_owned(), QUIET)];
        return put(&lines, area, buffer);
    };
    let figures = screen.figures();
    let height = usize::from(area.height);
    let width = usize::from(area.width);
    let mut lines = header(screen, runtime, figures.as_ref());
    lines.extend(shortened(troubles(screen, runtime, width), height / 3, "lines of what is wrong"));
    lines.extend(shortened(workers(runtime, figures.as_ref(), width), height / 3, "workers"));
    lines.push(heading(screen, width));
    let page = height.saturating_sub(lines.len() + 1);
    let list = if screen.shows_tree { tree(screen) } else { groups(screen, width) };
    let scrolled = screen.scrolled.min(list.len().saturating_sub(page));
    let rest = list.len().saturating_sub(scrolled + page);
    lines.extend(list.into_iter().skip(scrolled).take(page));
    lines.resize(height.saturating_sub(1).max(lines.len()), (String::new(), PLAIN));
    lines.truncate(height.saturating_sub(1));
    lines.push(footer(screen, rest));
    (screen.page, screen.scrolled) = (page, scrolled);
    put(&lines, area, buffer);
}

/// How many lines a picture of all there is has.
pub(crate) fn whole_height(screen: &Screen, width: u16) -> u16 {
    let Some((runtime, ..)) = screen.runtime() else { return 3 };
    let width = usize::from(width);
    let parts = [workers(runtime, None, width).len(), troubles(screen, runtime, width).len()];
    // Of which each gets a third.
    let most = parts.into_iter().max().unwrap_or(0) * 3;
    let sum = header(screen, runtime, None).len() + parts[0] + parts[1] + screen.groups().len() + 2;
    u16::try_from(sum.max(most)).unwrap_or(u16::MAX)
}

fn put(lines: &Lines, area: Rect, buffer: &mut Buffer) {
    for (row, (text, style)) in (area.top()..area.bottom()).zip(lines) {
        if *style == HEADING {
            buffer.set_style(Rect { y: row, height: 1, ..area }, *style);
        }
        buffer.set_stringn(area.left(), row, text, area.width.into(), *style);
    }
}

fn title(screen: &Screen) -> String {
    format!("raddle top  {} ({})", screen.process.name, screen.process.number)
}

fn header(screen: &Screen, runtime: &Runtime, figures: Option<&Figures>) -> Lines {
    let Runtime { workers, tasks, .. } = runtime;
    let in_state = |state: &str| workers.iter().filter(|worker| worker.state == state).count();
    let sum = |get: fn(&Worker) -> u64| count(workers.iter().map(get).sum());
    let per_second = |of: fn(&Figures) -> &Vec<f64>| {
        figures.map_or_else(|| "?".to_owned(), |figures| rate(of(figures).iter().sum()))
    };
    let mut first = format!("{}  up {}", title(screen), time(runtime.uptime));
    if let Some((_, place, all)) = screen.runtime().filter(|(.., all)| *all > 1) {
        first += &format!("  runtime {} of {all}: {}", place + 1, runtime.name);
    }
    if screen.is_paused {
        first += "  PAUSED";
    }
    let workers = format!(
        "tasks {}  workers {}: {} running, {} stuck, {} parked, {} unstarted",
        count(*tasks),
        workers.len(),
        in_state("running"),
        in_state("stuck"),
        in_state("parked"),
        in_state("unstarted"),
    );
    let mut work = format!(
        "polls/s {}  steals/s {}  timers {}  sockets {}  blocking {} of {}",
        per_second(|figures| &figures.polls),
        per_second(|figures| &figures.steals),
        sum(|worker| worker.timers),
        sum(|worker| worker.sockets),
        count(runtime.blocking),
        count(runtime.blocking_threads),
    );
    if runtime.injected > 0 {
        work += &format!("  injected {}", count(runtime.injected));
    }
    if let Some(figures) = figures {
        work += &format!("  top costs {:.1}%", 100.0 * figures.spent / figures.seconds);
    }
    vec![(first, TITLE), (workers, PLAIN), (work, PLAIN)]
}

fn workers(runtime: &Runtime, figures: Option<&Figures>, width: usize) -> Lines {
    let mut lines = vec![("WORKER   POLLS/S  QUEUE  TIMERS  SOCKETS  STATE".to_owned(), HEADING)];
    let mut workers: Vec<&Worker> = runtime.workers.iter().collect();
    workers.sort_by_key(|worker| !worker.is_stuck());
    for worker in workers {
        let polls = figures.and_then(|figures| figures.polls.get(worker.number as usize));
        let polls = polls.map_or_else(|| "?".to_owned(), |polls| rate(*polls));
        let Worker { number, queue, timers, sockets, .. } = worker;
        let start = format!("{number:>6}  {polls:>8}  {:>5}  {timers:>6}  {sockets:>7}  ", count(*queue));
        let doing = doing(worker, width.saturating_sub(start.len()));
        lines.push((start + &doing, if worker.is_stuck() { TROUBLE } else { PLAIN }));
    }
    lines
}

/// What a worker does, in so many columns.
fn doing(worker: &Worker, room: usize) -> String {
    let mut text = worker.state.clone();
    if let Some(seconds) = worker.seconds.filter(|seconds| worker.is_stuck() || *seconds >= 0.1) {
        text += &format!(" {}", time(seconds));
    }
    if let Some(task) = &worker.task {
        text += &format!(" in {} ", who(task));
        text += &place(&task.spawned_at, room.saturating_sub(text.chars().count()));
    }
    text
}

fn who(task: &Task) -> String {
    match &task.name {
        Some(name) => format!("Task-{} '{name}'", task.id),
        None => format!("Task-{} {}", task.id, task.future),
    }
}

/// What is to be said of a worker that does not come out of a task.
fn stuck(screen: &Screen, worker: &Worker) -> String {
    let mut text = format!("worker {} is stuck", worker.number);
    if let Some(seconds) = worker.seconds {
        text += &format!(" for {}", time(seconds));
    }
    if let Some(task) = &worker.task {
        text += &format!(" in {}, created at {}", who(task), place(&task.spawned_at, usize::MAX));
    }
    if let Some(doing) = screen.process.doing(worker.thread) {
        text += &format!(": {doing}");
    }
    text
}

fn troubles(screen: &Screen, runtime: &Runtime, width: usize) -> Lines {
    let mut lines = Lines::new();
    let mut say = |text: &str, indent: &str| {
        // What does not fit goes on in the next line.
        lines.extend(wrapped(text, indent, width).into_iter().map(|line| (line, TROUBLE)));
    };
    for worker in runtime.workers.iter().filter(|worker| worker.is_stuck()) {
        say(&stuck(screen, worker), "    ");
    }
    for cycle in &runtime.deadlocks {
        for (number, line) in cycle.lines().enumerate() {
            say(line.trim_end(), if number == 0 { "" } else { "    " });
        }
    }
    if runtime.stalled > 0 {
        say(&format!("nothing can run: {} tasks wait, and nothing known is to wake any", count(runtime.stalled)), "");
    }
    if runtime.blocking > runtime.blocking_threads {
        let waiting = runtime.blocking - runtime.blocking_threads;
        say(&format!("{} blocking calls wait for a thread", count(waiting)), "");
    }
    if let Some(notice) = &screen.notice {
        say(notice, "");
    }
    lines
}

fn wrapped(text: &str, indent: &str, width: usize) -> Vec<String> {
    let width = width.max(20);
    let mut lines = vec![String::new()];
    for word in text.split_inclusive(' ') {
        let line = lines.last_mut().expect("there is one");
        let len = line.chars().count() + word.trim_end().chars().count();
        if len > width && !line.trim().is_empty() {
            lines.push(format!("{indent}{word}"));
        } else {
            line.push_str(word);
        }
    }
    lines
}

/// At most so many lines.
fn shortened(mut lines: Lines, most: usize, what: &str) -> Lines {
    let most = most.max(2);
    if lines.len() > most {
        let left_out = lines.len() - most + 1;
        lines.truncate(most - 1);
        lines.push((format!("… {left_out} more {what}"), QUIET));
    }
    lines
}

fn heading(screen: &Screen, width: usize) -> (String, Style) {
    if screen.shows_tree {
        return ("TASKS, each below the one that awaits it".to_owned(), HEADING);
    }
    let (what, _) = columns(width);
    let way = if screen.is_reversed { ", reversed" } else { "" };
    let start = format!("{:>7}  {:>7}  {:>7}  {:what$}  WAIT FOR", "TASKS", "READY", "LONGEST", "CREATED AS, AT");
    let order = format!("by {}{way}", screen.sort.name());
    let gap = width.saturating_sub(start.chars().count() + order.len());
    if gap < 2 { (start, HEADING) } else { (format!("{start}{order:>0$}", gap + order.len()), HEADING) }
}

/// The columns for what a group is, and for what it waits.
fn columns(width: usize) -> (usize, usize) {
    let room = width.saturating_sub(29).max(20);
    (room * 45 / 100, room - room * 45 / 100)
}

fn groups(screen: &Screen, width: usize) -> Lines {
    let groups = screen.groups();
    if groups.is_empty() {
        return vec![("no tasks".to_owned(), QUIET)];
    }
    groups.into_iter().map(|group| (group_line(group, width), PLAIN)).collect()
}

fn group_line(group: &Group, width: usize) -> String {
    let (what, waits) = columns(width);
    let longest = if group.waits.is_empty() { String::new() } else { time(group.longest()) };
    let ready = if group.ready + group.running == 0 { String::new() } else { count(group.ready + group.running) };
    // Half for the name, if it is long; the rest for the line.
    let name: String = group.title().chars().take((what / 2).max(8)).collect();
    let at = place(&group.spawned_at, what.saturating_sub(name.chars().count() + 1));
    let who = format!("{name} {at}");
    format!("{:>7}  {ready:>7}  {longest:>7}  {who:what$}  {}", count(group.tasks), waits_of(group, waits))
}

fn waits_of(group: &Group, room: usize) -> String {
    let mut waits: Vec<_> = group.waits.iter().collect();
    waits.sort_by_key(|wait| std::cmp::Reverse(wait.tasks));
    let mut texts = Vec::new();
    for wait in &waits {
        let times = if waits.len() > 1 { format!("{}× ", count(wait.tasks)) } else { String::new() };
        let left = (room / waits.len()).saturating_sub(times.chars().count() + wait.op.chars().count() + 1);
        let at = wait.at.as_deref().map_or_else(String::new, |at| format!(" {}", place(at, left.max(12))));
        texts.push(format!("{times}{}{at}", wait.op));
    }
    texts.join(", ")
}

fn tree(screen: &Screen) -> Lines {
    screen.tree().into_iter().map(|line| (line.to_owned(), PLAIN)).collect()
}

fn footer(screen: &Screen, rest: usize) -> (String, Style) {
    if screen.is_typing {
        return (format!("/{}_", screen.filter), TITLE);
    }
    let more = if rest > 0 { format!("{} more below  ", count(rest as u64)) } else { String::new() };
    let filter = if screen.filter.is_empty() { String::new() } else { format!("only with '{}'  ", screen.filter) };
    let tab = if screen.runtime().is_some_and(|(.., all)| all > 1) { "Tab other runtime  " } else { "" };
    (format!("{more}{filter}{tab}{KEYS}"), QUIET)
}
