//! Spare workers: who serves where every worker is blocked in the system.
//!
//! A stuck worker is rescued by another that has nothing to do. Where all are blocked at once nobody is left, though the
//! cores stand idle. Then the watchdog puts a spare in: a thread that runs what may move (their queues, next slots, timers
//! and sockets, and the injector), and is sent away when it was not needed for a while. `spare_watch.rs` has the rules;
//! this file is the spare.
//!
//! # Seats
//!
//! A spare sits in a *seat*, which has what others may touch of it, as a worker's: deque, inbox, task memory, counters. The
//! seats are made when the first spare is needed, and stay: tasks created by a spare may outlive it, and walks must find
//! them. The thread, and the memory of the pages that run empty, go. A spare has no reactor, hence no files: what is polled
//! on it registers with a worker's, whose owner serves it, or whoever rescues that one.
//!
//! ```text
//!             put in                  called off                  sent away
//!   no thread ───────> on duty: serves <───────> off duty: rests ───────────> no thread
//!                         called again                │    ^
//!                                        sent away, but │    │ a local task of its own is ready, or called again
//!                                        has local tasks v    │
//!                                                     rests for good
//! ```
//!
//! Off duty it hands its queue over to the injector, by the protocol of any other push (`idle.rs`), and runs only what was
//! pinned to it: a local task that was created on a spare keeps it.
//!
//! # What may go wrong
//!
//! * *A push relies on a spare that rests, or is about to.* None does: a spare never counts as parked or as searching. What
//!   is pushed while all workers are stuck is found by the watchdog's next look; it does not sleep then. A task pinned to
//!   a spare, the end of a run and the watchdog's word reach it by its parker, which remembers them.
//! * *The watchdog sleeps for good while a spare is in a poll.* It counts who is about in the idle word.
//! * *A spare's queue lies there while the spare is stuck itself.* The watchdog looks at it as at a worker, and all
//!   others, workers and spares, take from it as from a worker's.
//! * *The runtime ends.* Spares are counted among the started threads, so that it waits for them, and drain what they have.
//! * *Between two runs* a spare hands over and leaves.

use crossbeam_utils::CachePadded;
use parking_lot::Condvar;
use raddle_io::context::Context;

use super::context;
use super::phase::Phase;
use super::remote::Remote;
use super::run_queue;
use super::shared::{Seed, Shared};
use super::turn::MAINTENANCE_TICKS;
use super::worker::Worker;
use crate::shim::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::shim::{Arc, Mutex, OnceLock};
use crate::task::arena::{Arena, ArenaShared, Place};

/// As many spares as workers, so that as many tasks run as before; a few more where there are few, since the tasks that a
/// spare runs may block as well. More would let a program that blocks everywhere have threads without end: it is better off
/// with `to_thread`, which says how many it has.
fn most(workers: usize) -> usize {
    workers.clamp(4, 64)
}

/// The spares of a runtime.
#[derive(Default)]
pub(crate) struct Spares {
    seats: OnceLock<Box<[Seat]>>,
    /// The seats are there. (std's cell orders that as well, but ThreadSanitizer cannot see how.)
    has_seats: AtomicBool,
    /// How many threads were started so far.
    started: AtomicU64,
}

/// A place for a spare.
pub(crate) struct Seat {
    pub(crate) remote: Arc<CachePadded<Remote>>,
    /// While no thread sits here.
    seed: Mutex<Option<Seed>>,
    parker: Parker,
    /// A thread sits here. Set by the watchdog, cleared by the thread.
    taken: AtomicBool,
    /// What the watchdog wants; only it writes these.
    on_duty: AtomicBool,
    sent_away: AtomicBool,
    /// Nothing runs here at present, so nothing can be stuck.
    resting: AtomicBool,
}

/// Remembers that it was unparked.
#[derive(Default)]
struct Parker {
    unparked: Mutex<bool>,
    changed: Condvar,
}

impl Parker {
    fn park(&self) {
        let mut unparked = self.unparked.lock();
        while !*unparked {
            self.changed.wait(&mut unparked);
        }
        *unparked = false;
    }

    fn unpark(&self) {
        *self.unparked.lock() = true;
        self.changed.notify_one();
    }
}

