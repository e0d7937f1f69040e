//! A worker: a thread, its queue, its pages, its reactor. This file is what a task sees of it; `turn.rs` is its loop.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ptr::{self, NonNull};
use std::task::Waker;

use crossbeam_utils::CachePadded;
use raddle_io::Instant;
use raddle_io::context::Context;
use raddle_io::fork::Process;
use raddle_io::reactor::Reactor;

use super::config::cores;
use super::envelope::Countdown;
use super::fork;
use super::phase::Phase;
use super::remote::Remote;
use super::resolve;
use super::run_queue::LocalQueue;
use super::search::Stolen;
use super::shared::{Seed, Shared};
use crate::rng::Rng;
use crate::shim::Arc;
use crate::shim::atomic::Ordering;
use crate::task::arena::{Arena, ArenaShared};
use crate::task::header::TaskRef;
use crate::task::held_context::HeldContext;
use crate::task::id::{Dealer, TaskId};
use crate::task::remote_free::FreeSlot;
use crate::task::waiting::Moment;

/// Pushes within one poll after which the pusher looks for help without waiting for the poll's end.
const PUSHES_BEFORE_SHARING: u32 = 16;
/// A backlog worth waking a worker for: this much estimated work …
const BACKLOG_NS: u64 = 100_000;
/// … or this many tasks, whatever they were estimated at.
const BACKLOG_TASKS: usize = 512;
/// What a poll is taken for before any was measured.
pub(super) const USUAL_POLL_NS: u64 = 1000;
/// What a task is taken for at least while its creator still runs: nobody knows yet how long either will take.
const UNKNOWN_POLL_NS: u64 = 2000;

/// The owner's part of a worker.
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) index: usize,
    /// This worker's own among `shared.everyone()`.
    remote: Arc<CachePadded<Remote>>,
    process: Process,
    /// One worker: everything goes through `pinned`, in asyncio's order.
    pub(super) single: bool,
    /// There is a core for another worker: on one core a second thread adds switches and no speed.
    spare_core: bool,
    pub(crate) reactor: Arc<Reactor>,
    pub(super) queue: LocalQueue,
    /// Tasks that only this worker may run; with one worker, all tasks.
    pub(super) pinned: RefCell<VecDeque<TaskRef>>,
    arena: RefCell<Option<Arena>>,
    dealer: Dealer,
    current: Cell<Option<TaskRef>>,
    /// The watchdog or an inspector wants to know, too.
    shows_current: bool,
    flags: Cell<Flags>,
    /// The present poll has created a task whose creator had not been asked to stop.
    born_unasked: Cell<bool>,
    /// Tasks pushed during the present poll.
    pushes: Cell<u32>,
    /// To the next push whose task is timed.
    countdown: Countdown,
    /// A running average, in nanoseconds.
    pub(super) mean_poll: Cell<u64>,
    pub(super) tick: Cell<u32>,
    /// About now, for the records of what tasks wait for.
    moment: Cell<Moment>,
    /// When to look whether memory can be given back.
    pub(super) trim_at: Cell<Instant>,
    pub(super) searching: Cell<bool>,
    pub(super) stolen: Cell<Option<Stolen>>,
    pub(super) measured: Cell<Measured>,
    pub(super) rng: Rng,
    /// The task whose completion ends the present `run`; worker 0 only.
    pub(crate) main: Cell<Option<TaskRef>>,
    /// Whether the present run is one without a main, which `Shared::stop_asked` ends; worker 0 only.
    pub(crate) forever: Cell<bool>,
    /// The context that the mains of all runs share, while none of them runs.
    pub(crate) main_context: RefCell<HeldContext>,
}

/// When the clock was last read for the average poll, and at which tick; when the reactor last had its turn.
#[derive(Clone, Copy, Default)]
pub(super) struct Measured {
    pub(super) at_ns: u64,
    pub(super) polls: u64,
    pub(super) turn_ns: u64,
}

/// What was noted during a poll.
#[derive(Clone, Copy, Default)]
pub(crate) struct Flags(u8);

impl Flags {
    const YIELDED: u8 = 1;
    const KEEPING: u8 = 2;
    const CLEANING: u8 = 4;
    const FAILED: u8 = 8;
    const YOUNG: u8 = 16;

