//! A runtime in few words, for those who look at it every second: tasks are counted, by the line that created them.
//!
//! However many tasks there are, the answer is as long as the program's lines that create tasks, and no task costs an
//! allocation.

use std::collections::HashMap;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use raddle_io::Instant;

use super::deadlock::{Deadlocks, look};
use super::inspect::{Seen, Shortened};
use super::json::{list, or_null, quote};
use super::metrics::{Metrics, WorkerMetrics};
use super::workers;
use crate::scheduler::shared::Shared;
use crate::shim::atomic::Ordering;
use crate::task::wait_info::{WaitInfo, WaitsOn};

/// Ways of waiting that are told apart within a group; the others are one.
const MOST_WAITS: usize = 8;

pub(super) struct Summary {
    name: String,
    taken: Instant,
    metrics: Metrics,
    workers: Vec<Worker>,
    groups: Vec<Group>,
    deadlocks: Deadlocks,
    /// Blocking calls that have not ended, and how many can run at a time.
    blocking: (usize, usize),
}

struct Worker {
    seen: workers::Seen,
    thread: u32,
    /// The task that it is in, as JSON.
    task: Option<String>,
}

/// The tasks that one line has created of one kind of future.
struct Group {
    spawned_at: &'static Location<'static>,
    future: Arc<str>,
    names: Names,
    tasks: usize,
    ready: usize,
    running: usize,
    waits: Vec<Wait>,
}

/// Waits in one line for one kind of thing.
struct Wait {
    op: &'static str,
    at: Option<&'static Location<'static>>,
    tasks: usize,
    since: Instant,
}

/// What the names of a group's tasks have in common.
enum Names {
    None,
    /// All have this one.
    One(Arc<str>),
    /// All begin with this much of it.
    Prefix(Arc<str>, usize),
}

impl Summary {
    pub(super) fn of(shared: &Shared) -> Summary {
        let taken = shared.clock().now();
        let (tasks, deadlocks) = look(shared, 0);
        let seen = workers::look(shared, taken);
        let workers = seen.into_iter().zip(&shared.remotes).enumerate().map(|(index, (seen, remote))| {
            let task = tasks.iter().find(|task| task.polled.is_some_and(|polled| polled.worker == index));
            // Relaxed: a number.
            Worker { seen, thread: remote.thread.load(Ordering::Relaxed), task: task.map(task_to_json) }
        });
        Summary {
            name: shared.config.name.clone(),
            taken,
            metrics: Metrics::of(shared),
            workers: workers.collect(),
            groups: groups_of(&tasks),
            deadlocks,
            blocking: shared.blocking.load(),
        }
    }

