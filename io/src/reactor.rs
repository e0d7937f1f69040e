//! The reactor of one worker: sources, timers, and the one place where its thread sleeps.
//!
//! # Parts, and who may touch them
//!
//! | part       | behind                | held by                                                             |
//! |------------|-----------------------|---------------------------------------------------------------------|
//! | `polling`  | a lock                | the owner through epoll_wait; a rescuer by `try_lock` only           |
//! | `registry` | nothing (the kernel)  | anybody: registering does not wait for a parked owner                |
//! | `slots`    | a lock                | anybody, for a few instructions; the poller for one batch of events  |
//! | `timers`   | a lock of their own   | see `timers.rs`                                                      |
//! | `waker`    | nothing (an eventfd)  | anybody                                                              |
//!
//! Wakers are collected while locks are held and woken when none is. Sources hold an `Arc` of their reactor from
//! registration to deregistration, so an event never finds a reactor gone; and they are always taken out of the epoll
//! before their fd is closed, so an event never finds another's fd.
//!
//! An owner whose clock is virtual sleeps by [`Reactor::wait`]: the event that ends its sleep stays in the epoll until the
//! owner counts as awake, so that at each moment one or the other tells whoever would move the time.
//!
//! [`Reactor::park`] is for the owner alone. Everything else may be called from any thread: when the owner is stuck in
//! user code, another worker calls [`Reactor::turn`] in its place.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::Waker;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::alarm::{Alarm, FAR};
use crate::clock::{Clock, Instant};
use crate::context;
use crate::fork::Process;
use crate::readiness::Event;
use crate::shim::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::shim::{Arc, Mutex};
use crate::slots::{Slots, Token};
use crate::source::Source;
use crate::timers::Timers;
use crate::wake::{Batch, wake};
use crate::wheel::Expired;

/// How many events one epoll_wait fetches.
const EVENTS_PER_TURN: usize = 256;

/// After so many rounds `drain` lets others have their turn, however many events keep coming.
const ROUNDS_PER_DRAIN: usize = 64;

/// Over how many turns their events are averaged, roughly.
const TURNS_AVERAGED: usize = 8;

/// The token of the eventfd by which the owner is unparked.
const UNPARK: mio::Token = mio::Token(usize::MAX);
/// The token of the alarm.
const ALARM: mio::Token = mio::Token(usize::MAX - 1);
/// The token of the epolls of those who are stuck; see `rescue_set.rs`.
const RESCUE: mio::Token = mio::Token(usize::MAX - 2);

/// The sources, the timers and the sleep of one worker.
pub struct Reactor {
    polling: Mutex<Polling>,
    registry: Registry,
    waker: mio::Waker,
    slots: Mutex<Slots<RawFd>>,
    /// How many sources are registered: a copy for readers without the lock.
    sources: AtomicUsize,
    pub(crate) timers: Timers,
    clock: Clock,
    process: Process,
    late_events: AtomicU64,
    /// A running average of the events of one turn, times [`TURNS_AVERAGED`]. Written by whoever polls.
    load: AtomicUsize,
    /// How many young timers the owner has registered so far; see `nursery.rs`.
    young: AtomicU64,
    has_bounds: AtomicBool,
    /// There are events for somebody who is stuck, and this one's owner is to serve them.
    called: AtomicBool,
    bounds: Mutex<Vec<YoungBound>>,
}

/// By this time the owner had registered so many young timers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct YoungBound {
    pub(crate) registered: u64,
    pub(crate) at_ns: u64,
}

struct Polling {
    poll: Poll,
    events: Events,
    /// A `turn` has fetched the event by which somebody wanted to unpark the owner. The owner's next `park` returns at
    /// once; else the unpark would be lost.
    unparked: bool,
    alarm: Alarm,
}

/// Why a source could not be registered.
#[derive(Debug)]
pub(crate) enum RegisterError {
    /// The reactor has shut down: register with another.
    Closed,
    /// The kernel refused.
    Io(io::Error),
}

/// Timers of one or more reactors that were taken out to be fired.
#[derive(Debug, Default)]
pub struct Due(Vec<Expired>);