impl Seat {
    fn new(index: usize) -> Seat {
        let arena = ArenaShared::new(index);
        let (queue, remote) = run_queue::pair();
        let remote = Arc::new(CachePadded::new(Remote::new(remote, arena.clone())));
        let seed = Seed { index, queue, arena: Arena::new(arena) };
        Seat {
            remote,
            seed: Mutex::new(Some(seed)),
            parker: Parker::default(),
            taken: AtomicBool::new(false),
            on_duty: AtomicBool::new(false),
            sent_away: AtomicBool::new(false),
            resting: AtomicBool::new(false),
        }
    }

    pub(super) fn unpark(&self) {
        self.parker.unpark();
    }

    pub(super) fn is_taken(&self) -> bool {
        // Acquire: pairs with the Release of the thread that left; its seed is back.
        self.taken.load(Ordering::Acquire)
    }

    pub(super) fn is_on_duty(&self) -> bool {
        // Relaxed, here and below: a wish; the unpark that follows it, by a lock, has it seen.
        self.on_duty.load(Ordering::Relaxed)
    }

    pub(super) fn is_sent_away(&self) -> bool {
        self.sent_away.load(Ordering::Relaxed)
    }

    /// Whether nothing can be stuck here.
    pub(super) fn is_at_rest(&self) -> bool {
        // Relaxed: a stale answer misleads for a tick.
        !self.is_taken() || self.resting.load(Ordering::Relaxed)
    }

    pub(super) fn call(&self) {
        self.on_duty.store(true, Ordering::Relaxed);
        self.sent_away.store(false, Ordering::Relaxed);
        self.unpark();
    }

    pub(super) fn call_off(&self) {
        self.on_duty.store(false, Ordering::Relaxed);
        self.unpark();
    }

    pub(super) fn send_away(&self) {
        self.sent_away.store(true, Ordering::Relaxed);
        self.unpark();
    }

    /// Before its thread starts.
    pub(super) fn prepare(&self) {
        self.call();
        self.taken.store(true, Ordering::Relaxed);
    }

    /// Its thread did not start, or has left. The seed is back.
    pub(super) fn vacate(&self) {
        self.on_duty.store(false, Ordering::Relaxed);
        // Release: pairs with `is_taken`.
        self.taken.store(false, Ordering::Release);
    }

    /// If no thread sits here.
    fn close_arena(&self) {
        let seed = self.seed.lock().take();
        if let Some(seed) = seed {
            seed.arena.close();
        }
    }

    /// Gives the memory back of tasks whose slots came home when nobody sat here any more.
    pub(super) fn collect_memory(&self) {
        if self.remote.arena.has_remote()
            && let Some(seed) = &mut *self.seed.lock()
        {
            seed.arena.trim();
        }
    }
}

impl Spares {
    /// None before the first spare was needed.
    #[inline]
    pub(crate) fn seats(&self) -> &[Seat] {
        // Acquire: pairs with the Release in `make_seats`.
        if !self.has_seats.load(Ordering::Acquire) {
            return &[];
        }
        self.seats.get().map_or(&[], |seats| seats)
    }

    pub(super) fn make_seats(&self, workers: usize) -> &[Seat] {
        let seats = self.seats.get_or_init(|| (workers..workers + most(workers)).map(Seat::new).collect());
        // Release: pairs with the Acquire in `seats`.
        self.has_seats.store(true, Ordering::Release);
        seats
    }

    /// The seat with that index, if that is not a worker's.
    pub(super) fn seat(&self, index: usize, workers: usize) -> Option<&Seat> {
        index.checked_sub(workers).map(|index| &self.seats()[index])
    }

    pub(super) fn unpark_all(&self) {
        self.seats().iter().for_each(Seat::unpark);
    }

    /// There is something for them.
    pub(super) fn unpark_on_duty(&self) {
        self.seats().iter().filter(|seat| seat.is_on_duty()).for_each(Seat::unpark);
    }

