//! What every task begins with, whatever its future is.
//!
//! | field | who may touch it |
//! |---|---|
//! | `state` | anybody, through its transitions |
//! | `vtable`, `id`, `spawned_at`, `parent` | anybody who holds a reference; constant since birth |
//! | `waiting` | as `waiting.rs` says |
//! | `next` | the intrusive list that the task is in; a task is in one at most |
//! | `join` | as `join.rs` says |
//! | `side` | anybody who holds a reference: made once by compare-exchange, freed with the slot |

use std::panic::Location;
use std::ptr::{self, NonNull};

use super::arena::{self, ArenaShared};
use super::id::TaskId;
use super::join::JoinWaker;
use super::remote_free::FreeSlot;
use super::side::Side;
use super::state::State;
use super::waiting::{Waited, Waiting};
use crate::shim::UnsafeCell;
use crate::shim::atomic::{AtomicPtr, AtomicU64, Ordering};

/// The part of a task that does not depend on its future.
#[repr(C)]
pub(crate) struct Header {
    pub(crate) state: State,
    /// The place of the link is the same as in [`FreeSlot`].
    pub(crate) next: UnsafeCell<Option<TaskRef>>,
    pub(crate) vtable: &'static VTable,
    pub(crate) join: JoinWaker,
    side: AtomicPtr<Side>,
    pub(crate) id: TaskId,
    pub(crate) spawned_at: &'static Location<'static>,
}

const _: () = assert!(size_of::<Header>() <= 64);

/// In [`Prefix::parent`]: the creator awaits this task, by way of a waker that is not its own.
const AWAITED: u64 = 1 << 63;

/// The header and what else every task begins with, off the hot line.
#[repr(C)]
pub(crate) struct Prefix {
    pub(crate) header: Header,
    /// The number of the task that created this one; 0 for none. With [`AWAITED`].
    pub(crate) parent: AtomicU64,
    pub(crate) waiting: Waiting,
}

/// What depends on the future.
pub(crate) struct VTable {
    /// Polls once and does what follows. The caller gives the right to poll and its reference away.
    pub(crate) run: unsafe fn(TaskRef),
    /// Whether dropping a value that the future gave does anything.
    pub(crate) value_needs_drop: bool,
    /// Drops the output of a complete task that nobody fetched.
    pub(crate) drop_output: unsafe fn(TaskRef),
    /// Moves the output to the address given, which has room for a `Result<T, TaskError>`.
    pub(crate) take_output: unsafe fn(TaskRef, *mut ()),
    /// What the panic said, if the output of a complete task that nobody fetched is one.
    pub(crate) unseen_panic: unsafe fn(TaskRef) -> Option<String>,
    /// Whether the output of a complete task that nobody fetched is an error, other than that it was cancelled.
    pub(crate) has_failed: unsafe fn(TaskRef) -> bool,
    /// The future's type, for display.
    pub(crate) type_name: fn() -> &'static str,
}

/// A pointer to a task. Copying it says nothing about references: who holds one is said where it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct TaskRef(NonNull<Header>);

// SAFETY: what a task pointer gives access to from any thread is the header, which is made for that; the future is
// reached only through `VTable::run` by the owner of the right to poll, and pinned tasks run on their home alone.
unsafe impl Send for TaskRef {}

impl TaskRef {
    pub(crate) fn new(header: NonNull<Header>) -> TaskRef {
        TaskRef(header)
    }

    /// # Safety
    /// `data` came from [`TaskRef::as_ptr`].
    pub(crate) unsafe fn from_ptr(data: *const ()) -> TaskRef {
        // SAFETY: the caller's promise.
        TaskRef(unsafe { NonNull::new_unchecked(data.cast_mut().cast()) })
    }

    pub(crate) fn as_ptr(self) -> *const () {
        self.0.as_ptr().cast_const().cast()
    }

    pub(crate) fn pointer(self) -> NonNull<Header> {
        self.0
    }

    /// The header.
    ///
    /// The lifetime is the caller's affair: it holds a reference to the task while it uses the result. All callers
    /// do; the method is safe to keep the harness readable, and the type never leaves this crate.
    #[inline]
    pub(crate) fn header<'a>(self) -> &'a Header {
        // SAFETY: the slot holds an initialised header as long as the caller's reference is out.
        unsafe { self.0.as_ref() }
    }

    /// The task that created this one.
    pub(crate) fn parent(self) -> Option<TaskId> {
        let parent = self.prefix().parent.load(Ordering::Relaxed) & !AWAITED;
        (parent != 0).then_some(TaskId(parent))
    }

    fn prefix<'a>(self) -> &'a Prefix {
        // SAFETY: every task begins with a `Prefix`; the caller holds a reference.
        unsafe { self.0.cast::<Prefix>().as_ref() }
    }