impl Due {
    /// Adds wakers to be woken after all others.
    pub fn add_last(&mut self, wakers: Vec<Waker>) {
        self.0.extend(wakers.into_iter().map(|waker| (u64::MAX, 0, waker)));
    }

    /// Wakes all, by their deadlines; where those are equal, in the order in which they were taken out. Returns how many
    /// there were.
    pub fn wake_all(mut self) -> usize {
        self.0.sort_by_key(|(deadline, ..)| *deadline);
        let woken = self.0.len();
        self.0.into_iter().for_each(|(_, _, waker)| wake(waker, context::report));
        woken
    }
}

impl Reactor {
    /// Makes a reactor: one epoll (known under two numbers), one eventfd and one timerfd.
    ///
    /// # Errors
    /// The kernel's, usually that the process or the system has too many open files; the text says what was missing.
    pub fn new(clock: Clock) -> io::Result<Arc<Reactor>> {
        let poll = Poll::new().map_err(|error| lacking("epoll instance", error))?;
        let registry = poll.registry().try_clone().map_err(|error| lacking("second number for an epoll", error))?;
        let waker = mio::Waker::new(&registry, UNPARK).map_err(|error| lacking("eventfd to be woken by", error))?;
        let alarm = Alarm::new(&registry, ALARM);
        let polling = Polling { poll, events: Events::with_capacity(EVENTS_PER_TURN), unparked: false, alarm };
        Ok(Arc::new(Reactor {
            polling: Mutex::new(polling),
            registry,
            waker,
            slots: Mutex::new(Slots::default()),
            sources: AtomicUsize::new(0),
            timers: Timers::new(clock.now().as_nanos()),
            clock,
            process: Process::current(),
            late_events: AtomicU64::new(0),
            load: AtomicUsize::new(0),
            young: AtomicU64::new(0),
            has_bounds: AtomicBool::new(false),
            called: AtomicBool::new(false),
            bounds: Mutex::default(),
        }))
    }

    pub(crate) fn count_young(&self, registered: u64) {
        // Release: pairs with the Acquire of `bound_young`; what is counted has been polled by then.
        self.young.store(registered, Ordering::Release);
    }

    /// Notes what time it is now and which young timers there were by now. For whoever sees the owner in a long poll.
    pub fn bound_young(&self) {
        // Acquire: pairs with `count_young`, and the clock is read after it.
        let registered = self.young.load(Ordering::Acquire);
        let at_ns = self.clock.now().as_nanos();
        let mut bounds = self.bounds.lock();
        if bounds.last().map_or(0, |last| last.registered) < registered {
            bounds.push(YoungBound { registered, at_ns });
            // Relaxed: one that is not seen makes a timer later, not wrong; the lock orders the rest.
            self.has_bounds.store(true, Ordering::Relaxed);
        }
    }

    pub(crate) fn take_bounds(&self) -> Vec<YoungBound> {
        // Relaxed: as above.
        if !self.has_bounds.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let mut bounds = self.bounds.lock();
        self.has_bounds.store(false, Ordering::Relaxed);
        std::mem::take(&mut bounds)
    }

    /// Sleeps until an event, an unpark, the next timer or `max`; then dispatches what came. Returns how many wakers
    /// it woke, which may be none. For the owner alone.
    ///
    /// With a virtual clock timers do not end the sleep: whoever moves the clock looks after them.
    ///
    /// # Errors
    /// The kernel's, and in a forked child. A signal is none: it ends the sleep.
    pub fn park(&self, max: Option<Duration>) -> io::Result<usize> {
        self.process.check()?;
        let mut polling = self.polling.lock();
        let timeout = self.arm(&mut polling.alarm, max);
        let timeout = if polling.unparked { Some(Duration::ZERO) } else { timeout };
        let mut batch = Batch::new();
        let polled = self.poll_events(&mut polling, timeout, &mut batch);
        polling.unparked = false;
        drop(polling);
        self.timers.disarm();
        polled?;
        Ok(batch.wake_all(context::report) + self.expire_timers())
    }

