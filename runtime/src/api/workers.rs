//! The workers as they were when somebody looked, for those who look at a running program.

use std::time::Duration;

use raddle_io::Instant;

use crate::scheduler::phase::Phase;
use crate::scheduler::remote::Remote;
use crate::scheduler::shared::Shared;
use crate::shim::atomic::Ordering;

/// What a worker was doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// It has no thread: nobody has needed it so far.
    Unstarted,
    /// It sleeps until there is something to do.
    Parked,
    /// It stands still between two runs.
    Frozen,
    /// It runs tasks, or looks for some.
    Running,
    /// The watchdog found that it does not come out of a task.
    Stuck,
}

impl Doing {
    pub(super) fn name(self) -> &'static str {
        match self {
            Doing::Unstarted => "unstarted",
            Doing::Parked => "parked",
            Doing::Frozen => "frozen",
            Doing::Running => "running",
            Doing::Stuck => "stuck",
        }
    }
}

/// One worker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) doing: Doing,
    /// The address of the task that it polls, where that is noted; to be compared with those of tasks that live.
    pub(super) task: Option<usize>,
    /// How long it has been in that poll at least, as far as anybody looked.
    pub(super) since: Option<Duration>,
}

/// All workers of a runtime, in order.
pub(super) fn look(shared: &Shared, now: Instant) -> Vec<Seen> {
    shared.remotes.iter().enumerate().map(|(index, remote)| look_at(shared, index, remote, now)).collect()
}

fn look_at(shared: &Shared, index: usize, remote: &Remote, now: Instant) -> Seen {
    // Relaxed, here and below: hints, and what does not fit together is seen right by the next look.
    let doing = if remote.thread.load(Ordering::Relaxed) == 0 {
        Doing::Unstarted
    } else if shared.idle.is_parked(index) {
        Doing::Parked
    } else if remote.stuck.load(Ordering::Relaxed) {
        Doing::Stuck
    } else if shared.phase.get() == Phase::Frozen {
        Doing::Frozen
    } else {
        Doing::Running
    };
    let task = remote.current.load(Ordering::Relaxed).addr();
    let in_poll = task != 0 && matches!(doing, Doing::Running | Doing::Stuck);
    let observed = remote.observe(in_poll, now.as_nanos());
    let since = if doing == Doing::Stuck { remote.stuck_since.load(Ordering::Relaxed).min(observed) } else { observed };
    Seen {
        doing,
        task: in_poll.then_some(task),
        since: in_poll.then(|| Duration::from_nanos(now.as_nanos().saturating_sub(since))),
    }
}
