//! The watchdog: one thread per runtime that looks on and never runs a task.
//!
//! It is the only periodic sleeper. Workers park without time-outs; the watchdog looks at each worker that is not
//! parked, every 2 ms, every millisecond while somebody seems to be in a long poll, and less often where nobody was for a
//! while (`pace.rs`):
//!
//! * The poll counter has not moved: the worker is stuck, if it is blocked in the system. One that is runnable may
//!   merely be waiting for a core, so it counts as stuck after [`RUNNABLE_TICKS`] ticks. (A server's worker that had
//!   just lost its core to the client was otherwise taken for stuck 600 times a second.) A stuck worker is marked, and
//!   a parked one is woken (or an unstarted one started) to serve its queue, timers and reactor, again at each tick
//!   while it lasts and there is something to serve.
//! * Polls go on but the turn counter has not moved: the worker is asked to look at its reactor.
//!
//! Time in which the watchdog itself did not run is nobody's poll: the process was stopped, or the machine stood still.
//!
//! After a quarter of a second in which all workers were parked it goes to sleep for good. Both sides of that are
//! read-modify-writes of the idle word: either the watchdog sees a worker awake and stays up, or that worker, leaving
//! its park, sees the watchdog's flag and unparks it.

use std::time::{Duration, Instant};

use super::config::cores;
use super::deadlock_watch::DeadlockWatch;
use super::pace::{Pace, Sight};
use super::phase::Phase;
use super::probe::Probe;
use super::report::ExceptionContext;
use super::shared::Shared;
use crate::shim::Arc;
use crate::shim::atomic::Ordering;

/// Fewer polls than this between two looks: they are long, so look again sooner.
const FEW_POLLS: u64 = 64;
/// Ticks without a new poll after which a runnable worker counts as stuck: about 3 ms, the system's time slice.
const RUNNABLE_TICKS: u32 = 3;
/// A look that comes so much later than it should: that is hardly for want of a core. A guess.
const STANDSTILL: Duration = Duration::from_millis(100);

/// What was seen of a worker at the last tick.
#[derive(Default)]
struct Seen {
    awake: bool,
    polls: u64,
    turns: u64,
    /// Ticks in a row without a new poll.
    still: u32,
    /// When the present poll was first seen, and whether it has been reported as slow.
    poll_seen: Option<(Instant, bool)>,
    probe: Probe,
}

impl Seen {
    fn forget(&mut self) {
        (self.awake, self.still, self.poll_seen) = (false, 0, None);
    }

    /// The present poll counts from now on; one that was reported was reported.
    fn begin_anew(&mut self, now: Instant) {
        self.still = 0;
        self.poll_seen = self.poll_seen.map(|(_, reported)| (now, reported));
    }
}

/// The life of the watchdog thread.
pub(super) fn watch(shared: &Arc<Shared>) {
    let mut seen: Vec<Seen> = (0..shared.config.workers).map(|_| Seen::default()).collect();
    let mut pace = Pace::new(cores(), shared.config.slow_poll);
    let mut looked = Instant::now();
    let mut deadlocks = DeadlockWatch::new(shared, looked);
    loop {
        shared.threads.park_watchdog(Some(pace.tick()));
        // Read once for all that this look judges: a standstill that comes later in it is noticed by the next.
        let now = Instant::now();
        if now - looked > pace.tick() + STANDSTILL {
            seen.iter_mut().for_each(|seen| seen.begin_anew(now));
        }
        looked = now;
        match shared.phase.get() {
            Phase::Stopped => return,
            Phase::Frozen => {
                forget(shared, &mut seen);
                shared.threads.wait_for_thaw(shared);
                pace.begin_anew();
                continue;
            }
            Phase::Running | Phase::Closing => {}
        }
        shared.retry_failed_starts();
        deadlocks.look_now_and_then(shared, now);
        let sight = if shared.idle.all_parked() {
            forget(shared, &mut seen);
            Sight { parked: true, ..Sight::default() }
        } else {
            look(shared, &mut seen, now)
        };
        if pace.after(sight) {
            pace.begin_anew();
            have_memory_collected(shared);
            deadlocks.look(shared);
            if shared.idle.watchdog_may_sleep() && shared.phase.get() != Phase::Stopped {
                shared.threads.park_watchdog(None);
            }
        }
    }
}

