//! Who awaits whom, across tasks: asyncio's call graph.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use raddle_io::Instant;

use super::deadlock::{Deadlocks, Named, edges, look};
use super::inspect::Shortened;
use crate::scheduler::context;
use crate::scheduler::shared::Shared;
use crate::task::id::TaskId;
use crate::task::status::{Polled, TaskInfo};
use crate::task::wait_info::WaitInfo;

/// Which task of this runtime awaits which, what each waits for, and who waits for each other: a picture of the moment.
///
/// Empty outside a runtime, where [`Handle::call_graph`](crate::Handle::call_graph) is at hand.
///
/// # Examples
/// ```
/// use raddle::{Queue, capture_call_graph, create_task, yield_now};
///
/// raddle::Runner::new().workers(1).run(async {
///     let queue: Queue<u32> = Queue::unbounded();
///     let getter = create_task(async move { queue.get().await });
///     yield_now().await;
///     let graph = capture_call_graph();
///     let waiting = graph.get(getter.id()).unwrap().task.waiting.as_ref().unwrap();
///     assert_eq!(waiting.op, "Queue::get");
///     getter.cancel();
/// });
/// ```
pub fn capture_call_graph() -> CallGraph {
    let nothing = || CallGraph { tasks: Vec::new(), deadlocks: Deadlocks::default(), taken: Instant::now() };
    context::current().map_or_else(nothing, |worker| CallGraph::of(&worker.shared, 0))
}

/// Writes [`capture_call_graph`] to standard output, as a tree: each task below the one that awaits it.
///
/// What cannot be written is lost.
pub fn print_call_graph() {
    let text = capture_call_graph().to_string();
    _ = io::stdout().write_all(text.as_bytes());
}

/// Which task awaits which. Made by [`capture_call_graph`]; `{}` of it is the tree.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CallGraph {
    /// The tasks that have not ended, in order of their numbers.
    pub tasks: Vec<CallGraphEntry>,
    /// What keeps them from going on.
    pub deadlocks: Deadlocks,
    taken: Instant,
}

/// One task of a [`CallGraph`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CallGraphEntry {
    /// The task, and what it waits for.
    pub task: TaskInfo,
    /// The tasks whose end it waits for: directly, in a `gather`, a `timeout`, a `shield` or the like, or as their group.
    pub awaits: Vec<TaskId>,
    /// The tasks that wait for its end, and for a lock that it holds.
    pub awaited_by: Vec<TaskId>,
}

impl CallGraph {
    /// `own` of the runtime's handles are those of who looks.
    pub(super) fn of(shared: &Shared, own: usize) -> CallGraph {
        let taken = shared.clock().now();
        let (seen, deadlocks) = look(shared, own);
        let edges = edges(&seen);
        let ids: Vec<TaskId> = seen.iter().map(|seen| seen.id).collect();
        let mut shortened = Shortened::default();
        let mut tasks: Vec<_> = seen
            .iter()
            .map(|seen| CallGraphEntry { task: seen.info(&mut shortened), awaits: Vec::new(), awaited_by: Vec::new() })
            .collect();
        for (at, others) in edges.into_iter().enumerate() {
            for (other, noted) in others {
                tasks[other].awaited_by.push(ids[at]);
                // A lock's holder is not what is awaited.
                let is_lock = noted && tasks[at].task.waiting.as_ref().is_some_and(|wait| wait.is_for_lock());
                if !is_lock {
                    tasks[at].awaits.push(ids[other]);
                }
            }
        }
        add_groups(&mut tasks);
        CallGraph { tasks, deadlocks, taken }
    }

    /// How long a task had waited when the graph was taken.
    pub(super) fn waited(&self, wait: &WaitInfo) -> Duration {
        wait.waited(self.taken)
    }

    /// A task, and what it waits for, in a line.
    pub(super) fn line_of<'a>(&'a self, entry: &'a CallGraphEntry) -> impl fmt::Display + 'a {
        Line { graph: self, entry }
    }

