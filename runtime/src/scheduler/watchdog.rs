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
//!   while it lasts and there is something to serve, and by the stuck one's events (`rescue_calls.rs`). Where all
//!   workers are stuck, spares come (`spare_watch.rs`); they are looked at as workers are.
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
use super::remote::Remote;
use super::rescue_calls::RescueCalls;
use super::shared::Shared;
use super::slow_poll::{Look, SlowPoll};
use super::spare_watch::{Census, SpareWatch};
use super::spares::Seat;
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
    slow_poll: SlowPoll,
    probe: Probe,
}

impl Seen {
    fn forget(&mut self) {
        (self.awake, self.still) = (false, 0);
    }

    /// The present poll counts from now on; one that was reported was reported.
    fn begin_anew(&mut self, now: Instant) {
        self.still = 0;
        self.slow_poll.begin_anew(now);
    }
}

/// The life of the watchdog thread.
pub(super) fn watch(shared: &Arc<Shared>) {
    let (mut seen, mut spares): (Vec<Seen>, _) = (Vec::new(), SpareWatch::default());
    let mut calls = RescueCalls::default();
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
            Phase::Stopped => return forget(shared, &mut seen, now),
            Phase::Frozen => {
                forget(shared, &mut seen, now);
                spares.forget();
                calls.end();
                shared.threads.wait_for_thaw(shared);
                pace.begin_anew();
                continue;
            }
            Phase::Running | Phase::Closing => {}
        }
        shared.retry_failed_starts();
        deadlocks.look_now_and_then(shared, now);
        let sight = if shared.idle.all_parked() {
            forget(shared, &mut seen, now);
            calls.end();
            Sight { parked: true, ..Sight::default() }
        } else {
            seen.resize_with(shared.everyone().count(), Seen::default);
            let (sight, census) = look(shared, &mut seen, now);
            spares.look(shared, &census, now);
            calls.look(shared, sight.stuck);
            sight
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
fn look(shared: &Shared, seen: &mut [Seen], now: Instant) -> (Sight, Census) {
    let (mut sight, mut census) = (Sight::default(), Census::default());
    for ((index, remote), last) in shared.everyone().enumerate().zip(seen) {
        let seat = shared.spares.seat(index, shared.remotes.len());
        // Relaxed: a number; none yet, or a stale one, misleads for a tick.
        let thread = remote.thread.load(Ordering::Relaxed);
        let parked = seat.map_or_else(|| shared.idle.is_parked(index), Seat::is_at_rest);
        // One that could not be started is not parked either.
        let awake = thread != 0 && !parked;
        let (polls, turns) = (remote.counters.polls.get(), remote.counters.turns.get());
        let watched = awake && last.awake;
        last.still = if watched && polls == last.polls { last.still + 1 } else { 0 };
        if last.still > 0
            && let Some(reactor) = remote.reactor()
        {
            reactor.bound_young();
        }
        let is_still = last.still > 0;
        let is_blocked = is_still && last.probe.is_blocked(thread);
        if let Some(limit) = shared.config.slow_poll {
            last.slow_poll.look(shared, limit, &Look { index, thread, polls, is_still, is_blocked, now });
        }
        let stuck = last.still >= RUNNABLE_TICKS || is_blocked;
        mark(shared, remote, stuck);
        if stuck {
            census.unserved |= call_rescuer(shared, remote);
        } else if watched && last.still == 0 && turns == last.turns && seat.is_none() {
            remote.turn_due.store(true, Ordering::Relaxed);
        }
        // One without a thread, and not to be had, is being started, unless that has failed.
        let exists = parked || thread != 0 || !shared.threads.has_failed_to_start(index);
        census.count(seat, (stuck, is_blocked.then_some(thread)), exists);
        sight.stuck |= stuck;
        sight.slow |= awake && polls.wrapping_sub(last.polls) < FEW_POLLS;
        (last.awake, last.polls, last.turns) = (awake, polls, turns);
    }
    census.unserved |= shared.injector.len() > 0;
    (sight, census)
}

fn mark(shared: &Shared, remote: &Remote, stuck: bool) {
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

fn forget(shared: &Shared, seen: &mut [Seen], now: Instant) {
    for ((index, remote), seen) in shared.everyone().enumerate().zip(seen) {
        seen.forget();
        seen.slow_poll.end_if_over(shared, index, now);
        // Nor is its file kept: a program at rest has the files that it had before it was busy.
        seen.probe = Probe::default();
        mark(shared, remote, false);
    }
}

/// Wakes a worker for the stuck one, or asks those that are awake to look, if it has anything to serve. False: it has not.
fn call_rescuer(shared: &Shared, remote: &Remote) -> bool {
    let serves_io = remote.reactor().is_some_and(|reactor| {
        let now = shared.clock().now();
        reactor.has_sources() || reactor.next_deadline().is_some_and(|deadline| deadline <= now)
    });
    if !serves_io && !remote.queue.has_next() && remote.queue.len() == 0 && shared.injector.len() == 0 {
        return false;
    }
    match shared.idle.claim_any() {
        Some(claimed) => shared.unpark(Some(claimed)),
        None => {
            for other in shared.everyone().filter(|other| !other.stuck.load(Ordering::Relaxed)) {
                other.turn_due.store(true, Ordering::Relaxed);
            }
            shared.spares.unpark_on_duty();
        }
    }
    true
}

/// Task slots that came home to a worker that sleeps: it wakes once to take them in and give empty pages back.
fn have_memory_collected(shared: &Shared) {
    for remote in &shared.remotes {
        if remote.arena.has_remote() {
            remote.unpark();
        }
    }
    shared.spares.seats().iter().for_each(Seat::collect_memory);
    if shared.outside.arena.has_remote()
        && let Some(arena) = &mut shared.outside.owned.lock().arena
    {
        arena.trim();
    }
}
