//! Running a program: `run` and `Runner`.

use std::error::Error;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use raddle_io::Clock;
use raddle_io::reactor::Reactor;

use super::handle::Handle;
use super::inspect::find_task;
use super::interrupt::{Interrupts, Target, die_of};
use crate::harness::ambient;
use crate::harness::create::create_main;
use crate::harness::join::{Counted, Join, is_current};
use crate::scheduler::config::{Config, SLOW_IN_DEBUG};
use crate::scheduler::context;
use crate::scheduler::phase::Phase;
use crate::scheduler::report::ExceptionContext;
use crate::scheduler::shared::Shared;
use crate::scheduler::worker::Worker;
use crate::signal::Signal;
use crate::task::error::TaskError;
use crate::task::held_context::HeldContext;

/// How long the end of one `run` waits for the other workers to come to rest: one may be in a long poll.
const FREEZE_AT_MOST: Duration = Duration::from_millis(100);

/// Runs a program: `main` on this thread, its tasks on every core. asyncio's `run`.
///
/// When main ends, with a value or a panic, every other task is cancelled, blocking threads are waited for (both up
/// to a grace period), and then the value is returned, or the panic goes on.
///
/// `main` need be neither `Send` nor `'static`.
///
/// # Panics
/// Inside a task: `.await` the future there instead. When the system refuses the one epoll instance that is needed;
/// [`Runner::try_run`] returns that as an error.
///
/// # Examples
/// ```
/// let word = String::from("hello");
/// let length = raddle::run(async { word.len() });
/// assert_eq!(length, 5);
/// ```
#[track_caller]
pub fn run<F: IntoFuture>(main: F) -> F::Output {
    let mut runner = Runner::new();
    let ended = runner.run_main(main.into_future(), Location::caller());
    drop(runner);
    match ended {
        Ok(ended) => settle(ended),
        Err(error) => panic!("raddle::run: {error}"),
    }
}

/// Builds a runtime and runs programs on it, one after another. asyncio's `Runner`.
///
/// A builder until its first run. Between two runs everything is frozen: workers stand still, no timer fires, no
/// event is looked at. Dropping it is asyncio's `close()`: what is left is cancelled. All runs share one context, which
/// begins as a copy of this thread's.
///
/// # Examples
/// ```
/// let mut runner = raddle::Runner::new().workers(2).name("app");
/// assert_eq!(runner.run(async { 1 }), 1);
/// assert_eq!(runner.run(async { 2 }), 2);
/// ```
pub struct Runner {
    config: Config,
    runtime: Option<Runtime>,
    /// The signal that cancelled the last main.
    interrupted_by: Option<Signal>,
    /// Worker 0 is this thread.
    _local: PhantomData<*const ()>,
}

struct Runtime {
    shared: Arc<Shared>,
    worker: Box<Worker>,
}

impl Runner {
    /// A runtime with a worker per available core.
    pub fn new() -> Runner {
        let config = Config { is_own_waker: is_current, find_task, ..Config::default() };
        Runner { config, runtime: None, interrupted_by: None, _local: PhantomData }
    }

    /// How many workers there are at most, the calling thread among them; the others start when there is surplus
    /// work. One worker runs tasks in asyncio's order.
    ///
    /// # Panics
    /// When `n` is 0.
    #[track_caller]
    pub fn workers(mut self, n: usize) -> Runner {
        assert!(n > 0, "workers(0): at least 1");
        assert!(n <= 1024, "workers({n}): at most 1024");
        self.config.workers = n;
        self
    }

    /// The prefix of thread names; `raddle` unless said otherwise.
    pub fn name(mut self, prefix: &str) -> Runner {
        self.config.name = prefix.to_owned();
        self
    }

    /// How long the end of the runtime waits for tasks that are stuck in a poll and for blocking threads; 5 s unless
    /// said otherwise. What is stuck longer is reported and left behind.
    pub fn grace(mut self, grace: Duration) -> Runner {
        self.config.grace = Some(grace);
        self
    }

    /// How many threads [`to_thread`](crate::to_thread) uses at most; cores + 4, and at most 32, unless said
    /// otherwise.
    ///
    /// # Panics
    /// When `max` is 0.
    #[track_caller]
    pub fn blocking_threads(mut self, max: usize) -> Runner {
        assert!(max > 0, "blocking_threads(0): at least 1");
        self.config.blocking_threads = max;
        self
    }

    /// Who is told of errors that nobody awaits; they go to stderr unless said otherwise.
    pub fn on_exception(mut self, f: impl Fn(&ExceptionContext) + Send + Sync + 'static) -> Runner {
        self.config.on_exception = Some(Arc::new(f));
        self
    }

