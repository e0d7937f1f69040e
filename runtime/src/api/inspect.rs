//! Looking at tasks, from inside their runtime and from outside.

use std::collections::HashMap;

use crate::harness::create;
use crate::harness::join::release_walked;
use crate::scheduler::context;
use crate::scheduler::shared::Shared;
use crate::sync::holder_of;
use crate::task::header::TaskRef;
use crate::task::id::TaskId;
use crate::task::status::TaskInfo;
use crate::task::wait_info::WaitsOn;

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
    tasks_of(&worker.shared).into_iter().map(|seen| seen.info).collect()
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

/// A task, and what ties it to others.
pub(super) struct Seen {
    pub(super) info: TaskInfo,
    address: usize,
    /// The address that the waker of whoever awaits it has; a task's, if it is one.
    joiner: Option<usize>,
    /// It is awaited by way of a combinator's waker, within the task that created it.
    pub(super) is_awaited_by_parent: bool,
    /// All that can wake it is one waker, as far as the count of references tells.
    pub(super) has_one_waker: bool,
    /// It waits: it is neither ready to run nor running.
    pub(super) is_idle: bool,
    pub(super) awaited_by: Option<TaskId>,
}

impl Seen {
    fn of(task: TaskRef, shared: &Shared) -> Seen {
        let current = create::current_task();
        let state = task.state();
        let snapshot = state.snapshot();
        let info = TaskInfo::of_at(task, current, shared.clock().now());
        let joiner = snapshot.has_join_waker().then(|| task.header().join.joiner());
        // A group's list holds a reference to each child, and this walk one to each task.
        let others = 1 + u64::from(snapshot.has_join()) + u64::from(info.is_group_child);
        Seen {
            address: task.as_ptr().addr(),
            joiner,
            is_awaited_by_parent: snapshot.has_join_waker() && task.is_awaited_by_parent(),
            has_one_waker: snapshot.references() == others + 1,
            is_idle: state.is_idle(),
            awaited_by: None,
            info,
        }
    }
}

/// All tasks, in order of their numbers, and who awaits whom.
pub(super) fn tasks_of(shared: &Shared) -> Vec<Seen> {
    let mut tasks = Vec::new();
    shared.walk(|task| {
        tasks.push(Seen::of(task, shared));
        release_walked(task);
    });
    tasks.sort_by_key(|seen| seen.info.id);
    let by_address: HashMap<usize, TaskId> = tasks.iter().map(|seen| (seen.address, seen.info.id)).collect();
    for seen in &mut tasks {
        seen.awaited_by = seen.joiner.and_then(|joiner| by_address.get(&joiner).copied());
        if seen.awaited_by.is_none() && seen.is_awaited_by_parent {
            seen.awaited_by = seen.info.parent;
        }
        if let Some(wait) = &mut seen.info.waiting
            && wait.is_for_lock()
            && let Some((holder, taken_at)) = holder_of(wait.object)
        {
            wait.on = WaitsOn::Lock { held_by: by_address.get(&holder).copied(), taken_at };
        }
    }
    tasks
}
