//! Tasks that wait for each other, found among those that were looked at.
//!
//! Whoever waits for a lock waits for the task that took it, whoever awaits a task for that one: these are the edges of a
//! graph, and a cycle in it is a deadlock. It is **certain** where each task of the cycle has said, in its last poll, that it
//! waits so, and nothing else can wake it: there is one waker of it, as its count of references tells. A task that
//! waits under a time limit, or for the first of several, has more than one.
//!
//! The tasks are looked at one after the other while they run. A cycle that never was could be put together from waits of
//! different moments; so what is found is looked for a second time, and must be the same.

use std::collections::HashMap;
use std::fmt;

use super::inspect::{Seen, Shortened, tasks_of};
use crate::process;
use crate::scheduler::report::ExceptionContext;
use crate::scheduler::shared::Shared;
use crate::shim::atomic::Ordering;
use crate::signal;
use crate::task::id::TaskId;
use crate::task::status::TaskInfo;
use crate::task::wait_info::WaitsOn;

/// What keeps a runtime's tasks from going on. Made by [`Handle::deadlocks`](crate::Handle::deadlocks).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Deadlocks {
    /// Tasks that wait for each other.
    pub cycles: Vec<Deadlock>,
    /// A hint: so many tasks wait, none can run, and this runtime knows of nothing that could change that: no timer, no
    /// socket, no signal that is listened to, no blocking call, no standard input that is waited for, no handle but that of
    /// whoever asks, and no waker in another library's hands. What is left is a plain thread, or another runtime, that has
    /// a promise, a queue or the like of theirs. 0 if that is not so.
    pub stalled: usize,
}

/// Tasks of which each waits for the next, and the last for the first.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Deadlock {
    /// The tasks. What each waits for, and who holds that since which line, is told by [`TaskInfo::waiting`].
    pub tasks: Vec<TaskInfo>,
    /// Nothing but the next task can let each of them go on. Otherwise there may be another way out: a time limit, or a
    /// second future that is waited for. A guard that was given to another task is not seen.
    pub is_certain: bool,
}

impl Deadlocks {
    /// Whether nothing of the kind was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cycles.is_empty() && self.stalled == 0
    }
}

/// Looks at all tasks, and for those that wait for each other. `own` of the runtime's handles are those of who looks.
pub(super) fn look(shared: &Shared, own: usize) -> (Vec<Seen>, Deadlocks) {
    let first = tasks_of(shared);
    let mut cycles = cycles_of(&first);
    if cycles.is_empty() {
        let stalled = stalled(shared, &first, own);
        return (first, Deadlocks { cycles, stalled });
    }
    let second = tasks_of(shared);
    let again = cycles_of(&second);
    cycles.retain(|cycle| again.iter().any(|other| cycle.is_same(other)));
    let stalled = stalled(shared, &second, own);
    (second, Deadlocks { cycles, stalled })
}

/// Reports the tasks that wait for each other, each cycle once: `known` has the first task of those that were found before.
pub(super) fn report_deadlocks(shared: &Shared, known: &mut Vec<TaskId>) {
    let (_, Deadlocks { cycles, .. }) = look(shared, 0);
    let found = cycles.iter().map(|cycle| cycle.tasks[0].id).collect();
    let before = std::mem::replace(known, found);
    for cycle in cycles.iter().filter(|cycle| !before.contains(&cycle.tasks[0].id)) {
        shared.report(&ExceptionContext::new(cycle.to_string().trim_end()).in_task(cycle.tasks[0].clone()));
    }
}

/// How many tasks wait, if nothing this runtime knows of can wake any.
fn stalled(shared: &Shared, tasks: &[Seen], own: usize) -> usize {
    // Relaxed: a hint.
    let has_others = shared.handles.load(Ordering::Relaxed) > own;
    let is_expecting = has_others || shared.is_expecting() || signal::is_any_listened_to() || process::is_stdin_read();
    if is_expecting || tasks.iter().any(can_go_on) { 0 } else { tasks.len() }
}

/// Whether a task runs, or waits for something that this runtime does not see coming.
fn can_go_on(task: &Seen) -> bool {
    !task.is_idle
        || match &task.waiting {
            Some(wait) => wait.is_for_stop(),
            // Another library's future: somebody has its waker, unless it never asked for any.
            None => task.wakers > 0,
        }
}

