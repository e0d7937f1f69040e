//! The state word: who may poll, who frees, and that no wake-up and no cancellation is lost.
//!
//! The word lies in a cell of loom's, as the memory of the task: each transition reads the cell and freeing writes it,
//! so whoever touches a task after its last reference is found out. (Walkers, which need no reference, have a model of
//! their own.)

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicBool;
use loom::thread;
use raddle_loom_tests::{bounded, check, shim, unbounded};

use task::state::{AfterPending, Cancel, Complete, JoinDropped, Outcome, Start, State, Traits, Unjoined, Wake};

#[path = "../src/task/mod.rs"]
mod task;

/// A task: queue, handle and `wakers` wakers refer to it.
struct Task {
    state: UnsafeCell<State>,
    /// The future: how often it was polled.
    polls: UnsafeCell<u32>,
    cancelled: AtomicUsize,
    completed: AtomicUsize,
    freed: AtomicUsize,
}

// SAFETY: what the models are about.
unsafe impl Sync for Task {}

impl Task {
    fn with_wakers(wakers: usize) -> Arc<Task> {
        let state = State::born(Traits::default());
        (0..wakers).for_each(|_| state.retain());
        Arc::new(Task {
            state: UnsafeCell::new(state),
            polls: UnsafeCell::new(0),
            cancelled: AtomicUsize::new(0),
            completed: AtomicUsize::new(0),
            freed: AtomicUsize::new(0),
        })
    }

    fn state<R>(&self, transition: impl FnOnce(&State) -> R) -> R {
        assert_eq!(self.freed.load(Relaxed), 0, "touched after it was freed");
        // SAFETY: loom watches.
        self.state.with(|state| transition(unsafe { &*state }))
    }

    fn free(&self) {
        self.state.with_mut(|_| assert_eq!(self.freed.fetch_add(1, Relaxed), 0, "freed twice"));
    }

    fn release(&self) {
        if self.state(State::release) {
            self.free();
        }
    }

    /// What a worker does with a task it has the right to poll: polls until the task is idle or has ended.
    fn run(&self, poll: impl Fn() -> bool) {
        loop {
            match self.state(State::start) {
                Start::Poll => {}
                Start::Cancel => return self.cancel(),
                Start::PollCleanup | Start::Drain => unreachable!("no such task in these models"),
            }
            // SAFETY: loom watches.
            self.polls.with_mut(|polls| unsafe { *polls += 1 });
            if poll() {
                return self.complete(Outcome::Value);
            }
            match self.state(State::after_pending) {
                AfterPending::Idle => return,
                AfterPending::Reschedule => {}
                AfterPending::Cancel => return self.cancel(),
            }
        }
    }

    /// What a worker does with a task whose output is there and that must outlive another one.
    fn drain(&self, adopted: &loom::sync::atomic::AtomicUsize) {
        loop {
            // The orderings are those of `task/side.rs`.
            if adopted.load(std::sync::atomic::Ordering::Acquire) == 0 {
                return self.complete(Outcome::Value);
            }
            match self.state(State::after_pending) {
                AfterPending::Idle => return,
                AfterPending::Reschedule => {}
                AfterPending::Cancel => panic!("a drain has no future to drop"),
            }
            assert_eq!(self.state(State::start), Start::Drain);
        }
    }

    fn cancel(&self) {
        assert_eq!(self.cancelled.fetch_add(1, Relaxed), 0, "the future was dropped twice");
        self.complete(Outcome::Cancelled);
    }

    fn complete(&self, outcome: Outcome) {
        assert_eq!(self.completed.fetch_add(1, Relaxed), 0, "ended twice");
        // The future is dropped.
        self.polls.with_mut(|_| ());
        match self.state(|state| state.complete(outcome)) {
            Complete::Done => {}
            Complete::Tell(_) => self.release(),
            Complete::JoinGone => match self.state(|state| state.complete_unjoined(outcome)) {
                Unjoined::Done => {}
                Unjoined::Free => self.free(),
                Unjoined::Tell(_) => self.release(),
            },
        }
    }

    /// The handle goes away; the result says whether the task had ended.
    fn drop_handle(&self) -> bool {
        match self.state(State::drop_join) {
            JoinDropped::Detached => false,
            JoinDropped::HasOutput => {
                self.release();
                true
            }
            JoinDropped::DropWaker => unreachable!("nobody has polled the handle"),
        }
    }

    fn assert_freed(&self) {
        assert_eq!(self.freed.load(Relaxed), 1, "leaked");
    }
}

fn no_future() -> bool {
    false
}

