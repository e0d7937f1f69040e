//! Looking at tasks from inside their runtime.

use crate::harness::create;
use crate::harness::join::release_walked;
use crate::scheduler::context;
use crate::scheduler::shared::Shared;
use crate::task::status::TaskInfo;

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
/// Empty outside a runtime. Walks the task pages: no spawn or completion waits for it.
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
    let current = worker.current_task();
    let mut tasks = Vec::new();
    worker.shared.walk(|task| {
        tasks.push(TaskInfo::of(task, current));
        release_walked(task);
    });
    tasks.sort_by_key(|task| task.id);
    tasks
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
