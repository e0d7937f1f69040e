//! A source line that one thread leaves and another looks at.

use std::panic::Location;
use std::ptr;

use crate::shim::atomic::{AtomicPtr, Ordering};

/// A line, or none.
pub(crate) struct AtomicLocation(AtomicPtr<Location<'static>>);

impl AtomicLocation {
    pub(crate) const fn none() -> AtomicLocation {
        AtomicLocation(AtomicPtr::new(ptr::null_mut()))
    }

    #[inline]
    pub(crate) fn set(&self, at: &'static Location<'static>) {
        // Relaxed, here and in `clear`: what is pointed to is part of the program and never changes.
        self.0.store(ptr::from_ref(at).cast_mut(), Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn clear(&self) {
        self.0.store(ptr::null_mut(), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> Option<&'static Location<'static>> {
        // Acquire: for those who read something else next, which is then no older than this.
        // SAFETY: only `set` puts a pointer in, of a reference that lives for ever.
        unsafe { self.0.load(Ordering::Acquire).as_ref() }
    }
}
