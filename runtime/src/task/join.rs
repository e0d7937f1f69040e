//! The join hand-off: one slot for the waker of whoever awaits a task, governed by two bits of the state word.
//!
//! | JOIN | JWAKER | COMPLETE | the slot |
//! |---|---|---|---|
//! | 1 | 0 | 0 | empty; the handle may write it |
//! | 1 | 1 | 0 | filled; belongs to the completer, whoever that will be; the handle may compare it, not change it |
//! | 1 | 1 | 1 | the completer takes it, wakes it, and then gives its reference back |
//! | - | 0 | 1 | empty |
//!
//! The handle takes JWAKER off before it changes the slot and sets it again afterwards; each is a compare-exchange
//! that fails once the task is complete. So a waker stored too late is never left lying: the handle that fails to
//! publish it finds the task complete and takes the output.

use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr;
use std::task::{RawWakerVTable, Waker};

use super::state::State;
use crate::shim::UnsafeCell;
use crate::shim::atomic::{AtomicPtr, Ordering};

/// The slot, a waker in its two halves. Whether it is filled is written in the state word beside it.
#[derive(Debug)]
pub(crate) struct JoinWaker {
    /// Half of the waker: governed as told above.
    vtable: UnsafeCell<MaybeUninit<&'static RawWakerVTable>>,
    /// The other half, and a hint to those who look at a running program.
    data: AtomicPtr<()>,
}

impl JoinWaker {
    pub(crate) fn empty() -> JoinWaker {
        JoinWaker { vtable: UnsafeCell::new(MaybeUninit::uninit()), data: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Whose waker is or was in the slot, by the address of its data: a guess, for those who look at a running program.
    pub(crate) fn joiner(&self) -> usize {
        // Relaxed: as said, a guess.
        self.data.load(Ordering::Relaxed).addr()
    }

    /// # Safety
    /// The slot is the caller's and empty; afterwards it is filled.
    unsafe fn fill(&self, waker: Waker) {
        let waker = ManuallyDrop::new(waker);
        // Relaxed: the state word hands both halves over.
        self.data.store(waker.data().cast_mut(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        self.vtable.with_mut(|vtable| unsafe {
            (*vtable).write(waker.vtable());
        });
    }

    /// The waker, which stays in the slot as well: only one of the two may be used up.
    ///
    /// # Safety
    /// The slot is filled, and nobody changes it meanwhile.
    unsafe fn waker(&self) -> ManuallyDrop<Waker> {
        // SAFETY: the caller's promise.
        let vtable = self.vtable.with(|vtable| unsafe { (*vtable).assume_init() });
        let data = self.data.load(Ordering::Relaxed).cast_const();
        // SAFETY: `fill` took a waker apart, and these are its halves.
        ManuallyDrop::new(unsafe { Waker::new(data, vtable) })
    }

    /// Leaves `waker` to be woken at completion. True: the task is complete already, and its output visible.
    ///
    /// # Safety
    /// The caller is the task's only handle: JOIN is set, and nobody else registers at the same time.
    #[inline]
    pub(crate) unsafe fn register(&self, state: &State, waker: &Waker) -> bool {
        let seen = state.look();
        if seen.is_complete() {
            return true;
        }
        if seen.has_join_waker() {
            // SAFETY: JWAKER was set by this handle, so the slot is filled; until this handle takes the bit off,
            // everybody, the completer included, only reads it, and `will_wake` compares two addresses.
            if unsafe { self.waker() }.will_wake(waker) {
                return false;
            }
            if !state.reclaim_join_waker() {
                return true;
            }
            // SAFETY: the bit is off, so the filled slot is this handle's again.
            unsafe { self.drop_waker() };
        }
        let waker = waker.clone();
        // SAFETY: JWAKER is off and JOIN on: the slot is empty and this handle's.
        unsafe { self.fill(waker) };
        if state.publish_join_waker() {
            return false;
        }
        // SAFETY: the task completed without having seen JWAKER: the filled slot stayed this handle's.
        unsafe { self.drop_waker() };
        true
    }

    /// Moves the waker out, for waking.
    ///
    /// # Safety
    /// The caller completed the task and saw JWAKER in that transition.
    pub(crate) unsafe fn take(&self) -> Waker {
        // SAFETY: the slot is filled and the caller's; nobody drops or reads it as a waker afterwards.
        ManuallyDrop::into_inner(unsafe { self.waker() })
    }

    /// Drops the waker.
    ///
    /// # Safety
    /// The slot is filled and the caller took JWAKER off.
    pub(crate) unsafe fn drop_waker(&self) {
        // SAFETY: the caller owns the filled slot.
        drop(ManuallyDrop::into_inner(unsafe { self.waker() }));
    }
}
