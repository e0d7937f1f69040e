//! The join hand-off: a task's output and the waker of whoever awaits it, between the completer and the handle.
//!
//! The output lies in a cell of loom's beside the real state word and the real join-waker slot, and counts its drops.

use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use loom::cell::UnsafeCell;
use loom::thread;
use raddle_loom_tests::{TestWaker, bounded, check, shim, unbounded};

use task::join::JoinWaker;
use task::state::{AfterPending, Cancel, Complete, JoinDropped, Outcome, Start, State, Traits, Unjoined, Waiting};

#[path = "../src/task/mod.rs"]
mod task;

/// What a task gives. The count is std's, and the leak is found by it.
struct Output {
    value: u32,
    drops: Arc<AtomicUsize>,
}

impl Drop for Output {
    fn drop(&mut self) {
        self.drops.fetch_add(1, Relaxed);
    }
}

struct Task {
    state: State,
    join: JoinWaker,
    output: UnsafeCell<MaybeUninit<Output>>,
    /// What the side record is for.
    callback: UnsafeCell<Option<u32>>,
    called: AtomicUsize,
    drops: Arc<AtomicUsize>,
    freed: AtomicUsize,
}

// SAFETY: what the models are about.
unsafe impl Sync for Task {}
// SAFETY: as above.
unsafe impl Send for Task {}

impl Task {
    fn born() -> Arc<Task> {
        Arc::new(Task {
            state: State::born(Traits::default()),
            join: JoinWaker::empty(),
            output: UnsafeCell::new(MaybeUninit::uninit()),
            callback: UnsafeCell::new(None),
            called: AtomicUsize::new(0),
            drops: Arc::default(),
            freed: AtomicUsize::new(0),
        })
    }

    fn free(&self) {
        // Whoever frees it has the task to itself.
        self.callback.with_mut(|_| ());
        self.output.with_mut(|_| ());
        assert_eq!(self.freed.fetch_add(1, Relaxed), 0, "freed twice");
    }

    fn release(&self) {
        if self.state.release() {
            self.free();
        }
    }

    /// As the worker does it: write the output, complete, tell.
    fn complete(&self, outcome: Outcome) {
        // SAFETY: the caller owns the task, and loom watches.
        self.output.with_mut(|output| unsafe {
            (*output).write(Output { value: 7, drops: self.drops.clone() });
        });
        match self.state.complete(outcome) {
            Complete::Done => {}
            Complete::Tell(waiting) => self.tell(waiting),
            Complete::JoinGone => {
                self.drop_output();
                match self.state.complete_unjoined(outcome) {
                    Unjoined::Done => {}
                    Unjoined::Free => self.free(),
                    Unjoined::Tell(waiting) => self.tell(waiting),
                }
            }
        }
    }

    fn tell(&self, waiting: Waiting) {
        if waiting.joiner {
            // SAFETY: the completing transition saw the slot filled.
            unsafe { self.join.take() }.wake();
        }
        if waiting.callbacks {
            self.call_back();
        }
        self.release();
    }

    fn call_back(&self) {
        // SAFETY: loom watches.
        let callback = self.callback.with_mut(|callback| unsafe { (*callback).take() });
        assert_eq!(callback, Some(5), "no callback was there, or another one");
        self.called.fetch_add(1, Relaxed);
    }

    fn drop_output(&self) {
        // SAFETY: loom watches, and the drops are counted.
        self.output.with_mut(|output| unsafe { (*output).assume_init_drop() });
    }

    /// The handle, polled once.
    fn poll(&self, waker: &TestWaker) -> Option<Output> {
        let waker = waker.waker();
        // SAFETY: each model has one handle.
        let complete = unsafe { self.join.register(&self.state, &waker) };
        // SAFETY: complete and not fetched before; loom watches.
        complete.then(|| self.output.with(|output| unsafe { (*output).assume_init_read() }))
    }

    /// The handle, dropped without having fetched the output.
    fn drop_handle(&self) {
        match self.state.drop_join() {
            JoinDropped::Detached => {}
            JoinDropped::HasOutput => {
                self.drop_output();
                self.release();
            }
            JoinDropped::DropWaker => {
                // SAFETY: the transition took JWAKER off.
                unsafe { self.join.drop_waker() };
                self.release();
            }
        }
    }

    fn assert_over(&self) {
        assert_eq!(self.drops.load(Relaxed), 1, "the output was leaked, or dropped twice");
        assert_eq!(self.freed.load(Relaxed), 1, "the task was leaked");
    }
}