/// Whom each task waits for, by their places, and whether it has said so itself.
pub(super) fn edges(tasks: &[Seen]) -> Vec<Vec<(usize, bool)>> {
    let places: HashMap<TaskId, usize> = tasks.iter().enumerate().map(|(at, seen)| (seen.id, at)).collect();
    let place = |id: Option<TaskId>| id.and_then(|id| places.get(&id).copied());
    let mut edges = vec![Vec::new(); tasks.len()];
    for (at, seen) in tasks.iter().enumerate() {
        let noted = seen.waiting.as_ref().and_then(|wait| match wait.on {
            WaitsOn::Task(id) => Some(id),
            WaitsOn::Lock { held_by, .. } => held_by,
            _ => None,
        });
        edges[at].extend(place(noted).map(|other| (other, true)));
    }
    for (at, seen) in tasks.iter().enumerate() {
        if let Some(other) = place(seen.awaited_by)
            // What a task has said itself comes first, and is one.
            && edges[other].first() != Some(&(at, true))
        {
            edges[other].push((at, false));
        }
    }
    edges
}

/// The cycles that a walk along the edges closes.
fn cycles_of(tasks: &[Seen]) -> Vec<Deadlock> {
    let edges = edges(tasks);
    let mut cycles = Vec::new();
    // How far the walk has come with a task; all edges when it is done with.
    let mut walked = vec![0; tasks.len()];
    let mut on_path = vec![false; tasks.len()];
    for start in 0..tasks.len() {
        let mut path: Vec<(usize, bool)> = Vec::new();
        let mut next = (walked[start] == 0 && tasks[start].is_idle).then_some((start, true));
        loop {
            if let Some((place, noted)) = next.take() {
                path.push((place, noted));
                on_path[place] = true;
            }
            let Some(&(place, _)) = path.last() else { break };
            let Some(&(other, noted)) = edges[place].get(walked[place]) else {
                on_path[place] = false;
                path.pop();
                continue;
            };
            walked[place] += 1;
            if on_path[other] {
                let from = path.iter().position(|(on_it, _)| *on_it == other).unwrap_or(0);
                cycles.push(cycle(tasks, &path[from..], noted));
            } else if walked[other] == 0 && tasks[other].is_idle {
                next = Some((other, noted));
            }
        }
    }
    cycles
}

/// The cycle along a path, whose last edge is `noted` or not; the flag of the first place is that of the edge to it.
fn cycle(tasks: &[Seen], path: &[(usize, bool)], noted: bool) -> Deadlock {
    let all_noted = noted && path.iter().skip(1).all(|(_, noted)| *noted);
    let is_certain = all_noted && path.iter().all(|(place, _)| tasks[*place].wakers == 1);
    let mut shortened = Shortened::default();
    Deadlock { tasks: path.iter().map(|(place, _)| tasks[*place].info(&mut shortened)).collect(), is_certain }
}

impl Deadlock {
    fn is_same(&self, other: &Deadlock) -> bool {
        self.tasks.len() == other.tasks.len()
            && self.tasks.iter().zip(&other.tasks).all(|(one, other)| {
                let same_wait = match (&one.waiting, &other.waiting) {
                    (Some(one), Some(other)) => one.is_same(other),
                    (one, other) => one.is_none() && other.is_none(),
                };
                one.id == other.id && same_wait
            })
    }
}

impl fmt::Display for Deadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.is_certain { "deadlock" } else { "possible deadlock" };
        match &*self.tasks {
            [_] => writeln!(f, "{what}: a task waits for itself")?,
            tasks => writeln!(f, "{what}: {} tasks wait for each other", tasks.len())?,
        }
        let next = self.tasks.iter().cycle().skip(1);
        for (task, next) in self.tasks.iter().zip(next) {
            write!(f, "  {} waits for {}", Named(task), Named(next))?;
            match &task.waiting {
                Some(wait) => writeln!(f, ": {wait}")?,
                None => writeln!(f)?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Deadlocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cycles.iter().try_for_each(|cycle| cycle.fmt(f))?;
        match self.stalled {
            0 => Ok(()),
            n => {
                let tasks = if n == 1 { "1 task waits" } else { &format!("{n} tasks wait") };
                let known = "timer, socket, signal, blocking call or handle of the runtime";
                writeln!(f, "nothing can run: {tasks}, and there is no {known}; only another thread can wake one")
            }
        }
    }
}

/// A task by its number, and its name if it was given one.
pub(super) struct Named<'a>(pub(super) &'a TaskInfo);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TaskInfo { id, name, .. } = self.0;
        write!(f, "Task-{id}")?;
        let is_default = name.strip_prefix("Task-").and_then(|number| number.parse().ok()) == Some(id.0);
        // In one line, whatever it was called.
        if is_default { Ok(()) } else { write!(f, " '{}'", name.escape_debug()) }
    }
}
