//! When a spare worker is put in, called, called off and sent away: the watchdog's part of `spares.rs`.
//!
//! A spare is wanted where every worker is stuck, there is something to serve, and fewer spares serve than workers are
//! *blocked*: whoever is blocked leaves a core free, whoever computes does not. So no more threads run than there are
//! workers. One that is there already is called at the first such look. A thread is started only if the next look says so
//! again and the blocked have used no processor time meanwhile: on a machine that is short of cores, threads that are about
//! to go on look blocked now and then, and a spare would only be one more. A second spare, and each further one, comes
//! where the backlog does not go away.
//!
//! One worker has asyncio's order, which a spare would break. A virtual clock is for programs that do not block.
//!
//! A spare is called off when a worker was free at two looks running: one who blocks again and again looks free for a
//! moment each time. It is sent away when it was not called for [`LINGER`].

use std::time::{Duration, Instant};

use super::probe;
use super::report::ExceptionContext;
use super::shared::Shared;
use super::spares::Seat;

/// A spare that was not called for so long leaves. To start a thread costs a tenth of a millisecond.
const LINGER: Duration = Duration::from_millis(250);
/// Looks in a row that want a spare before a thread is started.
const LOOKS_BEFORE_START: u32 = 2;
/// Looks in a row with a worker that is free before the spares are called off.
const LOOKS_BEFORE_REST: u32 = 2;
/// Looks in a row with a backlog, while spares serve, before there is one more.
const LOOKS_BEFORE_MORE: u32 = 8;
/// A spare that could not be started is tried again after this.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What a look saw of all who might serve.
#[derive(Debug, Default)]
pub(super) struct Census {
    /// Workers that are not stuck: they run tasks, or could be woken or started.
    pub(super) free: usize,
    /// The threads of workers that are stuck, and blocked in the system.
    pub(super) blocked: Vec<u32>,
    /// Spares on duty that are not stuck.
    pub(super) serving: usize,
    /// Those who are stuck leave something undone.
    pub(super) unserved: bool,
}

impl Census {
    /// One more: a worker, or a spare by its seat. `exists`: not one whose thread could not be started.
    pub(super) fn count(&mut self, seat: Option<&Seat>, (stuck, blocked): (bool, Option<u32>), exists: bool) {
        match seat {
            Some(seat) => self.serving += usize::from(seat.is_taken() && seat.is_on_duty() && !stuck),
            None => {
                self.free += usize::from(exists && !stuck);
                self.blocked.extend(blocked);
            }
        }
    }
}

/// What the watchdog remembers of the spares from look to look.
#[derive(Default)]
pub(super) struct SpareWatch {
    wanted_for: u32,
    free_for: u32,
    backlog_for: u32,
    /// The blocked threads at the last look that wanted a spare, and the processor time that they had used.
    used: Vec<(u32, Option<Duration>)>,
    looked: Option<Instant>,
    /// By seat: since when it is off duty.
    off_since: Vec<Option<Instant>>,
    failed: Option<Instant>,
    is_failure_reported: bool,
}

impl SpareWatch {
    /// What was seen counts for nothing any more.
    pub(super) fn forget(&mut self) {
        (self.wanted_for, self.free_for, self.backlog_for) = (0, 0, 0);
        self.used.clear();
    }

    pub(super) fn look(&mut self, shared: &Shared, census: &Census, now: Instant) {
        if shared.is_single() || shared.clock().is_virtual() {
            return;
        }
        let is_wanted = self.is_wanted(census);
        self.wanted_for = if is_wanted { self.wanted_for + 1 } else { 0 };
        if is_wanted {
            let still = self.count_still(census, now);
            if call_one(shared) {
                self.backlog_for = 0;
            } else if self.wanted_for >= LOOKS_BEFORE_START && still > census.serving {
                self.start_one(shared, now);
            }
        }
        self.free_for = if census.free > 0 { self.free_for + 1 } else { 0 };
        self.dismiss(shared, now);
    }

    fn is_wanted(&mut self, census: &Census) -> bool {
        let is_short = census.free == 0 && census.unserved && census.serving < census.blocked.len();
        self.backlog_for = if is_short { self.backlog_for + 1 } else { 0 };
        is_short && (census.serving == 0 || self.backlog_for >= LOOKS_BEFORE_MORE)
    }

    /// How many of the blocked have used next to no processor time since the last look, as far as the system tells.
    fn count_still(&mut self, census: &Census, now: Instant) -> usize {
        let at_most = self.looked.replace(now).map_or(Duration::ZERO, |looked| (now - looked) / 10);
        let used: Vec<_> = census.blocked.iter().map(|&thread| (thread, probe::cpu_time(thread))).collect();
        let is_still = |(thread, time): &&(u32, Option<Duration>)| {
            let was = self.used.iter().find(|(before, _)| before == thread).and_then(|(_, was)| *was);
            was.zip(*time).is_some_and(|(was, time)| time.saturating_sub(was) <= at_most)
        };
        let still = used.iter().filter(is_still).count();
        self.used = used;
        still
    }

    fn start_one(&mut self, shared: &Shared, now: Instant) {
        if self.failed.is_some_and(|failed| now - failed < RETRY_AFTER) {
            return;
        }
        (self.wanted_for, self.backlog_for, self.failed) = (0, 0, None);
        if let Err(error) = shared.start_spare() {
            self.failed = Some(now);
            if !std::mem::replace(&mut self.is_failure_reported, true) {
                let text = format!("no spare worker could be started while all workers are blocked: {error}");
                shared.report(&ExceptionContext::new(text));
            }
        }
    }

    /// Calls off who is not needed, and sends away who was not for a while.
    fn dismiss(&mut self, shared: &Shared, now: Instant) {
        let seats = shared.spares.seats();
        self.off_since.resize(seats.len(), None);
        for (seat, off_since) in seats.iter().zip(&mut self.off_since) {
            if !seat.is_taken() {
                *off_since = None;
            } else if seat.is_on_duty() {
                *off_since = None;
                if self.free_for >= LOOKS_BEFORE_REST {
                    seat.call_off();
                }
            } else if now - *off_since.get_or_insert(now) >= LINGER && !seat.is_sent_away() {
                seat.send_away();
            }
        }
    }
}

/// Calls a spare that is there and off duty. False: there is none.
fn call_one(shared: &Shared) -> bool {
    let resting = shared.spares.seats().iter().find(|seat| seat.is_taken() && !seat.is_on_duty());
    resting.inspect(|seat| seat.call()).is_some()
}