/// Data are written and the task is woken while a worker polls it: a later poll sees the data, whoever makes it.
#[test]
fn wake_while_running() {
    check("wake_while_running", unbounded(), || {
        let (task, data) = (Task::with_wakers(1), Arc::new(AtomicBool::new(false)));
        let (task2, data2) = (task.clone(), data.clone());
        let waker = thread::spawn(move || {
            data2.store(true, Relaxed);
            if task2.state(State::wake_by_ref) {
                task2.run(|| data2.load(Relaxed));
            }
            task2.release();
        });
        task.run(|| data.load(Relaxed));
        waker.join().unwrap();
        assert!(task.drop_handle(), "the wake was lost");
        task.assert_freed();
    });
}

/// A wake meets the end of the task: it never gets the right to poll a task that has ended.
#[test]
fn wake_against_complete() {
    check("wake_against_complete", unbounded(), || {
        let task = Task::with_wakers(2);
        let task2 = task.clone();
        let waker = thread::spawn(move || {
            assert!(!task2.state(State::wake_by_ref), "scheduled beside its owner, or after its end");
            match task2.state(State::wake_by_value) {
                Wake::Nothing => {}
                Wake::Schedule => panic!("scheduled beside its owner, or after its end"),
                Wake::Free => task2.free(),
            }
            task2.release();
        });
        task.run(|| true);
        assert!(task.drop_handle());
        waker.join().unwrap();
        task.assert_freed();
    });
}

/// A task is cancelled while a worker polls it: its future is dropped, once, by whoever has the right to.
#[test]
fn cancel_against_poll() {
    check("cancel_against_poll", unbounded(), || {
        let task = Task::with_wakers(1);
        let task2 = task.clone();
        let canceller = thread::spawn(move || {
            match task2.state(State::cancel) {
                Cancel::AlreadyDone => panic!("nobody else ends this task"),
                Cancel::Requested => {}
                Cancel::Schedule => task2.run(no_future),
            }
            task2.release();
        });
        task.run(no_future);
        canceller.join().unwrap();
        assert_eq!(task.cancelled.load(Relaxed), 1, "the cancellation was lost");
        assert!(task.drop_handle());
        task.assert_freed();
    });
}

/// A task is cancelled while it ends by itself: it ends once, and a result that was ready wins.
#[test]
fn cancel_against_complete() {
    check("cancel_against_complete", unbounded(), || {
        let task = Task::with_wakers(1);
        let task2 = task.clone();
        let canceller = thread::spawn(move || {
            let asked = task2.state(State::cancel);
            assert_ne!(asked, Cancel::Schedule, "somebody owns it, or it has ended");
            task2.release();
            asked
        });
        task.run(|| true);
        if canceller.join().unwrap() == Cancel::AlreadyDone {
            assert_eq!(task.cancelled.load(Relaxed), 0, "cancelled after it had ended");
        }
        assert!(task.drop_handle());
        task.assert_freed();
    });
}

/// A task waits for the end of one that it adopted, which comes, and is cancelled meanwhile: it ends once, with its
/// value, and not before the adopted one.
#[test]
fn drain_against_adopted_end_and_cancel() {
    check("drain_against_adopted_end_and_cancel", bounded(3), || {
        let (task, adopted) = (Task::with_wakers(2), Arc::new(loom::sync::atomic::AtomicUsize::new(1)));
        let (task2, adopted2) = (task.clone(), adopted.clone());
        let ender = thread::spawn(move || {
            adopted2.fetch_sub(1, std::sync::atomic::Ordering::Release);
            if task2.state(State::wake_by_ref) {
                assert_eq!(task2.state(State::start), Start::Drain);
                task2.drain(&adopted2);
            }
            task2.release();
        });
        let (task3, adopted3) = (task.clone(), adopted.clone());
        let canceller = thread::spawn(move || {
            if task3.state(State::cancel) == Cancel::Schedule {
                assert_eq!(task3.state(State::start), Start::Drain);
                task3.drain(&adopted3);
            }
            task3.release();
        });
        task.state(State::begin_drain);
        task.drain(&adopted);
        ender.join().unwrap();
        canceller.join().unwrap();
        assert_eq!((task.completed.load(Relaxed), task.cancelled.load(Relaxed)), (1, 0));
        assert!(task.drop_handle());
        task.assert_freed();
    });
}

/// The last references to a task that has ended go away at once, one of them by a wake: one of the two frees the task,
/// and the other does not touch it after having let go.
#[test]
fn last_reference_against_wake() {
    check("last_reference_against_wake", unbounded(), || {
        let task = Task::with_wakers(1);
        task.run(|| true);
        let task2 = task.clone();
        let waker = thread::spawn(move || match task2.state(State::wake_by_value) {
            Wake::Nothing => {}
            Wake::Schedule => panic!("it has ended"),
            Wake::Free => task2.free(),
        });
        assert!(task.drop_handle());
        waker.join().unwrap();
        task.assert_freed();
    });
}

