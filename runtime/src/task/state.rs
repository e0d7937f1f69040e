//! One word says everything about a task's life: who may poll it, whether it has ended, who still refers to it.
//!
//! ```text
//!            born
//!             │ OWNED|JOIN|LIVE, 2 references (queue, handle)
//!             ▼
//!   ┌──── queued or running ───────────────────────────────┐
//!   │  OWNED: exactly one party, a queue or the worker      │
//!   │  that polls, holds the right to poll + 1 reference    │
//!   └──┬───────────▲──────────────────┬────────────────┬────┘
//!      │ 1 pending │ 2 wake           │ 3 complete     │ 4 pending, but CANCEL
//!      ▼           │                  ▼                ▼ (stays OWNED, the future is dropped at once)
//!     idle ────────┘              COMPLETE ◄────── complete(CANCELLED)
//! ```
//!
//! There is no separate state for "queued" and "running": OWNED covers both, so taking a task from a queue needs no
//! transition, and a poll that finds work left over needs none either. What the flags exclude:
//!
//! * OWNED excludes a second poll: only the transition that sets it may put the task into a queue.
//! * COMPLETE is never taken back. It excludes LIVE, OWNED and any further poll.
//! * LIVE is set from birth to completion, whatever the references say: a pending task that nobody can wake any more
//!   is still a task (it is found by a walk of the pages and cancelled at shutdown). The word 0 means "free slot".
//! * JOIN: the handle exists. Until COMPLETE it alone may clear it; whoever completes reads it in the completing
//!   transition, so exactly one side owns the output.
//! * JWAKER: the join-waker slot is filled and belongs to the completer (see `join.rs`).
//! * ON_DONE: somebody waits for the end by callback; the completer keeps its reference and looks at the side record.
//! * NOTIFIED: woken while OWNED; the poll that is under way, or about to be, must be followed by another look.
//! * DRAINING: the output is written, and the cleanup that the task adopted is awaited before COMPLETE. Set by the
//!   holder of OWNED; from then on polls go to the drain, and a CANCEL has nothing left to drop.
//! * CLEANUP: the task is part of somebody's cleanup: the end of the runtime cancels it only when the grace is over.
//! * STOP: somebody asked for a cooperative stop. Never taken back, and of no consequence to this word.
//!
//! The feared interleavings:
//!
//! * *A wake between the last look of a poll and its going idle.* Both are read-modify-writes of this word: either
//!   the wake comes first and `after_pending` finds NOTIFIED, or it comes second and finds the task idle, and
//!   schedules it.
//! * *A wake that only loads.* A waker that saw NOTIFIED and returned without writing would not publish the data
//!   written before it: the runner could clear NOTIFIED, poll, and miss that data. So a wake always writes.
//! * *Freeing while a walker looks.* A walker may raise the count of any LIVE task; therefore nobody may free a slot
//!   on the strength of "I hold the only reference" before COMPLETE is set by a compare-exchange.
//!
//! Orderings: every transition that hands data over is AcqRel: it releases what its thread did before and acquires
//! what the previous holder did. Raising the count is Relaxed (whoever raises it already holds a reference), lowering
//! it is AcqRel (the last one out must see every other holder's accesses before the slot is used again).

use crate::shim::atomic::{AtomicU64, Ordering};

const OWNED: u64 = 1;
const NOTIFIED: u64 = 1 << 1;
const COMPLETE: u64 = 1 << 2;
const JOIN: u64 = 1 << 3;
const JWAKER: u64 = 1 << 4;
const CANCEL: u64 = 1 << 5;
const LIVE: u64 = 1 << 6;
const PINNED: u64 = 1 << 7;
const CANCELLED: u64 = 1 << 8;
const PANICKED: u64 = 1 << 9;
const ON_DONE: u64 = 1 << 10;
const DRAINING: u64 = 1 << 11;
const CLEANUP: u64 = 1 << 12;
const STOP: u64 = 1 << 13;
const ONE_REF: u64 = 1 << 16;

/// The word of a joined task at birth, which the fire-and-forget path compares against.
const BIRTH: u64 = OWNED | JOIN | LIVE | (2 * ONE_REF);

/// How a task ended; becomes part of the completing transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Value,
    Cancelled,
    Panicked,
}