/// One look at everybody.
fn look(shared: &Shared, seen: &mut [Seen], now: Instant) -> Sight {
    let mut sight = Sight::default();
    for (index, (remote, last)) in shared.remotes.iter().zip(seen).enumerate() {
        // Relaxed: a number; none yet, or a stale one, misleads for a tick.
        let thread = remote.thread.load(Ordering::Relaxed);
        // One that could not be started is not parked either.
        let awake = thread != 0 && !shared.idle.is_parked(index);
        let (polls, turns) = (remote.counters.polls.get(), remote.counters.turns.get());
        let watched = awake && last.awake;
        last.still = if watched && polls == last.polls { last.still + 1 } else { 0 };
        if last.still > 0
            && let Some(reactor) = remote.reactor()
        {
            reactor.bound_young();
        }
        if let Some(limit) = shared.config.slow_poll {
            let seen = last.poll_seen.filter(|_| watched && last.still > 0);
            last.poll_seen = watch_poll(shared, index, seen, (now, limit));
        }
        let stuck = last.still >= RUNNABLE_TICKS || (last.still > 0 && last.probe.is_blocked(thread));
        mark(shared, index, stuck);
        if stuck {
            call_rescuer(shared, index);
        } else if watched && last.still == 0 && turns == last.turns {
            remote.turn_due.store(true, Ordering::Relaxed);
        }
        sight.stuck |= stuck;
        sight.slow |= awake && polls.wrapping_sub(last.polls) < FEW_POLLS;
        (last.awake, last.polls, last.turns) = (awake, polls, turns);
    }
    sight
}

/// Reports the poll that a worker is in once it has lasted longer than `limit`.
fn watch_poll(
    shared: &Shared,
    index: usize,
    seen: Option<(Instant, bool)>,
    (now, limit): (Instant, Duration),
) -> Option<(Instant, bool)> {
    // Relaxed: a stale answer misleads for one tick, and it is looked at twice before anything is said.
    let current = || shared.remotes[index].current.load(Ordering::Relaxed);
    let task = current();
    if task.is_null() {
        // Between two polls: it waits for threads to end, or looks for work.
        return None;
    }
    let Some((since, reported)) = seen else { return Some((now, false)) };
    let lasted = now - since;
    if reported || lasted < limit {
        return seen;
    }
    let found = (shared.config.find_task)(shared, task);
    if current() != task {
        return None;
    }
    let mut text = ExceptionContext::new(format!("a poll on worker {index} lasts {lasted:.1?} already"));
    if let Some(task) = found {
        text = text.in_task(task);
    }
    shared.report(&text);
    Some((since, true))
}

fn mark(shared: &Shared, index: usize, stuck: bool) {
    let remote = &shared.remotes[index];
    // Relaxed: a hint that this thread alone writes; the rescuer's locks and swaps order what it does.
    if remote.stuck.load(Ordering::Relaxed) == stuck {
        return;
    }
    if stuck {
        remote.stuck_since.store(shared.clock().now().as_nanos(), Ordering::Relaxed);
    }
    remote.stuck.store(stuck, Ordering::Relaxed);
    let delta = if stuck { 1 } else { usize::MAX };
    shared.stuck.fetch_add(delta, Ordering::Relaxed);
}

fn forget(shared: &Shared, seen: &mut [Seen]) {
    for (index, seen) in seen.iter_mut().enumerate() {
        seen.forget();
        // Nor is its file kept: a program at rest has the files that it had before it was busy.
        seen.probe = Probe::default();
        mark(shared, index, false);
    }
}

/// Wakes a worker for the stuck one, or asks those that are awake to look, if it has anything to serve.
fn call_rescuer(shared: &Shared, stuck: usize) {
    let remote = &shared.remotes[stuck];
    let serves_io = remote.reactor().is_some_and(|reactor| {
        let now = shared.clock().now();
        reactor.has_sources() || reactor.next_deadline().is_some_and(|deadline| deadline <= now)
    });
    if !serves_io && !remote.queue.has_next() && remote.queue.len() == 0 && shared.injector.len() == 0 {
        return;
    }
    match shared.idle.claim_any() {
        Some(claimed) => shared.unpark(Some(claimed)),
        None => {
            for other in shared.remotes.iter().filter(|other| !other.stuck.load(Ordering::Relaxed)) {
                other.turn_due.store(true, Ordering::Relaxed);
            }
        }
    }
}

/// Task slots that came home to a worker that sleeps: it wakes once to take them in and give empty pages back.
fn have_memory_collected(shared: &Shared) {
    for remote in &shared.remotes {
        if remote.arena.has_remote() {
            remote.unpark();
        }
    }
    if shared.outside.arena.has_remote()
        && let Some(arena) = &mut shared.outside.owned.lock().arena
    {
        arena.trim();
    }
}
