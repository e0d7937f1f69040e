//! One value that changes, and those who want to know: the state of a watch.
//!
//! The value lies in an `Arc`, and under the lock that pointer is copied or exchanged and nothing else happens. So who
//! looks at the value holds a snapshot: it keeps nobody from sending, may be held across an `.await`, and never shows a
//! value half-changed. What a send replaces is dropped after the lock, by whoever lets go of it last.
//!
//! Each change has a number, the version, and a receiver remembers the one it saw last: *it waits only when it has seen,
//! under the lock, that there is no newer one*; a send raises the version and releases everybody who waits, under that
//! lock. So a version that is not the one a receiver saw lets it go, and it needs no lock to see that; its entry, if it
//! has one, is taken out by the send. A receiver that was slow finds the newest value, never those in between.
//!
//! **Modifications.** [`send_modify`](super::WatchSender::send_modify) calls its closure with a clone of the value, and
//! what that makes of it must not undo what somebody else sent meanwhile. So while a closure runs nobody else changes the
//! value: `modifier` says so, and whoever finds it set waits for `turns`, which the modifying thread holds. The closure
//! is foreign code, and `turns` is the only lock in `sync` that is held around such: nobody but senders of this very
//! watch wants it, receivers never do, and a closure that sends into its own watch would wait for itself, so it is told
//! (a panic) instead. (Two closures that send into each other's watches may still wait for each other, as with any two
//! locks.)

use super::waiters::{Released, Waiters};
use crate::shim::atomic::{AtomicU64, AtomicUsize, Ordering};
use crate::shim::{Arc, Mutex, MutexGuard};

pub(super) struct Shared<T> {
    /// Each handle is counted in the `Arc`, too, which aborts long before this could overflow.
    pub(super) senders: AtomicUsize,
    /// A copy of the state's.
    version: AtomicU64,
    pub(super) state: Mutex<State<T>>,
    /// Held by the thread inside `send_modify`.
    turns: Mutex<()>,
}

pub(super) struct State<T> {
    pub(super) value: Arc<T>,
    /// Counts the changes.
    pub(super) version: u64,
    /// The thread inside `send_modify`, or 0.
    modifier: usize,
    pub(super) receivers: usize,
    /// Each sender was dropped.
    pub(super) is_closed: bool,
    pub(super) waiters: Waiters,
}

/// What a change leaves to be done after the locks.
struct Replaced<T> {
    _old: Arc<T>,
    released: Released,
}

/// The right to change the value: nobody else does while this lives.
pub(super) struct Modification<'a, T> {
    shared: &'a Shared<T>,
    _turn: MutexGuard<'a, ()>,
}

impl<T> Shared<T> {
    /// For one sender and one receiver.
    pub(super) fn new(value: T) -> Shared<T> {
        let state = State {
            value: Arc::new(value),
            version: 0,
            modifier: 0,
            receivers: 1,
            is_closed: false,
            waiters: Waiters::new(),
        };
        Shared {
            senders: AtomicUsize::new(1),
            version: AtomicU64::new(0),
            state: Mutex::new(state),
            turns: Mutex::new(()),
        }
    }

    pub(super) fn version(&self) -> u64 {
        // Acquire: pairs with the Release in `replace`, so that who sees the number sees what came before the send.
        self.version.load(Ordering::Acquire)
    }

    /// Puts `value` in the place of the old one, unless somebody modifies that or nobody receives.
    #[track_caller]
    pub(super) fn send(&self, value: Arc<T>) -> Result<(), Arc<T>> {
        let mut state = self.state.lock();
        let mut turn = None;
        if state.modifier != 0 {
            state.refuse_modifier();
            drop(state);
            turn = Some(self.turns.lock());
            state = self.state.lock();
        }
        if state.receivers == 0 {
            return Err(value);
        }
        let replaced = self.replace(&mut state, value);
        drop(state);
        drop(turn);
        self.announce(replaced);
        Ok(())
    }

    /// Waits for the right to change the value.
    #[track_caller]
    pub(super) fn modify(&self) -> Modification<'_, T> {
        self.state.lock().refuse_modifier();
        let turn = self.turns.lock();
        self.state.lock().modifier = this_thread();
        Modification { shared: self, _turn: turn }
    }

    #[must_use]
    fn replace(&self, state: &mut State<T>, value: Arc<T>) -> Replaced<T> {
        state.version += 1;
        // Release: pairs with the Acquire in `version`.
        self.version.store(state.version, Ordering::Release);
        Replaced { _old: std::mem::replace(&mut state.value, value), released: state.waiters.release_all() }
    }

    /// Wakes, and lets go of the old value, when both locks are free.
    fn announce(&self, replaced: Replaced<T>) {
        let Replaced { _old, released } = replaced;
        self.wake(released);
    }

    pub(super) fn wake(&self, released: Released) {
        released.wake(&self.state, |state| &mut state.waiters);
    }
}

impl<T> State<T> {
    /// # Panics
    ///
    /// If this thread is inside `send_modify`.
    #[track_caller]
    fn refuse_modifier(&self) {
        // All threads of a model are one thread of the system, and no model does this.
        assert!(
            cfg!(raddle_loom) || self.modifier != this_thread(),
            "the closure of WatchSender::send_modify sent into the watch that it modifies, and would have waited for \
             itself; change the value that it was given, and send after it has returned"
        );
    }
}

impl<T> Modification<'_, T> {
    /// Puts the modified value in the place of the old one, whether anybody receives or not.
    pub(super) fn finish(self, value: Arc<T>) {
        let replaced = self.shared.replace(&mut self.shared.state.lock(), value);
        let shared = self.shared;
        drop(self);
        shared.announce(replaced);
    }
}

impl<T> Drop for Modification<'_, T> {
    fn drop(&mut self) {
        self.shared.state.lock().modifier = 0;
    }
}

/// A number that no other living thread has, and that is not 0.
fn this_thread() -> usize {
    thread_local!(static PLACE: u8 = const { 0 });
    PLACE.with(|place| std::ptr::from_ref(place).addr())
}
