//! The same functions as `arena.rs` over the system's allocator, one allocation per task.
//!
//! Built under cfg `raddle_malloc`: AddressSanitizer, LeakSanitizer and valgrind cannot see into pages. A registry
//! under a lock takes the place of the pages' type-stable memory: walkers look only at what is listed, under the lock.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::any::Any;
use std::collections::BTreeSet;
use std::ptr::{self, NonNull};

use super::remote_free::FreeSlot;
use super::size_class::{SIZES, SLOT_ALIGN};
use super::state::State;
use crate::shim::{Arc, Mutex};

/// What others may touch of an arena.
pub(crate) struct ArenaShared {
    slots: Mutex<BTreeSet<usize>>,
    pub(crate) home: usize,
}

/// Where a walk has come to.
#[derive(Clone, Copy, Default)]
pub(crate) struct Place;

/// The owner's part.
pub(crate) struct Arena(Arc<ArenaShared>);

/// What lies before each slot.
#[repr(align(16))]
struct Prefix {
    runtime: *const (),
    arena: Arc<ArenaShared>,
    class: usize,
    _keep: Arc<dyn Any + Send + Sync>,
}

fn layout(class: usize) -> Layout {
    Layout::from_size_align(size_of::<Prefix>() + SIZES[class] as usize, SLOT_ALIGN).expect("slot sizes are small")
}

impl ArenaShared {
    pub(crate) fn new(home: usize) -> Arc<ArenaShared> {
        Arc::new(ArenaShared { slots: Mutex::new(BTreeSet::new()), home })
    }

    /// Calls `visit` for each slot that may hold a task. There is no page but one.
    pub(crate) fn walk_page(&self, _at: Place, mut visit: impl FnMut(&State)) -> Option<Place> {
        for addr in self.slots.lock().iter() {
            // SAFETY: listed slots are allocated (and exposed), and begin with a state word.
            visit(unsafe { &*ptr::with_exposed_provenance::<State>(*addr) });
        }
        None
    }
}

impl Arena {
    pub(crate) fn new(shared: Arc<ArenaShared>) -> Arena {
        Arena(shared)
    }

    pub(crate) fn allocate(
        &mut self,
        class: usize,
        runtime: *const (),
        keep: impl FnOnce() -> Arc<dyn Any + Send + Sync>,
    ) -> NonNull<u8> {
        // SAFETY: the layout is not empty.
        let start = unsafe { alloc_zeroed(layout(class)) };
        let Some(start) = NonNull::new(start) else { handle_alloc_error(layout(class)) };
        // SAFETY: the prefix fits in front of the slot; the alignment is the layout's.
        let slot = unsafe {
            start.cast::<Prefix>().write(Prefix { runtime, arena: self.0.clone(), class, _keep: keep() });
            start.add(size_of::<Prefix>())
        };
        self.0.slots.lock().insert(slot.as_ptr().expose_provenance());
        slot
    }

    /// # Safety
    /// As [`free_foreign`].
    pub(crate) unsafe fn free(&mut self, slot: NonNull<FreeSlot>) {
        // SAFETY: the caller's promise.
        unsafe { free_foreign(slot) };
    }

    pub(crate) fn collect(&mut self) {}

    pub(crate) fn is_trimmable(&self) -> bool {
        false
    }

    pub(crate) fn trim(&mut self) {}

    pub(crate) fn trim_unneeded(&mut self) -> bool {
        true
    }

    pub(crate) fn close(self) {}
}

impl ArenaShared {
    pub(crate) fn has_remote(&self) -> bool {
        false
    }
}

unsafe fn prefix_of<T>(slot: NonNull<T>) -> NonNull<Prefix> {
    // SAFETY: the prefix lies right before its slot, in the same allocation.
    unsafe { slot.cast::<u8>().sub(size_of::<Prefix>()).cast() }
}

/// # Safety
/// `slot` is a slot that is out, free (its word is 0), and the caller's.
pub(crate) unsafe fn free_foreign(slot: NonNull<FreeSlot>) {
    // SAFETY: the slot is out, so its prefix is there; it is read once, after the slot has left the registry.
    unsafe {
        let start = prefix_of(slot);
        start.as_ref().arena.slots.lock().remove(&slot.as_ptr().addr());
        let prefix = start.read();
        dealloc(start.as_ptr().cast(), layout(prefix.class));
        drop(prefix);
    }
}

/// # Safety
/// `slot` is a slot that is out.
pub(crate) unsafe fn runtime_of<T>(slot: NonNull<T>) -> *const () {
    // SAFETY: the slot is out.
    unsafe { prefix_of(slot).as_ref() }.runtime
}

/// # Safety
/// `slot` is a slot that is out, and the result is used no longer than that.
pub(crate) unsafe fn arena_of<'a, T>(slot: NonNull<T>) -> &'a ArenaShared {
    // SAFETY: the slot is out, and its prefix holds a reference to the arena.
    unsafe { prefix_of(slot).as_ref() }.arena.as_ref()
}
