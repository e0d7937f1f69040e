//! Where task slots come from: one arena per worker, one more for threads outside.
//!
//! | field | who touches it |
//! |---|---|
//! | `Arena` and the cells of its pages | the owner: the worker it belongs to, or whoever holds the outside arena's lock |
//! | `ArenaShared::remote` | any thread that frees a slot it does not own |
//! | `ArenaShared::chunks` | the owner when it maps a chunk; walkers; under its lock, so that no chunk is unmapped under a walker |
//! | a slot's first word | anybody, atomically |
//!
//! A slot freed by the owner goes straight onto its page. A page that runs empty stays resident for the next burst
//! ([`KEEP`] of them) and goes back to the system when the worker has been idle for a while ([`Arena::trim`]) or when
//! more than that are empty. Closing is described in `remote_free.rs`.

use std::any::Any;
use std::ptr::{self, NonNull};

use super::chunk::{Chunk, Page};
use super::remote_free::{FreeSlot, RemoteFree};
use super::size_class::SIZES;
use super::state::State;
use crate::shim::{Arc, Mutex};

/// Empty pages that stay resident while the arena is in use: 32 MiB.
const KEEP: usize = 512;

/// What others may touch of an arena.
pub(crate) struct ArenaShared {
    pub(crate) remote: RemoteFree,
    chunks: Mutex<Vec<ChunkRef>>,
    /// The worker this arena belongs to; `usize::MAX` for the outside arena.
    pub(crate) home: usize,
}

/// Where a walk has come to.
#[derive(Clone, Copy, Default)]
pub(crate) struct Place {
    chunk: usize,
    page: usize,
}

#[derive(Clone, Copy)]
struct ChunkRef(NonNull<Chunk>);

// SAFETY: a chunk's shared parts are atomics, locks and constants; its cells are touched by the owner alone.
unsafe impl Send for ChunkRef {}

// SAFETY: `remote` and `chunks` are made for sharing; pages are reached through them only by the owner or atomically.
unsafe impl Sync for ArenaShared {}
// SAFETY: as above; nothing in it belongs to a thread.
unsafe impl Send for ArenaShared {}

/// The owner's part.
pub(crate) struct Arena {
    shared: Arc<ArenaShared>,
    /// Per size class the page that slots are taken from at present.
    current: [*const Page; SIZES.len()],
    /// Per size class the pages with room.
    roomy: [Vec<*const Page>; SIZES.len()],
    /// The newest chunk, and how many of its pages are given out.
    newest: Option<(NonNull<Chunk>, usize)>,
    /// Per size class how many empty pages stay resident.
    kept: [usize; SIZES.len()],
    /// Per size class the fewest that were kept at any time since the last [`Arena::trim_unneeded`].
    unneeded: [usize; SIZES.len()],
}

// SAFETY: an arena may move to another thread as a whole; whoever has it is the owner.
unsafe impl Send for Arena {}

impl ArenaShared {
    pub(crate) fn new(home: usize) -> Arc<ArenaShared> {
        Arc::new(ArenaShared { remote: RemoteFree::new(), chunks: Mutex::new(Vec::new()), home })
    }

    /// Whether other threads freed slots that the owner has not taken in yet.
    pub(crate) fn has_remote(&self) -> bool {
        !self.remote.is_empty()
    }

    /// Calls `visit` for each slot of a page that may hold a task. Returns the next page's place; none at the end.
    ///
    /// The lock is held for one page, so an owner that maps a chunk waits for a few microseconds, however many tasks there
    /// are. Chunks are only ever added to the list, until all are taken out, so a place stays right in between.
    pub(crate) fn walk_page(&self, at: Place, visit: impl FnMut(&State)) -> Option<Place> {
        let chunks = self.chunks.lock();
        let chunk = chunks.get(at.chunk)?;
        // SAFETY: listed chunks are mapped: `close` empties the list, under this lock, before it unmaps any.
        let is_last = unsafe { chunk.0.as_ref() }.walk_page(at.page, visit);
        Some(if is_last { Place { chunk: at.chunk + 1, page: 0 } } else { Place { page: at.page + 1, ..at } })
    }
}

impl Arena {
    pub(crate) fn new(shared: Arc<ArenaShared>) -> Arena {
        Arena {
            shared,
            current: [ptr::null(); SIZES.len()],
            roomy: [const { Vec::new() }; SIZES.len()],
            newest: None,
            kept: [0; SIZES.len()],
            unneeded: [0; SIZES.len()],
        }
    }

    /// A free slot of the class, its first word 0. `keep` keeps the runtime alive if a chunk has to be mapped.
    ///
    /// # Panics
    /// Ends the process, as a failed allocation does, when the system has no memory left.
    #[inline]
    pub(crate) fn allocate(
        &mut self,
        class: usize,
        runtime: *const (),
        keep: impl FnOnce() -> Arc<dyn Any + Send + Sync>,
    ) -> NonNull<u8> {
        let page = self.current[class];
        if !page.is_null() {
            // SAFETY: pages live as long as their chunk, and the chunk as long as its open arena.
            if let Some(slot) = unsafe { &*page }.take(class) {
                return slot;
            }
        }
        self.allocate_slow(class, runtime, keep)
    }

