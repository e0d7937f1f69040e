//! How a worker parks whose clock is virtual: it sleeps without fetching events, and the last one moves the time. The
//! protocol is told in `virtual_time.rs`.

use std::time::Duration;

use raddle_io::reactor::{Due, Reactor};
use raddle_io::virtual_clock::VirtualClock;

use super::shared::Shared;
use super::virtual_time::{self, House};
use super::worker::Worker;
use crate::shim::Arc;

/// What the last worker to park looks at.
struct Runtime<'s> {
    shared: &'s Shared,
    reactors: Vec<Arc<Reactor>>,
    due: Due,
    /// How many workers' timers are among them.
    owners: usize,
}

impl<'s> Runtime<'s> {
    fn of(shared: &'s Shared) -> Runtime<'s> {
        Runtime { shared, reactors: Vec::new(), due: Due::default(), owners: 0 }
    }
}

impl House for Runtime<'_> {
    fn unstartable(&mut self) -> usize {
        self.shared.threads.unstartable()
    }

    fn has_jobs(&mut self) -> bool {
        self.shared.blocking.is_busy() || self.shared.lookups.is_busy()
    }

    fn has_news(&mut self) -> bool {
        self.reactors = self.shared.remotes.iter().filter_map(|remote| remote.reactor()).collect();
        Reactor::has_news(&self.reactors)
    }

    fn has_queued(&mut self) -> bool {
        self.shared.injector.len() > 0
            || (self.shared.remotes.iter())
                .any(|remote| remote.inbox.len() > 0 || remote.queue.len() > 0 || remote.queue.has_next())
    }

    fn next_deadline(&mut self) -> Option<u64> {
        self.reactors.iter().filter_map(|reactor| reactor.next_deadline()).map(|deadline| deadline.as_nanos()).min()
    }

    fn take_due(&mut self, now_ns: u64) -> bool {
        let now = raddle_io::Instant::from_nanos(now_ns);
        self.owners = self.reactors.iter().filter(|reactor| reactor.take_due(now, &mut self.due)).count();
        self.owners > 0
    }
}

impl Worker {
    /// The worker's park, by a virtual clock.
    #[cold]
    pub(super) fn virtual_park(&self, clock: &VirtualClock) {
        let shared = &self.shared;
        let was_searching = self.searching.replace(false);
        shared.retry_failed_starts();
        self.reactor.arm_for_ever();
        let nobody_searches = shared.idle.announce(self.index, was_searching);
        let mut house = Runtime::of(shared);
        let mut arrived = Vec::new();
        let me = (&*shared.idle, self.index);
        let left = if self.something_came(nobody_searches) {
            virtual_time::get_up(clock, &shared.idle, self.index)
        } else if let Some(left) = virtual_time::move_on(clock, me, &mut house, &mut arrived) {
            left
        } else {
            self.remote().counters.parks.add_one();
            let waited = self.reactor.wait(self.closing_timeout());
            let left = virtual_time::get_up(clock, &shared.idle, self.index);
            self.see_how_it_ended(waited.and_then(|()| self.reactor.park(Some(Duration::ZERO))));
            left
        };
        self.remote().counters.turns.add_one();
        self.reactor.disarm();
        self.after_park(left);
        house.due.add_last(arrived);
        house.due.wake_all();
        if house.owners > 1 {
            // By a real clock each would have woken for its own.
            self.call_for_help();
        }
        self.set_moment(clock.now());
    }
}