    /// For an owner whose clock is virtual, before it announces its park: who inserts a timer from now on unparks it.
    pub fn arm_for_ever(&self) {
        self.timers.arm_for_ever();
    }

    /// Such an owner's park is over.
    pub fn disarm(&self) {
        self.timers.disarm();
    }

    /// Sleeps until an event, an unpark or `max`, and leaves what came where it is, for [`Reactor::has_news`] to see until
    /// the next [`Reactor::park`] dispatches it. For the owner alone. Nobody else dispatches meanwhile.
    ///
    /// # Errors
    /// As [`Reactor::park`].
    pub fn wait(&self, max: Option<Duration>) -> io::Result<()> {
        self.process.check()?;
        let polling = self.polling.lock();
        if !polling.unparked {
            poll_all(&[self], max)?;
        }
        Ok(())
    }

    /// Whether an event, or an unpark, is there that nobody has looked at. Callable from any thread.
    pub fn has_news(reactors: &[Arc<Reactor>]) -> bool {
        let reactors: Vec<&Reactor> = reactors.iter().map(|reactor| &**reactor).collect();
        // The owner that holds the lock has looked at this before it went to sleep. An error tells nothing; news, if there
        // are any, end the owner's sleep.
        let unparked = |reactor: &&Reactor| reactor.polling.try_lock().is_some_and(|polling| polling.unparked);
        reactors.iter().any(unparked) || poll_all(&reactors, Some(Duration::ZERO)).unwrap_or(true)
    }

    /// Takes out the timers whose deadline has come by this time of a virtual clock. Callable from any thread. False: there
    /// are none.
    pub fn take_due(&self, now: Instant, due: &mut Due) -> bool {
        let before = due.0.len();
        if !self.timers.is_empty() {
            self.timers.take_due(now.as_nanos(), &mut due.0);
        }
        due.0.len() > before
    }

    /// Has the owner unparked when somebody wants its clock, a virtual one, to be moved; until it is shut down.
    pub fn follow_clock(this: &Arc<Reactor>) {
        let reactor = this.clone();
        this.clock.follow(this.address(), move || reactor.unpark());
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Dispatches what is there and never sleeps. Callable from any thread; if another one is polling, only timers are
    /// looked at. Returns how many wakers it woke.
    pub fn turn(&self) -> usize {
        self.turn_counting_events().1
    }

    /// Takes turns until there are no more events. Returns how many wakers it woke.
    pub fn drain(&self) -> usize {
        let mut woken = 0;
        for _ in 0..ROUNDS_PER_DRAIN {
            let (events, more) = self.turn_counting_events();
            woken += more;
            if events == 0 {
                break;
            }
        }
        woken
    }

    fn turn_counting_events(&self) -> (usize, usize) {
        let mut counts = (0, 0);
        if self.has_sources()
            && self.process.is_current()
            && let Some(mut polling) = self.polling.try_lock()
        {
            let mut batch = Batch::new();
            let polled = self.poll_events(&mut polling, Some(Duration::ZERO), &mut batch);
            drop(polling);
            // An error here (there is none that epoll_wait(0) could give for a sound epoll) comes back in `park`.
            if let Ok(events) = polled {
                counts = (events, batch.wake_all(context::report));
            }
        }
        (counts.0, counts.1 + self.expire_timers())
    }

    /// Wakes those whose deadline has come. Returns how many there were.
    pub fn expire_timers(&self) -> usize {
        if self.timers.is_empty() {
            return 0;
        }
        self.timers.expire(self.clock.now().as_nanos(), |waker| wake(waker, context::report))
    }

    /// Whether there are timers, roughly.
    pub fn has_timers(&self) -> bool {
        !self.timers.is_empty()
    }

    /// Whether there are sources, roughly.
    pub fn has_sources(&self) -> bool {
        self.source_count() > 0
    }

    /// How many timers there are, roughly.
    pub fn timer_count(&self) -> usize {
        self.timers.len()
    }

    /// How many sources there are, roughly.
    pub fn source_count(&self) -> usize {
        // Relaxed: a hint. The owner sees its own registrations, and a parked owner is told by the kernel.
        self.sources.load(Ordering::Relaxed)
    }

    /// Whether there was a call since the last time, to serve those who are stuck.
    pub fn take_call(&self) -> bool {
        // Relaxed: as where it is set. Two that are taken for one are served as one.
        self.called.load(Ordering::Relaxed) && self.called.swap(false, Ordering::Relaxed)
    }

    /// The owner is called when that epoll has events.
    pub(crate) fn call_for(&self, epoll: RawFd) -> io::Result<()> {
        self.registry.register(&mut SourceFd(&epoll), RESCUE, Interest::READABLE)
    }

    pub(crate) fn stop_calling(&self, epoll: RawFd) {
        // An error means that it is not called.
        let _ = self.registry.deregister(&mut SourceFd(&epoll));
    }

    /// How many events came for sources that were gone.
    pub fn late_event_count(&self) -> u64 {
        // Relaxed: a statistic.
        self.late_events.load(Ordering::Relaxed)
    }

    /// How many events a turn brought lately: how much there is to do for whoever serves these sources.
    pub(crate) fn events_per_turn(&self) -> usize {
        // Relaxed: a hint.
        self.load.load(Ordering::Relaxed) / TURNS_AVERAGED
    }

    fn note_events(&self, count: usize) {
        // Relaxed: as above; only the poller writes.
        let load = self.load.load(Ordering::Relaxed);
        self.load.store(load - load / TURNS_AVERAGED + count, Ordering::Relaxed);
    }

    /// The time at which `expire_timers` has something to do: the earliest deadline, or an earlier moment.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.timers.next_deadline().map(Instant::from_nanos)
    }