/// A detached task ends while its one waker is woken: it is freed once, by the last of the two.
#[test]
fn unjoined_end_against_wake() {
    check("unjoined_end_against_wake", unbounded(), || {
        let task = Task::with_wakers(1);
        assert!(!task.drop_handle());
        let task2 = task.clone();
        let waker = thread::spawn(move || match task2.state(State::wake_by_value) {
            Wake::Nothing => {}
            Wake::Schedule => panic!("scheduled beside its owner, or after its end"),
            Wake::Free => task2.free(),
        });
        task.run(|| true);
        waker.join().unwrap();
        task.assert_freed();
    });
}

/// Wakers are cloned and dropped on two threads while the task ends on a third: the last one out frees it, after
/// everything that the others did.
#[test]
fn waker_clone_and_drop() {
    check("waker_clone_and_drop", bounded(3), || {
        let task = Task::with_wakers(2);
        assert!(!task.drop_handle());
        let threads = [0, 1].map(|_| {
            let task = task.clone();
            thread::spawn(move || {
                task.state(State::retain);
                task.release();
                task.release();
            })
        });
        task.run(|| true);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        task.assert_freed();
    });
}

/// Two threads write data and wake a task that is being polled: it is polled by one thread at a time, not more often
/// than it was woken, and the last poll sees the data of both.
#[test]
fn double_wake_coalesces() {
    check("double_wake_coalesces", bounded(3), || {
        let (task, data) = (Task::with_wakers(2), Arc::new([0, 1].map(|_| AtomicBool::new(false))));
        let wakers = [0, 1].map(|own| {
            let (task, data) = (task.clone(), data.clone());
            thread::spawn(move || {
                data[own].store(true, Relaxed);
                if task.state(State::wake_by_ref) {
                    task.run(|| data[0].load(Relaxed) && data[1].load(Relaxed));
                }
                task.release();
            })
        });
        task.run(|| data[0].load(Relaxed) && data[1].load(Relaxed));
        wakers.into_iter().for_each(|waker| waker.join().unwrap());
        // SAFETY: the others have ended.
        assert!(task.polls.with(|polls| unsafe { *polls }) <= 3, "one wake, two polls");
        assert!(task.drop_handle(), "a wake was lost");
        task.assert_freed();
    });
}

/// A slot of a page: its word may be looked at by anybody at any time, the header only with a reference.
struct Slot {
    state: State,
    /// Which tenant this is.
    header: UnsafeCell<u32>,
    freed: AtomicUsize,
}

// SAFETY: what the model is about.
unsafe impl Sync for Slot {}

impl Slot {
    /// Frees the slot, and has its next tenant move in at once.
    fn free_and_reuse(&self) {
        self.freed.fetch_add(1, Relaxed);
        self.state.clear();
        // SAFETY: loom watches.
        self.header.with_mut(|header| unsafe { *header = 2 });
        State::born(Traits::default()).publish_over(&self.state);
    }
}

/// A walker looks at a slot while its task ends and the next tenant moves in: it gets hold of one or the other whole, or
/// of none, and the slot is not reused under it.
#[test]
fn walker_against_end_and_reuse() {
    check("walker_against_end_and_reuse", unbounded(), || {
        let state = State::born(Traits::default());
        assert_eq!(state.drop_join(), JoinDropped::Detached);
        let slot = Arc::new(Slot { state, header: UnsafeCell::new(1), freed: AtomicUsize::new(0) });
        let slot2 = slot.clone();
        let walker = thread::spawn(move || {
            for _ in 0..2 {
                if slot2.state.try_pin() {
                    // SAFETY: loom watches.
                    slot2.header.with(|header| unsafe { assert!(*header == 1 || *header == 2) });
                    if slot2.state.release() {
                        slot2.free_and_reuse();
                    }
                }
            }
        });
        assert_eq!(slot.state.complete(Outcome::Value), Complete::JoinGone);
        if slot.state.complete_unjoined(Outcome::Value) == Unjoined::Free {
            slot.free_and_reuse();
        }
        walker.join().unwrap();
        assert_eq!(slot.freed.load(Relaxed), 1);
        assert!(slot.state.try_pin(), "the next tenant lives");
    });
}

/// A task is created while its creator is asked to stop: either it is born so, or the walk of whoever asks finds it.
#[test]
fn birth_against_stop() {
    check("birth_against_stop", unbounded(), || {
        let creator = Arc::new(State::born(Traits::default()));
        // What the walk goes by: whether there is a newborn in its slot.
        let newborn = Arc::new((AtomicBool::new(false), State::born(Traits::default())));
        let (creator2, newborn2) = (creator.clone(), newborn.clone());
        let asker = thread::spawn(move || {
            creator2.stop();
            // Relaxed: loom must see no order here but the creator's word.
            if newborn2.0.load(Relaxed) {
                newborn2.1.stop();
            }
        });
        let born_so = creator.is_stopping();
        newborn.0.store(true, Relaxed);
        if born_so || creator.is_stopping_after_birth() {
            newborn.1.stop();
        }
        asker.join().unwrap();
        assert!(newborn.1.is_stopping(), "it was not asked");
    });
}
