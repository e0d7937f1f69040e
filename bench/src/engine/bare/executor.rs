//! The loop: a queue of tasks, and what is looked at when it is empty.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::ptr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::inbox::Inbox;
use super::task::{Joined, Task};
use super::timers::Timers;

pub(super) struct Executor {
    ready: RefCell<VecDeque<Task>>,
    pub(super) timers: Timers,
    inbox: Arc<Inbox>,
}

thread_local! {
    /// The executor that runs on this thread.
    static HERE: Cell<*const Executor> = const { Cell::new(ptr::null()) };
}

impl Executor {
    /// In a box, since its tasks know it by its address.
    pub(super) fn new() -> Box<Executor> {
        let (ready, timers) = (RefCell::default(), Timers::default());
        Box::new(Executor { ready, timers, inbox: Arc::new(Inbox::new(thread::current())) })
    }

    /// Runs `main`, and the tasks that it spawns, until it ends.
    pub(super) fn run<F: Future>(&self, main: Pin<&mut F>) -> F::Output {
        let _entered = Entered::new(self);
        // SAFETY: `Main` abandons the task before this function returns, and this is the executor's thread.
        let (task, joined) = unsafe { Task::new(self, main) };
        let mut main = Main { joined, executor: self };
        self.ready.borrow_mut().push_back(task);
        loop {
            if let Some(output) = main.joined.output() {
                return output;
            }
            match self.pop() {
                Some(task) => self.ready_again(task.run()),
                None => self.rest(),
            }
        }
    }

    fn pop(&self) -> Option<Task> {
        self.ready.borrow_mut().pop_front()
    }

    fn ready_again(&self, task: Option<Task>) {
        if let Some(task) = task {
            self.ready.borrow_mut().push_back(task);
        }
    }

    /// Nothing is ready: looks for timers that are due and for tasks from outside, and waits if there are none.
    #[cold]
    fn rest(&self) {
        let next = self.timers.wake_due();
        self.ready.borrow_mut().extend(self.inbox.take());
        if !self.ready.borrow().is_empty() {
            return;
        }
        match next {
            Some(deadline) => thread::park_timeout(whole_millis(deadline.saturating_duration_since(Instant::now()))),
            None => thread::park(),
        }
    }
}

impl Drop for Executor {
    /// Lets go of the tasks that are ready or asleep, and of those that this wakes.
    fn drop(&mut self) {
        let _entered = Entered::new(self);
        self.timers.clear();
        while let Some(task) = self.pop() {
            drop(task);
        }
    }
}

/// The main future's task. That borrows the future, so it must not outlive this, even if a task panics.
struct Main<'a, T> {
    joined: Joined<T>,
    executor: &'a Executor,
}

impl<T> Drop for Main<'_, T> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.joined.abandon();
            self.executor.ready.borrow_mut().retain(|task| !task.is(self.joined.task()));
        }
    }
}

/// While it lives, an executor is this thread's.
struct Entered(*const Executor);

impl Entered {
    fn new(executor: &Executor) -> Entered {
        Entered(HERE.replace(executor))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        HERE.set(self.0);
    }
}

/// The one of this thread.
///
/// # Panics
///
/// If none runs.
pub(super) fn here<R>(act: impl FnOnce(&Executor) -> R) -> R {
    if_here(act).expect("only what `in_main` or `in_task` runs has a bare executor")
}

/// The one of this thread, if one runs.
pub(super) fn if_here<R>(act: impl FnOnce(&Executor) -> R) -> Option<R> {
    // SAFETY: the pointer is that of an executor which is borrowed for as long as it stays there.
    unsafe { HERE.get().as_ref() }.map(act)
}

/// Puts a task of the executor `home` into its queue.
///
/// # Panics
///
/// If that does not run on this thread.
pub(super) fn queue(home: *const Executor, task: Task) {
    let here = HERE.get();
    assert!(
        ptr::eq(here, home),
        "a task of the bare executor was woken where that does not run: wake it on its thread, before `in_main` ends"
    );
    // SAFETY: an executor that runs is borrowed; it is not null, since a task has one.
    unsafe { &*here }.ready.borrow_mut().push_back(task);
}

pub(super) fn spawn<F>(future: F) -> Joined<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    here(|executor| {
        // SAFETY: the future borrows nothing, and it is `Send`.
        let (task, joined) = unsafe { Task::new(executor, future) };
        executor.ready.borrow_mut().push_back(task);
        joined
    })
}

pub(super) fn remote() -> Remote {
    here(|executor| Remote { home: executor, inbox: executor.inbox.clone() })
}

/// By which another thread spawns.
#[derive(Clone)]
pub struct Remote {
    home: *const Executor,
    inbox: Arc<Inbox>,
}

// SAFETY: the address is only compared.
unsafe impl Send for Remote {}

impl Remote {
    pub(super) fn spawn<F: Future<Output = ()> + Send + 'static>(&self, future: F) {
        // SAFETY: the future borrows nothing, and it is `Send`.
        let (task, _joined) = unsafe { Task::new(self.home, future) };
        self.inbox.put(task);
    }
}

/// Rounded up, as the runtimes do: with many timers, waking the thread for each would be most of the work.
fn whole_millis(duration: Duration) -> Duration {
    Duration::from_millis(duration.as_nanos().div_ceil(1_000_000) as u64)
}
