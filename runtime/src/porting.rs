//! Coming from asyncio, or from tokio: what is called what, and where a program that looks the same does something
//! else.
//!
//! # Names: asyncio
//!
//! | asyncio | raddle | |
//! |---|---|---|
//! | `run`, `Runner` | [`run`](crate::run), [`Runner`](crate::Runner), [`#[raddle::main]`](crate::main) | main stays on the calling thread |
//! | `create_task(c, name=, context=)` | [`create_task`](crate::create_task), [`TaskBuilder`](crate::TaskBuilder) | may run elsewhere at once |
//! | `Task`, `cancel`, `done`, `cancelled` | [`Task`](crate::Task), `cancel`, `is_done`, `is_cancelled` | dropping a handle: see below |
//! | `Task.result`, `exception` | [`Task::try_result`](crate::Task::try_result), or await it | a result is given once |
//! | `add_done_callback` | [`Task::on_done`](crate::Task::on_done) | |
//! | `current_task`, `all_tasks` | [`current_task`](crate::current_task), [`all_tasks`](crate::all_tasks) | |
//! | `sleep`, `sleep(0)` | [`sleep`](crate::sleep), [`yield_now`](crate::yield_now) | |
//! | `gather(return_exceptions=True)` | [`gather`](crate::gather) | in place, not as tasks |
//! | `gather` | [`try_gather`](crate::try_gather) | the first error cancels the others; `.keep_going()` does not |
//! | `TaskGroup` | [`task_group`](crate::task_group) | every error is kept |
//! | `timeout`, `wait_for` | [`timeout`](crate::timeout), [`wait_for`](crate::wait_for), [`deadline`](crate::deadline) | |
//! | `wait`, `as_completed` | [`wait`](crate::wait), [`as_completed`](crate::as_completed) | places instead of sets |
//! | `shield` | [`shield`](crate::shield), or `(&mut task).await` | |
//! | `try: … finally: await …` | [`finally`](crate::FinallyExt::finally), [`with`](crate::with()), [`defer_async`](crate::defer_async) | |
//! | `to_thread`, `run_in_executor` | [`to_thread`](crate::to_thread) | |
//! | `run_coroutine_threadsafe` | [`Handle::create_task`](crate::Handle::create_task) | |
//! | `call_soon`, `call_later`, `call_at` | [`call_soon`](crate::call_soon), [`call_later`](crate::call_later), [`call_at`](crate::call_at) | |
//! | `call_soon_threadsafe` | [`Handle::call_soon`](crate::Handle::call_soon) | |
//! | `loop.run_forever`, `loop.stop` | [`Runner::run_forever`](crate::Runner::run_forever), [`Handle::stop`](crate::Handle::stop) | |
//! | AnyIO's `BlockingPortal` | [`Runner::in_background`](crate::Runner::in_background) | |
//! | `get_running_loop` | [`Handle::current`](crate::Handle::current) | |
//! | `loop.time` | [`Instant::now`](crate::Instant::now) | |
//! | `loop.create_future` | [`promise`](crate::promise) | two halves |
//! | `Lock` | [`Mutex`](crate::Mutex), [`Lock`](crate::Lock) | |
//! | `Event`, `Condition`, `Semaphore`, `Barrier` | [`Event`](crate::Event), [`Condition`](crate::Condition), [`Semaphore`](crate::Semaphore), [`Barrier`](crate::Barrier) | |
//! | `Queue`, `PriorityQueue`, `LifoQueue` | [`Queue`](crate::Queue), [`PriorityQueue`](crate::PriorityQueue), [`LifoQueue`](crate::LifoQueue) | from any thread |
//! | `contextvars.ContextVar` | [`context_var!`](crate::context_var), [`ContextVar`](crate::ContextVar) | |
//! | `copy_context`, `Context.run` | [`copy_context`](crate::copy_context), [`TaskContext::run`](crate::TaskContext::run) | |
//! | `loop.add_signal_handler`, Ctrl-C | [`signal`](mod@crate::signal), [`Runner::handle_ctrl_c`](crate::Runner::handle_ctrl_c) | |
//! | `open_connection`, `StreamReader`, `StreamWriter` | [`open_connection`](crate::open_connection), [`StreamReader`](crate::StreamReader), [`StreamWriter`](crate::StreamWriter) | a read that is cancelled loses nothing |
//! | `readline`, `readexactly`, `readuntil`, `at_eof` | `read_line`, `read_exactly`, `read_until`, `is_at_eof` | |
//! | `IncompleteReadError`, `LimitOverrunError` | [`ReadError`](crate::ReadError) | also for a line that is too long |
//! | `start_server`, `Server` | [`start_server`](crate::start_server), [`Server`](crate::Server) | a cancelled `serve_forever` waits for nobody |
//! | `set_exception_handler` | [`Runner::on_exception`](crate::Runner::on_exception) | |
//! | `CancelledError` | [`TaskError::Cancelled`](crate::TaskError::Cancelled) | never seen by the one it happens to |
//! | `InvalidStateError` | the types rule it out | |
//! | `uncancel`, `cancelling` | not needed | whoever drops knows that it did |
//!
//! # Names: tokio
//!
//! | tokio | raddle | |
//! |---|---|---|
//! | `Builder`, `Runtime`, `block_on` | [`Runner`](crate::Runner), [`run`](crate::run) | main is a task, too |
//! | `spawn`, `spawn_local` | [`create_task`](crate::create_task), [`create_local_task`](crate::create_local_task) | no `LocalSet` |
//! | `JoinHandle`, `abort` | [`Task`](crate::Task), [`Task::cancel`](crate::Task::cancel) | dropping a handle: see below |
//! | `AbortHandle` | [`Canceller`](crate::Canceller) | |
//! | `JoinError` | [`TaskError`](crate::TaskError) | |
//! | `spawn_blocking` | [`to_thread`](crate::to_thread) | |
//! | `block_in_place` | not needed | a worker that blocks is relieved |
//! | `join!`, `try_join!`, `select!` | [`gather`](crate::gather), [`try_gather`](crate::try_gather), [`race`](crate::race) | functions of tuples, arrays, iterables |
//! | `JoinSet` | [`task_group`](crate::task_group), [`as_completed`](crate::as_completed) | |
//! | `CancellationToken` | [`CancelScope`](crate::CancelScope); [`Task::stop`](crate::Task::stop) to ask | |
//! | `time::sleep`, `timeout`, `interval` | [`sleep`](crate::sleep), [`timeout`](crate::timeout), [`interval`](crate::interval) | the clock starts later: see below |
//! | `time::pause` | [`Clock::auto`](crate::Clock::auto), `#[raddle::test(clock = auto)]` | with any number of workers |
//! | `time::advance` | [`Clock::manual`](crate::Clock::manual) and [`advance`](crate::Clock::advance), `#[raddle::test(clock = manual)]` | goes from deadline to deadline, and returns when what was due has been done |
//! | `mpsc`, `broadcast`, `watch` | [`Queue`](crate::Queue), [`channel`](crate::channel), [`broadcast`](crate::broadcast), [`watch`](crate::watch) | |
//! | `oneshot` | [`promise`](crate::promise) | |
//! | `Notify` | [`Event`](crate::Event) | |
//! | `Mutex`, `RwLock`, `Semaphore`, `OnceCell` | [`Mutex`](crate::Mutex), [`RwLock`](crate::RwLock), [`Semaphore`](crate::Semaphore), [`OnceCell`](crate::OnceCell) | |
//! | `task_local!` | [`context_var!`](crate::context_var) | inherited by new tasks |
//! | `signal::ctrl_c` | [`signal::ctrl_c`](crate::signal::ctrl_c), [`Runner::graceful`](crate::Runner::graceful) | |
//! | `Handle::spawn`, `Handle::block_on` | [`Handle::create_task`](crate::Handle::create_task), [`Handle::block_on`](crate::Handle::block_on) | |
//! | `net::TcpStream`, `TcpListener` | [`TcpStream`](crate::TcpStream), [`TcpListener`](crate::TcpListener) | read and write take `&self` |
//! | `AsyncRead`, `AsyncWrite` | the sockets have them | feature `tokio` |
//! | `axum::serve`, `hyper_util::rt` | `serve`, `HyperExecutor`, `HyperTimer` | features `tower`, `hyper` |
//! | `tokio_rustls` | `open_connection(..).tls(..)`, `start_server(..).tls(..)`, `start_tls` | feature `tls`; a connection that is cut is an error |
//! | what needs tokio itself | `tokio_context`, `TokioContext` | feature `tokio-context`; runs on raddle's workers |
//!
//! # Traps
//!
//! ## What starts when called, and what does not
//!
//! What makes a task or takes a thread starts when it is called. What works in place does nothing before it is
//! awaited, and its clock stands until then: a `sleep` that is made now and awaited in a minute ends a minute later
//! than tokio's would.
//!
//! ```
//! # use std::time::Duration;
//! use raddle::{Clock, Instant, Runner, create_task, sleep};
//! # Runner::new().workers(1).clock(Clock::auto()).run(async {
//! let start = Instant::now();
//! let made = sleep(Duration::from_secs(10)); // not running yet
//! let task = create_task(sleep(Duration::from_secs(10))); // running
//! sleep(Duration::from_secs(60)).await;
//! assert!(task.is_done());
//! made.await;
//! assert_eq!(start.elapsed().as_secs(), 70);
//! # });
//! ```
//!
//! ## Between two awaits others run, too
//!
//! In asyncio, code between two awaits cannot be interrupted, and a new task waits for its creator to suspend. On
//! several workers neither holds: a task may be on another core before `create_task` has returned. The compiler asks
//! for `Send` and `Sync` where memory is shared, but a check and the act that follows it must be brought together by
//! hand. A program that relies on asyncio's order asks for `workers(1)`.
//!
//! ```
//! # use std::sync::atomic::{AtomicU32, Ordering};
//! # use std::sync::Arc;
//! use raddle::{Runner, create_task};
//! # Runner::new().workers(2).run(async {
//! let seats = Arc::new(AtomicU32::new(1));
//! let buy = |seats: Arc<AtomicU32>| async move {
//!     // Not `if seats.load() > 0 { seats.fetch_sub(1) }`: two tasks may both see the last one.
//!     seats.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1)).is_ok()
//! };
//! let tasks = [create_task(buy(seats.clone())), create_task(buy(seats.clone()))];
//! let mut sold = 0;
//! for task in tasks {
//!     sold += u32::from(task.await.unwrap());
//! }
//! assert_eq!(sold, 1);
//! # });
//! ```
//!
//! ## Cancellation is a drop, and nobody can refuse it
//!
//! There is no exception to catch: at its present await the future is dropped, by a worker, never in the stack of the
//! one who asks. What must happen in any case belongs into a `Drop`,
//! or, if it awaits, into a `finally`. A poll that is under way is finished first, and if
//! it gives the value, the value wins. [`is_cancelled`](crate::Task::is_cancelled) is false until the drop is done. A
//! task that is cancelled before its first poll never begins: what it was given is dropped, what its body would have
//! made is not there.
//!
//! ```
//! use raddle::{TaskError, create_task, promise};
//! # raddle::run(async {
//! struct Closes(Option<raddle::Promise<&'static str>>);
//! impl Drop for Closes {
//!     fn drop(&mut self) {
//!         let _ = self.0.take().unwrap().set("closed");
//!     }
//! }
//! let (close, closed) = promise();
//! let connection = Closes(Some(close)); // made here, so that it is closed also if the task never begins
//! let task = create_task(async move {
//!     let _connection = connection;
//!     std::future::pending::<()>().await;
//! });
//! assert!(task.cancel());
//! assert_eq!(closed.await.unwrap(), "closed");
//! assert!(matches!(task.await, Err(TaskError::Cancelled)));
//! # });
//! ```
//!
//! ## Cleanup that awaits
//!
//! What stands in a `finally:` with awaits is [`finally`](crate::FinallyExt::finally) here, and what is in an
//! `async with` is [`with`](crate::with()). Both run when the future is cancelled, too, and whoever cancelled it waits:
//! `timeout` may return later than its deadline, a task that was cancelled is not done before, and `run` returns last
//! of all. The grace period bounds that; what exceeds it is dropped and reported.
//!
//! ```
//! # use std::time::Duration;
//! use raddle::{Clock, FinallyExt, Instant, Runner, sleep, timeout};
//! # Runner::new().workers(1).clock(Clock::auto()).run(async {
//! let second = Duration::from_secs(1);
//! let start = Instant::now();
//! let session = sleep(60 * second).finally(move |_exit| sleep(2 * second)); // says goodbye
//! assert!(timeout(second, session).await.is_err());
//! assert_eq!(start.elapsed(), 3 * second);
//! # });
//! ```
//!
//! ## Who wants to refuse a cancellation
//!
//! A coroutine may catch `CancelledError` and return a value. A drop cannot be refused, so the wish has other names:
//! "please come to an end" is [`Task::stop`](crate::Task::stop), which a task may answer with a value;
//! "finish this part in any case" is [`protect`](crate::protect); and "let it run, I am leaving" is
//! [`shield`](crate::shield).
//!
//! ```
//! use raddle::{create_task, stop_requested, yield_now};
//! # raddle::run(async {
//! let task = create_task(async {
//!     stop_requested().await;
//!     "saved what there was"
//! });
//! task.stop();
//! assert_eq!(task.await.unwrap(), "saved what there was");
//! # });
//! ```
//!
//! ## Errors in a group
//!
//! The first failure cancels the others, all are awaited, and every error is kept, as in asyncio. Instead of `except*`
//! there is [`GroupError::errors`](crate::GroupError::errors). A group that is dropped by force, by a timeout say,
//! still ends its tasks first; errors that nobody is left to be given go to `on_exception`.
//!
//! ```
//! use raddle::{TaskGroup, task_group};
//! # raddle::run(async {
//! let error = task_group(async |g: TaskGroup| {
//!     g.create_task(async { Ok("seven".parse::<u32>()?) });
//!     std::future::pending::<()>().await; // ended by the error
//!     Ok(())
//! })
//! .await
//! .unwrap_err();
//! assert_eq!(error.errors().count(), 1);
//! # });
//! ```
//!
//! ## Dropping a handle
//!
//! A handle that was never awaited detaches when it is dropped, as tokio's does, and the runtime keeps the task alive,
//! which asyncio's does not. A handle that somebody was awaiting, and that is dropped unfinished, takes its task along,
//! as in asyncio: a timeout around a task cancels the task. To keep it, await `&mut task`, or
//! [`detach`](crate::Task::detach).
//!
//! ```
//! # use std::time::Duration;
//! use raddle::{Clock, Runner, create_task, sleep, timeout};
//! # Runner::new().workers(1).clock(Clock::auto()).run(async {
//! let second = Duration::from_secs(1);
//! let task = create_task(sleep(2 * second));
//! let canceller = task.canceller();
//! assert!(timeout(second, task).await.is_err());
//! sleep(Duration::ZERO).await;
//! assert!(canceller.is_done());
//!
//! let mut kept = create_task(async move {
//!     sleep(2 * second).await;
//!     "done"
//! });
//! assert!(timeout(second, &mut kept).await.is_err());
//! assert_eq!(kept.await.unwrap(), "done");
//! # });
//! ```
//!
//! ## A result is taken once
//!
//! Awaiting moves the value out, so a second await of the same handle panics and says so. Who needs it twice keeps it.
//! A task that returns a `Result` has two ways to fail, its own and the task's; [`flatten`](crate::Task::flatten)
//! makes them one. Such an `Err` that nobody awaits is dropped in silence, while a panic that nobody awaits is
//! reported through [`on_exception`](crate::Runner::on_exception); [`spawn_reported`](crate::spawn_reported) and task
//! groups lose neither.
//!
//! ```
//! use raddle::{BoxError, create_task};
//! # raddle::run(async {
//! let parse = |text: &'static str| create_task(async move { Ok::<u32, BoxError>(text.parse()?) });
//! assert_eq!(parse("7").flatten().await.unwrap(), 7);
//! assert!(parse("seven").await.unwrap().is_err());
//! # });
//! ```
//!
//! ## `gather` is no task
//!
//! Its futures run side by side inside the awaiting task: they may borrow, they share its context variables, and they
//! use one core. Wrapped in [`create_task`](crate::create_task), they use all cores and have copies.
//!
//! ```
//! use raddle::{context_var, create_task, gather};
//! context_var! { static STEP: u32 = 0 }
//! # raddle::run(async {
//! let words = vec!["one".to_owned(), "two".to_owned()];
//! let lengths = gather(words.iter().map(|word| async move { word.len() })).await;
//! assert_eq!(lengths, [3, 3]);
//!
//! gather([async { STEP.set(1) }]).await;
//! gather([create_task(async { STEP.set(2) })]).await;
//! assert_eq!(STEP.get(), 1);
//! # });
//! ```
//!
//! ## A timeout looks at the result first
//!
//! A future that is ready is ready, also when its time is up; a timeout of zero still gives it one poll.
//! [`wait_for`](crate::wait_for) has asyncio's order of arguments, [`timeout`](crate::timeout) the other one.
//!
//! ```
//! # use std::time::Duration;
//! # raddle::run(async {
//! assert_eq!(raddle::timeout(Duration::ZERO, async { 1 }).await, Ok(1));
//! assert!(raddle::wait_for(std::future::pending::<()>(), Duration::ZERO).await.is_err());
//! # });
//! ```
//!
//! ## A promise that is given up says so
//!
//! An asyncio future that nobody resolves hangs its awaiter for ever. Here the half that gives the value consumes
//! itself, so it can be given once; dropped, it wakes the other half with [`Abandoned`](crate::Abandoned).
//!
//! ```
//! # raddle::run(async {
//! let (promise, pending) = raddle::promise::<u32>();
//! drop(promise);
//! assert!(pending.await.is_err());
//! # });
//! ```
//!
//! ## Work that is taken from a queue and not done
//!
//! A worker that is cancelled between `get` and `task_done` leaves `join` waiting for ever. What
//! [`get_job`](crate::Queue::get_job) gives counts as done when it is dropped, however that comes about.
//!
//! ```
//! use raddle::{Queue, create_task};
//! # raddle::run(async {
//! let queue = Queue::unbounded();
//! queue.try_put("job").unwrap();
//! let taken = queue.clone();
//! let worker = create_task(async move {
//!     let _job = taken.get_job().await.unwrap();
//!     std::future::pending::<()>().await;
//! });
//! raddle::yield_now().await;
//! worker.cancel();
//! queue.shutdown();
//! while queue.get_job().await.is_ok() {}
//! queue.join().await;
//! # });
//! ```
//!
//! ## Waiters are served in order
//!
//! A lock, an item or a set event goes to those who wait, in the order in which they came, by hand-over: who comes
//! later does not overtake, not even one who finds the lock free for a moment. `Event::set` releases everybody who
//! waits at that time, also if `clear` follows at once.
//!
//! ```
//! # use std::sync::Arc;
//! use raddle::{Event, Runner, create_task, yield_now};
//! # Runner::new().workers(1).run(async {
//! let event = Arc::new(Event::new());
//! let waiting = event.clone();
//! let task = create_task(async move { waiting.wait().await });
//! yield_now().await;
//! event.set();
//! event.clear();
//! task.await.unwrap();
//! # });
//! ```
//!
//! ## Calls that block
//!
//! A task that blocks its thread delays few others: another worker takes over what waits behind it, but for local tasks
//! and main, which have no other home. It still occupies a worker, and of `workers(1)` there is no other. Long calls
//! belong into [`to_thread`](crate::to_thread); whoever awaits one may leave, but the call itself goes on, and the end
//! of the run waits for it. To start a runtime inside a task panics, and the text says what to do instead.
//!
//! ```
//! use raddle::{run, to_thread};
//! # run(async {
//! let nested = std::panic::catch_unwind(|| run(async {}));
//! assert!(nested.is_err()); // use `.await`
//! assert_eq!(to_thread(|| run(async { 1 })).await.unwrap(), 1); // a thread of its own may
//! # });
//! ```
//!
//! ## What does not leave its thread
//!
//! A task may go on on another thread after each await, so what it holds across an await must be `Send`: an `Rc`, or a
//! std lock's guard, is not. Let it go before, or keep the task at home with
//! [`create_local_task`](crate::create_local_task). Main needs neither: it never leaves its thread.
//!
//! ```compile_fail
//! # raddle::run(async {
//! let shared = std::rc::Rc::new(1);
//! raddle::create_task(async move { // the future is not `Send`
//!     raddle::yield_now().await;
//!     *shared
//! });
//! # });
//! ```
//! ```
//! # raddle::run(async {
//! let shared = std::rc::Rc::new(1);
//! let task = raddle::create_local_task(async move {
//!     raddle::yield_now().await;
//!     *shared
//! });
//! assert_eq!(task.await.unwrap(), 1);
//! # });
//! ```
//!
//! ## Context variables go along
//!
//! Unlike tokio's task locals, a variable's value is there in every task that is created below, as in asyncio. What
//! must not go along, a transaction say, is declared `#[no_inherit]`. And `set` is for good: to give a value back
//! afterwards, there is [`scope`](crate::ContextVar::scope) instead of a token.
//!
//! ```
//! use raddle::{context_var, create_task};
//! context_var! {
//!     static REQUEST: u64 = 0;
//!     #[no_inherit]
//!     static TRANSACTION: u64 = 0;
//! }
//! # raddle::run(async {
//! let seen = REQUEST
//!     .scope(7, TRANSACTION.scope(8, async {
//!         create_task(async { (REQUEST.get(), TRANSACTION.get()) }).await
//!     }))
//!     .await;
//! assert_eq!(seen.unwrap(), (7, 0));
//! assert_eq!(REQUEST.get(), 0);
//! # });
//! ```
//!
//! ## Callbacks and their handles
//!
//! To drop what [`call_later`](crate::call_later) gives changes nothing; [`cancel`](crate::CallHandle::cancel) takes
//! the callback back. A callback never runs in place.
//!
//! ```
//! # use std::time::Duration;
//! use raddle::{Clock, Runner, call_later, promise};
//! # Runner::new().workers(1).clock(Clock::auto()).run(async {
//! let (call, called) = promise();
//! drop(call_later(Duration::from_secs(1), move || drop(call.set(()))));
//! called.await.unwrap();
//! let never = call_later(Duration::from_secs(1), || unreachable!());
//! assert!(never.cancel());
//! # });
//! ```
//!
//! ## Time in tests
//!
//! [`Instant`](crate::Instant) is raddle's own, for a test's clock to be virtual: it jumps to the next deadline when
//! nothing can run on any worker. `std::time::Instant` would show that no time has passed.
//!
//! ```
//! # use std::time::Duration;
//! use raddle::{Clock, Instant, Runner, sleep};
//! let real = std::time::Instant::now();
//! Runner::new().workers(4).clock(Clock::auto()).run(async {
//!     let start = Instant::now();
//!     sleep(Duration::from_secs(86_400)).await;
//!     assert_eq!(start.elapsed(), Duration::from_secs(86_400));
//! });
//! assert!(real.elapsed() < Duration::from_secs(86_400));
//! ```
//!
//! ## The end
//!
//! When main ends, everything else is cancelled and awaited before `run` returns, within the grace period; nothing
//! goes on behind its back. What should be finished is awaited by main.
//!
//! ```
//! # use std::sync::Arc;
//! let alive = Arc::new(());
//! let inside = alive.clone();
//! raddle::run(async move {
//!     raddle::create_task(async move {
//!         let _inside = inside;
//!         std::future::pending::<()>().await;
//!     })
//!     .detach();
//! });
//! assert_eq!(Arc::strong_count(&alive), 1);
//! ```