    /// Somebody awaits it by way of a waker that does not tell who it is; perhaps its creator.
    pub(crate) fn set_awaited_within(self, task: TaskId) {
        if self.parent() == Some(task) {
            // Relaxed: for those who look at a running program.
            self.prefix().parent.fetch_or(AWAITED, Ordering::Relaxed);
        }
    }

    /// Whether its creator awaited it so.
    pub(crate) fn is_awaited_by_parent(self) -> bool {
        self.prefix().parent.load(Ordering::Relaxed) & AWAITED != 0
    }

    /// The record of what the task waits for.
    #[inline]
    pub(crate) fn waiting<'a>(self) -> &'a Waiting {
        &self.prefix().waiting
    }

    /// What the task waits for, if it does, and has said so.
    pub(crate) fn waited(self) -> Option<Waited> {
        self.waiting().look(self.state())
    }

    #[inline]
    pub(crate) fn state<'a>(self) -> &'a State {
        &self.header().state
    }

    /// Identity of the runtime that the task belongs to.
    #[inline]
    pub(crate) fn runtime(self) -> *const () {
        // SAFETY: the caller holds a reference, so the slot is out.
        unsafe { arena::runtime_of(self.0) }
    }

    /// The arena that the task's slot belongs to.
    #[inline]
    pub(crate) fn arena<'a>(self) -> &'a ArenaShared {
        // SAFETY: the caller holds a reference, so the slot is out.
        unsafe { arena::arena_of(self.0) }
    }

    pub(crate) fn side<'a>(self) -> Option<&'a Side> {
        // Acquire: pairs with the exchange in `side_or_insert`.
        let side = self.header().side.load(Ordering::Acquire);
        // SAFETY: a side record, once set, stays until the slot is freed.
        unsafe { side.as_ref() }
    }

    /// Whether the task has a record of what few tasks need. A hint to all but the holder of OWNED, who made what it
    /// asks for itself.
    #[inline]
    pub(crate) fn has_side(self) -> bool {
        !self.header().side.load(Ordering::Relaxed).is_null()
    }

    /// The task's record of what few tasks need, made on first use.
    pub(crate) fn side_or_make<'a>(self) -> &'a Side {
        self.side().unwrap_or_else(|| self.side_or_insert(Side::default()))
    }

    /// The task's record: this one, unless somebody made one first.
    pub(crate) fn side_or_insert<'a>(self, side: Side) -> &'a Side {
        let made = Box::into_raw(Box::new(side));
        // Release publishes the record to `side`; Acquire takes the one that somebody else made first.
        match self.header().side.compare_exchange(ptr::null_mut(), made, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: ours, and in place until the slot is freed.
            Ok(_) => unsafe { &*made },
            Err(first) => {
                // SAFETY: `made` was never shown to anybody; `first` stays until the slot is freed.
                unsafe {
                    drop(Box::from_raw(made));
                    &*first
                }
            }
        }
    }

    /// Takes the side record of a task whose last reference is gone.
    ///
    /// # Safety
    /// As [`retire`](TaskRef::retire), which follows.
    pub(crate) unsafe fn take_side(self) -> Option<Box<Side>> {
        // Relaxed: nobody refers to the task any more, and the last one out acquired what they did.
        let side = NonNull::new(self.header().side.swap(ptr::null_mut(), Ordering::Relaxed))?;
        // SAFETY: made by `side_or_insert`, and nobody's but the caller's now.
        Some(unsafe { Box::from_raw(side.as_ptr()) })
    }

    /// Turns a slot whose last reference is gone, and whose side record is taken, into a free one.
    ///
    /// # Safety
    /// The caller saw the state word say "free": complete, and no references.
    pub(crate) unsafe fn retire(self) -> NonNull<FreeSlot> {
        self.state().clear();
        self.0.cast()
    }
}

impl Header {
    /// Writes every field but the state word, which stays 0, "free slot", until the rest of the task is written.
    ///
    /// # Safety
    /// `this` is the header of a free slot that is the caller's.
    #[inline]
    pub(crate) unsafe fn init(
        this: *mut Header,
        vtable: &'static VTable,
        id: TaskId,
        spawned_at: &'static Location<'static>,
    ) {
        // SAFETY: the caller's promise; walkers look at the state word alone.
        unsafe {
            (&raw mut (*this).next).write(UnsafeCell::new(None));
            (&raw mut (*this).vtable).write(vtable);
            (&raw mut (*this).join).write(JoinWaker::empty());
            (&raw mut (*this).side).write(AtomicPtr::new(ptr::null_mut()));
            (&raw mut (*this).id).write(id);
            (&raw mut (*this).spawned_at).write(spawned_at);
        }
    }
}
