//! Threads for calls that block.
//!
//! Started when a job finds no idle thread, up to the limit; a thread that finds no job for [`KEEP_ALIVE`] leaves.
//! The queue is bounded by nothing. At the end of a run, jobs that were accepted are still run, and the threads are
//! waited for, within the runtime's grace ([`Pool::close`]); or, where nobody has an interest in the end of the job any
//! more, nothing is begun and nobody is waited for ([`Pool::abandon`]).

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use parking_lot::Condvar;
use raddle_io::fork::Process;
use raddle_io::reactor::Reactor;

use super::context;
use super::report::catch;
use crate::shim::atomic::{AtomicUsize, Ordering};
use crate::shim::{Arc, Mutex};

/// An idle thread stays this long.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// Threads of one runtime.
pub(crate) struct Pool {
    state: Mutex<State>,
    work: Condvar,
    left: Condvar,
    limit: usize,
    name: String,
    process: Process,
    /// Jobs accepted and not yet ended.
    busy: AtomicUsize,
    /// Jobs among them that wait for this very runtime.
    waiting: AtomicUsize,
    /// Whom to unpark when a job has ended: a worker whose virtual clock stands still while jobs run.
    waiting_clock: Mutex<Option<Arc<Reactor>>>,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
    numbered: usize,
    closing: bool,
    abandoned: bool,
}

/// Runs a job on the pool of the runtime that this thread belongs to.
pub(crate) fn start(job: Job) -> io::Result<()> {
    context::runtime().ok_or_else(context::no_runtime)?.blocking.start(job)
}

impl Pool {
    /// At most `limit` threads, called `name` and a number.
    pub(crate) fn new(limit: usize, name: String) -> Arc<Pool> {
        Arc::new(Pool {
            state: Mutex::default(),
            work: Condvar::new(),
            left: Condvar::new(),
            limit,
            name,
            process: Process::current(),
            busy: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            waiting_clock: Mutex::default(),
        })
    }

    /// Accepts a job. Err: no thread could be started and none is there, or the pool is abandoned, or another process's.
    pub(crate) fn start(self: &Arc<Pool>, job: Job) -> io::Result<()> {
        self.process.check()?;
        let mut state = self.state.lock();
        if state.abandoned {
            drop(state);
            drop(job);
            return Err(io::Error::other("the runtime has ended"));
        }
        state.jobs.push_back(job);
        self.busy.fetch_add(1, Ordering::AcqRel);
        if state.idle >= state.jobs.len() {
            self.work.notify_one();
            return Ok(());
        }
        if state.threads < self.limit
            && let Err(error) = self.start_thread(&mut state)
            && state.threads == 0
        {
            let refused = state.jobs.pop_back();
            self.busy.fetch_sub(1, Ordering::AcqRel);
            drop(state);
            drop(refused);
            return Err(io::Error::new(
                error.kind(),
                format!("no thread for a blocking call could be started: {error}"),
            ));
        }
        self.work.notify_one();
        Ok(())
    }

    fn start_thread(self: &Arc<Pool>, state: &mut State) -> io::Result<()> {
        let pool = self.clone();
        let name = format!("{}-{}", self.name, state.numbered);
        std::thread::Builder::new().name(name).spawn(move || pool.work())?;
        state.numbered += 1;
        state.threads += 1;
        Ok(())
    }

    fn work(&self) {
        let mut state = self.state.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                drop(state);
                // A job reports its own panic to whoever awaits it; what gets here is a panic while dropping.
                let _ = catch(job).map_err(|panic| std::mem::forget(panic.into_payload()));
                self.busy.fetch_sub(1, Ordering::AcqRel);
                self.tell_the_clock();
                state = self.state.lock();
                continue;
            }
            if state.closing {
                break;
            }
            state.idle += 1;
            let timed_out = self.work.wait_for(&mut state, KEEP_ALIVE).timed_out();
            state.idle -= 1;
            if timed_out && state.jobs.is_empty() {
                break;
            }
        }
        state.threads -= 1;
        self.left.notify_all();
    }

    /// Unparks the owner of a virtual clock after each job from now on.
    pub(crate) fn set_waiting_clock(&self, reactor: Arc<Reactor>) {
        *self.waiting_clock.lock() = Some(reactor);
    }

    fn tell_the_clock(&self) {
        if let Some(reactor) = &*self.waiting_clock.lock() {
            reactor.unpark();
        }
    }

    /// Whether a thread is at work, or about to be, and does not merely wait for the runtime.
    pub(crate) fn is_busy(&self) -> bool {
        // Acquire: pairs with the changes of both; a job that stops waiting says so before it is let go.
        self.busy.load(Ordering::Acquire) > self.waiting.load(Ordering::Acquire)
    }

    /// How many jobs there are that have not ended, and how many can run at a time.
    pub(crate) fn load(&self) -> (usize, usize) {
        // Relaxed: for those who look.
        (self.busy.load(Ordering::Relaxed), self.limit)
    }

    /// A job waits for the runtime: its clock may move.
    pub(crate) fn begin_waiting(&self) {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        self.tell_the_clock();
    }

    /// Whoever ends the waiting says so.
    pub(crate) fn end_waiting(&self) {
        self.waiting.fetch_sub(1, Ordering::AcqRel);
    }

    /// Lets the threads leave once all jobs are done, and waits for that. False: some were not, when time was up. The
    /// deadline is asked for again after [`Pool::hurry`].
    pub(crate) fn close(&self, deadline: impl Fn() -> Instant) -> bool {
        let mut state = self.state.lock();
        state.closing = true;
        self.work.notify_all();
        while state.threads > 0 {
            let deadline = deadline();
            if Instant::now() >= deadline {
                return false;
            }
            self.left.wait_until(&mut state, deadline);
        }
        true
    }

    /// Lets the threads leave when they have done what they are at, and waits for none. What has not begun never will.
    pub(crate) fn abandon(&self) {
        let mut state = self.state.lock();
        state.closing = true;
        state.abandoned = true;
        let never = std::mem::take(&mut state.jobs);
        self.work.notify_all();
        drop(state);
        self.busy.fetch_sub(never.len(), Ordering::AcqRel);
        // A thread that hangs keeps the pool, but need not keep a reactor.
        drop(self.waiting_clock.lock().take());
        for job in never {
            let _ = catch(|| drop(job)).map_err(|panic| std::mem::forget(panic.into_payload()));
        }
    }

    /// Lets whoever closes the pool look at its deadline again.
    pub(crate) fn hurry(&self) {
        // The lock orders the caller's change of the deadline before the look at it, or after the wait has begun.
        drop(self.state.lock());
        self.left.notify_all();
    }
}