    pub(super) fn count_start(&self) {
        // Relaxed: a statistic.
        self.started.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    pub(crate) fn alive(&self) -> usize {
        self.seats().iter().filter(|seat| seat.is_taken()).count()
    }

    /// Ends the spares' share of the task memory. No thread starts any more; one that is left behind closes its own.
    pub(crate) fn close_arenas(&self) {
        self.seats().iter().for_each(Seat::close_arena);
    }
}

/// The life of a spare's thread.
pub(super) fn spare_main(shared: &Arc<Shared>, index: usize) {
    // After whoever starts this thread has counted it.
    drop(shared.threads.state.lock());
    let workers = shared.remotes.len();
    let seat = shared.spares.seat(index, workers).expect("spares have seats");
    let seed = seat.seed.lock().take().expect("one thread to a seat");
    // Spares are spread over the workers, of which the first is always there.
    let reactor = shared.remotes[index % workers].reactor().or_else(|| shared.remotes[0].reactor());
    let worker = Worker::new(shared.clone(), seed, reactor.expect("worker 0 has a reactor"));
    worker.run_spare(seat);
    // Relaxed: see the field.
    worker.remote().thread.store(0, Ordering::Relaxed);
    worker.with_arena(Arena::trim);
    *seat.seed.lock() = worker.into_seed();
    if shared.phase.get() == Phase::Stopped {
        seat.close_arena();
    }
    let mut state = shared.threads.state.lock();
    if state.closed {
        state.exited.push(index);
    } else {
        // Nobody waits for it, so it lets itself go.
        state.started -= 1;
        state.joins.retain(|(other, _)| *other != index);
    }
    // Under the lock: the next one here must not be taken for this one.
    seat.vacate();
    drop(state);
    shared.threads.changed.notify_all();
    shared.idle.spare_goes();
}

impl Worker {
    fn run_spare(&self, seat: &Seat) {
        // The reactor is another's: whoever sets a timer there has to tell its owner, and nothing moves there for speed.
        let io = Context { young: None, relieves: false, ..self.io_context() };
        let _io = raddle_io::context::enter(io);
        self.publish_thread();
        self.set_moment(self.shared.clock().now().as_nanos());
        context::enter(self, || {
            loop {
                match self.shared.phase.get() {
                    Phase::Stopped => return self.drain(),
                    Phase::Frozen if self.is_left_with_nothing() => return,
                    Phase::Frozen => self.freeze(),
                    _ if seat.is_on_duty() => self.serve(seat),
                    _ if self.wait_off_duty(seat) => {}
                    _ => return,
                }
            }
        });
    }

    /// Runs one task, or finds that there is none and rests.
    fn serve(&self, seat: &Seat) {
        let tick = self.tick.get().wrapping_add(1);
        self.tick.set(tick);
        if tick.is_multiple_of(MAINTENANCE_TICKS) || self.is_turn_due() {
            self.maintain();
        }
        if let Some(task) = self.next_task(tick) {
            self.run(task);
        } else if self.take_injected() == 0 && !self.rescue() {
            self.rest(seat);
        }
    }

    /// Runs one task that only this spare may run, or rests. False: it is to leave, and can.
    fn wait_off_duty(&self, seat: &Seat) -> bool {
        let may_leave = self.is_left_with_nothing();
        let task = self.pinned.borrow_mut().pop_front();
        if let Some(task) = task {
            self.run(task);
        } else if !seat.is_sent_away() {
            self.rest(seat);
        } else if may_leave {
            return false;
        } else {
            self.shared.idle.spare_goes();
            self.rest(seat);
            if self.shared.idle.spare_comes() {
                self.shared.threads.unpark_watchdog();
            }
        }
        true
    }

    fn rest(&self, seat: &Seat) {
        raddle_io::nursery::rest();
        seat.resting.store(true, Ordering::Relaxed);
        seat.parker.park();
        seat.resting.store(false, Ordering::Relaxed);
        self.set_moment(self.shared.clock().now().as_nanos());
    }

    /// Gives everything away that others may run, and looks whether there is more.
    fn is_left_with_nothing(&self) -> bool {
        let remote = self.remote();
        let mut given = false;
        while let Some(task) = self.queue.pop(&remote.queue) {
            if let Err(task) = self.shared.injector.push(task) {
                // The runtime ends, and this is drained in a moment.
                self.queue.push_back(task);
                break;
            }
            given = true;
        }
        if given {
            self.shared.unpark(self.shared.idle.claim_after_push());
        }
        remote.inbox.take(usize::MAX, |task| self.pinned.borrow_mut().push_back(task));
        self.queue.len() == 0 && self.pinned.borrow().is_empty() && !self.has_local_tasks()
    }

    /// A spare is no main's worker, so what is pinned here are local tasks.
    fn has_local_tasks(&self) -> bool {
        let mut found = false;
        let mut next = Some(Place::default());
        while let Some(place) = next {
            next = self.remote().arena.walk_page(place, |state| {
                let seen = state.snapshot();
                found |= seen.is_pinned() && seen.is_alive();
            });
        }
        found
    }
}
