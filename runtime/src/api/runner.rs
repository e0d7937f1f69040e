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
use super::interrupt::{Interrupts, Target, end_process_by};
use crate::harness::ambient;
use crate::harness::create::create_main;
use crate::harness::join::{Counted, Join, is_current};
use crate::scheduler::config::Config;
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
    /// What cancelled the last main, still handled: it is about to end the process, or the caller will be told.
    interrupted: Option<(Signal, Interrupts)>,
    /// The caller was told that the last run was interrupted.
    is_interruption_known: bool,
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
        Runner::with_config(Config { is_own_waker: is_current, find_task, ..Config::default() })
    }

    pub(super) fn with_config(config: Config) -> Runner {
        Runner { config, runtime: None, interrupted: None, is_interruption_known: false, _local: PhantomData }
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
    /// Main's async cleanup and that of all other tasks is awaited, and then the process ends the way SIGINT ends one
    /// (status 130 in a shell); [`try_run`](Runner::try_run) returns [`RunError::Interrupted`] instead. A second Ctrl-C
    /// cuts the cleanup, a third has its default action. If main gives its value all the same, that is returned.
    ///
    /// Nothing is done where SIGINT does not have its default action when a run begins (a shell lets its background jobs
    /// ignore it), and while somebody listens to it ([`ctrl_c`](crate::signal::ctrl_c)). When the run is over, the
    /// default action is put back. One that comes while the runner is dropped is raised again after the cleanup.
    ///
    /// # Examples
    /// ```standalone_crate
    /// use std::future::pending;
    /// use raddle::{FinallyExt, RunError, Runner};
    ///
    /// # // A shell lets its background jobs ignore it.
    /// # unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
    /// let serve = async {
    /// #   rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::INT).unwrap();
    ///     pending::<()>().await // until somebody presses Ctrl-C
    /// };
    /// let serve = serve.finally(|_exit| async { println!("saved") });
    /// let ended = Runner::new().handle_ctrl_c(true).try_run(serve);
    /// assert!(matches!(ended, Err(RunError::Interrupted)));
    /// ```
    pub fn handle_ctrl_c(mut self, on: bool) -> Runner {
        self.config.ctrl_c = on;
        self
    }

    /// Lets the first Ctrl-C or SIGTERM ask every task to stop ([`stop_requested`](crate::stop_requested)), and cancels
    /// main if it has not ended `patience` later. The second one cancels main at once, the third cuts its cleanup.
    ///
    /// A main that returns when it was asked to stop gives its value, as always. For the rest see
    /// [`handle_ctrl_c`](Runner::handle_ctrl_c), which need not be asked for besides.
    ///
    /// # Examples
    /// ```standalone_crate
    /// use std::time::Duration;
    /// use raddle::{Runner, run_until_stopped, sleep};
    ///
    /// let rounds = Runner::new().graceful(Duration::from_secs(10)).run(async {
    ///     let mut rounds = 0;
    /// #   rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM).unwrap();
    ///     while let Some(()) = run_until_stopped(sleep(Duration::from_millis(1))).await {
    ///         rounds += 1;
    ///     }
    ///     rounds
    /// });
    /// println!("{rounds} rounds");
    /// ```
    pub fn graceful(mut self, patience: Duration) -> Runner {
        self.config.graceful = Some(patience);
        self
    }

    /// Reports each poll that lasts longer than `limit` through `on_exception`, while it lasts: the task in it keeps
    /// its worker from all others. The handler is called on the thread that looks after stuck workers, too, so it should
    /// be short.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// let (tell, told) = std::sync::mpsc::channel();
    /// let runner = raddle::Runner::new().slow_poll(Duration::from_millis(5));
    /// let mut runner = runner.on_exception(move |context| tell.send(context.task.clone()).unwrap());
    /// runner.run(async {
    ///     let task = told.recv().unwrap(); // blocks until that is reported
    ///     assert_eq!(&*task.unwrap().name, "Task-1");
    /// });
    /// ```
    pub fn slow_poll(mut self, limit: Duration) -> Runner {
        self.config.slow_poll = Some(limit);
        self
    }

    /// Reports what a program should not do: so far, polls that last longer than 100 ms, unless
    /// [`slow_poll`](Runner::slow_poll) says otherwise. The environment variable `RADDLE_DEBUG=1` does the same where
    /// this is not called.
    pub fn debug(mut self, on: bool) -> Runner {
        self.config.debug = Some(on);
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
            Err(error) => {
                self.end_process_if_interrupted();
                panic!("Runner::run: {error}")
            }
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
        self.is_interruption_known = self.interrupted.take().is_some();
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
        let Runtime { shared, worker } = match self.begin() {
            Ok(runtime) => runtime,
            Err(error) => panic!("Runner::run_forever: {error}"),
        };
        let interrupts = Interrupts::begin(shared, Target::Forever);
        thaw(shared);
        worker.run_forever();
        self.interrupted = interrupts.and_then(interrupted);
        self.freeze();
        // After the freeze: whoever asked again meanwhile meant this run, and not the next.
        if let Some(Runtime { shared, .. }) = &self.runtime {
            shared.forget_stop();
        }
        self.end_process_if_interrupted();
    }

    /// The runtime from outside; also before the first run, whose tasks then wait for it.
    ///
    /// # Panics
    /// When the system refuses an epoll instance.
    #[track_caller]
    pub fn handle(&mut self) -> Handle {
        self.try_handle().unwrap_or_else(|error| panic!("Runner::handle: {error}"))
    }

    pub(super) fn try_handle(&mut self) -> Result<Handle, RunError> {
        self.runtime().map(|runtime| Handle(runtime.shared.clone()))
    }

    /// The settings, of a runtime that is none yet.
    #[track_caller]
    pub(super) fn into_config(self) -> Config {
        assert!(
            self.runtime.is_none(),
            "Runner::in_background after a run or `handle`: the runtime is this thread's by now; use `run_forever`"
        );
        self.config.clone()
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
            let (shared, seed) = Shared::new(self.config.settled());
            shared.set_reactor(0, reactor.clone());
            let worker = Box::new(Worker::new(shared.clone(), seed, reactor));
            worker.main_context.replace(HeldContext::Own(ambient::copy()));
            self.runtime = Some(Runtime { shared, worker });
        }
        Ok(self.runtime.as_mut().expect("made above"))
    }

    /// The runtime, for a run. Its workers stand still until [`thaw`].
    #[track_caller]
    fn begin(&mut self) -> Result<&mut Runtime, RunError> {
        assert!(
            context::current().is_none(),
            "raddle::run inside a running task would stop its worker: `.await` the future, or use `create_task`"
        );
        self.is_interruption_known = false;
        let runtime = self.runtime()?;
        runtime.shared.process.check().map_err(RunError::Io)?;
        runtime.shared.ending.renew();
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
        let interrupts = Interrupts::begin(shared, Target::Main(Counted::of(task)));
        thaw(shared);
        worker.run_until(|| worker.is_main_done());
        worker.main.set(None);
        // SAFETY: the handle's reference; its output is main's.
        let mut join = unsafe { Join::<F::Output>::new(task) };
        let ended = join.try_take().expect("main has ended");
        join.drop_handle();
        std::mem::forget(abort);
        if matches!(ended, Err(TaskError::Cancelled)) {
            self.interrupted = interrupts.and_then(interrupted);
        }
        if self.interrupted.is_some() { Err(RunError::Interrupted) } else { Ok(ended) }
    }

    /// Does what the signal that interrupted a run does, after all has been cleaned up. Another one cuts that short.
    fn end_process_if_interrupted(&mut self) {
        if let Some((signal, interrupts)) = self.interrupted.take() {
            self.close();
            drop(interrupts);
            end_process_by(signal);
        }
    }

    /// Ends the runtime, if there is one.
    fn close(&mut self) {
        let Some(Runtime { shared, worker }) = self.runtime.take() else { return };
        if shared.process.is_current() {
            super::shutdown::shut_down(&shared, &worker);
        } else {
            // A fork of ours: it waits for no thread, and what the tasks hold is the parent's.
            std::mem::forget((shared, worker));
        }
    }

    /// Lets all workers come to rest.
    fn freeze(&self) {
        if let Some(Runtime { shared, .. }) = &self.runtime
            && shared.process.is_current()
        {
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
        let Some(Runtime { shared, .. }) = &self.runtime else { return };
        if !shared.process.is_current() {
            return self.close();
        }
        let is_known = self.is_interruption_known;
        let interrupts = Interrupts::begin(shared, Target::End { is_known });
        self.close();
        let signal = interrupts.and_then(Interrupts::finish);
        // There is no other way to tell anybody.
        if let Some(signal) = signal.filter(|_| !is_known) {
            end_process_by(signal);
        }
    }
}

/// Lets all workers run. What is there from an earlier run goes on at once, so signals are handled by now.
fn thaw(shared: &Shared) {
    shared.phase.set(Phase::Running);
    shared.threads.notify_all();
    if shared.config.slow_poll.is_some() {
        shared.start_watchdog();
    }
}

/// The signal that interrupted a run, if one did.
fn interrupted(interrupts: Interrupts) -> Option<(Signal, Interrupts)> {
    interrupts.run_ended();
    let signal = interrupts.cancelled_by()?;
    Some((signal, interrupts))
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
    /// Main was cancelled by Ctrl-C, or SIGTERM.
    Interrupted,
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::Io(error) => write!(f, "the runtime could not be started: {error}"),
            RunError::Interrupted => f.write_str("main was cancelled by Ctrl-C or SIGTERM"),
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

#[cfg(test)]
#[path = "lookup_tests.rs"]
mod lookup_tests;