    #[cold]
    fn allocate_slow(
        &mut self,
        class: usize,
        runtime: *const (),
        keep: impl FnOnce() -> Arc<dyn Any + Send + Sync>,
    ) -> NonNull<u8> {
        self.collect();
        while let Some(page) = self.roomy[class].pop() {
            // SAFETY: as in `allocate`.
            let page = unsafe { &*page };
            page.listed.set(false);
            if page.kept.replace(false) {
                self.kept[class] -= 1;
                self.unneeded[class] = self.unneeded[class].min(self.kept[class]);
            }
            self.current[class] = page;
            if let Some(slot) = page.take(class) {
                return slot;
            }
        }
        let page = self.fresh_page(runtime, keep);
        page.assign(class);
        self.current[class] = page;
        page.take(class).expect("a fresh page has room")
    }

    fn fresh_page<'a>(&mut self, runtime: *const (), keep: impl FnOnce() -> Arc<dyn Any + Send + Sync>) -> &'a Page {
        if let Some((chunk, given)) = &mut self.newest {
            // SAFETY: the arena is open, so its chunks are mapped.
            if let Some(page) = unsafe { chunk.as_ref() }.page(*given) {
                *given += 1;
                return page;
            }
        }
        let Some(chunk) = Chunk::map(runtime, self.shared.clone(), keep()) else {
            std::alloc::handle_alloc_error(std::alloc::Layout::new::<[u8; super::chunk::CHUNK_SIZE]>());
        };
        self.shared.chunks.lock().push(ChunkRef(chunk));
        self.newest = Some((chunk, 1));
        // SAFETY: just mapped.
        unsafe { chunk.as_ref() }.page(0).expect("a chunk has pages")
    }

    /// Puts back a slot of this arena.
    ///
    /// # Safety
    /// `slot` is a slot of this arena, free (its word is 0), and the caller's.
    #[inline]
    pub(crate) unsafe fn free(&mut self, slot: NonNull<FreeSlot>) {
        // SAFETY: the slot lies in a chunk of this open arena.
        let page = unsafe { Chunk::of(slot.as_ptr()) }.page_of(slot.as_ptr());
        // SAFETY: the caller's promise.
        let empty = unsafe { page.put(slot) };
        if empty || !page.listed.get() {
            self.list(page, empty);
        }
    }

    fn list(&mut self, page: &Page, empty: bool) {
        let class = page.class();
        if ptr::eq(self.current[class], page) {
            return;
        }
        if !page.listed.replace(true) {
            self.roomy[class].push(page);
        }
        if empty {
            if self.kept() < KEEP {
                self.kept[class] += 1;
                page.kept.set(true);
            } else {
                page.discard();
            }
        }
    }

    /// Takes in what other threads freed.
    pub(crate) fn collect(&mut self) {
        if self.shared.remote.is_empty() {
            return;
        }
        let mut slot = self.shared.remote.take_all();
        while let Some(free) = NonNull::new(slot) {
            // SAFETY: the list is the caller's alone, and its slots are linked, free, and of this arena.
            unsafe {
                slot = free.as_ref().next.with(|next| *next);
                self.free(free);
            }
        }
    }

    /// Whether `trim` would give memory back.
    pub(crate) fn is_trimmable(&self) -> bool {
        self.kept() > 0 || !self.shared.remote.is_empty()
    }

    fn kept(&self) -> usize {
        self.kept.iter().sum()
    }

    /// Gives the memory of empty pages back to the system.
    pub(crate) fn trim(&mut self) {
        self.collect();
        self.unneeded = self.kept;
        self.discard_unneeded();
        // The lists of a peak are as long as the peak was high.
        self.roomy.iter_mut().for_each(Vec::shrink_to_fit);
    }

    /// Gives back the memory of so many pages of each class as were kept and not needed since the last call. True: nothing
    /// was needed and nothing came, the arena's worker makes and ends few tasks.
    pub(crate) fn trim_unneeded(&mut self) -> bool {
        self.collect();
        let is_quiet = self.unneeded == self.kept;
        if is_quiet {
            self.trim();
        } else {
            self.discard_unneeded();
        }
        is_quiet
    }

    fn discard_unneeded(&mut self) {
        for (class, roomy) in self.roomy.iter().enumerate() {
            // SAFETY: as in `allocate`.
            let kept = roomy.iter().map(|page| unsafe { &**page }).filter(|page| page.kept.get());
            // The last of the list is used next, so the first have waited longest.
            kept.take(self.unneeded[class]).for_each(Page::discard);
            self.kept[class] -= self.unneeded[class];
        }
        self.unneeded = self.kept;
    }

