//! Slots for tasks of runtimes that have ended: offered too late, cancelled at birth, and never run.

use std::ptr::{self, NonNull};

use crate::shim::{Arc, Mutex};
use crate::task::arena::{Arena, ArenaShared};

static ORPHANS: Mutex<Option<Arena>> = Mutex::new(None);

/// A slot that belongs to no runtime.
pub(super) fn allocate(class: usize) -> NonNull<u8> {
    let mut arena = ORPHANS.lock();
    let arena = arena.get_or_insert_with(|| Arena::new(ArenaShared::new(usize::MAX)));
    arena.allocate(class, ptr::null(), || Arc::new(()))
}
