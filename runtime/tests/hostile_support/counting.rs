//! How much memory a process has allocated, to the byte.

#![expect(unsafe_code, reason = "an allocator is nothing else")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The system's allocator, which counts. What the runtime maps for its tasks is not among it, and neither are blocks of
/// `LARGE` bytes and more: its timers are kept in such, made for forty thousand of them at a time.
pub(crate) struct Counting;

const LARGE: usize = 1 << 20;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// The bytes that are allocated now, and the most that there were since the last call.
pub(crate) fn allocated() -> (usize, usize) {
    let now = ALLOCATED.load(Relaxed);
    (now, PEAK.swap(now, Relaxed).max(now))
}

fn grows(bytes: usize) {
    let bytes = if bytes < LARGE { bytes } else { 0 };
    PEAK.fetch_max(ALLOCATED.fetch_add(bytes, Relaxed) + bytes, Relaxed);
}

fn shrinks(bytes: usize) {
    let bytes = if bytes < LARGE { bytes } else { 0 };
    ALLOCATED.fetch_sub(bytes, Relaxed);
}

// SAFETY: all that is asked for is asked of the system's allocator, with the same arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grows(layout.size());
        // SAFETY: the caller's promises are those that `System` needs.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grows(layout.size());
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        shrinks(layout.size());
        // SAFETY: the block is one of `System`'s, with this layout.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        grows(size);
        shrinks(layout.size());
        // SAFETY: as in `dealloc`, and the caller vouches for the size.
        unsafe { System.realloc(block, layout, size) }
    }
}