impl Outcome {
    fn bits(self) -> u64 {
        match self {
            Outcome::Value => 0,
            Outcome::Cancelled => CANCELLED,
            Outcome::Panicked => PANICKED,
        }
    }
}

/// What the holder of the right to poll has to do with a task taken from a queue.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Start {
    Poll,
    /// Poll, and note for its length that this is cleanup.
    PollCleanup,
    /// Drop the future, then complete with [`Outcome::Cancelled`].
    Cancel,
    /// The future is gone: go on with the drain.
    Drain,
}

/// What follows a poll that returned `Pending`.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AfterPending {
    /// The right to poll is given up; a wake gets it next.
    Idle,
    /// Woken meanwhile: still OWNED, goes to the back of a queue.
    Reschedule,
    /// Cancelled meanwhile: still OWNED, the future is dropped now.
    Cancel,
}

/// What the completer has to do.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Complete {
    /// Nothing changed: the handle is gone, so drop the output and call [`State::complete_unjoined`].
    JoinGone,
    /// Complete; the handle will fetch the output.
    Done,
    /// Complete, and somebody is waiting: the completer keeps its reference until it has told them, and then
    /// [`State::release`]s it.
    Tell(Waiting),
}

/// What follows completion without a handle.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unjoined {
    Done,
    /// That was the last reference; the slot is the caller's to free.
    Free,
    /// As [`Complete::Tell`].
    Tell(Waiting),
}

/// Who waits for a task's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// The join-waker slot is filled and the completer's.
    pub(crate) joiner: bool,
    /// The side record has callbacks.
    pub(crate) callbacks: bool,
}

impl Waiting {
    fn of(word: u64) -> Option<Waiting> {
        let waiting = Waiting { joiner: word & JWAKER != 0, callbacks: word & ON_DONE != 0 };
        (word & (JWAKER | ON_DONE) != 0).then_some(waiting)
    }
}

/// What the dropped handle has to do.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum JoinDropped {
    /// The task goes on alone; its reference is already given back.
    Detached,
    /// The handle still holds its reference and now owns the join-waker slot: empty it, then `release`.
    DropWaker,
    /// The task is complete: the output belongs to the handle; drop it, then `release`.
    HasOutput,
}

/// What the canceller has to do.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Cancel {
    AlreadyDone,
    /// Whoever owns the task will see the request.
    Requested,
    /// The canceller got the right to poll (and a reference for it): schedule the task.
    Schedule,
}

/// What a wake by value has to do.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    Nothing,
    Schedule,
    /// That was the last reference to a completed task.
    Free,
}

/// What a task is born with.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traits {
    /// Runs on its home worker only.
    pub(crate) pinned: bool,
    /// Its future is dropped before it is ever polled.
    pub(crate) cancelled: bool,
    /// Part of somebody's cleanup.
    pub(crate) cleanup: bool,
    /// Asked to stop already, as its creator was.
    pub(crate) stopping: bool,
}

/// A task's state word.
#[derive(Debug)]
pub(crate) struct State(AtomicU64);

/// One reading of the word, for display and for decisions that no transition depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Snapshot(u64);

impl Snapshot {
    pub(crate) fn is_complete(self) -> bool {
        self.0 & COMPLETE != 0
    }
    pub(crate) fn is_cancelled(self) -> bool {
        self.0 & CANCELLED != 0
    }
    pub(crate) fn is_panicked(self) -> bool {
        self.0 & PANICKED != 0
    }
    /// How a complete task ended.
    pub(crate) fn outcome(self) -> Outcome {
        match self.0 & (CANCELLED | PANICKED) {
            0 => Outcome::Value,
            CANCELLED => Outcome::Cancelled,
            _ => Outcome::Panicked,
        }
    }
    pub(crate) fn is_cancelling(self) -> bool {
        self.0 & (CANCEL | COMPLETE) == CANCEL
    }
    pub(crate) fn is_pinned(self) -> bool {
        self.0 & PINNED != 0
    }
    pub(crate) fn is_cleanup(self) -> bool {
        self.0 & CLEANUP != 0
    }
    pub(crate) fn has_join(self) -> bool {
        self.0 & JOIN != 0
    }
    pub(crate) fn references(self) -> u64 {
        self.0 / ONE_REF
    }
    /// The handle was polled and is waiting.
    pub(crate) fn has_join_waker(self) -> bool {
        self.0 & JWAKER != 0
    }
}