/// A handle is polled while the task ends: it has the output at once, or is woken and has it then.
#[test]
fn complete_against_poll() {
    check("complete_against_poll", unbounded(), || {
        let (task, waker) = (Task::born(), TestWaker::new());
        let task2 = task.clone();
        let completer = thread::spawn(move || task2.complete(Outcome::Value));
        let output = task.poll(&waker).unwrap_or_else(|| {
            waker.wait();
            task.poll(&waker).expect("woken before it was complete")
        });
        assert_eq!(output.value, 7);
        drop(output);
        task.release();
        completer.join().unwrap();
        task.assert_over();
        waker.assert_none_left();
    });
}

/// A handle is dropped while the task ends: one of the two drops the output.
#[test]
fn complete_against_handle_drop() {
    check("complete_against_handle_drop", unbounded(), || {
        let task = Task::born();
        let task2 = task.clone();
        let completer = thread::spawn(move || task2.complete(Outcome::Value));
        task.drop_handle();
        completer.join().unwrap();
        task.assert_over();
    });
}

/// A handle that has been polled is dropped while the task ends: one of the two drops the output, one the waker.
#[test]
fn complete_against_drop_of_polled_handle() {
    check("complete_against_drop_of_polled_handle", unbounded(), || {
        let (task, waker) = (Task::born(), TestWaker::new());
        let task2 = task.clone();
        let completer = thread::spawn(move || task2.complete(Outcome::Value));
        match task.poll(&waker) {
            Some(output) => {
                drop(output);
                task.release();
            }
            None => task.drop_handle(),
        }
        completer.join().unwrap();
        task.assert_over();
        waker.assert_none_left();
    });
}

/// A handle moves to another task, whose waker it leaves in place of the first, while its own task ends: whichever way,
/// the second is not left waiting.
#[test]
fn waker_swap_against_complete() {
    check("waker_swap_against_complete", unbounded(), || {
        let (task, first, second) = (Task::born(), TestWaker::new(), TestWaker::new());
        let task2 = task.clone();
        let completer = thread::spawn(move || task2.complete(Outcome::Value));
        let output = task.poll(&first).or_else(|| task.poll(&second)).unwrap_or_else(|| {
            second.wait();
            task.poll(&second).expect("woken before it was complete")
        });
        drop(output);
        task.release();
        completer.join().unwrap();
        task.assert_over();
        first.assert_none_left();
        second.assert_none_left();
    });
}

/// A callback is left in the side record and announced while the task ends: it is called once, by the completer, or by
/// the one who announced it too late.
#[test]
fn callback_against_complete() {
    check("callback_against_complete", unbounded(), || {
        let task = Task::born();
        task.state.retain();
        let task2 = task.clone();
        let completer = thread::spawn(move || task2.complete(Outcome::Value));
        // SAFETY: nobody looks before the announcement; loom watches.
        task.callback.with_mut(|callback| unsafe { *callback = Some(5) });
        if !task.state.announce_callback() {
            task.call_back();
        }
        task.release();
        task.drop_handle();
        completer.join().unwrap();
        assert_eq!(task.called.load(Relaxed), 1, "a callback was lost, or called twice");
        task.assert_over();
    });
}

/// A task panics while its handle is polled and dropped: whoever finds it complete knows that what it left is a panic.
#[test]
fn panic_against_handle() {
    check("panic_against_handle", unbounded(), || {
        let (task, waker) = (Task::born(), TestWaker::new());
        let task2 = task.clone();
        let completer = thread::spawn(move || task2.complete(Outcome::Panicked));
        if let Some(payload) = task.poll(&waker) {
            assert_eq!(task.state.snapshot().outcome(), Outcome::Panicked);
            drop(payload);
            task.release();
        } else {
            task.drop_handle();
        }
        completer.join().unwrap();
        task.assert_over();
        waker.assert_none_left();
    });
}

/// A task goes idle, is cancelled by one thread and awaited by another: the joiner learns of its end in any case.
#[test]
fn canceller_beside_handle() {
    check("canceller_beside_handle", bounded(2), || {
        let (task, waker) = (Task::born(), TestWaker::new());
        task.state.retain();
        let (owner, other) = (task.clone(), task.clone());
        let worker = thread::spawn(move || {
            let start = owner.state.start();
            if start == Start::Cancel || owner.state.after_pending() == AfterPending::Cancel {
                owner.complete(Outcome::Cancelled);
            }
        });
        let canceller = thread::spawn(move || {
            if other.state.cancel() == Cancel::Schedule {
                assert_eq!(other.state.start(), Start::Cancel);
                other.complete(Outcome::Cancelled);
            }
            other.release();
        });
        let output = task.poll(&waker).unwrap_or_else(|| {
            waker.wait();
            task.poll(&waker).expect("woken before it was complete")
        });
        assert!(task.state.snapshot().is_cancelled());
        drop(output);
        task.release();
        worker.join().unwrap();
        canceller.join().unwrap();
        task.assert_over();
        waker.assert_none_left();
    });
}
