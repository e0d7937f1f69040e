//! Chunks of task memory: 1 MiB each, aligned to their size, cut into 16 pages of one slot size each.
//!
//! The first 4 KiB of a chunk hold what is known about it, so that a slot's address, masked, leads to its owner. The
//! pages themselves hold nothing but slots: a page given back to the system reads as zeros, and zero is the state of
//! a free slot, so walkers are right about it.

use std::any::Any;
use std::cell::Cell;
use std::ptr::{self, NonNull};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

use super::arena::ArenaShared;
use super::remote_free::{FreeSlot, Left};
use super::size_class::SIZES;
use super::state::State;
use crate::shim::Arc;
use crate::shim::atomic::{AtomicU8, AtomicU32, Ordering};

pub(crate) const CHUNK_SIZE: usize = 1 << 20;
pub(super) const PAGE_SIZE: usize = 1 << 16;
const PAGES: usize = CHUNK_SIZE / PAGE_SIZE;
/// Room for [`Chunk`] at the start of the first page.
const META_SIZE: usize = 4096;

/// What is known about a chunk; lies at its start.
pub(crate) struct Chunk {
    /// Identity of the runtime, compared by wakes.
    pub(crate) runtime: *const (),
    pub(crate) arena: Arc<ArenaShared>,
    pub(crate) left: Left,
    pages: [Page; PAGES],
    /// The runtime lives as long as any chunk of its tasks does.
    _keep: Arc<dyn Any + Send + Sync>,
}

/// What is known about a page. Only its arena's owner touches the cells; walkers read the atomics.
pub(crate) struct Page {
    /// 0: not in use yet; else the size class + 1.
    class: AtomicU8,
    /// Slots handed out and not yet back on `free`. Written by the owner alone.
    used: AtomicU32,
    free: Cell<*mut FreeSlot>,
    bump: Cell<u32>,
    /// Whether the page is listed among its class's pages with room.
    pub(crate) listed: Cell<bool>,
    /// Empty, but its memory was not given back to the system.
    pub(crate) kept: Cell<bool>,
}

const _: () = assert!(size_of::<Chunk>() <= META_SIZE);

impl Chunk {
    /// Maps a chunk. None: the system has no memory left.
    pub(crate) fn map(
        runtime: *const (),
        arena: Arc<ArenaShared>,
        keep: Arc<dyn Any + Send + Sync>,
    ) -> Option<NonNull<Chunk>> {
        let start = map_aligned()?;
        let chunk = start.cast::<Chunk>();
        let pages = [const { Page::unused() }; PAGES];
        // SAFETY: the mapping is fresh, writable, aligned, and larger than a `Chunk`.
        unsafe { chunk.write(Chunk { runtime, arena, left: Left::new(), pages, _keep: keep }) };
        Some(chunk)
    }

    /// Gives the chunk back to the system.
    ///
    /// # Safety
    /// No slot of it is in use, and nobody will look at it again.
    pub(crate) unsafe fn unmap(chunk: NonNull<Chunk>) {
        // SAFETY: the caller's promise; the fields are moved out first, since dropping them may free the runtime,
        // which does not touch this memory.
        let fields = unsafe { chunk.read() };
        // SAFETY: exactly the range that `map` mapped.
        let unmapped = unsafe { munmap(chunk.as_ptr().cast(), CHUNK_SIZE) };
        debug_assert!(unmapped.is_ok(), "munmap of a task chunk: {unmapped:?}");
        drop(fields);
    }

    /// The chunk that a slot lies in.
    ///
    /// # Safety
    /// `slot` points into a mapped chunk.
    #[inline]
    pub(crate) unsafe fn of<'a, T>(slot: *const T) -> &'a Chunk {
        let start = slot.map_addr(|addr| addr & !(CHUNK_SIZE - 1)).cast::<Chunk>();
        // SAFETY: chunks are aligned to their size and begin with a `Chunk`.
        unsafe { &*start }
    }

    pub(crate) fn page(&self, index: usize) -> Option<&Page> {
        self.pages.get(index)
    }

    /// The page that a slot of this chunk lies in.
    #[inline]
    pub(crate) fn page_of<T>(&self, slot: *const T) -> &Page {
        &self.pages[(slot.addr() & (CHUNK_SIZE - 1)) / PAGE_SIZE]
    }

    /// Slots in use, all pages together. The owner's view.
    pub(crate) fn used(&self) -> usize {
        self.pages.iter().map(|page| page.used.load(Ordering::Relaxed) as usize).sum()
    }

    pub(crate) fn pages(&self) -> impl Iterator<Item = &Page> {
        self.pages.iter()
    }

    /// Calls `visit` for the state word of each slot of a page that may hold a task. True: that was the last page.
    pub(crate) fn walk_page(&self, number: usize, mut visit: impl FnMut(&State)) -> bool {
        let page = &self.pages[number];
        // Acquire: pairs with the Release in `Page::assign`. An empty page is skipped without touching it.
        let class = page.class.load(Ordering::Acquire);
        if class != 0 && !page.is_empty() {
            let size = SIZES[class as usize - 1] as usize;
            for index in 0..page.capacity(size) {
                let slot = page.slot(index, size).cast::<State>();
                // SAFETY: slots are inside the mapped page and begin with the state word, which is only ever
                // accessed atomically; zeroed memory is a valid word.
                visit(unsafe { &*slot });
            }
        }
        number + 1 == PAGES
    }
}