    /// Ends the arena: what is out finds its own way home, and the last slot of a chunk unmaps it.
    pub(crate) fn close(mut self) {
        self.collect();
        let chunks = std::mem::take(&mut *self.shared.chunks.lock());
        let mut late = self.shared.remote.close();
        while let Some(free) = NonNull::new(late) {
            // SAFETY: as in `collect`.
            unsafe {
                late = free.as_ref().next.with(|next| *next);
                self.free(free);
            }
        }
        for ChunkRef(chunk) in chunks {
            // SAFETY: a chunk stays mapped until its `left` has come to zero, which this decides.
            let meta = unsafe { chunk.as_ref() };
            let out = meta.used();
            if out > 0 {
                // One stray waker keeps its page and no more. Before `left` is closed: nobody unmaps the chunk yet.
                meta.pages().filter(|page| page.is_empty()).for_each(Page::discard);
            }
            if meta.left.close(out as isize) {
                // SAFETY: no slot is out and the list above was the last way to find the chunk.
                unsafe { Chunk::unmap(chunk) };
            }
        }
    }
}

/// Frees a slot from a thread that does not own it.
///
/// # Safety
/// `slot` is a slot of a chunk, free (its word is 0), and the caller's.
pub(crate) unsafe fn free_foreign(slot: NonNull<FreeSlot>) {
    // SAFETY: the slot's chunk is mapped while the slot is out.
    let chunk = unsafe { Chunk::of(slot.as_ptr()) };
    let arena: *const ArenaShared = Arc::as_ptr(&chunk.arena);
    // SAFETY: the chunk holds a reference to its arena; the slot is still out, so the chunk is still mapped, until
    // the push, whose last access to the arena is the exchange itself.
    if unsafe { (*arena).remote.push(slot.as_ptr()) } {
        return;
    }
    if chunk.left.count_off() {
        // SAFETY: closed, and the last slot came back.
        unsafe { Chunk::unmap(NonNull::from(chunk)) };
    }
}

/// Identity of the runtime that a slot belongs to.
///
/// # Safety
/// `slot` is a slot that is out.
#[inline]
pub(crate) unsafe fn runtime_of<T>(slot: NonNull<T>) -> *const () {
    // SAFETY: the slot's chunk is mapped while the slot is out.
    unsafe { Chunk::of(slot.as_ptr()) }.runtime
}

/// The arena that a slot belongs to.
///
/// # Safety
/// `slot` is a slot that is out, and the result is used no longer than that.
#[inline]
pub(crate) unsafe fn arena_of<'a, T>(slot: NonNull<T>) -> &'a ArenaShared {
    // SAFETY: as above; the chunk holds a reference to its arena.
    unsafe { Chunk::of(slot.as_ptr()) }.arena.as_ref()
}

#[cfg(all(test, not(raddle_malloc), not(raddle_loom)))]
mod tests {
    use super::super::chunk::PAGE_SIZE;
    use super::*;

    /// Takes slots of a class, so many pages full, and puts them all back.
    fn burst(arena: &mut Arena, class: usize, pages: usize) {
        let slots: Vec<_> = (0..pages * PAGE_SIZE / usize::from(SIZES[class]))
            .map(|_| arena.allocate(class, ptr::null(), || Arc::new(())))
            .collect();
        for slot in slots {
            // SAFETY: its own slot, free as it came: its first word is 0.
            unsafe { arena.free(slot.cast()) };
        }
    }

    #[test]
    fn memory_that_is_needed_again_and_again_stays_and_what_a_peak_needed_goes() {
        let mut arena = Arena::new(ArenaShared::new(0));
        burst(&mut arena, 0, 8);
        let peak = arena.kept();
        assert!(peak >= 6, "{peak}");
        assert!(!arena.trim_unneeded() && arena.kept() == peak, "it has just been needed");
        burst(&mut arena, 0, 4);
        assert!(!arena.trim_unneeded());
        let kept = arena.kept();
        assert!((2..=peak - 2).contains(&kept), "{kept} of {peak}: about half has not been needed");
        for _ in 0..3 {
            burst(&mut arena, 0, 4);
            assert!(!arena.trim_unneeded() && arena.kept() == kept, "all of it is needed");
        }
        assert!(arena.trim_unneeded() && arena.kept() == 0, "nothing has been needed");
        arena.close();
    }

    #[test]
    fn what_a_peak_needed_goes_though_tasks_of_another_size_come_and_go() {
        let mut arena = Arena::new(ArenaShared::new(0));
        burst(&mut arena, 1, 8);
        burst(&mut arena, 0, 4);
        assert!(!arena.trim_unneeded());
        let needed = arena.kept[0];
        for _ in 0..3 {
            burst(&mut arena, 0, 4);
            assert!(!arena.trim_unneeded());
            assert_eq!(arena.kept[..2], [needed, 0]);
        }
        arena.close();
    }
}