    /// Whether Ctrl-C cancels main, if the program does not handle SIGINT itself; `#[raddle::main]` asks for it.
    ///
    /// Main's async cleanup and that of all other tasks is awaited, and then the process ends the way SIGINT ends one;
    /// [`try_run`](Runner::try_run) returns [`RunError::Interrupted`] instead. A second Ctrl-C cuts the cleanup. If
    /// main gives its value all the same, that is returned.
    pub fn handle_ctrl_c(mut self, on: bool) -> Runner {
        self.config.ctrl_c = on;
        self
    }

    /// Lets the first Ctrl-C or SIGTERM ask every task to stop ([`stop_requested`](crate::stop_requested)), and cancels
    /// main if it has not ended `patience` later. The second one cancels main at once, the third cuts its cleanup.
    ///
    /// A main that returns when it was asked to stop gives its value, as always.
    pub fn graceful(mut self, patience: Duration) -> Runner {
        self.config.graceful = Some(patience);
        self
    }

    /// Reports each poll that lasts longer than `limit` through `on_exception`, while it lasts: the task in it keeps
    /// its worker from all others.
    pub fn slow_poll(mut self, limit: Duration) -> Runner {
        self.config.slow_poll = Some(limit);
        self
    }

    /// Reports what a program should not do: so far, polls that last longer than 100 ms, unless
    /// [`slow_poll`](Runner::slow_poll) says otherwise. The environment variable `RADDLE_DEBUG=1` does the same.
    pub fn debug(mut self, on: bool) -> Runner {
        self.config.slow_poll = on.then(|| self.config.slow_poll.unwrap_or(SLOW_IN_DEBUG));
        self
    }

    /// The clock that timers go by. [`Clock::auto`] is for tests with one worker: its time jumps to the next
    /// deadline whenever nothing can run.
    pub fn clock(mut self, clock: Clock) -> Runner {
        self.config.clock = clock;
        self
    }

    /// Runs `main` on this thread and returns its value.
    ///
    /// # Panics
    /// As [`run`](crate::run). A panic of `main` goes on in the caller; the runner may be used again.
    #[track_caller]
    pub fn run<F: IntoFuture>(&mut self, main: F) -> F::Output {
        let caller = Location::caller();
        match self.run_main(main.into_future(), caller) {
            Ok(ended) => {
                self.freeze();
                settle(ended)
            }
            Err(RunError::Interrupted) => {
                let signal = self.interrupted_by.take();
                self.close();
                die_of(signal.unwrap_or(Signal::INTERRUPT))
            }
            Err(error) => panic!("Runner::run: {error}"),
        }
    }

    /// Runs `main` on this thread and returns its value.
    ///
    /// # Errors
    /// [`RunError::Io`] when the system refuses the one epoll instance that is needed; [`RunError::Interrupted`] when
    /// main was cancelled by Ctrl-C, see [`handle_ctrl_c`](Runner::handle_ctrl_c).
    ///
    /// # Panics
    /// Inside a task, and with a panic of `main`.
    #[track_caller]
    pub fn try_run<F: IntoFuture>(&mut self, main: F) -> Result<F::Output, RunError> {
        let caller = Location::caller();
        let ended = self.run_main(main.into_future(), caller);
        self.freeze();
        ended.map(settle)
    }

    /// Runs the runtime on this thread, without a main, until [`Handle::stop`] is called: asyncio's `run_forever`.
    ///
    /// With one worker the turn in which that happens is the last; with more, other workers may still begin a poll.
    /// What has not ended is left frozen, as after [`run`](Runner::run). A `stop` that came before this ends it at
    /// once, after what was ready already with one worker. Ctrl-C, where it is handled, closes the runtime and ends the
    /// process.
    ///
    /// # Panics
    /// As [`run`](crate::run).
    ///
    /// # Examples
    /// A runtime in the background of a program that is not async:
    /// ```
    /// use std::sync::mpsc;
    /// use std::thread;
    /// use raddle::Runner;
    ///
    /// let (give, given) = mpsc::channel();
    /// let background = thread::spawn(move || {
    ///     let mut runner = Runner::new();
    ///     give.send(runner.handle()).unwrap();
    ///     runner.run_forever();
    /// }); // Dropping the runner cancels what is left.
    /// let handle = given.recv().unwrap();
    ///
    /// assert_eq!(handle.create_task(async { 6 * 7 }).join_blocking().unwrap(), 42);
    /// handle.stop();
    /// background.join().unwrap();
    /// ```
    #[track_caller]
    pub fn run_forever(&mut self) {
        let signal = match self.begin() {
            Ok(Runtime { shared, worker }) => {
                let interrupts = Interrupts::listen(shared, Target::Forever);
                worker.run_forever();
                interrupts.and_then(|interrupts| interrupts.cancelled_by())
            }
            Err(error) => panic!("Runner::run_forever: {error}"),
        };
        self.freeze();
        // After the freeze: whoever asked again meanwhile meant this run, and not the next.
        if let Some(Runtime { shared, .. }) = &self.runtime {
            shared.forget_stop();
        }
        if let Some(signal) = signal {
            self.close();
            die_of(signal);
        }
    }