    fn with(self, flag: u8) -> Flags {
        Flags(self.0 | flag)
    }

    fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    /// Nothing that its end has to look at.
    #[inline]
    pub(crate) fn are_quiet(self) -> bool {
        self.0 & !Flags::CLEANING == 0
    }

    /// The task goes to the back of the queue, and that is all.
    #[inline]
    pub(crate) fn just_yielded(self) -> bool {
        self.0 & !Flags::CLEANING == Flags::YIELDED
    }

    /// The task goes to the back of the queue.
    pub(crate) fn yielded(self) -> bool {
        self.has(Flags::YIELDED)
    }

    /// The task has ended, and its error went elsewhere.
    pub(crate) fn failed(self) -> bool {
        self.has(Flags::FAILED)
    }

    /// The task made timers that are to be settled.
    pub(crate) fn young(self) -> bool {
        self.has(Flags::YOUNG)
    }

    /// The task dropped something that is to be awaited.
    pub(crate) fn keeping(self) -> bool {
        self.has(Flags::KEEPING)
    }
}

/// Cleanup is being polled on this worker.
pub(crate) struct Cleaning<'a> {
    worker: &'a Worker,
    before: bool,
}

impl Drop for Cleaning<'_> {
    fn drop(&mut self) {
        if !self.before {
            let flags = self.worker.flags.get();
            self.worker.flags.set(Flags(flags.0 & !Flags::CLEANING));
        }
    }
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>, seed: Seed, reactor: Arc<Reactor>) -> Worker {
        Worker {
            index: seed.index,
            remote: shared.remote(seed.index).clone(),
            process: shared.process,
            single: shared.is_single(),
            spare_core: cores() > 1,
            reactor,
            queue: seed.queue,
            pinned: RefCell::default(),
            arena: RefCell::new(Some(seed.arena)),
            dealer: Dealer::default(),
            current: Cell::new(None),
            shows_current: shared.config.slow_poll.is_some() || shared.config.is_inspected(),
            flags: Cell::default(),
            born_unasked: Cell::new(false),
            pushes: Cell::new(0),
            countdown: Countdown::new(shared.config.sample_polls, seed.index as u64 + 1),
            mean_poll: Cell::new(USUAL_POLL_NS),
            tick: Cell::new(0),
            moment: Cell::default(),
            trim_at: Cell::new(Instant::from_nanos(0)),
            searching: Cell::new(false),
            stolen: Cell::default(),
            measured: Cell::default(),
            rng: Rng::seeded(seed.index as u64 + 1),
            main: Cell::new(None),
            forever: Cell::new(false),
            main_context: RefCell::default(),
            shared,
        }
    }

    #[inline]
    pub(crate) fn remote(&self) -> &Remote {
        &self.remote
    }

    /// What sockets and timers polled on this thread register with.
    pub(crate) fn io_context(&self) -> Context {
        let young =
            (!self.single && !self.shared.clock().is_virtual()).then_some(resolve::settles as fn(&Waker) -> bool);
        Context { young, relieves: self.spare_core, ..self.shared.io_context(self.reactor.clone()) }
    }

    /// About now: when the worker last read the clock.
    #[inline]
    pub(crate) fn moment(&self) -> Moment {
        self.moment.get()
    }

    /// The clock has been read.
    pub(super) fn set_moment(&self, now_ns: u64) {
        self.moment.set(Moment::of(now_ns));
    }

    /// The task being polled.
    #[inline]
    pub(crate) fn current_task(&self) -> Option<TaskRef> {
        self.current.get()
    }

    /// Polls one task, then looks whether there is work for others.
    #[inline]
    pub(crate) fn run(&self, task: TaskRef) {
        self.run_alone(task);
        if self.shared.idle.may_wake() {
            self.share(self.mean_poll.get());
        }
    }

    /// Polls one task, where there is nobody else to run what it makes ready.
    #[inline]
    pub(super) fn run_alone(&self, task: TaskRef) {
        self.remote().counters.polls.add_one();
        raddle_io::budget::reset();
        raddle_io::waiting::clear();
        self.set_current(Some(task));
        self.pushes.set(0);
        // SAFETY: the task came out of a queue of this runtime: the right to poll and a reference come with it.
        unsafe { (task.header().vtable.run)(task) };
        if !self.process.is_current() {
            fork::end_child();
        }
        self.set_current(None);
    }

    /// Says which task is being polled.
    #[inline]
    pub(super) fn set_current(&self, task: Option<TaskRef>) {
        self.current.set(task);
        if self.shows_current {
            let task = task.map_or(ptr::null_mut(), |task| task.as_ptr().cast_mut());
            // Relaxed: see the field.
            self.remote().current.store(task, Ordering::Relaxed);
        }
    }

    /// Queues a task that became ready on this worker. The right to poll and a reference go to the queue.
    #[inline]
    pub(crate) fn push(&self, task: TaskRef) {
        if self.countdown.is_over() { self.push_timed(task) } else { self.put(task, task) }
    }

    /// Queues a task behind all others: it yielded, or was woken while it ran.
    #[inline(always)]
    pub(crate) fn push_back(&self, task: TaskRef) {
        if self.countdown.is_over() { self.push_back_timed(task) } else { self.put_back(task, task) }
    }

    #[cold]
    fn push_timed(&self, task: TaskRef) {
        self.put(task, self.seal(task));
    }

    #[cold]
    fn push_back_timed(&self, task: TaskRef) {
        self.put_back(task, self.seal(task));
    }

    /// The turn has come to a task that is about to be queued: it goes in an envelope, to be timed.
    fn seal(&self, task: TaskRef) -> TaskRef {
        if self.countdown.begin_anew() { self.shared.envelopes.seal(task, self.now_ns()) } else { task }
    }

    /// Queues a task, or the envelope that it lies in.
    #[inline(always)]
    fn put(&self, task: TaskRef, sealed: TaskRef) {
        if self.single {
            return self.pinned.borrow_mut().push_back(sealed);
        }
        if task.state().snapshot().is_pinned() {
            return self.put_pinned(task, sealed);
        }
        if self.current.get().is_none() {
            // Woken by the reactor or a timer: in the order of the events.
            return self.queue.push_back(sealed);
        }
        self.queue.push_next(&self.remote().queue, sealed);
        let pushes = self.pushes.get() + 1;
        self.pushes.set(pushes);
        if pushes > PUSHES_BEFORE_SHARING && self.shared.idle.may_wake() {
            self.remote().counters.called_at.set(self.remote().counters.polls.get());
            self.share(self.mean_poll.get().max(UNKNOWN_POLL_NS));
        }
    }

    fn put_pinned(&self, task: TaskRef, sealed: TaskRef) {
        let home = task.arena().home;
        if home == self.index {
            self.pinned.borrow_mut().push_back(sealed);
        } else {
            self.shared.push_pinned(home, |inbox| inbox.push(sealed));
        }
    }

    #[inline(always)]
    fn put_back(&self, task: TaskRef, sealed: TaskRef) {
        if self.single || task.state().snapshot().is_pinned() {
            self.pinned.borrow_mut().push_back(sealed);
        } else {
            self.queue.push_back(sealed);
        }
    }

    /// Wakes another worker if the backlog is worth it: waking is the dearest thing a runtime does.
    fn share(&self, poll_ns: u64) {
        if !self.spare_core {
            return;
        }
        let len = self.queue.len();
        if len >= BACKLOG_TASKS || (len as u64) * poll_ns >= BACKLOG_NS {
            self.shared.wake_one();
        }
    }

    /// Wakes another worker, where there is a core for it.
    pub(super) fn call_for_help(&self) {
        if self.spare_core {
            self.shared.wake_one();
        }
    }

    /// Notes that the current task wants to go to the back of the queue without being woken.
    #[inline]
    pub(crate) fn set_yielded(&self) {
        self.flags.set(self.flags.get().with(Flags::YIELDED));
    }

    /// Notes that something which the current task dropped is to be awaited by it.
    pub(crate) fn set_keeping(&self) {
        self.flags.set(self.flags.get().with(Flags::KEEPING));
    }

    /// Notes that what is being polled is cleanup, until the poll ends.
    pub(crate) fn set_cleaning(&self) {
        self.flags.set(self.flags.get().with(Flags::CLEANING));
    }

    /// Notes that the current task's own future, which returns `Pending` now, has failed, and that its error has gone
    /// elsewhere: the task ends with [`TaskError::Failed`](crate::TaskError::Failed).
    pub(crate) fn set_failed(&self) {
        self.flags.set(self.flags.get().with(Flags::FAILED));
    }

    /// Notes that the current task made timers that are to be settled after its poll.
    pub(super) fn set_young(&self) {
        self.flags.set(self.flags.get().with(Flags::YOUNG));
    }

    /// As [`Worker::set_cleaning`], until the guard is dropped.
    pub(crate) fn mark_cleanup(&self) -> Cleaning<'_> {
        let before = self.is_cleaning();
        self.set_cleaning();
        Cleaning { worker: self, before }
    }

    /// A task was created whose creator had not been asked to stop.
    #[inline]
    pub(crate) fn note_born_unasked(&self) {
        self.born_unasked.set(true);
    }

    /// Whether there was one since the last time that this was asked.
    #[inline]
    pub(crate) fn take_born_unasked(&self) -> bool {
        self.born_unasked.replace(false)
    }

    /// Whether what is being polled is cleanup.
    #[inline]
    pub(crate) fn is_cleaning(&self) -> bool {
        self.flags.get().has(Flags::CLEANING)
    }

    /// What was noted during the poll that has just ended.
    #[inline]
    pub(crate) fn take_flags(&self) -> Flags {
        self.flags.replace(Flags::default())
    }

    #[inline]
    pub(crate) fn next_id(&self) -> TaskId {
        self.dealer.deal(&self.shared.numbers)
    }

    /// A free task slot.
    #[inline]
    pub(crate) fn allocate(&self, class: usize) -> NonNull<u8> {
        let shared = &self.shared;
        let mut arena = self.arena.borrow_mut();
        let arena = arena.as_mut().expect("a worker that runs has its arena");
        arena.allocate(class, shared.id(), || -> Arc<dyn Any + Send + Sync> { shared.clone() })
    }

    /// Whether slots of that arena are this worker's own.
    #[inline]
    pub(crate) fn owns(&self, arena: &ArenaShared) -> bool {
        ptr::eq(Arc::as_ptr(&self.remote().arena), arena)
    }

    /// Puts back a slot of this worker's arena.
    ///
    /// # Safety
    /// As [`Arena::free`], and the slot is of this worker's arena.
    #[inline]
    pub(crate) unsafe fn free(&self, slot: NonNull<FreeSlot>) {
        if let Some(arena) = self.arena.borrow_mut().as_mut() {
            // SAFETY: the caller's promise.
            unsafe { arena.free(slot) };
        }
    }

    pub(super) fn with_arena<R>(&self, f: impl FnOnce(&mut Arena) -> R) -> Option<R> {
        self.arena.borrow_mut().as_mut().map(f)
    }

    /// What another thread can go on with; nothing is queued here.
    pub(super) fn into_seed(self) -> Option<Seed> {
        let Worker { index, queue, arena, .. } = self;
        Some(Seed { index, queue, arena: arena.into_inner()? })
    }

    /// Ends the worker's share of the task memory.
    pub(crate) fn close_arena(&self) {
        let arena = self.arena.borrow_mut().take();
        if let Some(arena) = arena {
            arena.close();
        }
    }

    /// A task was created here.
    #[inline]
    pub(crate) fn count_birth(&self) {
        self.remote().counters.spawned.add_one();
    }

    /// Sees to it that somebody looks on while tasks run. Other workers than the first start after the watchdog.
    #[inline]
    pub(crate) fn be_watched(&self) {
        if self.index == 0 && !self.shared.threads.is_watched() {
            self.shared.start_watchdog();
        }
    }

    /// A task ended here.
    #[inline]
    pub(crate) fn count_end(&self) {
        self.remote().counters.completed.add_one();
        if self.shared.phase.get() == Phase::Closing {
            self.count_end_while_closing();
        }
    }

    #[cold]
    fn count_end_while_closing(&self) {
        if self.index != 0 && self.shared.live_tasks() == 0 {
            // Worker 0 waits for the last one. Two that end at once may each miss the other's count: it also looks by
            // itself every few milliseconds.
            self.shared.remotes[0].unpark();
        }
    }
}
