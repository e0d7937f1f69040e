//! Running a program: `run` and `Runner`.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use raddle_io::reactor::Reactor;

use super::deadlock::report_deadlocks;
use super::handle::Handle;
use super::inspect::find_task;
use super::inspector::Inspector;
use super::interrupt::{Interrupts, Target, end_process_by};
use super::run_error::RunError;
use crate::harness::ambient;
use crate::harness::create::create_main;
use crate::harness::join::{Counted, Join, is_current};
use crate::scheduler::config::Config;
use crate::scheduler::context;
use crate::scheduler::phase::Phase;
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
/// `main` need be neither `Send` nor `'static`. It stays on this thread, so nobody can go on with it while another task
/// holds this thread in its poll. While main itself blocks, its tasks, timers and sockets are served by other workers, and
/// by spare ones where all are blocked.
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
    pub(super) config: Config,
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
    /// Answers questions from outside, if that was asked for.
    inspector: Option<Inspector>,
}

impl Runner {
    /// A runtime with a worker per available core.
    pub fn new() -> Runner {
        Runner::with_config(Config { is_own_waker: is_current, find_task, report_deadlocks, ..Config::default() })
    }

    pub(super) fn with_config(config: Config) -> Runner {
        Runner { config, runtime: None, interrupted: None, is_interruption_known: false, _local: PhantomData }
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
        let Runtime { shared, worker, .. } = match self.begin() {
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
        self.runtime().map(|runtime| Handle::of(runtime.shared.clone()))
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
            let reactor = Reactor::new(self.config.clock.clone()).map_err(RunError::Io)?;
            let (shared, seed) = Shared::new(self.config.settled());
            shared.set_reactor(0, reactor.clone());
            let worker = Box::new(Worker::new(shared.clone(), seed, reactor));
            worker.main_context.replace(HeldContext::Own(ambient::copy()));
            let inspector = if shared.config.is_inspected() { Inspector::start(&shared) } else { None };
            self.runtime = Some(Runtime { shared, worker, inspector });
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
        let Runtime { shared, worker, .. } = self.begin()?;
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
        let Some(Runtime { shared, worker, inspector }) = self.runtime.take() else { return };
        if shared.process.is_current() {
            super::shutdown::shut_down(&shared, &worker);
            drop(inspector);
        } else {
            // A fork of ours: it waits for no thread, and what the tasks hold is the parent's.
            std::mem::forget((shared, worker, inspector));
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
    if shared.config.watches_main {
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

#[cfg(test)]
#[path = "lookup_tests.rs"]
mod lookup_tests;