    /// The runtime from outside; also before the first run, whose tasks then wait for it.
    ///
    /// # Panics
    /// When the system refuses an epoll instance.
    #[track_caller]
    pub fn handle(&mut self) -> Handle {
        match self.runtime() {
            Ok(runtime) => Handle(runtime.shared.clone()),
            Err(error) => panic!("Runner::handle: {error}"),
        }
    }

    fn runtime(&mut self) -> Result<&mut Runtime, RunError> {
        if self.runtime.is_none() {
            let clock = self.config.clock.clone();
            assert!(
                !clock.is_virtual() || self.config.workers == 1,
                "Clock::auto with {} workers: time can only jump when there is one; say workers(1)",
                self.config.workers
            );
            let reactor = Reactor::new(clock).map_err(RunError::Io)?;
            let (shared, seed) = Shared::new(self.config.clone());
            shared.set_reactor(0, reactor.clone());
            let worker = Box::new(Worker::new(shared.clone(), seed, reactor));
            worker.main_context.replace(HeldContext::Own(ambient::copy()));
            self.runtime = Some(Runtime { shared, worker });
        }
        Ok(self.runtime.as_mut().expect("made above"))
    }

    /// Lets all workers run.
    #[track_caller]
    fn begin(&mut self) -> Result<&mut Runtime, RunError> {
        assert!(
            context::current().is_none(),
            "raddle::run inside a running task would stop its worker: `.await` the future, or use `create_task`"
        );
        let runtime = self.runtime()?;
        let shared = &runtime.shared;
        shared.ending.renew();
        shared.phase.set(Phase::Running);
        shared.threads.notify_all();
        if shared.config.slow_poll.is_some() {
            shared.start_watchdog();
        }
        Ok(runtime)
    }

    /// Runs `main` to its end; other tasks are left as they are.
    #[track_caller]
    fn run_main<F: Future>(
        &mut self,
        main: F,
        spawned_at: &'static Location<'static>,
    ) -> Result<Result<F::Output, TaskError>, RunError> {
        let Runtime { shared, worker } = self.begin()?;
        let abort = AbortOnUnwind;
        // SAFETY: main is pinned to this worker, whose loop runs below until main has ended: neither its future nor
        // its output outlives this call, whatever refers to the task still.
        let task = unsafe { create_main(worker, main, spawned_at) };
        worker.main.set(Some(task));
        let interrupts = Interrupts::listen(shared, Target::Main(Counted::of(task)));
        worker.run_until(|| worker.is_main_done());
        worker.main.set(None);
        // SAFETY: the handle's reference; its output is main's.
        let mut join = unsafe { Join::<F::Output>::new(task) };
        let ended = join.try_take().expect("main has ended");
        join.drop_handle();
        std::mem::forget(abort);
        let signal = interrupts.as_ref().and_then(Interrupts::cancelled_by);
        drop(interrupts);
        if signal.is_some() && matches!(ended, Err(TaskError::Cancelled)) {
            self.interrupted_by = signal;
            return Err(RunError::Interrupted);
        }
        Ok(ended)
    }

    /// Ends the runtime, if there is one.
    fn close(&mut self) {
        if let Some(Runtime { shared, worker }) = self.runtime.take() {
            let interrupts = Interrupts::listen(&shared, Target::End);
            super::shutdown::shut_down(&shared, &worker);
            drop(interrupts);
        }
    }

    /// Lets all workers come to rest.
    fn freeze(&self) {
        if let Some(Runtime { shared, .. }) = &self.runtime {
            shared.phase.set(Phase::Frozen);
            shared.unpark_others();
            shared.threads.wait_until_frozen(FREEZE_AT_MOST);
        }
    }
}

impl Default for Runner {
    fn default() -> Runner {
        Runner::new()
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Main's value, or its panic.
fn settle<T>(ended: Result<T, TaskError>) -> T {
    match ended {
        Ok(value) => value,
        Err(TaskError::Panicked(panic)) => panic.resume(),
        Err(error) => panic!("main ended without a value: {error}"),
    }
}

/// Main's future lies in task memory but borrows from this thread's stack: nothing may unwind past it.
struct AbortOnUnwind;

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        eprintln!("raddle: the scheduler itself panicked; this is a bug in raddle");
        std::process::abort();
    }
}

/// Why a program could not be run.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError {
    /// The system refused what worker 0 needs.
    Io(io::Error),
    /// Main was cancelled by Ctrl-C.
    Interrupted,
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::Io(error) => write!(f, "the runtime could not be started: {error}"),
            RunError::Interrupted => f.write_str("main was cancelled by Ctrl-C"),
        }
    }
}

impl Error for RunError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            RunError::Io(error) => Some(error),
            RunError::Interrupted => None,
        }
    }
}
