//! What all workers of a runtime share.

use std::any::Any;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Weak;

use crossbeam_utils::CachePadded;
use raddle_io::Clock;
use raddle_io::context::Context;
use raddle_io::fork::Process;
use raddle_io::reactor::Reactor;

use super::blocking::Pool;
use super::config::Config;
use super::counter::{Counter, alive};
use super::ending::Ending;
use super::envelope::{self, Envelopes};
use super::fork;
use super::idle::{Claimed, Idle};
use super::injector::Injector;
use super::lookups::Lookups;
use super::phase::{Phase, PhaseCell};
use super::remote::Remote;
use super::report::{ExceptionContext, report};
use super::resolve;
use super::run_queue::{self, LocalQueue};
use super::samples::Names;
use super::spares::Spares;
use super::threads::Threads;
use crate::rng::Rng;
use crate::shim::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::shim::{Arc, Mutex};
use crate::task::arena::{Arena, ArenaShared, Place};
use crate::task::header::TaskRef;
use crate::task::id::{Dealer, Numbers};

/// A runtime.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) process: Process,
    pub(crate) idle: CachePadded<Idle>,
    pub(crate) injector: CachePadded<Injector>,
    pub(crate) remotes: Box<[Arc<CachePadded<Remote>>]>,
    pub(crate) phase: CachePadded<PhaseCell>,
    pub(crate) numbers: CachePadded<Numbers>,
    /// How many workers are marked stuck at present; written by the watchdog.
    pub(crate) stuck: AtomicUsize,
    pub(crate) ending: Ending,
    /// `Handle::stop` was called, and no run without a main has ended for it yet.
    stop_asked: AtomicBool,
    pub(crate) outside: Outside,
    pub(crate) threads: Threads,
    pub(crate) spares: Spares,
    pub(crate) blocking: Arc<Pool>,
    pub(crate) lookups: Lookups,
    /// Of the polls that were timed.
    pub(crate) names: Names,
    pub(super) envelopes: Envelopes,
    /// How many handles there are: whoever has one may create tasks.
    pub(crate) handles: AtomicUsize,
    me: Weak<Shared>,
}

/// What threads that are no workers use to create tasks.
pub(crate) struct Outside {
    pub(crate) owned: Mutex<OutsideOwned>,
    pub(crate) arena: Arc<ArenaShared>,
    pub(crate) spawned: Counter,
}

/// The part under the lock.
pub(crate) struct OutsideOwned {
    /// None once the runtime has ended.
    pub(crate) arena: Option<Arena>,
    /// The runtime is about to end: what comes now is cancelled without ever being queued.
    pub(crate) closed: bool,
    pub(crate) dealer: Dealer,
}

/// What a worker is made of before its thread starts.
pub(crate) struct Seed {
    pub(crate) index: usize,
    pub(crate) queue: LocalQueue,
    pub(crate) arena: Arena,
}

impl Shared {
    /// Makes a runtime without threads or files: they come when they are needed. The first seed is worker 0's.
    pub(crate) fn new(config: Config) -> (Arc<Shared>, Seed) {
        fork::watch();
        let (mut seeds, mut remotes) = (Vec::new(), Vec::new());
        for index in 0..config.workers {
            let arena = ArenaShared::new(index);
            let (queue, remote) = run_queue::pair();
            remotes.push(Arc::new(CachePadded::new(Remote::new(remote, arena.clone()))));
            seeds.push(Seed { index, queue, arena: Arena::new(arena) });
        }
        let first = seeds.remove(0);
        let outside = ArenaShared::new(usize::MAX);
        let blocking = Pool::new(config.blocking_threads, format!("{}-blocking", config.name));
        let lookups = Lookups::new(&config);
        let shared = Arc::new_cyclic(|me| Shared {
            idle: CachePadded::new(Idle::new(config.workers)),
            injector: CachePadded::default(),
            remotes: remotes.into(),
            phase: CachePadded::new(PhaseCell::new()),
            numbers: CachePadded::new(Numbers::new()),
            stuck: AtomicUsize::new(0),
            ending: Ending::default(),
            stop_asked: AtomicBool::new(false),
            outside: Outside {
                owned: Mutex::new(OutsideOwned {
                    arena: Some(Arena::new(outside.clone())),
                    closed: false,
                    dealer: Dealer::default(),
                }),
                arena: outside,
                spawned: Counter::default(),
            },
            threads: Threads::new(seeds),
            spares: Spares::default(),
            blocking,
            lookups,
            names: Names::default(),
            envelopes: Envelopes::default(),
            process: Process::current(),
            handles: AtomicUsize::new(0),
            me: me.clone(),
            config,
        });
        (shared, first)
    }

    /// An owned reference.
    pub(crate) fn strong(&self) -> Arc<Shared> {
        self.me.upgrade().expect("whoever has a `&Shared` has it from an `Arc`")
    }