impl State {
    /// The word of a task that is about to be pushed: owned by the queue, referred to by queue and handle.
    pub(crate) fn born(traits: Traits) -> State {
        let flag = |set: bool, bit: u64| if set { bit } else { 0 };
        let Traits { pinned, cancelled, cleanup, stopping } = traits;
        let more = flag(pinned, PINNED) | flag(cancelled, CANCEL) | flag(cleanup, CLEANUP) | flag(stopping, STOP);
        State(AtomicU64::new(BIRTH | more))
    }

    /// The word of a task that never ran: complete and cancelled, referred to by its handle alone.
    pub(crate) fn stillborn() -> State {
        State(AtomicU64::new(COMPLETE | CANCELLED | JOIN | ONE_REF))
    }

    /// Writes this word over a free slot's word 0, last of all the slot's fields.
    pub(crate) fn publish_over(self, slot: &State) {
        // Release: pairs with the Acquire of `try_pin`, so that a walker that sees LIVE sees the whole header.
        slot.0.store(self.snapshot().0, Ordering::Release);
    }

    /// Marks the slot free. Nobody refers to it, and walkers skip 0.
    pub(crate) fn clear(&self) {
        // Relaxed: the push onto a free list publishes it; a walker that still sees COMPLETE skips that as well.
        self.0.store(0, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot(self.0.load(Ordering::Relaxed))
    }

    /// As `snapshot`; if the task is complete in it, its output is visible to the caller.
    pub(crate) fn look(&self) -> Snapshot {
        // Acquire: pairs with the AcqRel of `complete`, which follows the writing of the output.
        Snapshot(self.0.load(Ordering::Acquire))
    }

    /// Whether the task is complete; if so, its output is visible to the caller.
    pub(crate) fn is_complete(&self) -> bool {
        self.look().is_complete()
    }

    /// Before a poll, by the holder of OWNED.
    #[inline]
    pub(crate) fn start(&self) -> Start {
        // Relaxed: not seeing a wake that came in while the task sat in the queue costs one spurious poll at most,
        // since `after_pending` sees it.
        let word = self.0.load(Ordering::Relaxed);
        if word & (NOTIFIED | CANCEL | DRAINING | CLEANUP) == 0 { Start::Poll } else { self.start_slow() }
    }

    #[cold]
    fn start_slow(&self) -> Start {
        // AcqRel: acquires what the waker or canceller wrote before its own read-modify-write.
        let word = self.0.fetch_and(!NOTIFIED, Ordering::AcqRel);
        if word & DRAINING != 0 {
            Start::Drain
        } else if word & CANCEL != 0 {
            Start::Cancel
        } else if word & CLEANUP != 0 {
            Start::PollCleanup
        } else {
            Start::Poll
        }
    }

    /// The output is written, and there is cleanup to await before the task is complete. By the holder of OWNED.
    pub(crate) fn begin_drain(&self) {
        // Relaxed: read by the holders of OWNED alone, who hand it over by the AcqRel transitions of this word.
        self.0.fetch_or(DRAINING, Ordering::Relaxed);
    }

    /// Asks for a cooperative stop. True: for the first time.
    pub(crate) fn stop(&self) -> bool {
        // AcqRel: whoever sees STOP sees what was done before it was asked for; pairs with `is_stopping`. And the walk that
        // follows sees who was born before `is_stopping_after_birth` was asked.
        self.0.fetch_or(STOP, Ordering::AcqRel) & STOP == 0
    }

    /// Whether a cooperative stop was asked for.
    pub(crate) fn is_stopping(&self) -> bool {
        // Acquire: pairs with `stop`.
        self.0.load(Ordering::Acquire) & STOP != 0
    }

    /// Whether a cooperative stop was asked for by now: the second look of a creator that did not see it, and has published
    /// tasks that were born without it.
    ///
    /// Whoever asks sets STOP, then walks the live tasks. This and `stop` are read-modify-writes of one word: either this
    /// one comes second and sees STOP, or `stop` acquires from here what was published, and the walk finds the newborn.
    #[inline]
    pub(crate) fn is_stopping_after_birth(&self) -> bool {
        // AcqRel: as told; pairs with `stop`.
        self.0.fetch_or(0, Ordering::AcqRel) & STOP != 0
    }

    /// After a poll that returned `Pending`, by the holder of OWNED.
    #[inline]
    pub(crate) fn after_pending(&self) -> AfterPending {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            debug_assert!(word & OWNED != 0 && word & COMPLETE == 0, "pending without owning: {word:#x}");
            let (next, then) = if word & (CANCEL | DRAINING) == CANCEL {
                (word & !NOTIFIED, AfterPending::Cancel)
            } else if word & NOTIFIED != 0 {
                (word & !NOTIFIED, AfterPending::Reschedule)
            } else {
                ((word & !OWNED) - ONE_REF, AfterPending::Idle)
            };
            // AcqRel: releases what the poll did to the future (to the next wake's owner); acquires the data
            // written before a wake or cancel that came in during the poll.
            match self.0.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return then,
                Err(seen) => word = seen,
            }
        }
    }

    /// The output is written; hand it to the handle, if there still is one.
    #[inline]
    pub(crate) fn complete(&self, outcome: Outcome) -> Complete {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            debug_assert!(word & OWNED != 0 && word & COMPLETE == 0, "complete without owning: {word:#x}");
            if word & JOIN == 0 {
                return Complete::JoinGone;
            }
            let done = (word & !(OWNED | LIVE | NOTIFIED | DRAINING)) | COMPLETE | outcome.bits();
            let (next, then) = match Waiting::of(word) {
                Some(waiting) => (done, Complete::Tell(waiting)),
                None => (done - ONE_REF, Complete::Done),
            };
            // AcqRel: Release publishes the output to the handle's Acquire; Acquire takes the join waker that the
            // handle published when it set JWAKER.
            match self.0.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return then,
                Err(seen) => word = seen,
            }
        }
    }

    /// The output is dropped, since nobody will fetch it.
    #[inline]
    pub(crate) fn complete_unjoined(&self, outcome: Outcome) -> Unjoined {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            debug_assert!(word & (OWNED | JOIN | COMPLETE) == OWNED, "unjoined completion of {word:#x}");
            let done = (word & !(OWNED | LIVE | NOTIFIED | DRAINING)) | COMPLETE | outcome.bits();
            let (next, then) = match Waiting::of(word) {
                Some(waiting) => (done, Unjoined::Tell(waiting)),
                None if word / ONE_REF == 1 => (done - ONE_REF, Unjoined::Free),
                None => (done - ONE_REF, Unjoined::Done),
            };
            // AcqRel: as in `release`, since this gives a reference back.
            match self.0.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return then,
                Err(seen) => word = seen,
            }
        }
    }

    /// The handle goes away without having fetched the output.
    #[inline]
    pub(crate) fn drop_join(&self) -> JoinDropped {
        // Relaxed failure: the loop below decides on its own reading. Release side: as in `release`.
        let detached = BIRTH - JOIN - ONE_REF;
        if self.0.compare_exchange(BIRTH, detached, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            return JoinDropped::Detached;
        }
        self.drop_join_slow()
    }

    fn drop_join_slow(&self) -> JoinDropped {
        // Acquire: on COMPLETE the caller goes on to the output; pairs with `complete`.
        let mut word = self.0.load(Ordering::Acquire);
        loop {
            if word & COMPLETE != 0 {
                return JoinDropped::HasOutput;
            }
            let (next, then) = if word & JWAKER != 0 {
                (word & !(JOIN | JWAKER), JoinDropped::DropWaker)
            } else {
                ((word & !JOIN) - ONE_REF, JoinDropped::Detached)
            };
            // AcqRel: taking JWAKER off acquires the slot; giving the reference back is a `release`.
            match self.0.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return then,
                Err(seen) => word = seen,
            }
        }
    }

    /// Takes the filled join-waker slot back from the completer. False: the task completed first.
    pub(crate) fn reclaim_join_waker(&self) -> bool {
        self.flip_join_waker(JWAKER, 0)
    }

    /// Hands the filled join-waker slot to the completer. False: the task completed first, the slot stays ours.
    pub(crate) fn publish_join_waker(&self) -> bool {
        self.flip_join_waker(0, JWAKER)
    }

    fn flip_join_waker(&self, from: u64, to: u64) -> bool {
        let mut word = self.0.load(Ordering::Acquire);
        loop {
            if word & COMPLETE != 0 {
                return false;
            }
            debug_assert!(word & (JOIN | JWAKER) == JOIN | from, "join waker flipped twice: {word:#x}");
            // AcqRel: Release hands the slot's content to `complete`; the Acquire on either side takes the slot
            // back, or the output where the task completed first.
            match self.0.compare_exchange_weak(word, (word & !JWAKER) | to, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return true,
                Err(seen) => word = seen,
            }
        }
    }

    /// Asks for cancellation.
    pub(crate) fn cancel(&self) -> Cancel {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let (next, then) = if word & COMPLETE != 0 {
                return Cancel::AlreadyDone;
            } else if word & OWNED != 0 {
                (word | CANCEL | NOTIFIED, Cancel::Requested)
            } else {
                ((word | CANCEL | OWNED) + ONE_REF, Cancel::Schedule)
            };
            // AcqRel: Acquire takes the future from the poll that went idle (`after_pending`), for the worker the
            // task is scheduled to; Release publishes what the canceller did before.
            match self.0.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return then,
                Err(seen) => word = seen,
            }
        }
    }

    /// Wakes by reference. True: the caller got the right to poll (and a reference for it) and schedules the task.
    #[must_use]
    #[inline]
    pub(crate) fn wake_by_ref(&self) -> bool {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            if word & COMPLETE != 0 {
                return false;
            }
            let idle = word & OWNED == 0;
            let next = if idle { (word | OWNED) + ONE_REF } else { word | NOTIFIED };
            // AcqRel, and written even where NOTIFIED is set already: Release publishes the data that the wake is
            // about, Acquire takes the future from the poll that went idle.
            match self.0.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return idle,
                Err(seen) => word = seen,
            }
        }
    }

    /// Wakes and gives the waker's reference away: to the queue, or back.
    #[inline]
    pub(crate) fn wake_by_value(&self) -> Wake {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let (next, then) = if word & COMPLETE != 0 {
                return if self.release() { Wake::Free } else { Wake::Nothing };
            } else if word & OWNED != 0 {
                ((word | NOTIFIED) - ONE_REF, Wake::Nothing)
            } else {
                (word | OWNED, Wake::Schedule)
            };
            // AcqRel: as in `wake_by_ref`.
            match self.0.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return then,
                Err(seen) => word = seen,
            }
        }
    }

    /// One more reference, by somebody who holds one.
    #[inline]
    pub(crate) fn retain(&self) {
        // Relaxed: the caller's own reference keeps the slot.
        self.0.fetch_add(ONE_REF, Ordering::Relaxed);
    }

    /// One reference less. True: the slot is free, and the caller frees it.
    #[must_use]
    #[inline]
    pub(crate) fn release(&self) -> bool {
        // AcqRel: the last one out acquires what all others did to the slot before they left.
        let word = self.0.fetch_sub(ONE_REF, Ordering::AcqRel);
        debug_assert!(word / ONE_REF > 0, "released a task that nobody refers to: {word:#x}");
        word / ONE_REF == 1 && word & COMPLETE != 0
    }

    /// A walker's reference to a task that it found in a page. False: free or ended.
    #[must_use]
    pub(crate) fn try_pin(&self) -> bool {
        let mut word = self.0.load(Ordering::Relaxed);
        while word & LIVE != 0 {
            // Acquire: pairs with `publish_over`, so that the header's fields are there.
            match self.0.compare_exchange_weak(word, word + ONE_REF, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(seen) => word = seen,
            }
        }
        false
    }

    /// Whether the task waits to be woken: it is neither queued, nor being polled, nor over.
    pub(crate) fn is_idle(&self) -> bool {
        // Acquire: pairs with `after_pending`, so that what the poll has left is visible.
        self.0.load(Ordering::Acquire) & (OWNED | COMPLETE | LIVE) == LIVE
    }

    /// Says that the side record has a callback. False: the task completed first, and its completer may not look.
    pub(crate) fn announce_callback(&self) -> bool {
        // AcqRel on the word that the completion also writes: either it finds ON_DONE and, by this Release, the
        // callback, or this finds COMPLETE.
        self.0.fetch_or(ON_DONE, Ordering::AcqRel) & COMPLETE == 0
    }
}
