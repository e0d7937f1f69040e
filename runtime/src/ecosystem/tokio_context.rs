//! A tokio runtime beside raddle's workers, for code that insists on one, with the feature `tokio-context`.
//!
//! Such code (a database driver, an HTTP client) finds its runtime in a thread-local when it makes a socket or a timer,
//! or starts a task. So the thread-local is set around each poll, and around the drop, of the future that needs it; the
//! task itself runs on raddle's workers, like every other. What it registers is served by a tokio runtime of one thread,
//! the driver, which waits for those sockets and timers and runs the tasks that were started with `tokio::spawn`.
//!
//! tokio's time is the real one, also where raddle's clock is virtual. And a virtual clock sees nothing of what is waited
//! for here: it jumps meanwhile, as far as raddle's own timers let it.
//!
//! The driver ends when the last that holds the context has let go of it: the [`TokioContext`] itself, its clones, and
//! the futures that run in it.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::thread;

use ::tokio::runtime::{Builder, Handle};
use pin_project_lite::pin_project;

use crate::sync::{Promise, promise};

/// A tokio runtime with a thread of its own, in which futures of raddle's tasks can be run. Clones are the same one.
///
/// It is tokio's runtime for one thread: `block_in_place` does not work there. Its time is the real one, whatever clock
/// raddle goes by.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use raddle::TokioContext;
///
/// let tokio = TokioContext::new()?;
/// raddle::run(async {
///     let task = raddle::create_task(tokio.run(async {
///         tokio::time::sleep(Duration::from_millis(1)).await;
///         tokio::spawn(async { 2 }).await.unwrap()
///     }));
///     assert_eq!(task.await.unwrap(), 2);
/// });
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone)]
pub struct TokioContext {
    driver: Arc<Driver>,
}

struct Driver {
    handle: Handle,
    /// The thread waits until this is dropped.
    _stop: Promise<()>,
}

impl TokioContext {
    /// Starts a tokio runtime and its thread, `raddle-tokio`.
    ///
    /// # Errors
    /// What the system says when it refuses an epoll or a thread.
    pub fn new() -> io::Result<TokioContext> {
        let runtime = Builder::new_current_thread().enable_all().thread_name("raddle-tokio").build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = promise();
        thread::Builder::new().name("raddle-tokio".to_owned()).spawn(move || {
            // The promise is never kept: it is dropped.
            let _ = runtime.block_on(stopped);
            // Not waiting for what `spawn_blocking` has started: nobody is left who could want it.
            runtime.shutdown_background();
        })?;
        Ok(TokioContext { driver: Arc::new(Driver { handle, _stop: stop }) })
    }

    /// Runs a future in this context: wherever it is polled, tokio's functions find their runtime.
    ///
    /// # Cancel safety
    /// As that of the future, which is dropped with it, in the context.
    pub fn run<F: IntoFuture>(&self, future: F) -> InTokio<F::IntoFuture> {
        InTokio { future: Some(future.into_future()), context: self.clone() }
    }

    /// tokio's own handle of the runtime.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.driver.handle
    }
}

impl fmt::Debug for TokioContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokioContext").field("handle", &self.driver.handle).finish()
    }
}

/// Runs a future in a [`TokioContext`] that the whole process shares. It is started by the first call, and stays.
///
/// # Panics
/// When the system refuses an epoll or a thread; [`TokioContext::new`] returns that as an error.
///
/// # Cancel safety
/// As that of the future, which is dropped with it.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use raddle::tokio_context;
///
/// raddle::run(tokio_context(async {
///     tokio::time::sleep(Duration::from_millis(1)).await;
/// }));
/// ```
#[track_caller]
pub fn tokio_context<F: IntoFuture>(future: F) -> InTokio<F::IntoFuture> {
    static SHARED: OnceLock<TokioContext> = OnceLock::new();
    // Two first calls at once start two, of which one ends again; an error is nobody's for ever.
    let context = SHARED.get().cloned().unwrap_or_else(|| match TokioContext::new() {
        Ok(started) => SHARED.get_or_init(|| started).clone(),
        Err(error) => panic!("tokio_context: cannot start a tokio runtime: {error}"),
    });
    context.run(future)
}

pin_project! {
    /// A future that finds a tokio runtime. Made by [`TokioContext::run`] and [`tokio_context`].
    #[must_use = "futures do nothing unless awaited"]
    pub struct InTokio<F> {
        // None: it has ended.
        #[pin]
        future: Option<F>,
        context: TokioContext,
    }

    impl<F> PinnedDrop for InTokio<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.future.is_some() {
                let _entered = this.context.driver.handle.enter();
                this.future.set(None);
            }
        }
    }
}

impl<F: Future> Future for InTokio<F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let _entered = this.context.driver.handle.enter();
        let future = this.future.as_mut().as_pin_mut().expect("polled again after it was ready");
        let polled = future.poll(cx);
        if polled.is_ready() {
            this.future.set(None);
        }
        polled
    }
}

impl<F> fmt::Debug for InTokio<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InTokio").field("context", &self.context).finish_non_exhaustive()
    }
}
