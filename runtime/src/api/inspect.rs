//! Looking at tasks, from inside their runtime and from outside.

use std::collections::HashMap;
use std::panic::Location;
use std::sync::Arc;

use raddle_io::Instant;

use super::workers;
use crate::harness::create;
use crate::harness::join::release_walked;
use crate::scheduler::context;
use crate::scheduler::shared::Shared;
use crate::sync::holder_of;
use crate::task::header::TaskRef;
use crate::task::id::TaskId;
use crate::task::status::{Polled, TaskInfo, TaskStatus, is_group_child, shorten};
use crate::task::wait_info::{WaitInfo, WaitsOn};

/// The task that is running this code, if one is.
///
/// # Examples
/// ```
/// assert!(raddle::current_task().is_none());
/// raddle::run(async {
///     assert_eq!(&*raddle::current_task().unwrap().name, "Task-1");
/// });
/// ```
pub fn current_task() -> Option<TaskInfo> {
    create::current_task().map(|task| TaskInfo::of(task, Some(task)))
}

/// Every task of this runtime that has not ended, main among them, in order of their numbers.
///
/// Each tells what it waits for ([`TaskInfo::waiting`]). Empty outside a runtime, where
/// [`Handle::all_tasks`](crate::Handle::all_tasks) is at hand. Walks the task pages: no spawn or completion waits for it.
///
/// # Examples
/// ```
/// raddle::run(async {
///     let task = raddle::create_task(std::future::pending::<()>());
///     assert_eq!(raddle::all_tasks().len(), 2);
///     task.cancel();
/// });
/// ```
pub fn all_tasks() -> Vec<TaskInfo> {
    let Some(worker) = context::current() else { return Vec::new() };
    infos_of(&worker.shared)
}

/// The task at that address, if one lives there.
pub(super) fn find_task(shared: &Shared, address: *const ()) -> Option<TaskInfo> {
    let mut found = None;
    shared.walk(|task| {
        if std::ptr::eq(task.as_ptr(), address) {
            found = Some(TaskInfo::of(task, Some(task)));
        }
        release_walked(task);
    });
    found
}

/// A task, and what ties it to others. What costs an allocation is made where it is asked for.
pub(super) struct Seen {
    pub(super) id: TaskId,
    /// The name that it was given, if it was.
    pub(super) name: Option<Arc<str>>,
    pub(super) status: TaskStatus,
    pub(super) spawned_at: &'static Location<'static>,
    pub(super) parent: Option<TaskId>,
    /// The type of its future, in full.
    pub(super) future: &'static str,
    pub(super) waiting: Option<WaitInfo>,
    /// The worker that polls it, where workers note that.
    pub(super) polled: Option<Polled>,
    address: usize,
    /// The address that the waker of whoever awaits it has; a task's, if it is one.
    joiner: Option<usize>,
    /// It is awaited by way of a combinator's waker, within the task that created it.
    pub(super) is_awaited_by_parent: bool,
    /// How many wakers there are that can wake it, as far as the count of references tells: a task that is held in ways
    /// of its own, as main is, seems to have more.
    pub(super) wakers: u64,
    /// It waits: it is neither ready to run nor running.
    pub(super) is_idle: bool,
    pub(super) awaited_by: Option<TaskId>,
}

impl Seen {
    fn of(task: TaskRef, current: Option<TaskRef>, workers: &[workers::Seen], now: Instant) -> Seen {
        let (header, state) = (task.header(), task.state());
        let snapshot = state.snapshot();
        let address = task.as_ptr().addr();
        let is_idle = state.is_idle();
        let worker = if is_idle { None } else { workers.iter().position(|worker| worker.task == Some(address)) };
        let polled = worker.map(|worker| Polled { worker, since: workers[worker].since });
        let mut status = TaskStatus::of(task, current);
        if polled.is_some() && status == TaskStatus::Pending {
            status = TaskStatus::Running;
        }
        let future = (header.vtable.type_name)();
        // A group's list holds a reference to each child, and this walk one to each task.
        let others = 1 + u64::from(snapshot.has_join()) + u64::from(is_group_child(future));
        Seen {
            id: header.id,
            name: task.side().and_then(|side| side.name()),
            status,
            spawned_at: header.spawned_at,
            parent: task.parent(),
            future,
            waiting: WaitInfo::of(task, now),
            polled,
            address,
            joiner: snapshot.has_join_waker().then(|| header.join.joiner()),
            is_awaited_by_parent: snapshot.has_join_waker() && task.is_awaited_by_parent(),
            wakers: snapshot.references().saturating_sub(others),
            is_idle,
            awaited_by: None,
        }
    }

    /// As it is told to others.
    pub(super) fn info(&self, shortened: &mut Shortened) -> TaskInfo {
        TaskInfo {
            id: self.id,
            name: self.name.clone().unwrap_or_else(|| format!("Task-{}", self.id).into()),
            status: self.status,
            spawned_at: self.spawned_at,
            parent: self.parent,
            future: shortened.get(self.future),
            waiting: self.waiting.clone(),
            polled: self.polled,
            is_group_child: is_group_child(self.future),
        }
    }
}

/// The short names of futures' types, each made once.
#[derive(Default)]
pub(super) struct Shortened(HashMap<*const u8, Arc<str>>);

impl Shortened {
    pub(super) fn get(&mut self, future: &'static str) -> Arc<str> {
        self.0.entry(future.as_ptr()).or_insert_with(|| shorten(future).into()).clone()
    }
}

/// All tasks, in order of their numbers, and who awaits whom.
pub(super) fn tasks_of(shared: &Shared) -> Vec<Seen> {
    let (current, now) = (create::current_task(), shared.clock().now());
    let workers = workers::look(shared, now);
    let mut tasks = Vec::with_capacity(shared.live_tasks() as usize);
    shared.walk(|task| {
        tasks.push(Seen::of(task, current, &workers, now));
        release_walked(task);
    });
    tasks.sort_by_key(|seen| seen.id);
    let by_address: HashMap<usize, TaskId> = tasks.iter().map(|seen| (seen.address, seen.id)).collect();
    for seen in &mut tasks {
        seen.awaited_by = seen.joiner.and_then(|joiner| by_address.get(&joiner).copied());
        if seen.awaited_by.is_none() && seen.is_awaited_by_parent {
            seen.awaited_by = seen.parent;
        }
        if let Some(wait) = &mut seen.waiting
            && wait.is_for_lock()
            && let Some((holder, taken_at)) = holder_of(wait.object)
        {
            wait.on = WaitsOn::Lock { held_by: by_address.get(&holder).copied(), taken_at };
        }
    }
    tasks
}

/// All tasks, as they are told to others.
pub(super) fn infos_of(shared: &Shared) -> Vec<TaskInfo> {
    let mut shortened = Shortened::default();
    tasks_of(shared).iter().map(|seen| seen.info(&mut shortened)).collect()
}
