//! Polls that last longer than they should are reported while they last, and once more when they are over.
//!
//! The watchdog asks here at each look about each worker. A poll is known from the first look at which it was there at the
//! look before as well, so it counts from that one; it is judged slow by the time that has passed since, and reported once,
//! by the thread that looks on: the task, the line that created it, for how long, and whether it is blocked in the system
//! or computes. One that is neither, since it is not blocked at that look and has hardly had a processor, is looked at
//! again before it is said to wait for one. When the poll counter has moved, or the worker is between two polls, the poll
//! is over: then it is said how long it took, to a look.
//!
//! Feared: that a task is named which is not the one being polled. It is looked up by its address, which another may have by
//! then, so the worker's present task is compared before and after, and its poll counter with it.

use std::time::{Duration, Instant};

use super::probe::cpu_time;
use super::remote::Remote;
use super::report::ExceptionContext;
use super::shared::Shared;
use crate::shim::atomic::Ordering;
use crate::task::status::TaskInfo;

/// A poll that seems to wait for a processor is reported when it has lasted so many times as long as it should.
const LOOKED_AGAIN: u32 = 4;

/// The poll that a worker is in, if it is a long one.
#[derive(Default)]
pub(super) struct SlowPoll(Option<Poll>);

struct Poll {
    number: u64,
    /// Between this look and the next one it was certainly there.
    since: Instant,
    /// The processor time that its thread had used by then, if the system says so.
    used: Option<Duration>,
    reported: Option<Reported>,
}

struct Reported {
    /// None: it was gone when it was looked up.
    task: Option<TaskInfo>,
}

/// One look at a worker.
pub(super) struct Look {
    pub(super) index: usize,
    pub(super) thread: u32,
    /// Polls so far.
    pub(super) polls: u64,
    /// It is in the poll that it was in at the last look.
    pub(super) is_still: bool,
    pub(super) is_blocked: bool,
    pub(super) now: Instant,
}

impl SlowPoll {
    /// Reports what is to be reported of polls that last longer than `limit`.
    pub(super) fn look(&mut self, shared: &Shared, limit: Duration, look: &Look) {
        self.end_if_over(shared, look.index, look.now);
        let remote = shared.remote(look.index);
        if !look.is_still || !is_polling(remote) {
            return;
        }
        let begun = || Poll { number: look.polls, since: look.now, used: cpu_time(look.thread), reported: None };
        let poll = self.0.get_or_insert_with(begun);
        let lasted = look.now - poll.since;
        if poll.reported.is_none() && lasted >= limit {
            let used = poll.used.zip(cpu_time(look.thread)).map(|(before, now)| now.saturating_sub(before));
            let state = State::of(look.is_blocked, used, lasted);
            if state != State::Waiting || lasted >= limit.saturating_mul(LOOKED_AGAIN) {
                poll.report(shared, remote, look, (state, used));
            }
        }
    }

    /// Tells the end of a poll that was reported. One that goes on, though nobody looks any more, is told of later.
    pub(super) fn end_if_over(&mut self, shared: &Shared, index: usize, now: Instant) {
        let remote = shared.remote(index);
        let is_over = |poll: &mut Poll| poll.number != remote.counters.polls.get() || !is_polling(remote);
        let Some(Poll { since, reported: Some(Reported { task }), .. }) = self.0.take_if(is_over) else { return };
        let (who, lasted) = (shared.name_of(index), now - since);
        shared.report(&context(format!("a poll on {who} is over that took {lasted:.1?}"), task));
    }

    /// The machine stood still: the present poll counts from now on.
    pub(super) fn begin_anew(&mut self, now: Instant) {
        if let Some(poll) = self.0.as_mut().filter(|poll| poll.reported.is_none()) {
            poll.since = now;
        }
    }
}

impl Poll {
    fn report(&mut self, shared: &Shared, remote: &Remote, look: &Look, (state, used): (State, Option<Duration>)) {
        // Relaxed: as above.
        let current = || (remote.current.load(Ordering::Relaxed), remote.counters.polls.get());
        let before = current();
        let task = (shared.config.find_task)(shared, before.0);
        if current() != before || before.1 != self.number {
            // Over by now.
            return;
        }
        let (who, lasted) = (shared.name_of(look.index), look.now - self.since);
        let what = match state {
            State::Blocked => "blocked in the system",
            State::Waiting => "waiting for a processor",
            State::Computing => "computing",
        };
        let used = used.map_or(String::new(), |used| format!(", {used:.1?} of processor time"));
        shared.report(&context(format!("a poll on {who} lasts {lasted:.1?} already: {what}{used}"), task.clone()));
        self.reported = Some(Reported { task });
    }
}

/// What a thread does in a long poll.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Blocked,
    Waiting,
    Computing,
}

impl State {
    /// `used`: the processor time it has had in the time that the poll has lasted.
    fn of(is_blocked: bool, used: Option<Duration>, lasted: Duration) -> State {
        match used {
            _ if is_blocked => State::Blocked,
            Some(used) if used < lasted / 10 => State::Waiting,
            _ => State::Computing,
        }
    }
}

/// Not between two polls, where it waits for threads to end, or looks for work.
fn is_polling(remote: &Remote) -> bool {
    // Relaxed: a stale answer misleads for one tick, and it is looked at twice before anything is said.
    !remote.current.load(Ordering::Relaxed).is_null()
}

fn context(text: String, task: Option<TaskInfo>) -> ExceptionContext {
    let context = ExceptionContext::new(text);
    match task {
        Some(task) => context.at(task.spawned_at).in_task(task),
        None => context,
    }
}
