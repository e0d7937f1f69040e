//! What a task waits for, as it is told to those who look.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use raddle_io::Instant;
use raddle_io::waiting::{Kind, NOWHERE};

use super::header::TaskRef;
use super::id::TaskId;
use super::waiting::Waited;

/// What a task waits for: one of this crate's operations. Part of a [`TaskInfo`](crate::TaskInfo).
///
/// A task that waits for several things at once tells one of them, and rather another than a timer. One that waits for
/// another library's future tells nothing.
#[derive(Clone)]
#[non_exhaustive]
pub struct WaitInfo {
    /// The operation, `Queue::get` for instance.
    pub op: &'static str,
    /// What it waits for.
    pub on: WaitsOn,
    /// The line that called the operation, where it is known; of a task that is awaited, the line that created it.
    pub at: Option<&'static Location<'static>>,
    /// When it began to wait: the end of its last poll, to a tenth of a second or so (what no clock is read for).
    pub since: Instant,
    pub(crate) kind: Kind,
    pub(crate) object: u32,
}

/// What a wait is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitsOn {
    /// Nothing that could be told from others of its kind: a point in time, a blocking call.
    Nothing,
    /// A file descriptor.
    Fd(i32),
    /// The end of a task.
    Task(TaskId),
    /// A lock.
    Lock {
        /// The task that took it, if a task did, and has not ended. A guard that was given away counts as its taker's.
        held_by: Option<TaskId>,
        /// The line that took it, where it is known.
        taken_at: Option<&'static Location<'static>>,
    },
    /// A queue, an event, or the like: a number made from its address, the same for all who wait for it.
    Object(u32),
}

impl WaitInfo {
    /// What the task waits for, if it does, and has said so. `now` by its runtime's clock.
    pub(crate) fn of(task: TaskRef, now: Instant) -> Option<WaitInfo> {
        let waited = task.waited()?;
        let Waited { note } = waited;
        let (kind, object) = (note.kind(), note.object());
        let on = match kind {
            _ if kind.has_no_object() => WaitsOn::Nothing,
            Kind::Readable | Kind::Writable | Kind::Connect => WaitsOn::Fd(object.cast_signed()),
            Kind::Task => WaitsOn::Task(nearest(task.header().id, object)),
            Kind::Lock | Kind::Mutex => WaitsOn::Lock { held_by: None, taken_at: None },
            _ => WaitsOn::Object(object),
        };
        let at = (!std::ptr::eq(note.at, NOWHERE) && !is_own(note.at)).then_some(note.at);
        let since = Instant::from_nanos(waited.since_ns(now.as_nanos()));
        Some(WaitInfo { op: kind.name(), on, at, since, kind, object })
    }

    /// Whether it is for a lock, whose holder is told in [`WaitInfo::on`].
    pub(crate) fn is_for_lock(&self) -> bool {
        matches!(self.on, WaitsOn::Lock { .. })
    }

    pub(crate) fn is_for_group(&self) -> bool {
        self.kind == Kind::Group
    }

    /// Whether a signal, or somebody's request to stop, can end it.
    pub(crate) fn is_for_stop(&self) -> bool {
        matches!(self.kind, Kind::Signal | Kind::Stop)
    }

    /// Whether two looks saw the same wait.
    pub(crate) fn is_same(&self, other: &WaitInfo) -> bool {
        self.on == other.on && self.at == other.at && self.since == other.since
    }

    /// How long it had been waiting at that moment.
    #[must_use]
    pub fn waited(&self, now: Instant) -> Duration {
        now - self.since
    }
}

/// Whether it is a line of raddle's own, on the way to which the program's was lost.
fn is_own(at: &Location<'_>) -> bool {
    let this = file!().strip_suffix("runtime/src/task/wait_info.rs");
    let own = |folders: &[&str]| {
        let rest = this.and_then(|root| at.file().strip_prefix(root));
        rest.is_some_and(|rest| folders.iter().any(|folder| rest.starts_with(folder)))
    };
    // In this repository, and as a registry lays it out.
    own(&["runtime/src/", "io/src/"])
        || file!().strip_suffix("src/task/wait_info.rs").is_some_and(|root| {
            let version = root.trim_end_matches('/').rsplit('-').next().unwrap_or_default();
            let rest = |crate_name: &str| {
                let root = root.trim_end_matches('/').strip_suffix(&format!("raddle-{version}"))?;
                at.file().strip_prefix(&format!("{root}{crate_name}-{version}/src/"))
            };
            !root.is_empty() && (rest("raddle").is_some() || rest("raddle-io").is_some())
        })
}

/// The number that ends in these 32 bits and lies nearest to another.
fn nearest(other: TaskId, low: u32) -> TaskId {
    let ahead = low.wrapping_sub(other.0 as u32).cast_signed();
    TaskId(other.0.wrapping_add_signed(i64::from(ahead)))
}

impl fmt::Display for WaitInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.on {
            WaitsOn::Task(id) => write!(f, "Task-{id}")?,
            _ => f.write_str(self.op)?,
        }
        if let Some(at) = self.at {
            let spawned = if self.kind == Kind::Task { "spawned " } else { "" };
            write!(f, " {spawned}at {}:{}", at.file(), at.line())?;
        }
        match self.on {
            WaitsOn::Fd(fd) => write!(f, " on fd {fd}"),
            WaitsOn::Object(number) => write!(f, " on #{number:x}"),
            WaitsOn::Lock { held_by, taken_at } => {
                if let Some(id) = held_by {
                    write!(f, ", held by Task-{id}")?;
                }
                taken_at.map_or(Ok(()), |at| write!(f, ", taken at {}:{}", at.file(), at.line()))
            }
            WaitsOn::Nothing | WaitsOn::Task(_) => Ok(()),
        }
    }
}

impl fmt::Debug for WaitInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{self}>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_by_its_low_half() {
        for other in [1, 5, u64::from(u32::MAX), u64::from(u32::MAX) + 9, 1 << 40] {
            for id in [other, other + 1, other + 1000, other.saturating_sub(3)] {
                assert_eq!(nearest(TaskId(other), id as u32), TaskId(id));
            }
        }
    }
}
