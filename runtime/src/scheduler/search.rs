//! Work from elsewhere: the injector, the others' deques, and what stuck neighbours have.

use std::thread;
use std::time::Duration;

use super::worker::Worker;
use crate::task::header::TaskRef;

/// Tasks taken from the injector at once.
const INJECTOR_BATCH: usize = 128;

/// How long a thief leaves a victim alone that makes many tasks in one poll. The system makes 100 µs and more of it.
const PAUSE: Duration = Duration::from_micros(50);

/// Whom a worker stole from last, and at how many polls.
#[derive(Clone, Copy)]
pub(super) struct Stolen {
    victim: usize,
    polls: u64,
}

impl Worker {
    pub(super) fn take_injected(&self) -> usize {
        let pinned = self.remote().inbox.take(usize::MAX, |task| self.pinned.borrow_mut().push_back(task));
        let waiting = self.shared.injector.len();
        if waiting == 0 {
            return pinned;
        }
        let share = waiting / self.shared.config.workers + 1;
        pinned + self.shared.injector.take(share.min(INJECTOR_BATCH), |task| self.queue.push_back(task))
    }

    /// A task to run next, if there is one anywhere.
    pub(super) fn find_task(&self) -> Option<TaskRef> {
        if self.take_injected() > 0 {
            self.leave_search(0);
            return self.next_task(0);
        }
        if !self.searching.get() {
            if self.shared.idle.is_alone() {
                return None;
            }
            self.searching.set(self.shared.idle.start_searching());
        }
        if !self.searching.get() {
            return None;
        }
        let workers = self.shared.remotes.len();
        let first = self.rng.below(workers);
        let spares = workers..workers + self.shared.spares.seats().len();
        let mut victims = (first..workers).chain(0..first).chain(spares).filter(|victim| *victim != self.index);
        if let Some(task) = victims.find_map(|victim| self.steal_from(victim)) {
            return Some(task);
        }
        if self.shared.any_stuck() && self.rescue() {
            self.leave_search(0);
            return self.next_task(0);
        }
        self.pause_for_more()
    }

    fn steal_from(&self, victim: usize) -> Option<TaskRef> {
        let remote = self.shared.remote(victim);
        let polls = remote.counters.polls.get();
        let task = remote.queue.steal_into(&self.queue)?;
        self.remote().counters.steals.add_one();
        self.stolen.set(Some(Stolen { victim, polls }));
        self.leave_search(victim);
        Some(task)
    }

    /// A victim that called for help in the middle of a poll, and is in that poll still, makes many tasks: more will have come
    /// in a moment. A thief that parked would be woken only for fifty of them, at the cost of a system call to the victim, or
    /// by the watchdog, if the victim blocks before they are so many. That is what happens where thief and victim share a
    /// core: the thief runs all there is while the victim, which has just woken it, waits for the core. (Of 100 children of a
    /// task that blocks then, half started a millisecond late: row `blocked_parent_100`.) So it pauses once and looks again.
    /// It counts as searching meanwhile, so whoever pushes relies on it, and is heard when the pause is over: a searcher looks
    /// everywhere before it parks. Its own events wait as if it ran a task.
    fn pause_for_more(&self) -> Option<TaskRef> {
        let Stolen { victim, polls } = self.stolen.take()?;
        let counters = &self.shared.remote(victim).counters;
        if counters.called_at.get() != polls || counters.polls.get() != polls {
            return None;
        }
        thread::sleep(PAUSE);
        self.steal_from(victim)
    }

    /// Out of the searching state with work in hand: the last one out looks whether there is more.
    fn leave_search(&self, victim: usize) {
        if self.searching.replace(false)
            && self.shared.idle.stop_searching()
            && (self.shared.injector.len() > 0 || self.shared.remote(victim).queue.len() > 0)
        {
            self.shared.wake_one();
        }
    }
}
