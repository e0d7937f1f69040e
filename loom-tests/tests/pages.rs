//! The way home of task slots: freed by other threads, taken in by the owner, counted off after it has closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use loom::cell::UnsafeCell;
use loom::thread;
use raddle_loom_tests::{bounded, check, shim, unbounded};

use shim::atomic::AtomicU64;
use task::remote_free::{FreeSlot, Left, RemoteFree};

#[path = "../src/task/mod.rs"]
mod task;

/// A chunk of two slots that are out, and the stack on which they come home.
struct Chunk {
    remote: RemoteFree,
    left: Left,
    slots: [FreeSlot; 2],
    /// What was in the slots; loom sees who touches it when.
    contents: [UnsafeCell<u32>; 2],
    /// The mapping: read by whoever uses the chunk, written by unmapping it.
    mapped: UnsafeCell<()>,
    unmapped: AtomicUsize,
}

// SAFETY: what the models are about.
unsafe impl Sync for Chunk {}
// SAFETY: as above.
unsafe impl Send for Chunk {}

impl Chunk {
    fn new() -> Arc<Chunk> {
        let slot = |_| FreeSlot { word: AtomicU64::new(0), next: UnsafeCell::new(std::ptr::null_mut()) };
        Arc::new(Chunk {
            remote: RemoteFree::new(),
            left: Left::new(),
            slots: [0, 1].map(slot),
            contents: [0, 1].map(|_| UnsafeCell::new(0)),
            mapped: UnsafeCell::new(()),
            unmapped: AtomicUsize::new(0),
        })
    }

    /// Frees a slot on a thread that does not own it, as `arena::free_foreign` does.
    fn free_foreign(&self, slot: usize) {
        // The last use of the slot, and of the chunk.
        // SAFETY: loom watches.
        self.contents[slot].with_mut(|content| unsafe { *content = 1 });
        self.mapped.with(|_| ());
        let pointer = std::ptr::from_ref(&self.slots[slot]).cast_mut();
        // SAFETY: the slot is free and this thread's; the chunk's memory outlives the model.
        if !unsafe { self.remote.push(pointer) } && self.left.count_off() {
            self.unmap();
        }
    }

    /// Puts a chain of slots back into their pages. Returns how many there were.
    fn take_in(&self, mut slot: *mut FreeSlot) -> usize {
        let mut count = 0;
        while !slot.is_null() {
            let index = self.slots.iter().position(|own| std::ptr::eq(own, slot)).expect("a slot of this chunk");
            // SAFETY: loom watches.
            self.contents[index].with_mut(|content| unsafe { assert_eq!(*content, 1, "taken in before it was freed") });
            // SAFETY: as above; the index was found.
            slot = self.slots[index].next.with(|next| unsafe { *next });
            count += 1;
        }
        count
    }

    /// Closes with so many slots out, as `Arena::close` does.
    fn close(&self, mut out: usize) {
        out -= self.take_in(self.remote.close());
        if self.left.close(out as isize) {
            self.unmap();
        }
    }

    fn unmap(&self) {
        self.mapped.with_mut(|_| ());
        assert_eq!(self.unmapped.fetch_add(1, Relaxed), 0, "unmapped twice");
    }
}

/// Two threads free slots while the owner takes in: each comes home once, with everything its last user did.
#[test]
fn two_frees_against_take_all() {
    check("two_frees_against_take_all", bounded(3), || {
        let chunk = Chunk::new();
        let threads = [0, 1].map(|slot| {
            let chunk = chunk.clone();
            thread::spawn(move || chunk.free_foreign(slot))
        });
        let mut home = chunk.take_in(chunk.remote.take_all());
        home += chunk.take_in(chunk.remote.take_all());
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        home += chunk.take_in(chunk.remote.take_all());
        assert_eq!(home, 2, "a slot was lost, or came twice");
    });
}

/// The last two slots are freed while the owner closes: whoever is last unmaps the chunk, once, and nobody is in it
/// any more.
#[test]
fn two_frees_against_close() {
    check("two_frees_against_close", bounded(3), || {
        let chunk = Chunk::new();
        let threads = [0, 1].map(|slot| {
            let chunk = chunk.clone();
            thread::spawn(move || chunk.free_foreign(slot))
        });
        chunk.close(2);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(chunk.unmapped.load(Relaxed), 1, "a page was leaked");
    });
}

/// One slot comes home while the owner takes in and closes: as above, in every order.
#[test]
fn last_free_against_close() {
    check("last_free_against_close", unbounded(), || {
        let chunk = Chunk::new();
        let chunk2 = chunk.clone();
        let waker = thread::spawn(move || {
            chunk2.free_foreign(0);
            chunk2.free_foreign(1);
        });
        let home = chunk.take_in(chunk.remote.take_all());
        chunk.close(2 - home);
        waker.join().unwrap();
        assert_eq!(chunk.unmapped.load(Relaxed), 1, "a page was leaked");
    });
}