    /// Ends the owner's sleep, or its next one if it is awake. Callable from any thread.
    pub fn unpark(&self) {
        if !self.process.is_current() {
            return;
        }
        while let Err(error) = self.waker.wake() {
            // Of a write that does not block this is not to be expected; but a wake-up that got lost would be the end.
            let again = error.kind() == io::ErrorKind::Interrupted;
            assert!(
                again,
                "the eventfd of a reactor cannot be written; did the program close a file of others? {error}"
            );
        }
    }

    /// The clock that this reactor's timers go by.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The process that it belongs to.
    pub fn process(&self) -> Process {
        self.process
    }

    /// Ends the reactor: everybody who waits for a source or a timer of it is woken and finds another reactor on the
    /// thread that polls it, or an error. Callable from any thread, and more than once.
    pub fn shut_down(&self) {
        if !self.process.is_current() {
            return;
        }
        let sources = {
            let mut slots = self.slots.lock();
            let sources = slots.close();
            for (_, fd) in &sources {
                // Under the lock: whoever closes the fd must take its source out of the slots before, so these fds are
                // still the sources' own. An error means that the kernel has forgotten it already.
                let _ = self.registry.deregister(&mut SourceFd(fd));
            }
            self.count(&slots);
            sources
        };
        let mut batch = Batch::new();
        for (source, _) in &sources {
            source.shut_down(&mut |waker| batch.push(waker));
        }
        drop(sources);
        batch.wake(context::report);
        self.timers.close(|waker| wake(waker, context::report));
        self.clock.unfollow(self.address());
    }

    /// Adds a file descriptor to the epoll, edge-triggered, both directions.
    pub(crate) fn register(&self, fd: RawFd, source: &Arc<Source>) -> Result<Token, RegisterError> {
        let token = {
            let mut slots = self.slots.lock();
            let token = slots.insert(source.clone(), fd).ok_or(RegisterError::Closed)?;
            self.count(&slots);
            token
        };
        let both = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.registry.register(&mut SourceFd(&fd), mio::Token(token.0), both) {
            self.forget(token);
            return Err(RegisterError::Io(error));
        }
        Ok(token)
    }

