//! How task slots come home: a stack that any thread pushes on and the owner empties at one go, and its closing.
//!
//! Slots freed by a thread that does not own their page are pushed here (Treiber's stack). Only two operations
//! exist, push and take-all, so the ABA problem has nowhere to live: nobody ever compares against a `next`.
//!
//! When the owner ends it takes everything once more and leaves CLOSED behind. From then on a foreign free finds
//! CLOSED and counts the slot off its chunk's [`Left`] instead. The closer adds the number of slots that were still
//! out at that moment. Frees that come before the addition make the count negative, never zero; so exactly one
//! party, the closer or a foreign free, brings it to zero, and that one gives the chunk's memory back.
//!
//! The feared interleaving: a free reads an open stack, the owner closes it, the free pushes. It cannot: the push is
//! a compare-exchange against the head it read, and CLOSED replaced that head.

use std::ptr;

use crate::shim::UnsafeCell;
use crate::shim::atomic::{AtomicIsize, AtomicPtr, AtomicU64, Ordering};

/// A free slot: the word 0 where a task has its state, and the link to the next free one.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct FreeSlot {
    pub(crate) word: AtomicU64,
    pub(crate) next: UnsafeCell<*mut FreeSlot>,
}

const CLOSED: *mut FreeSlot = ptr::without_provenance_mut(1);

/// The stack of slots that other threads freed.
#[derive(Debug)]
pub(crate) struct RemoteFree(AtomicPtr<FreeSlot>);

impl RemoteFree {
    pub(crate) fn new() -> RemoteFree {
        RemoteFree(AtomicPtr::new(ptr::null_mut()))
    }

    /// Pushes a free slot. False: the owner closed the stack; the slot must be counted off its chunk.
    ///
    /// # Safety
    /// `slot` is free and the caller's, and its memory stays until it is taken or counted off.
    pub(crate) unsafe fn push(&self, slot: *mut FreeSlot) -> bool {
        // Acquire: a caller that finds CLOSED goes on to the chunk, which the closer has set in order before.
        let mut head = self.0.load(Ordering::Acquire);
        loop {
            if head == CLOSED {
                return false;
            }
            // SAFETY: the slot is the caller's until the exchange below succeeds.
            unsafe { (*slot).next.with_mut(|next| *next = head) };
            // Release: pairs with the Acquire of `take_all`, which goes on to read `next` and to reuse the slot.
            match self.0.compare_exchange_weak(head, slot, Ordering::Release, Ordering::Acquire) {
                Ok(_) => return true,
                Err(seen) => head = seen,
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        let head = self.0.load(Ordering::Relaxed);
        head.is_null() || head == CLOSED
    }

    /// Takes all slots, as a list linked through `next`. Only the owner calls this.
    pub(crate) fn take_all(&self) -> *mut FreeSlot {
        // Acquire: pairs with the Release of each push (a push extends the release sequence of those below it).
        self.0.swap(ptr::null_mut(), Ordering::Acquire)
    }

    /// Takes all slots and lets none in any more. Only the owner calls this, once.
    pub(crate) fn close(&self) -> *mut FreeSlot {
        // AcqRel: Acquire as in `take_all`; Release pairs with the Acquire of a push that finds CLOSED.
        self.0.swap(CLOSED, Ordering::AcqRel)
    }
}

/// How many slots of a closed chunk are still out.
#[derive(Debug)]
pub(crate) struct Left(AtomicIsize);

impl Left {
    pub(crate) fn new() -> Left {
        Left(AtomicIsize::new(0))
    }

    /// A slot came back after closing. True: it was the last one, and the caller frees the chunk.
    #[must_use]
    pub(crate) fn count_off(&self) -> bool {
        // AcqRel: whoever frees the chunk acquires every other thread's last access to it.
        self.0.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// The owner has closed and found `out` slots missing. True: none is any more, and the caller frees the chunk.
    #[must_use]
    pub(crate) fn close(&self, out: isize) -> bool {
        // AcqRel: as in `count_off`.
        self.0.fetch_add(out, Ordering::AcqRel) + out == 0
    }
}
