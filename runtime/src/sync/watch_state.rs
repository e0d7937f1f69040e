//! One value that changes, and those who want to know: the state of a watch.
//!
//! The value lies in an `Arc`, and under the lock that pointer is copied or exchanged and nothing else happens. So who
//! looks at the value holds a snapshot: it keeps nobody from sending, may be held across an `.await`, and never shows a
//! value half-changed. What a send replaces is dropped after the lock, by whoever lets go of it last.
//!
//! Each change has a number, and a receiver remembers the one it saw last: *it waits only when it has seen, under the
//! lock, that there is no newer one*; a send raises the number and releases everybody who waits, under that lock. A
//! receiver that was slow finds the newest value, never those in between.
//!
//! **Writers take turns.** [`send_modify`](super::WatchSender::send_modify) calls its closure with a clone of the value,
//! and what it makes of it must not undo what somebody else sent meanwhile. So every change is made inside a turn, of
//! which there is one at a time. The closure is foreign code, and the turn is the only lock in `sync` that is held
//! around such: nobody but senders of this very watch wants it, receivers never do, and a closure that sends into its
//! own watch would wait for itself, so it is told (a panic) instead. (Two closures that send into each other's watches may
//! still wait for each other, as with any two locks.)

use std::panic::Location;

use super::waiters::{Waiters, wake_released};
use crate::shim::atomic::{AtomicUsize, Ordering};
use crate::shim::{Arc, Mutex, MutexGuard};

pub(super) struct Shared<T> {
    /// Each handle is counted in the `Arc`, too, which aborts long before this could overflow.
    pub(super) senders: AtomicUsize,
    pub(super) state: Mutex<State<T>>,
    turn: Mutex<()>,
    /// The thread inside `send_modify`, or 0.
    modifier: AtomicUsize,
}

pub(super) struct State<T> {
    pub(super) value: Arc<T>,
    /// Counts the changes.
    pub(super) version: u64,
    pub(super) receivers: usize,
    /// Each sender was dropped.
    pub(super) is_closed: bool,
    pub(super) waiters: Waiters,
}

/// The right to change the value: nobody else does while this lives.
pub(super) struct WriteTurn<'a, T> {
    shared: &'a Shared<T>,
    _turn: MutexGuard<'a, ()>,
}

impl<T> Shared<T> {
    /// For one sender and one receiver.
    pub(super) fn new(value: T) -> Shared<T> {
        let state =
            State { value: Arc::new(value), version: 0, receivers: 1, is_closed: false, waiters: Waiters::new() };
        Shared {
            senders: AtomicUsize::new(1),
            state: Mutex::new(state),
            turn: Mutex::new(()),
            modifier: AtomicUsize::new(0),
        }
    }

    /// Waits for the turn to change the value.
    #[track_caller]
    pub(super) fn turn(&self) -> WriteTurn<'_, T> {
        if let Some(turn) = self.turn.try_lock() {
            return WriteTurn { shared: self, _turn: turn };
        }
        // Relaxed: a thread sees what it wrote itself, and what others wrote is not its own number. (All threads of a
        // model are one thread of the system, and no model does this.)
        if cfg!(not(raddle_loom)) && self.modifier.load(Ordering::Relaxed) == this_thread() {
            panic_in_turn(Location::caller());
        }
        WriteTurn { shared: self, _turn: self.turn.lock() }
    }

    pub(super) fn wake_released(&self) {
        wake_released(&self.state, |state| &mut state.waiters);
    }
}

#[cold]
fn panic_in_turn(caller: &Location<'_>) -> ! {
    panic!(
        "the closure of WatchSender::send_modify sent into the watch that it modifies (at {caller}), and would have \
         waited for itself; change the value that it was given, and send after it has returned"
    );
}

impl<T> WriteTurn<'_, T> {
    /// Runs the closure of `send_modify`, which may not ask for another turn.
    pub(super) fn run<R>(&self, modify: impl FnOnce() -> R) -> R {
        struct Reset<'a>(&'a AtomicUsize);
        impl Drop for Reset<'_> {
            fn drop(&mut self) {
                self.0.store(0, Ordering::Relaxed);
            }
        }
        // Relaxed, here and there: only this thread has a use for it (see `turn`).
        self.shared.modifier.store(this_thread(), Ordering::Relaxed);
        let _reset = Reset(&self.shared.modifier);
        modify()
    }
}

/// A number that no other living thread has, and that is not 0.
fn this_thread() -> usize {
    thread_local!(static PLACE: u8 = const { 0 });
    PLACE.with(|place| std::ptr::from_ref(place).addr())
}