    /// What a chunk of tasks keeps.
    pub(crate) fn keep(&self) -> Arc<dyn Any + Send + Sync> {
        self.strong()
    }

    /// What identifies this runtime in its tasks.
    #[inline]
    pub(crate) fn id(&self) -> *const () {
        std::ptr::from_ref(self).cast()
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.config.clock
    }

    /// One worker, in plain FIFO order.
    pub(crate) fn is_single(&self) -> bool {
        self.config.workers == 1
    }

    /// All who run tasks: the workers, then the spares' seats, in the order of their indices.
    pub(crate) fn everyone(&self) -> impl Iterator<Item = &Arc<CachePadded<Remote>>> {
        self.remotes.iter().chain(self.spares.seats().iter().map(|seat| &seat.remote))
    }

    /// The shared part of a worker or a spare.
    pub(crate) fn remote(&self, index: usize) -> &Arc<CachePadded<Remote>> {
        self.remotes.get(index).unwrap_or_else(|| &self.spares.seats()[index - self.remotes.len()].remote)
    }

    /// For people.
    pub(crate) fn name_of(&self, index: usize) -> String {
        match index.checked_sub(self.remotes.len()) {
            Some(spare) => format!("spare worker {spare}"),
            None => format!("worker {index}"),
        }
    }

    /// Whether tasks lie in anybody's deque.
    pub(crate) fn has_queued(&self) -> bool {
        self.everyone().any(|remote| remote.queue.len() > 0)
    }

    /// Queues a task from a thread that is no worker of this runtime.
    ///
    /// The caller keeps this runtime alive for the length of the call by something other than the task's reference,
    /// which is the queue's from the push on.
    pub(crate) fn push_outside(&self, task: TaskRef) {
        if !self.process.is_current() {
            // A fork wakes its copy of a task, which nobody runs; the reference is never given back.
            return;
        }
        let home = task.arena().home;
        if task.state().snapshot().is_pinned() && !self.is_single() {
            return self.push_pinned(home, |inbox| inbox.push_counted(task, |left| self.count(task, left)));
        }
        // A push onto a closed injector: the grace ran out with this task stuck in a poll, and was reported. Nobody
        // can run it any more; it keeps its memory.
        if self.injector.push_counted(task, |left| self.count(task, left)).is_ok() {
            self.unpark(self.idle.claim_after_push());
        }
    }

    /// Counts a task that a thread outside is about to queue. If it is to be timed, it goes in an envelope.
    fn count(&self, task: TaskRef, left: &mut u32) -> TaskRef {
        if *left > 1 {
            *left -= 1;
            return task;
        }
        self.count_last(task, left)
    }

    #[cold]
    fn count_last(&self, task: TaskRef, left: &mut u32) -> TaskRef {
        let every = self.config.sample_polls;
        let gap = || envelope::gap(every, &Rng::seeded(task.header().id.0));
        if *left == 0 {
            // The first of all.
            *left = gap();
        }
        *left -= 1;
        if *left > 0 {
            return task;
        }
        *left = gap();
        if every == 0 { task } else { self.envelopes.seal(task, self.clock().now().as_nanos()) }
    }

    /// Queues a task that only worker `home` may run, as `push` does.
    pub(crate) fn push_pinned(&self, home: usize, push: impl FnOnce(&Injector) -> Result<(), TaskRef>) {
        if push(&self.remote(home).inbox).is_err() {
            return;
        }
        if let Some(seat) = self.spares.seat(home, self.remotes.len()) {
            return seat.unpark();
        }
        match self.idle.claim_worker(home) {
            Some(claimed) => self.unpark(Some(claimed)),
            // The claim may have shown a passing searcher to somebody who pushed meanwhile.
            None if self.injector.len() > 0 => self.wake_one(),
            None => {}
        }
    }

    /// Wakes a worker, if one is parked and nobody searches.
    pub(crate) fn wake_one(&self) {
        self.unpark(self.idle.claim_one());
    }

    /// What kept a virtual clock from moving may be gone: has a worker look again.
    pub(super) fn wake_the_clock(&self) {
        if self.clock().is_virtual() {
            self.remotes[0].unpark();
        }
    }

    /// Unparks, or starts, the worker that was claimed.
    pub(crate) fn unpark(&self, claimed: Option<Claimed>) {
        let Some(claimed) = claimed else { return };
        if claimed.wake_watchdog {
            self.threads.unpark_watchdog();
        }
        match self.remotes[claimed.worker].reactor() {
            Some(reactor) => reactor.unpark(),
            None => self.start_worker(claimed.worker),
        }
    }

    /// Ends the park of every worker but the caller, worker 0, so that it looks at the phase.
    pub(crate) fn unpark_others(&self) {
        for remote in &self.remotes[1..] {
            remote.unpark();
        }
        self.spares.unpark_all();
        self.threads.unpark_watchdog();
    }