    /// Everything, as one line of JSON. `uptime` is the runtime's, `cost` what the inspection has taken so far.
    pub(super) fn to_json(&self, uptime: Duration, cost: Duration) -> String {
        let Summary { metrics, deadlocks, .. } = self;
        let mut number = 0;
        let workers: Vec<String> = self
            .workers
            .iter()
            .zip(&metrics.workers)
            .map(|(worker, metrics)| {
                number += 1;
                worker_to_json(number - 1, worker, metrics)
            })
            .collect();
        let cycles = list(&deadlocks.cycles, |cycle| {
            let tasks = list(&cycle.tasks, |task| task.id.to_string());
            format!(r#"{{"tasks":{tasks},"certain":{},"text":{}}}"#, cycle.is_certain, quote(cycle))
        });
        format!(
            concat!(
                r#"{{"runtime":{},"uptime":{:.3},"cost":{:.6},"tasks":{},"injected":{},"blocking":{},"blocking_threads":{},"#,
                r#""workers":[{}],"groups":{},"deadlocks":{},"stalled":{}}}"#,
                "\n"
            ),
            quote(&self.name),
            uptime.as_secs_f64(),
            cost.as_secs_f64(),
            self.groups.iter().map(|group| group.tasks).sum::<usize>(),
            metrics.injected,
            self.blocking.0,
            self.blocking.1,
            workers.join(","),
            list(&self.groups, |group| self.group_to_json(group)),
            cycles,
            deadlocks.stalled,
        )
    }

    fn group_to_json(&self, group: &Group) -> String {
        let Group { spawned_at, future, tasks, ready, running, .. } = group;
        let name = match &group.names {
            Names::None => None,
            Names::One(name) => Some(quote(name)),
            Names::Prefix(name, len) => Some(quote(format_args!("{}*", &name[..*len]))),
        };
        let waits = list(&group.waits, |wait| {
            let seconds = self.taken.saturating_duration_since(wait.since).as_secs_f64();
            let (op, at) = (quote(wait.op), or_null(wait.at.map(quote)));
            format!(r#"{{"op":{op},"at":{at},"tasks":{},"seconds":{seconds:.1}}}"#, wait.tasks)
        });
        format!(
            r#"{{"name":{},"future":{},"spawned_at":{},"tasks":{tasks},"ready":{ready},"running":{running},"waits":{waits}}}"#,
            or_null(name),
            quote(future),
            quote(spawned_at),
        )
    }
}

fn worker_to_json(number: usize, worker: &Worker, metrics: &WorkerMetrics) -> String {
    let WorkerMetrics { polls, steals, parks, queue_depth, timers, sockets, .. } = metrics;
    let Worker { seen, thread, task } = worker;
    format!(
        concat!(
            r#"{{"worker":{},"thread":{},"state":"{}","polls":{},"steals":{},"parks":{},"queue":{},"timers":{},"sockets":{},"#,
            r#""task":{},"seconds":{}}}"#
        ),
        number,
        thread,
        seen.doing.name(),
        polls,
        steals,
        parks,
        queue_depth,
        timers,
        sockets,
        or_null(task.as_ref()),
        or_null(seen.since.map(|since| format!("{:.1}", since.as_secs_f64()))),
    )
}

fn task_to_json(task: &Seen) -> String {
    let (name, future) = (or_null(task.name.as_ref().map(quote)), Shortened::default().get(task.future));
    let (future, at) = (quote(future), quote(task.spawned_at));
    format!(r#"{{"id":{},"name":{name},"future":{future},"spawned_at":{at}}}"#, task.id)
}

fn groups_of(tasks: &[Seen]) -> Vec<Group> {
    let mut shortened = Shortened::default();
    let mut groups: Vec<Group> = Vec::new();
    // By address first; the compiler may have several copies of a line.
    let mut places: HashMap<(*const Location<'static>, *const u8), usize> = HashMap::new();
    for task in tasks {
        let key = (std::ptr::from_ref(task.spawned_at), task.future.as_ptr());
        let place = *places.entry(key).or_insert_with(|| {
            let future = shortened.get(task.future);
            let same = |group: &Group| group.spawned_at == task.spawned_at && group.future == future;
            groups.iter().position(same).unwrap_or_else(|| {
                groups.push(Group::new(task, future));
                groups.len() - 1
            })
        });
        groups[place].add(task);
    }
    groups
}

impl Group {
    /// Without the task itself.
    fn new(task: &Seen, future: Arc<str>) -> Group {
        let names = task.name.clone().map_or(Names::None, Names::One);
        Group { spawned_at: task.spawned_at, future, names, tasks: 0, ready: 0, running: 0, waits: Vec::new() }
    }

    fn add(&mut self, task: &Seen) {
        self.tasks += 1;
        self.names.add(task.name.as_ref());
        if task.polled.is_some() {
            self.running += 1;
        } else if !task.is_idle {
            self.ready += 1;
        } else if let Some(wait) = &task.waiting {
            self.add_wait(wait);
        }
    }

    fn add_wait(&mut self, wait: &WaitInfo) {
        let op = if matches!(wait.on, WaitsOn::Task(_)) { "a task" } else { wait.op };
        let same = |other: &&mut Wait| std::ptr::eq(other.op, op) && other.at == wait.at;
        if let Some(known) = self.waits.iter_mut().find(same) {
            known.tasks += 1;
            known.since = known.since.min(wait.since);
        } else if self.waits.len() < MOST_WAITS {
            self.waits.push(Wait { op, at: wait.at, tasks: 1, since: wait.since });
        } else {
            let last = self.waits.last_mut().expect("there are some");
            let (tasks, since) = (last.tasks + 1, last.since.min(wait.since));
            *last = Wait { op: "other things", at: None, tasks, since };
        }
    }
}

impl Names {
    fn add(&mut self, name: Option<&Arc<str>>) {
        let (first, len) = match self {
            Names::None => return,
            Names::One(first) if name == Some(first) => return,
            Names::One(first) => (first.clone(), first.len()),
            Names::Prefix(first, len) => (first.clone(), *len),
        };
        let common = first[..len].char_indices().zip(name.map_or("", |name| name).chars());
        let common = common.take_while(|((_, one), other)| one == other).last();
        let len = common.map_or(0, |((at, c), _)| at + c.len_utf8());
        *self = if len == 0 { Names::None } else { Names::Prefix(first, len) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn common(names: &[Option<&str>]) -> Option<String> {
        let names: Vec<Option<Arc<str>>> = names.iter().map(|name| name.map(Into::into)).collect();
        let mut common = names[0].clone().map_or(Names::None, Names::One);
        names.iter().for_each(|name| common.add(name.as_ref()));
        match common {
            Names::None => None,
            Names::One(name) => Some(name.to_string()),
            Names::Prefix(name, len) => Some(format!("{}*", &name[..len])),
        }
    }

    #[test]
    fn a_group_is_called_by_what_its_names_have_in_common() {
        assert_eq!(common(&[Some("pump"), Some("pump")]).as_deref(), Some("pump"));
        assert_eq!(common(&[Some("conn-1"), Some("conn-2"), Some("conn-10")]).as_deref(), Some("conn-*"));
        assert_eq!(common(&[Some("conn-1"), Some("conn")]).as_deref(), Some("conn*"));
        assert_eq!(common(&[Some("größe 1"), Some("größer")]).as_deref(), Some("größe*"));
        assert_eq!(common(&[Some("a"), Some("b"), Some("a")]), None);
        assert_eq!(common(&[Some("a"), None]), None);
        assert_eq!(common(&[None, Some("a")]), None);
    }
}