    /// Takes a file descriptor out of the epoll. To be called before it is closed.
    pub(crate) fn deregister(&self, fd: RawFd, token: Token) {
        // A fork of ours drops its copy: the epoll is the parent's, and whoever held the lock is not here.
        if !self.process.is_current() {
            return;
        }
        // An error means that `shut_down` was here before.
        let _ = self.registry.deregister(&mut SourceFd(&fd));
        self.forget(token);
    }

    fn forget(&self, token: Token) {
        let source = {
            let mut slots = self.slots.lock();
            let source = slots.remove(token);
            self.count(&slots);
            source
        };
        drop(source);
    }

    fn count(&self, slots: &Slots<RawFd>) {
        // Relaxed: see `source_count`.
        self.sources.store(slots.count(), Ordering::Relaxed);
    }

    /// How long the owner may sleep. Inserters of earlier timers know from here on that they must unpark it.
    fn arm(&self, alarm: &mut Alarm, max: Option<Duration>) -> Option<Duration> {
        if self.clock.is_virtual() {
            self.timers.arm_for_ever();
            return max;
        }
        let at_most = max.map_or(Instant::FAR_FUTURE, |max| self.clock.now() + max);
        let until_ns = self.timers.arm(at_most.as_nanos());
        let until = Instant::from_nanos(until_ns);
        // In neither case a clock is read. What was asked for is kept to; the alarm rings for timers.
        if until == Instant::FAR_FUTURE || max.is_none() && alarm.rings_by(until_ns) {
            return None;
        }
        let away = until - self.clock.now();
        if max.is_none() && away >= FAR && alarm.set(until_ns, away) {
            return None;
        }
        // mio rounds up to whole milliseconds, so a sleep does not end too soon.
        Some(away)
    }

    /// One epoll_wait and the dispatch of its events. The wakers are to be woken when the lock is gone.
    fn poll_events(&self, polling: &mut Polling, timeout: Option<Duration>, batch: &mut Batch) -> io::Result<usize> {
        let Polling { poll, events, unparked, alarm } = polling;
        match poll.poll(events, timeout) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(0),
            Err(error) => return Err(error),
        }
        let mut count = 0;
        let mut slots = self.slots.lock();
        for event in events.iter() {
            match event.token() {
                UNPARK => *unparked = true,
                ALARM => alarm.rang(),
                // Relaxed: the owner reads it after its park, under whose lock this is, or later and for nothing.
                RESCUE => self.called.store(true, Ordering::Relaxed),
                mio::Token(number) => {
                    count += 1;
                    match slots.get(Token(number)) {
                        Some(source) => source.event(meaning(event), &mut |waker| batch.push(waker)),
                        // Relaxed: a statistic.
                        None => _ = self.late_events.fetch_add(1, Ordering::Relaxed),
                    }
                }
            }
        }
        slots.batch_done();
        drop(slots);
        self.note_events(count);
        Ok(count)
    }
}

/// Looks at epolls from outside, without fetching anything, until one has events or the time is over. False: none has. A
/// signal is none.
fn poll_all(reactors: &[&Reactor], max: Option<Duration>) -> io::Result<bool> {
    let mut epolls: Vec<_> =
        reactors.iter().map(|reactor| PollFd::from_borrowed_fd(reactor.registry.as_fd(), PollFlags::IN)).collect();
    let max = max.map(|max| Timespec::try_from(max).expect("short times fit"));
    match poll(&mut epolls, max.as_ref()) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Says what the kernel did not give; the kind of the error stays.
fn lacking(what: &str, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("no {what} to be had: {error}"))
}

fn meaning(event: &mio::event::Event) -> Event {
    Event {
        readable: event.is_readable(),
        writable: event.is_writable(),
        read_closed: event.is_read_closed() || event.is_error(),
        write_closed: event.is_write_closed() || event.is_error(),
    }
}

/// The epoll's number, so that a reactor can be watched by another epoll.
impl AsRawFd for Reactor {
    fn as_raw_fd(&self) -> RawFd {
        self.registry.as_raw_fd()
    }
}

impl AsFd for Reactor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.registry.as_fd()
    }
}

impl fmt::Debug for Reactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reactor")
            .field("sources", &self.source_count())
            .field("timers", &self.timer_count())
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}
