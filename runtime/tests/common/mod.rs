//! What the tests of the runtime share: a watch that ends a test which hangs, runners whose reports are kept, and
//! futures that tell when they are dropped.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::task::{Context, Poll, Wake};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use raddle::{Clock, Promise, Runner, create_task};

/// Ends the process with a clear text if the test is not over in time, instead of hanging.
pub(crate) struct Watch {
    over: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Gives the calling test a minute.
pub(crate) fn watch() -> Watch {
    watch_for(Duration::from_secs(60))
}

pub(crate) fn watch_for(limit: Duration) -> Watch {
    let test = thread::current().name().unwrap_or("a test").to_owned();
    let (over, ended) = mpsc::channel();
    let thread = thread::spawn(move || {
        if ended.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout) {
            // Past the capture of the test harness, which an abort would lose.
            use std::io::Write;
            let _ = writeln!(std::io::stderr(), "\n*** {test} hangs: not over after {limit:?} ***");
            std::process::abort();
        }
    });
    Watch { over: Some(over), thread: Some(thread) }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.over.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// A tenth in a debug build, where everything takes ten times as long.
pub(crate) const fn scaled(n: usize) -> usize {
    if cfg!(debug_assertions) { n / 10 } else { n }
}

/// Waits for what no event tells of, in a plain thread.
#[track_caller]
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(20), "never: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// A runtime of that many workers that prints its exceptions.
pub(crate) fn runner(workers: usize) -> Runner {
    Runner::new().workers(workers)
}

/// One worker in asyncio's order, on a clock that jumps.
pub(crate) fn virtual_runner() -> Runner {
    Runner::new().workers(1).clock(Clock::auto())
}

/// What a runtime reported to `on_exception`.
#[derive(Clone, Default)]
pub(crate) struct Reports(Arc<Mutex<Vec<String>>>);

impl Reports {
    /// Lets `runner` report to here.
    pub(crate) fn of(&self, runner: Runner) -> Runner {
        let kept = self.0.clone();
        runner.on_exception(move |context| {
            if context.message.starts_with("a poll on ") {
                // On a busy machine any poll may take long, which debug builds report. `slow_poll.rs` is about that.
                return eprintln!("{context:?}");
            }
            let panic = context.panic.as_deref().unwrap_or("no panic");
            let task = context.task.as_ref().map_or("no task", |task| &task.name);
            let mut text = format!("{} | {panic} | {task}", context.message);
            if let Some(error) = &context.error {
                text.push_str(&format!(" | error {error}"));
            }
            if let Some(location) = context.location {
                text.push_str(&format!(" | from {location}"));
            }
            kept.lock().unwrap().push(text);
        })
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// A list that many may write to.
pub(crate) struct Log<T = String>(Arc<Mutex<Vec<T>>>);

impl<T> Clone for Log<T> {
    fn clone(&self) -> Self {
        Log(self.0.clone())
    }
}

impl<T> Default for Log<T> {
    fn default() -> Self {
        Log(Arc::default())
    }
}

impl<T> Log<T> {
    pub(crate) fn push(&self, line: impl Into<T>) {
        self.0.lock().unwrap().push(line.into());
    }

    pub(crate) fn take(&self) -> Vec<T> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// A number that many may count up.
#[derive(Clone, Default)]
pub(crate) struct Count(Arc<AtomicUsize>);

impl Count {
    /// The number before.
    pub(crate) fn add(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst)
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Something that counts when it is dropped.
    pub(crate) fn drops(&self) -> impl Send + use<> {
        let count = self.clone();
        on_drop(move || {
            count.add();
        })
    }
}

impl fmt::Debug for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// Calls a function when it is dropped.
pub(crate) struct OnDrop<F: FnOnce()>(Option<F>);

pub(crate) fn on_drop<F: FnOnce()>(f: F) -> OnDrop<F> {
    OnDrop(Some(f))
}

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            f();
        }
    }
}

/// Waits for ever, and holds `value` meanwhile.
pub(crate) async fn hold<T>(value: T) {
    std::future::pending::<()>().await;
    drop(value);
}

/// Keeps a promise whether or not anybody waits for it still.
pub(crate) fn tell<T>(promise: Promise<T>, value: T) {
    let _ = promise.set(value);
}

/// Polls a future once, in the current task.
pub(crate) async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx))).await
}

/// Polls a future that many times, at its wakes, and gives it up.
pub(crate) struct UpTo<F>(Pin<Box<F>>, usize);

impl<F: Future> Future for UpTo<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        if let Poll::Ready(output) = self.0.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        self.1 -= 1;
        if self.1 == 0 { Poll::Ready(None) } else { Poll::Pending }
    }
}

pub(crate) fn up_to<F: Future>(polls: usize, future: F) -> UpTo<F> {
    UpTo(Box::pin(future), polls)
}

/// Calls `f` once on each worker: that many tasks wait for each other in their polls, so no two share a thread.
pub(crate) async fn on_each_worker<T: Send + 'static>(
    workers: usize,
    f: impl Fn(usize) -> T + Send + Sync + 'static,
) -> Vec<T> {
    let (f, all) = (Arc::new(f), Arc::new(Barrier::new(workers)));
    let tasks: Vec<_> = (0..workers)
        .map(|index| {
            let (f, all) = (f.clone(), all.clone());
            create_task(async move {
                all.wait();
                f(index)
            })
        })
        .collect();
    let mut values = Vec::new();
    for task in tasks {
        values.push(task.await.unwrap());
    }
    values
}

/// Every worker takes part, and runs a thousand more tasks.
pub(crate) async fn all_workers_live(workers: usize) {
    let batches = on_each_worker(workers, |_| (0..1000).map(|n| create_task(async move { n })).collect::<Vec<_>>());
    for batch in batches.await {
        for (n, task) in batch.into_iter().enumerate() {
            assert_eq!(task.await.unwrap(), n);
        }
    }
}

/// What a caught panic said.
pub(crate) fn text_of(payload: Box<dyn std::any::Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => {
            payload.downcast::<&'static str>().map_or_else(|_| "(no text)".to_owned(), |text| (*text).into())
        }
    }
}

/// What `f` says when it panics, which it must.
#[track_caller]
pub(crate) fn panic_of<R>(f: impl FnOnce() -> R) -> String {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)) {
        Ok(_) => panic!("no panic where one was expected"),
        Err(payload) => text_of(payload),
    }
}

/// A waker that panics when it is woken.
pub(crate) struct Bomb;

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {
        panic!("a foreign waker panics");
    }
}
