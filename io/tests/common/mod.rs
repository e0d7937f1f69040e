//! The smallest executor that can drive this crate: one thread, one reactor, tasks by number.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use raddle_io::context::{self, Context as IoContext};
use raddle_io::reactor::Reactor;
use raddle_io::{Clock, budget};

/// A test in which nothing happens for so long has failed. Generous, since machines are busy.
const HUNG: Duration = Duration::from_secs(60);

type Job = Pin<Box<dyn Future<Output = ()>>>;

/// The tasks by number; a task that is being polled is out.
type Executor = (Arc<Ready>, HashMap<usize, Option<Job>>);

thread_local! {
    static EXECUTOR: RefCell<Option<Executor>> = const { RefCell::new(None) };
}

/// What `report` was told, from all threads.
pub(crate) static REPORTS: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Ready {
    queue: Mutex<VecDeque<usize>>,
    numbers: AtomicUsize,
    reactor: Arc<Reactor>,
}

impl Ready {
    fn push(&self, task: usize) {
        self.queue.lock().unwrap().push_back(task);
        self.reactor.unpark();
    }
}

struct TaskWaker(usize, Arc<Ready>);

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.1.push(self.0);
    }
}

fn look_up(host: String, port: u16) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>> {
    Box::pin(async move {
        match &*host {
            "localhost" => Ok(vec![([127, 0, 0, 1], port).into()]),
            _ => Err(io::Error::new(io::ErrorKind::NotFound, "no such host")),
        }
    })
}

/// The context of a test.
pub(crate) fn context_of(reactor: &Arc<Reactor>) -> IoContext {
    let report = |text: &str| REPORTS.lock().unwrap().push(text.to_owned());
    IoContext { reactor: reactor.clone(), resolve: look_up, report, young: None, relieves: true }
}

/// A reactor on the real clock.
pub(crate) fn new_reactor() -> Arc<Reactor> {
    Reactor::new(Clock::real()).expect("an epoll can be made")
}

/// Runs `main` and what it spawns on a new reactor.
pub(crate) fn run<T>(main: impl Future<Output = T>) -> T {
    run_on(&new_reactor(), main)
}

/// Runs `main` and what it spawns on this reactor. What is left at the end is dropped.
pub(crate) fn run_on<T>(reactor: &Arc<Reactor>, main: impl Future<Output = T>) -> T {
    let ready = Arc::new(Ready {
        queue: Mutex::new(VecDeque::from([0])),
        numbers: AtomicUsize::new(1),
        reactor: reactor.clone(),
    });
    let _entered = context::enter(context_of(reactor));
    let outer = EXECUTOR.replace(Some((ready.clone(), HashMap::new())));
    let mut main = pin!(main);
    let mut polls = 0;
    let result = loop {
        let Some(task) = ready.queue.lock().unwrap().pop_front() else {
            if advance(reactor) {
                continue;
            }
            let before = std::time::Instant::now();
            reactor.park(Some(HUNG)).expect("the reactor works");
            assert!(before.elapsed() < HUNG, "everybody waits for something that does not come");
            continue;
        };
        polls += 1;
        if polls % 61 == 0 {
            reactor.turn();
        }
        let waker = Waker::from(Arc::new(TaskWaker(task, ready.clone())));
        let mut cx = Context::from_waker(&waker);
        budget::reset();
        if task == 0 {
            if let Poll::Ready(result) = main.as_mut().poll(&mut cx) {
                break result;
            }
        } else {
            poll_task(task, &mut cx);
        }
    };
    budget::set_unlimited();
    let left = EXECUTOR.replace(outer);
    drop(left);
    result
}

/// When everybody waits, a virtual clock jumps to the next deadline.
fn advance(reactor: &Reactor) -> bool {
    let next = reactor.next_deadline().filter(|_| reactor.clock().is_virtual());
    if let Some(next) = next {
        reactor.clock().move_to(next);
        reactor.expire_timers();
    }
    next.is_some()
}

fn poll_task(task: usize, cx: &mut Context<'_>) {
    let job = EXECUTOR.with_borrow_mut(|executor| executor.as_mut().unwrap().1.get_mut(&task).and_then(Option::take));
    let Some(mut job) = job else { return };
    let done = job.as_mut().poll(cx).is_ready();
    EXECUTOR.with_borrow_mut(|executor| {
        let tasks = &mut executor.as_mut().unwrap().1;
        match done {
            true => _ = tasks.remove(&task),
            false => _ = tasks.insert(task, Some(job)),
        }
    });
}

/// Starts a task; await what comes back to have its output.
pub(crate) fn spawn<T: 'static>(future: impl Future<Output = T> + 'static) -> impl Future<Output = T> + 'static {
    let done: Rc<RefCell<(Option<T>, Option<Waker>)>> = Rc::new(RefCell::new((None, None)));
    let slot = done.clone();
    let job = async move {
        let output = future.await;
        let mut slot = slot.borrow_mut();
        slot.0 = Some(output);
        if let Some(waker) = slot.1.take() {
            waker.wake();
        }
    };
    EXECUTOR.with_borrow_mut(|executor| {
        let (ready, tasks) = executor.as_mut().expect("spawn is called inside run");
        let task = ready.numbers.fetch_add(1, Ordering::Relaxed);
        tasks.insert(task, Some(Box::pin(job)));
        ready.push(task);
    });
    poll_fn(move |cx| {
        let mut done = done.borrow_mut();
        done.1 = Some(cx.waker().clone());
        done.0.take().map_or(Poll::Pending, Poll::Ready)
    })
}

/// Lets the others have their turn.
pub(crate) async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Polls a future once, with the waker of the task that asks.
pub(crate) async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx))).await
}

/// Counts how often it is woken.
#[derive(Default)]
pub(crate) struct Counter(AtomicUsize);

impl Counter {
    pub(crate) fn new() -> (Arc<Counter>, Waker) {
        let counter = Arc::new(Counter::default());
        (counter.clone(), Waker::from(counter))
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A directory that is gone when this is dropped.
pub(crate) struct Scratch(std::path::PathBuf);

impl Scratch {
    pub(crate) fn new() -> Scratch {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("raddle-io-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).expect("a scratch directory can be made");
        Scratch(path)
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
