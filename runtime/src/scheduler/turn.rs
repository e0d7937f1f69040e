//! The worker's loop: next task, run, maintain, search, park.
//!
//! With several workers, a task goes from next slot, deque and pinned queue; every [`MAINTENANCE_TICKS`] ticks, or
//! when the watchdog asks, the worker looks at its reactor, its timers, the injector, and at stuck neighbours. Out of
//! work it takes a batch from the injector, then searches the others' deques once (`search.rs`), then parks in its
//! reactor: no look at the reactor without blocking before the one that blocks.
//!
//! One worker runs in asyncio's order instead: events, then timers that are due in deadline order, then what was
//! ready at the start of the turn; what becomes ready meanwhile waits for the next turn.

use std::time::Duration;

use super::context;
use super::idle::Left;
use super::phase::Phase;
use super::report::ExceptionContext;
use super::virtual_time;
use super::worker::{Measured, USUAL_POLL_NS, Worker};
use crate::shim::atomic::Ordering;
use crate::task::header::TaskRef;

/// Ticks between two looks at everything but the own queue.
pub(super) const MAINTENANCE_TICKS: u32 = 61;
/// The reactor is not asked more often than this under load.
const REACTOR_INTERVAL_NS: u64 = 100_000;
/// Room that the pinned queue keeps when memory is given back.
const PINNED_KEPT: usize = 256;
/// An idle worker gives memory back that it has not needed for so long.
const TRIM_AFTER: Duration = Duration::from_millis(250);

impl Worker {
    /// The life of a worker thread.
    pub(crate) fn run_thread(&self) {
        let _io = raddle_io::context::enter(self.io_context());
        self.publish_thread();
        if let Some(clock) = self.shared.clock().as_virtual() {
            virtual_time::start(clock);
        }
        self.set_moment(self.shared.clock().now().as_nanos());
        context::enter(self, || {
            self.searching.set(true);
            loop {
                match self.shared.phase.get() {
                    Phase::Stopped => break,
                    Phase::Frozen => self.freeze(),
                    Phase::Running | Phase::Closing => self.turn(),
                }
            }
            self.stop_searching_if_so();
            self.drain();
        });
        // After `enter`: slots freed from here on, by destructors of thread-locals say, take the foreign path.
        self.reactor.shut_down();
        self.close_arena();
    }

    /// Runs the loop on worker 0's thread until `until` says so.
    pub(crate) fn run_until(&self, mut until: impl FnMut() -> bool) {
        let _io = raddle_io::context::enter(self.io_context());
        self.publish_thread();
        self.set_moment(self.shared.clock().now().as_nanos());
        context::enter(self, || {
            while !until() {
                if self.single { self.single_turn() } else { self.turn() }
            }
            self.stop_searching_if_so();
        });
        raddle_io::budget::set_unlimited();
    }

    /// Runs the loop without a main until `Handle::stop` was called. One worker takes a whole turn at least, as asyncio.
    pub(crate) fn run_forever(&self) {
        self.forever.set(true);
        let mut begun = !self.shared.is_single();
        self.run_until(|| std::mem::replace(&mut begun, true) && self.is_told_to_stop());
        self.forever.set(false);
    }

    /// Whether this is a run without a main, and is to end: a worker that was told so must not park.
    fn is_told_to_stop(&self) -> bool {
        self.forever.get() && self.shared.is_stop_asked()
    }

    /// Says which thread this worker is, for the watchdog.
    pub(super) fn publish_thread(&self) {
        let thread = rustix::thread::gettid().as_raw_nonzero().get();
        // Relaxed: a number that the watchdog asks the system about; a stale one has no answer.
        self.remote().thread.store(thread.unsigned_abs(), Ordering::Relaxed);
    }

    /// Runs what is left in the queues when nothing will come any more: it was cancelled, so its futures are dropped.
    /// There is something only where the grace ran out.
    pub(crate) fn drain(&self) {
        let shared = &self.shared;
        self.remote().inbox.take(usize::MAX, |task| self.pinned.borrow_mut().push_back(task));
        if self.index == 0 {
            shared.injector.take(usize::MAX, |task| self.pinned.borrow_mut().push_back(task));
        }
        while let Some(task) = self.next_task(0) {
            self.run(task);
        }
    }