    /// A task of the graph.
    #[must_use]
    pub fn get(&self, id: TaskId) -> Option<&CallGraphEntry> {
        Some(&self.tasks[self.place(id)?])
    }

    fn place(&self, id: TaskId) -> Option<usize> {
        self.tasks.binary_search_by_key(&id, |entry| entry.task.id).ok()
    }
}

/// A task, and what it waits for.
struct Line<'a> {
    graph: &'a CallGraph,
    entry: &'a CallGraphEntry,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Line { graph, entry } = self;
        let TaskInfo { status, future, spawned_at, waiting, .. } = &entry.task;
        let task = Named(&entry.task);
        write!(f, "{task} {status}")?;
        if let Some(Polled { worker, since }) = entry.task.polled {
            write!(f, " on worker {worker}")?;
            since.map_or(Ok(()), |since| write!(f, " for {since:.1?}"))?;
        }
        write!(f, " fut={future} spawned at {}:{}", spawned_at.file(), spawned_at.line())?;
        match waiting {
            Some(wait) => write!(f, ", waits {:.1?} in {wait}", graph.waited(wait)),
            None => Ok(()),
        }
    }
}

/// A task that waits for its group awaits those that it has created there.
fn add_groups(tasks: &mut [CallGraphEntry]) {
    let runs: HashMap<TaskId, usize> = tasks
        .iter()
        .enumerate()
        .filter(|(_, entry)| entry.task.waiting.as_ref().is_some_and(|wait| wait.is_for_group()))
        .map(|(place, entry)| (entry.task.id, place))
        .collect();
    for child in 0..tasks.len() {
        let TaskInfo { id, parent, is_group_child, .. } = tasks[child].task;
        if let Some(&run) = parent.filter(|_| is_group_child).and_then(|parent| runs.get(&parent))
            // Not those that it awaits besides: of all the tasks that wait for one, they are the few.
            && !tasks[child].awaited_by.contains(&tasks[run].task.id)
        {
            tasks[run].awaits.push(id);
            let run = tasks[run].task.id;
            tasks[child].awaited_by.push(run);
        }
    }
}

impl fmt::Display for CallGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tree = Tree { graph: self, shown: vec![false; self.tasks.len()] };
        let mut is_awaited = vec![false; self.tasks.len()];
        let awaited = self.tasks.iter().flat_map(|entry| &entry.awaits);
        awaited.filter_map(|id| self.place(*id)).for_each(|place| is_awaited[place] = true);
        let roots = (0..self.tasks.len()).filter(|place| !is_awaited[*place]);
        // Those that no root leads to await each other.
        for place in roots.chain(0..self.tasks.len()) {
            if !tree.shown[place] {
                tree.write(f, place)?;
            }
        }
        self.deadlocks.fmt(f)
    }
}

/// A tree being written; each task once with what is below it.
struct Tree<'a> {
    graph: &'a CallGraph,
    /// By place.
    shown: Vec<bool>,
}

impl Tree<'_> {
    /// Without recursion: tasks may await each other a million deep.
    fn write(&mut self, f: &mut fmt::Formatter<'_>, root: usize) -> fmt::Result {
        // What is still to be written, the last first, with its depth.
        let mut rest = vec![(root, 0)];
        while let Some((place, depth)) = rest.pop() {
            let entry = &self.graph.tasks[place];
            write!(f, "{:indent$}", "", indent = 2 * depth)?;
            if std::mem::replace(&mut self.shown[place], true) {
                writeln!(f, "{} (as above)", Named(&entry.task))?;
                continue;
            }
            writeln!(f, "{}", self.graph.line_of(entry))?;
            let below = entry.awaits.iter().rev().filter_map(|id| self.graph.place(*id));
            rest.extend(below.map(|place| (place, depth + 1)));
        }
        Ok(())
    }
}
