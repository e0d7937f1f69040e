//! A task seen from outside: its status, and what `all_tasks` tells of it.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use raddle_io::Instant;

use super::header::TaskRef;
use super::id::TaskId;
use super::wait_info::WaitInfo;

/// Where a task is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskStatus {
    /// Waiting, or ready to run.
    Pending,
    /// Being polled: it is the current task, or workers note what they poll ([`Runner::inspect`](crate::Runner::inspect),
    /// [`Runner::slow_poll`](crate::Runner::slow_poll)).
    Running,
    /// Asked to end, not done yet.
    Cancelling,
    /// Ended with a value.
    Finished,
    /// Ended by cancellation.
    Cancelled,
    /// Ended by a panic.
    Panicked,
}

impl TaskStatus {
    pub(crate) fn of(task: TaskRef, current: Option<TaskRef>) -> TaskStatus {
        let seen = task.state().snapshot();
        if seen.is_cancelled() {
            TaskStatus::Cancelled
        } else if seen.is_panicked() {
            TaskStatus::Panicked
        } else if seen.is_complete() {
            TaskStatus::Finished
        } else if seen.is_cancelling() {
            TaskStatus::Cancelling
        } else if current == Some(task) {
            TaskStatus::Running
        } else {
            TaskStatus::Pending
        }
    }

    /// Whether the task has ended, one way or another.
    pub fn is_done(self) -> bool {
        matches!(self, TaskStatus::Finished | TaskStatus::Cancelled | TaskStatus::Panicked)
    }
}

impl fmt::Display for TaskStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TaskStatus::Pending => "pending",
            TaskStatus::Running => "running",
            TaskStatus::Cancelling => "cancelling",
            TaskStatus::Finished => "finished",
            TaskStatus::Cancelled => "cancelled",
            TaskStatus::Panicked => "panicked",
        })
    }
}

/// A task as it was when somebody looked.
#[derive(Clone)]
#[non_exhaustive]
pub struct TaskInfo {
    /// The task's number.
    pub id: TaskId,
    /// The task's name.
    pub name: Arc<str>,
    /// Where it was in its life.
    pub status: TaskStatus,
    /// The line that created it.
    pub spawned_at: &'static Location<'static>,
    /// The task that created it; none for main and for tasks created by plain threads.
    pub parent: Option<TaskId>,
    /// The type of its future, shortened.
    pub future: Arc<str>,
    /// What it waits for, if it does, and if that is something of this crate.
    pub waiting: Option<WaitInfo>,
    pub(crate) polled: Option<Polled>,
    pub(crate) is_group_child: bool,
}

/// Who polls a task, as far as workers note that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Polled {
    pub(crate) worker: usize,
    /// For how long at least.
    pub(crate) since: Option<Duration>,
}

impl TaskInfo {
    pub(crate) fn of(task: TaskRef, current: Option<TaskRef>) -> TaskInfo {
        TaskInfo::of_at(task, current, Instant::now())
    }

    /// As [`TaskInfo::of`], with the time of the task's runtime.
    pub(crate) fn of_at(task: TaskRef, current: Option<TaskRef>, now: Instant) -> TaskInfo {
        let header = task.header();
        let future = (header.vtable.type_name)();
        TaskInfo {
            id: header.id,
            name: name_of(task),
            status: TaskStatus::of(task, current),
            spawned_at: header.spawned_at,
            parent: task.parent(),
            future: shorten(future).into(),
            waiting: WaitInfo::of(task, now),
            polled: None,
            is_group_child: is_group_child(future),
        }
    }
}

impl TaskInfo {
    /// Stands for a thread that runs a future without a task.
    pub(crate) fn of_no_task() -> TaskInfo {
        let name = std::thread::current().name().unwrap_or("a thread").into();
        let (id, status, spawned_at) = (TaskId(0), TaskStatus::Running, Location::caller());
        let future = "no task".into();
        TaskInfo {
            id,
            name,
            status,
            spawned_at,
            parent: None,
            future,
            waiting: None,
            polled: None,
            is_group_child: false,
        }
    }
}

impl fmt::Debug for TaskInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_task(f, self.status, &self.name, &self.future, self.spawned_at, self.waiting.as_ref())
    }
}

/// The task's own name, or the one made from its number.
pub(crate) fn name_of(task: TaskRef) -> Arc<str> {
    let own = task.side().and_then(|side| side.name());
    own.unwrap_or_else(|| format!("Task-{}", task.header().id).into())
}

/// Writes a task the way asyncio does.
pub(crate) fn write_task(
    f: &mut fmt::Formatter<'_>,
    status: TaskStatus,
    name: &str,
    future: &str,
    spawned_at: &Location<'_>,
    waiting: Option<&WaitInfo>,
) -> fmt::Result {
    let (file, line) = (spawned_at.file(), spawned_at.line());
    write!(f, "<Task {status} name='{name}' fut={future} spawned at {file}:{line}")?;
    match waiting {
        Some(waiting) => write!(f, " wait_for={waiting:?}>"),
        None => f.write_str(">"),
    }
}

const GROUP_CHILD: &str = "raddle::api::group_child::GroupChild<";
/// Whether a future of that type is a child of a task group.
pub(crate) fn is_group_child(future: &'static str) -> bool {
    untraced(future).starts_with(GROUP_CHILD)
}

const WRAPPERS: [&str; 2] = [GROUP_CHILD, "raddle::api::spawn_reported::Reporting<"];

/// What a task's future is beneath its span.
fn untraced(type_name: &'static str) -> &'static str {
    let inner = type_name.strip_prefix("raddle::harness::traced::Traced<");
    inner.and_then(|inner| inner.strip_suffix('>')).unwrap_or(type_name)
}

/// `my_crate::module::fetch_data::{{closure}}` is what the compiler calls the future of `fetch_data`.
pub(crate) fn shorten(type_name: &'static str) -> String {
    let plain = untraced(type_name).replace("::{{closure}}", "");
    // What we wrap goes by the name of what its creator gave.
    let wrapped = WRAPPERS.iter().find_map(|wrapper| plain.strip_prefix(wrapper)?.strip_suffix('>'));
    let plain = wrapped.unwrap_or(&plain);
    let head_end = plain.find(['<', ',']).unwrap_or(plain.len());
    let start = plain[..head_end].rfind("::").map_or(0, |at| at + 2);
    let end = plain.find(", ").filter(|end| *end == head_end).unwrap_or(plain.len());
    plain[start..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_future_goes_by_the_name_of_its_function() {
        assert_eq!(shorten("app::net::fetch_data::{{closure}}"), "fetch_data");
        assert_eq!(shorten("app::main::{{closure}}::{{closure}}"), "main");
        assert_eq!(shorten("raddle_io::sleep::Sleep"), "Sleep");
        assert_eq!(shorten("raddle::api::group_child::GroupChild<app::fetch::{{closure}}, app::Error>"), "fetch");
        assert_eq!(shorten("raddle::api::spawn_reported::Reporting<app::fetch::{{closure}}>"), "fetch");
    }
}
