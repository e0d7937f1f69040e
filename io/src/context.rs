//! Where a thread finds its reactor: set by a worker when it starts, looked at when something has to wait.
//!
//! Sockets and sleeps know no runtime until they would block. Then they ask the thread that polls them.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Waker;
use std::time::Duration;

use crate::clock::{Clock, Instant};
use crate::fork;
use crate::nursery;
use crate::reactor::Reactor;
use crate::shim::Arc;

/// How names are looked up: a function that gives a future, so that the runtime can do it off its workers.
pub type ResolveFn = fn(String, u16) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// What a thread offers to the sockets and timers polled on it.
#[derive(Clone)]
pub struct Context {
    /// Where they register.
    pub reactor: Arc<Reactor>,
    /// How they look names up.
    pub resolve: ResolveFn,
    /// Where they say what nobody can return: a panic in a waker, a listener without file descriptors.
    pub report: fn(&str),
    /// Whether a waker is the own one of the task being polled; if so, the runtime calls [`settle`](crate::nursery::settle)
    /// after the poll. `None` where nobody would.
    pub young: Option<fn(&Waker) -> bool>,
    /// Whether this thread relieves reactors that have far more events than its own, which takes a core of its own.
    pub relieves: bool,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("reactor", &self.reactor).finish_non_exhaustive()
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Context>> = const { RefCell::new(None) };
}

const NO_RUNTIME: &str = "no raddle runtime on this thread: await this inside raddle::run, or in a task";
const CLOSED: &str = "the raddle runtime of this thread has shut down";

/// Leaves the context that [`enter`] entered when it is dropped.
#[derive(Debug)]
#[must_use = "the context is left when the guard is dropped"]
pub struct EnterGuard {
    previous: Option<Context>,
    /// A guard belongs to the thread that entered.
    not_send: PhantomData<*const ()>,
}

/// Makes `context` this thread's until the guard is dropped.
pub fn enter(context: Context) -> EnterGuard {
    nursery::close();
    EnterGuard { previous: CURRENT.replace(Some(context)), not_send: PhantomData }
}

impl Drop for EnterGuard {
    fn drop(&mut self) {
        nursery::close();
        let previous = self.previous.take();
        // The thread's locals may be gone already; then there is nothing to restore.
        let left = CURRENT.try_with(|current| current.replace(previous));
        drop(left);
    }
}

/// This thread's context.
#[must_use]
pub fn current() -> Option<Context> {
    with_current(Context::clone)
}

/// Looks at this thread's context without cloning it. `look` must not enter or leave one, nor run code that might.
pub fn with_current<R>(look: impl FnOnce(&Context) -> R) -> Option<R> {
    CURRENT.try_with(|current| current.borrow().as_ref().map(look)).ok().flatten()
}

/// This thread's context, or the error that says what to do about its absence.
pub(crate) fn current_or_error() -> io::Result<Context> {
    let context = current().ok_or_else(|| io::Error::other(NO_RUNTIME))?;
    context.reactor.process().check()?;
    Ok(context)
}

/// What an operation returns that finds this thread's reactor shut down.
pub(crate) fn closed_error() -> io::Error {
    io::Error::other(CLOSED)
}

/// What a timer does that finds no reactor, or one that has shut down.
#[cold]
#[track_caller]
pub(crate) fn panic_no_timers(closed: bool) -> ! {
    panic!("{}", if closed { CLOSED } else { NO_RUNTIME })
}

/// What a timer does whose reactor is another process's.
#[cold]
#[track_caller]
pub(crate) fn panic_foreign_timers() -> ! {
    panic!("{}", fork::FOREIGN)
}

/// Tells this thread's reporter, or stderr if there is none.
pub(crate) fn report(text: &str) {
    match with_current(|context| context.report) {
        Some(report) => report(text),
        None => eprintln!("raddle: {text}"),
    }
}

// Here and not in clock.rs, since only this file knows which clock a thread goes by.
impl Clock {
    /// The clock of the runtime on this thread: a virtual one in tests that ask for it. Elsewhere the real one.
    #[must_use]
    pub fn current() -> Clock {
        with_current(|context| context.reactor.clock().clone()).unwrap_or(Clock::real())
    }
}

impl Instant {
    /// The time now, by the clock of the runtime on this thread: a virtual one in tests that ask for it. Elsewhere the
    /// system's monotonic clock.
    #[must_use]
    pub fn now() -> Instant {
        with_current(|context| context.reactor.clock().now()).unwrap_or_else(|| Clock::real().now())
    }

    /// The time since this instant; zero if it lies in the future.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Instant::now() - *self
    }
}