    /// Ends the present run without a main, or the next one.
    pub(crate) fn ask_to_stop(&self) {
        // Release: pairs with `is_stop_asked`. Worker 0 looks again before it parks, and this unpark ends the park that
        // it was in or is about to begin.
        self.stop_asked.store(true, Ordering::Release);
        self.remotes[0].unpark();
    }

    pub(crate) fn is_stop_asked(&self) -> bool {
        // Acquire: pairs with `ask_to_stop`; what was done before it is seen by who runs after the run.
        self.stop_asked.load(Ordering::Acquire)
    }

    /// A run has ended for it.
    pub(crate) fn forget_stop(&self) {
        // Relaxed: only worker 0's thread, which this is, acts on it.
        self.stop_asked.store(false, Ordering::Relaxed);
    }

    pub(crate) fn set_reactor(&self, worker: usize, reactor: Arc<Reactor>) {
        if self.clock().is_virtual() && worker == 0 {
            self.blocking.set_waiting_clock(reactor.clone());
            self.lookups.set_waiting_clock(reactor.clone());
            Reactor::follow_clock(&reactor);
        }
        self.remotes[worker].set_reactor(reactor);
    }

    /// A reactor for a plain thread that waits for a future: one per thread, spread over the workers.
    pub(crate) fn reactor_for_outsider(&self) -> Option<Arc<Reactor>> {
        let mut hasher = DefaultHasher::new();
        std::thread::current().id().hash(&mut hasher);
        let reactors: Vec<_> = self.remotes.iter().filter_map(|remote| remote.reactor()).collect();
        let index = hasher.finish() as usize % reactors.len().max(1);
        reactors.into_iter().nth(index)
    }

    /// What sockets and timers polled on a thread of this runtime register with.
    pub(crate) fn io_context(&self, reactor: Arc<Reactor>) -> Context {
        Context { reactor, resolve: resolve::resolve, report: resolve::report_io, young: None, relieves: false }
    }

    /// Nothing will be run any more.
    pub(crate) fn close_queues(&self) {
        self.injector.close();
        self.everyone().for_each(|remote| remote.inbox.close());
    }

    /// No thread outside can create a task any more: from here on `live_tasks` only falls, but for births on workers.
    pub(crate) fn close_outside(&self) {
        self.outside.owned.lock().closed = true;
    }

    /// Ends the outside threads' share of the task memory.
    pub(crate) fn close_outside_arena(&self) {
        let arena = self.outside.owned.lock().arena.take();
        if let Some(arena) = arena {
            arena.close();
        }
    }

    /// Whether a task that is created now is cancelled at birth.
    #[inline]
    pub(crate) fn refuses(&self, cleanup: bool) -> bool {
        self.phase.get() >= Phase::Closing && (!cleanup || self.ending.is_grace_over())
    }

    /// Whether cleanup has had its time, by the runtime's clock: a virtual one may be ahead of the system's.
    pub(crate) fn is_cleanup_overdue(&self) -> bool {
        self.ending.deadline().is_some_and(|deadline| self.clock().now() >= deadline)
    }

    /// How many tasks have not ended. Exact once nothing can create any.
    pub(crate) fn live_tasks(&self) -> u64 {
        // A seat that only one of the two sums sees is in that of the births, which comes second.
        let counters = || self.everyone().map(|remote| &remote.counters);
        let born = counters().map(|counters| &counters.spawned).chain([&self.outside.spawned]);
        alive(born, counters().map(|counters| &counters.completed))
    }

    /// Calls `visit` for every task that has not ended. The reference is the walk's.
    pub(crate) fn walk(&self, mut visit: impl FnMut(TaskRef)) {
        let arenas = self.everyone().map(|remote| &remote.arena).chain([&self.outside.arena]);
        let mut found = Vec::new();
        for arena in arenas {
            let mut next = Some(Place::default());
            while let Some(place) = next {
                next = arena.walk_page(place, |state| {
                    if state.try_pin() {
                        found.push(TaskRef::new(std::ptr::NonNull::from(state).cast()));
                    }
                });
                found.drain(..).for_each(&mut visit);
            }
        }
    }

    /// Whether something this runtime knows of may still wake a task: a timer, a socket, a blocking call, a name lookup.
    pub(crate) fn is_expecting(&self) -> bool {
        let expects = |reactor: Arc<Reactor>| reactor.has_timers() || reactor.has_sources();
        self.blocking.is_busy()
            || self.lookups.is_busy()
            || self.remotes.iter().any(|remote| remote.reactor().is_some_and(expects))
    }

    pub(crate) fn report(&self, context: &ExceptionContext) {
        report(self.config.on_exception.as_ref(), context);
    }

    pub(crate) fn any_stuck(&self) -> bool {
        self.stuck.load(Ordering::Relaxed) > 0
    }
}