    /// Makes this thread worker 0 for the length of `f`, without running anything.
    pub(crate) fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
        let _io = raddle_io::context::enter(self.io_context());
        context::enter(self, f)
    }

    pub(super) fn freeze(&self) {
        raddle_io::nursery::rest();
        self.stop_searching_if_so();
        self.shared.threads.wait_while_frozen(&self.shared);
        self.measured.set(Measured::default());
        self.set_moment(self.shared.clock().now().as_nanos());
    }

    fn stop_searching_if_so(&self) {
        if self.searching.replace(false) {
            // Pushers that relied on this searcher are found by whoever runs next: nothing parks before it has looked.
            let _ = self.shared.idle.stop_searching();
        }
    }

    /// Whether this `run`'s main has ended.
    pub(crate) fn is_main_done(&self) -> bool {
        self.main.get().is_some_and(|main| main.state().is_complete())
    }

    /// Runs one task, or finds that there is none and parks.
    fn turn(&self) {
        let tick = self.tick.get().wrapping_add(1);
        self.tick.set(tick);
        if tick.is_multiple_of(MAINTENANCE_TICKS) || self.is_turn_due() {
            self.maintain();
        }
        if let Some(task) = self.next_task(tick).or_else(|| self.find_task()) {
            self.run(task);
        } else {
            self.park();
        }
    }

    #[inline]
    pub(super) fn next_task(&self, tick: u32) -> Option<TaskRef> {
        if tick & 1 == 0 {
            self.pinned.borrow_mut().pop_front().or_else(|| self.queue.pop(&self.remote().queue))
        } else {
            self.queue.pop(&self.remote().queue).or_else(|| self.pinned.borrow_mut().pop_front())
        }
    }

    #[inline]
    pub(super) fn is_turn_due(&self) -> bool {
        // Relaxed: a hint of the watchdog's; seen one tick later, it does as well.
        self.remote().turn_due.load(Ordering::Relaxed)
    }

    #[cold]
    pub(super) fn maintain(&self) {
        let due = self.is_turn_due();
        if due {
            self.remote().turn_due.store(false, Ordering::Relaxed);
        }
        let now = self.shared.clock().now().as_nanos();
        self.set_moment(now);
        let turn_ns = self.measure(now);
        if due || now.saturating_sub(turn_ns) >= REACTOR_INTERVAL_NS {
            self.reactor_turn();
        }
        self.take_injected();
        if self.shared.any_stuck() {
            self.rescue();
        }
        self.shared.retry_failed_starts();
    }

    /// Updates the average length of a poll. Returns when the reactor last had its turn.
    fn measure(&self, now: u64) -> u64 {
        let polls = self.remote().counters.polls.get();
        let last = self.measured.get();
        if last.at_ns != 0 && polls > last.polls {
            let mean = now.saturating_sub(last.at_ns) / (polls - last.polls);
            self.mean_poll.set((self.mean_poll.get() * 3 + mean) / 4);
        }
        self.measured.set(Measured { at_ns: now, polls, ..last });
        last.turn_ns
    }

    fn reactor_turn(&self) {
        self.remote().counters.turns.add_one();
        self.reactor.turn();
        if self.shared.clock().is_virtual() {
            // Time stands still while tasks run: it says nothing about how long polls take, or ago the last events were.
            self.mean_poll.set(USUAL_POLL_NS);
            return;
        }
        self.measured.set(Measured { turn_ns: self.measured.get().at_ns, ..self.measured.get() });
    }

    fn park(&self) {
        if let Some(clock) = self.shared.clock().as_virtual() {
            return self.virtual_park(clock);
        }
        let was_searching = self.searching.replace(false);
        let at_most = self.trim();
        self.shared.retry_failed_starts();
        let nobody_searches = self.shared.idle.announce(self.index, was_searching);
        if !self.something_came(nobody_searches) {
            self.remote().counters.parks.add_one();
            self.remote().counters.turns.add_one();
            self.sleep_in_reactor(at_most);
        }
        self.after_park(self.shared.idle.leave(self.index));
        if self.reactor.take_call() && self.shared.any_stuck() {
            self.rescue();
        }
    }

    /// What the end of a park says.
    pub(super) fn after_park(&self, Left { searching, wake_watchdog }: Left) {
        self.searching.set(searching);
        if wake_watchdog {
            self.shared.threads.unpark_watchdog();
        }
        self.measured.set(Measured { at_ns: 0, ..self.measured.get() });
    }

    /// The second look, after the announcement. Where somebody searches, that one answers for the others' deques.
    pub(super) fn something_came(&self, nobody_searches: bool) -> bool {
        let shared = &self.shared;
        let phase = shared.phase.get();
        shared.injector.len() > 0
            || self.remote().inbox.len() > 0
            || self.is_told_to_stop()
            || matches!(phase, Phase::Frozen | Phase::Stopped) && self.index != 0
            || nobody_searches && shared.has_queued()
            || self.has_own_task()
    }

    /// On the way to the park nothing of raddle's queues a task here; a report of a start that failed again may: it is the
    /// program's to say what becomes of it.
    fn has_own_task(&self) -> bool {
        self.queue.len() > 0 || self.remote().queue.has_next() || !self.pinned.borrow().is_empty()
    }

    fn sleep_in_reactor(&self, at_most: Option<Duration>) {
        raddle_io::nursery::rest();
        let parked = self.reactor.park(self.closing_timeout().or(at_most));
        self.set_moment(self.shared.clock().now().as_nanos());
        self.see_how_it_ended(parked);
    }

    /// On the way to the park: gives back, every [`TRIM_AFTER`], the memory that a peak has left and that nothing has needed
    /// since. Tells how long to sleep until it may be time to look again; `None`: there is nothing to give back.
    fn trim(&self) -> Option<Duration> {
        let is_trimmable = self.with_arena(|arena| arena.is_trimmable()) == Some(true) || self.queue.is_trimmable();
        if !is_trimmable {
            return None;
        }
        let now = self.shared.clock().now();
        let away = self.trim_at.get() - now;
        if !away.is_zero() {
            return Some(away);
        }
        if self.with_arena(|arena| arena.trim_unneeded()) == Some(true) {
            self.queue.trim();
            self.pinned.borrow_mut().shrink_to(PINNED_KEPT);
        }
        self.trim_at.set(now + TRIM_AFTER);
        Some(TRIM_AFTER)
    }

    pub(super) fn see_how_it_ended(&self, parked: std::io::Result<usize>) {
        // Nothing the loop could do about an error, and it must not spin: a closed epoll is a bug of the program (somebody
        // closed a descriptor that was not theirs).
        if let Err(error) = parked {
            self.shared.report(&ExceptionContext::new(format!("waiting for events failed: {error}")));
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// While the runtime closes, worker 0 looks at the time now and then.
    pub(super) fn closing_timeout(&self) -> Option<Duration> {
        (self.index == 0 && self.shared.phase.get() == Phase::Closing).then_some(Duration::from_millis(20))
    }

    /// A turn in asyncio's order.
    #[inline]
    fn single_turn(&self) {
        self.shared.injector.take(usize::MAX, |task| self.pinned.borrow_mut().push_back(task));
        if self.pinned.borrow().is_empty() {
            self.single_park();
        } else if self.reactor.has_sources() || self.reactor.has_timers() {
            self.single_events();
        }
        let ready = self.pinned.borrow().len();
        for _ in 0..ready {
            let Some(task) = self.pinned.borrow_mut().pop_front() else { break };
            self.run_alone(task);
            if self.is_main_done() {
                break;
            }
        }
    }

    /// Events, at most every [`REACTOR_INTERVAL_NS`]; timers, in every turn. A virtual clock stands still while tasks
    /// are ready, so it says nothing about how long ago the last events were.
    fn single_events(&self) {
        let now = self.shared.clock().now().as_nanos();
        self.set_moment(now);
        let seen = self.measured.get();
        let due = self.shared.clock().is_virtual() || now.saturating_sub(seen.turn_ns) >= REACTOR_INTERVAL_NS;
        if due && self.reactor.has_sources() {
            self.measured.set(Measured { turn_ns: now, ..seen });
            self.reactor.turn();
        } else {
            self.reactor.expire_timers();
        }
    }

    fn single_park(&self) {
        if self.is_told_to_stop() {
            return;
        }
        if let Some(clock) = self.shared.clock().as_virtual() {
            self.virtual_park(clock);
            // As below.
            return self.stop_searching_if_so();
        }
        let at_most = self.trim();
        let _ = self.shared.idle.announce(self.index, false);
        if self.shared.injector.len() == 0 && !self.is_told_to_stop() {
            self.remote().counters.parks.add_one();
            self.sleep_in_reactor(at_most);
        }
        // Nobody else is there to search for: a claim only said "wake up".
        let Left { searching, wake_watchdog } = self.shared.idle.leave(self.index);
        if searching {
            let _ = self.shared.idle.stop_searching();
        }
        if wake_watchdog {
            self.shared.threads.unpark_watchdog();
        }
    }
}