impl Page {
    const fn unused() -> Page {
        Page {
            class: AtomicU8::new(0),
            used: AtomicU32::new(0),
            free: Cell::new(ptr::null_mut()),
            bump: Cell::new(0),
            listed: Cell::new(false),
            kept: Cell::new(false),
        }
    }

    /// Gives the page its slot size, for the rest of the runtime's life.
    pub(crate) fn assign(&self, class: usize) {
        // Release: pairs with `Chunk::walk`.
        self.class.store(class as u8 + 1, Ordering::Release);
    }

    pub(crate) fn class(&self) -> usize {
        self.class.load(Ordering::Relaxed) as usize - 1
    }

    /// Where the page's slots begin: the first page gives room to the chunk's own description.
    fn start(&self) -> (*mut u8, usize) {
        let base = ptr::from_ref(self).map_addr(|addr| addr & !(CHUNK_SIZE - 1)).cast_mut().cast::<u8>();
        // SAFETY: a `Page` lies in its chunk's description.
        let chunk = unsafe { &*base.cast::<Chunk>() };
        let index = (ptr::from_ref(self).addr() - chunk.pages.as_ptr().addr()) / size_of::<Page>();
        let skip = if index == 0 { META_SIZE } else { 0 };
        (base.wrapping_add(index * PAGE_SIZE + skip), PAGE_SIZE - skip)
    }

    fn capacity(&self, size: usize) -> usize {
        self.start().1 / size
    }

    fn slot(&self, index: usize, size: usize) -> *mut u8 {
        self.start().0.wrapping_add(index * size)
    }

    fn add_used(&self, delta: i32) -> u32 {
        // Relaxed load and store: the owner alone writes; walkers only ask whether it is zero, and a task whose
        // creation they miss was created after their walk began.
        let used = self.used.load(Ordering::Relaxed).wrapping_add_signed(delta);
        self.used.store(used, Ordering::Relaxed);
        used
    }

    /// Takes a slot, if there is one. Only the owner calls this.
    #[inline]
    pub(crate) fn take(&self, class: usize) -> Option<NonNull<u8>> {
        if let Some(slot) = NonNull::new(self.free.get()) {
            // SAFETY: a listed free slot is the owner's, and its link is set.
            let next = unsafe { slot.as_ref().next.with(|next| *next) };
            self.free.set(next);
            self.add_used(1);
            return Some(slot.cast());
        }
        self.take_fresh(class)
    }

    fn take_fresh(&self, class: usize) -> Option<NonNull<u8>> {
        let size = SIZES[class] as usize;
        let index = self.bump.get() as usize;
        if index >= self.capacity(size) {
            return None;
        }
        self.bump.set(index as u32 + 1);
        self.add_used(1);
        NonNull::new(self.slot(index, size))
    }

    /// Puts a slot back. True: the page is empty now. Only the owner calls this.
    ///
    /// # Safety
    /// `slot` is a slot of this page, free, and the caller's.
    #[inline]
    pub(crate) unsafe fn put(&self, slot: NonNull<FreeSlot>) -> bool {
        let next = self.free.replace(slot.as_ptr());
        // SAFETY: the slot is the owner's.
        unsafe { slot.as_ref().next.with_mut(|link| *link = next) };
        self.add_used(-1) == 0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.used.load(Ordering::Relaxed) == 0
    }

    /// Gives an empty page's memory back to the system; it reads as zeros (free slots) from now on.
    pub(crate) fn discard(&self) {
        debug_assert!(self.is_empty());
        self.free.set(ptr::null_mut());
        self.bump.set(0);
        self.kept.set(false);
        let (start, len) = self.start();
        // SAFETY: the range is this page's slots, all free and off every list; walkers read zeros, which is "free".
        // On failure the memory merely stays resident: the words of free slots are 0 already.
        let _ = unsafe { madvise(start.cast(), len, Advice::LinuxDontNeed) };
    }
}

/// Maps [`CHUNK_SIZE`] bytes at a multiple of it, by mapping twice that and giving the ends back.
fn map_aligned() -> Option<NonNull<u8>> {
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a fresh anonymous mapping, placed by the system.
    let wide = unsafe { mmap_anonymous(ptr::null_mut(), 2 * CHUNK_SIZE, protection, MapFlags::PRIVATE) }.ok()?;
    let wide = wide.cast::<u8>();
    let before = wide.addr().next_multiple_of(CHUNK_SIZE) - wide.addr();
    let start = wide.wrapping_add(before);
    let after = CHUNK_SIZE - before;
    if before > 0 {
        // SAFETY: the front part of our own mapping, not in use.
        let _ = unsafe { munmap(wide.cast(), before) };
    }
    if after > 0 {
        // SAFETY: the back part of our own mapping, not in use.
        let _ = unsafe { munmap(start.wrapping_add(CHUNK_SIZE).cast(), after) };
    }
    NonNull::new(start)
}
