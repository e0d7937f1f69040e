//! What a [`Runner`] can be told before its first run.

use std::sync::Arc;
use std::time::Duration;

use raddle_io::Clock;

use super::runner::Runner;
use crate::scheduler::report::ExceptionContext;

impl Runner {
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
    /// (status 130 in a shell); [`try_run`](Runner::try_run) returns
    /// [`RunError::Interrupted`](crate::RunError::Interrupted) instead. A second Ctrl-C cuts the cleanup, a third has its
    /// default action. If main gives its value all the same, that is returned.
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

    /// Reports each poll that lasts longer than `limit` through `on_exception`, or on stderr, while it lasts: the task in
    /// it keeps its worker from all others. The report names the worker and the task with the line that created it, and says
    /// how long it has lasted and whether it is blocked in the system, computes, or waits for a processor. When the poll is
    /// over, a second report says how long it took. Times are right to a few milliseconds.
    ///
    /// In debug builds, polls over 100 ms are reported unless this, or `debug(false)`, says otherwise (from the first
    /// [`create_task`](crate::create_task) on; where this is called, main is watched from the beginning). In release builds
    /// none are. `slow_poll(Duration::MAX)` turns it off, and so does `RADDLE_DEBUG=0`.
    ///
    /// What is blocked does not hold other tasks up where another worker, or a spare one, takes them over. Main and tasks by
    /// [`create_local_task`](crate::create_local_task) cannot move: they wait for the worker that they are pinned to. And
    /// with `workers(1)` nobody can take over. Such code belongs into [`to_thread`](crate::to_thread). The handler is
    /// called on the thread that looks after stuck workers, so it should be short.
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

    /// Reports what a program should not do, through `on_exception`: polls that last longer than 100 ms, unless
    /// [`slow_poll`](Runner::slow_poll) says otherwise, and tasks that wait for each other, as
    /// [`Handle::deadlocks`](crate::Handle::deadlocks) finds them, within a second or two. The environment variable
    /// `RADDLE_DEBUG=1` does the same where this is not called.
    pub fn debug(mut self, on: bool) -> Runner {
        self.config.debug = Some(on);
        self
    }

    /// Lets the command `raddle ps PID`, `raddle pstree PID` or `raddle top PID` ask this runtime what its workers
    /// do, which tasks there are, what each waits for, and who waits for each other; also while all workers are
    /// stuck. The environment variable `RADDLE_INSPECT=1` does the same where this is not called.
    ///
    /// The program's own user and root may ask. It takes a thread, which sleeps until somebody does, and a socket in
    /// `$XDG_RUNTIME_DIR/raddle`, or `/tmp/raddle-UID` where that variable is not set: a folder of the user's alone. What
    /// keeps the first runtime of a process from that is reported through `on_exception`. Those who ask badly, or too many
    /// at once, cost the program 16 files, a few answers in memory, and a quarter of a core at most; workers wait for none.
    /// Workers note which task they poll, which costs two stores for each poll.
    pub fn inspect(mut self, on: bool) -> Runner {
        self.config.inspect = Some(on);
        self
    }

    /// How many polls there are to one that is timed, on average: for [`Metrics`](crate::Metrics), which tell how long polls
    /// take and how long tasks are queued before. 512 unless said otherwise; 1 times all, 0 none.
    ///
    /// Which polls these are is chosen at random. One that is not timed costs nothing but a count; one that is costs less
    /// than half a microsecond, for three looks at the clock and a lock, and its task takes about 100 bytes more while it is
    /// queued. A server that has few polls, and long ones, can afford to time one in 10.
    ///
    /// # Examples
    /// ```
    /// use raddle::{Handle, Runner};
    ///
    /// let polls = Runner::new().sample_polls(0).run(async { Handle::current().metrics().poll_time() });
    /// assert!(polls.is_empty());
    /// ```
    pub fn sample_polls(mut self, every: u32) -> Runner {
        self.config.sample_polls = every;
        self
    }

    /// The clock that timers go by. Tests take [`Clock::auto`], whose time jumps to the next deadline whenever nothing can
    /// run, or [`Clock::manual`], which is moved by hand; with any number of workers. One clock is one runtime's at a
    /// time.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use raddle::{Clock, Instant, Runner, create_task, sleep};
    ///
    /// const HOUR: Duration = Duration::from_secs(3600);
    /// Runner::new().workers(8).clock(Clock::auto()).run(async {
    ///     let begun = Instant::now();
    ///     let tasks: Vec<_> = (1..=100).map(|n| create_task(sleep(n * HOUR))).collect();
    ///     for task in tasks {
    ///         task.await.unwrap();
    ///     }
    ///     assert_eq!(begun.elapsed(), 100 * HOUR); // at once
    /// });
    /// ```
    pub fn clock(mut self, clock: Clock) -> Runner {
        self.config.clock = clock;
        self
    }
}
