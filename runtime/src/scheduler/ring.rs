//! A worker's deque of our own: what `crossbeam-deque` does for `run_queue.rs`, built in under cfg `raddle_ring`.
//!
//! An endless row of tasks, numbered from 0, of which those from `head` up to `tail` are in a buffer (task `i` at place
//! `i` modulo its size). 64 bits never wrap. First in, first out; the owner appends, and everybody takes from the front.
//!
//! * The owner **pushes**: the place, then `tail` (Release). No read-modify-write, no fence. A full buffer is replaced
//!   by one of twice the size.
//! * **Taking** is moving `head` on, by an exchange: one task for the owner, half of them for a thief. Only the owner
//!   overwrites places, so it may read its task after the exchange; a thief reads before, and throws away what it read
//!   when the exchange fails. If it succeeds, `head` stood still meanwhile, and a place is used again only after the
//!   owner has seen `head` move past it: what was read was what was there.
//!
//! # Which buffer
//!
//! A thief reads `head`, then `tail`, then the buffer. The buffer that has task `tail - 1` was published before `tail`
//! was, so the thief sees that one or a later one. A later one lacks only tasks that `head` had passed when it was
//! made; then the thief's exchange fails.
//!
//! # When a buffer is freed
//!
//! The feared order: a thief gets the buffer, the owner replaces and frees it, the thief reads. So thieves count
//! themselves in and out, and the owner keeps what it has replaced until it sees nobody in. Both sides do two things,
//! with a fence between: the thief counts itself in and reads the buffer, the owner writes the buffer and reads the count.
//! One of them sees what the other did: an owner that reads 0 knows that whoever comes later gets the new buffer. And
//! whoever came before has left: the owner's read of the count takes over what they did. A buffer that a worker
//! no longer needs goes when it is about to sleep for a while ([`Worker::trim`]).
//!
//! After Chase and Lev's deque (SPAA 2005), whose owner needs a fence for each task that it takes: there it takes from
//! the other end.

use std::cell::{Cell, RefCell};
use std::ptr::{self, NonNull};

use crate::shim::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering, fence};
use crate::shim::{Arc, UnsafeCell, spin_loop};
use crate::task::header::{Header, TaskRef};

/// Places in a new buffer. Under loom a model has to be able to fill it.
const SMALLEST: usize = if cfg!(raddle_loom) { 2 } else { 256 };
/// A buffer of up to this many places (128 KiB) is kept by a worker that sleeps.
const KEPT: usize = if cfg!(raddle_loom) { 2 } else { 16 * 1024 };
/// What a thief takes at most.
const BATCH: u64 = 256;

/// Places for tasks; their number is a power of two.
struct Buffer {
    places: Box<[AtomicPtr<Header>]>,
    /// Read by whoever reads the places and written by whoever frees them, for loom to see. Nothing is in it.
    freed: UnsafeCell<()>,
}

impl Buffer {
    fn boxed(places: usize) -> *mut Buffer {
        let places = (0..places).map(|_| AtomicPtr::new(ptr::null_mut())).collect();
        Box::into_raw(Box::new(Buffer { places, freed: UnsafeCell::new(()) }))
    }

    #[inline]
    fn place(&self, index: u64) -> &AtomicPtr<Header> {
        // SAFETY: there are some places, a power of two of them, so that this is below their number.
        unsafe { self.places.get_unchecked(index as usize & (self.places.len() - 1)) }
    }

    /// # Safety
    /// From [`Buffer::boxed`], and nobody reads it any more.
    unsafe fn free(buffer: *mut Buffer) {
        // SAFETY: the caller's promise.
        let buffer = unsafe { Box::from_raw(buffer) };
        buffer.freed.with_mut(|_| ());
    }
}

/// A value on cache lines of its own: two of them, since they are fetched in pairs.
#[repr(align(128))]
struct Apart<T>(T);

struct Inner {
    /// The first task that nobody has taken.
    head: Apart<AtomicU64>,
    /// The number that the next task gets. Written by the owner.
    tail: Apart<AtomicU64>,
    /// Written by the owner.
    buffer: AtomicPtr<Buffer>,
    thieves: AtomicUsize,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Relaxed: nobody else has it.
        // SAFETY: made by `boxed`; both ends are gone.
        unsafe { Buffer::free(self.buffer.load(Ordering::Relaxed)) };
    }
}

/// The owner's end. Tasks that are left in it are forgotten.
pub(crate) struct Worker {
    inner: Arc<Inner>,
    /// What `head` was at least, when this was written: spares the owner most looks at it before it pushes.
    seen_head: Cell<u64>,
    /// Buffers that were replaced, and that a thief may still read.
    replaced: RefCell<Vec<*mut Buffer>>,
}

// SAFETY: it may be made on another thread than the one that is to own it. The list of buffers is only touched by its
// owner.
unsafe impl Send for Worker {}

/// Everybody else's end.
pub(crate) struct Stealer(Arc<Inner>);

/// What became of a theft.
#[must_use]
pub(crate) enum Steal {
    /// There was nothing.
    Empty,
    /// This one is the thief's, and about half of the others are in its deque.
    Success(TaskRef),
    /// Somebody was quicker; there may be more.
    Retry,
}

impl Worker {
    pub(crate) fn new_fifo() -> Worker {
        let inner = Inner {
            head: Apart(AtomicU64::new(0)),
            tail: Apart(AtomicU64::new(0)),
            buffer: AtomicPtr::new(Buffer::boxed(SMALLEST)),
            thieves: AtomicUsize::new(0),
        };
        Worker { inner: Arc::new(inner), seen_head: Cell::new(0), replaced: RefCell::default() }
    }

    pub(crate) fn stealer(&self) -> Stealer {
        Stealer(self.inner.clone())
    }

    /// How many tasks there are; thieves may make it less at any time.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        // Relaxed: the owner's own, and a number that may be out of date when it is used.
        let head = self.inner.head.0.load(Ordering::Relaxed);
        (self.inner.tail.0.load(Ordering::Relaxed) - head) as usize
    }

    /// Appends a task.
    #[inline]
    pub(crate) fn push(&self, task: TaskRef) {
        // Relaxed: the owner's own.
        let tail = self.inner.tail.0.load(Ordering::Relaxed);
        let buffer = self.buffer_for(tail, 1);
        // Relaxed: `tail` publishes it.
        buffer.place(tail).store(task.pointer().as_ptr(), Ordering::Relaxed);
        // Release: pairs with a thief's Acquire of `tail`.
        self.inner.tail.0.store(tail + 1, Ordering::Release);
    }

    /// Takes the oldest task.
    #[inline]
    pub(crate) fn pop(&self) -> Option<TaskRef> {
        // Relaxed: the owner's own.
        let tail = self.inner.tail.0.load(Ordering::Relaxed);
        // Relaxed: the exchange decides.
        let mut head = self.inner.head.0.load(Ordering::Relaxed);
        loop {
            if head == tail {
                return None;
            }
            // Acquire: pairs with the Release of a thief's exchange, since places before `head` are the owner's to
            // overwrite from here on.
            match self.inner.head.0.compare_exchange_weak(head, head + 1, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => break,
                Err(moved) => head = moved,
            }
        }
        self.seen_head.set(head + 1);
        // Relaxed: the owner wrote it.
        let task = self.buffer().place(head).load(Ordering::Relaxed);
        NonNull::new(task).map(TaskRef::new)
    }

    /// Whether [`Worker::trim`] would give memory back.
    pub(crate) fn is_trimmable(&self) -> bool {
        (self.buffer().places.len() > KEPT && self.len() == 0) || !self.replaced.borrow().is_empty()
    }

    /// Exchanges a large and empty buffer for a small one, and frees what no thief reads any more.
    pub(crate) fn trim(&self) {
        if self.buffer().places.len() > KEPT && self.len() == 0 {
            self.replace_buffer(SMALLEST);
        }
        self.free_replaced();
    }

    fn buffer(&self) -> &Buffer {
        // Relaxed: the owner's own.
        // SAFETY: the present buffer is freed by nobody but the owner, which replaces it first.
        unsafe { &*self.inner.buffer.load(Ordering::Relaxed) }
    }

    /// The buffer, with room for `more` tasks from `tail` on.
    #[inline]
    fn buffer_for(&self, tail: u64, more: usize) -> &Buffer {
        let buffer = self.buffer();
        if tail - self.seen_head.get() + more as u64 <= buffer.places.len() as u64 {
            return buffer;
        }
        self.make_room(tail, more)
    }

    #[cold]
    fn make_room(&self, tail: u64, more: usize) -> &Buffer {
        // Acquire: pairs with the Release of a thief's exchange: what it read, it has read.
        self.seen_head.set(self.inner.head.0.load(Ordering::Acquire));
        let needed = (tail - self.seen_head.get()) as usize + more;
        let places = self.buffer().places.len();
        if needed > places {
            self.replace_buffer(needed.next_power_of_two().max(2 * places));
            self.free_replaced();
        }
        self.buffer()
    }

    fn replace_buffer(&self, places: usize) {
        let new = Buffer::boxed(places);
        // Relaxed: what has been taken meanwhile is copied in vain.
        let tail = self.inner.tail.0.load(Ordering::Relaxed);
        for index in self.inner.head.0.load(Ordering::Relaxed)..tail {
            // SAFETY: made above. Relaxed: the owner wrote what it copies.
            let place = unsafe { (*new).place(index) };
            place.store(self.buffer().place(index).load(Ordering::Relaxed), Ordering::Relaxed);
        }
        self.replaced.borrow_mut().push(self.inner.buffer.load(Ordering::Relaxed));
        // Release: pairs with a thief's Acquire.
        self.inner.buffer.store(new, Ordering::Release);
    }

    fn free_replaced(&self) {
        let mut replaced = self.replaced.borrow_mut();
        if replaced.is_empty() {
            return;
        }
        // SeqCst: pairs with the fence of a thief, between its count and its look at the buffer.
        fence(Ordering::SeqCst);
        // Acquire: pairs with the Release of a thief that has left.
        if self.inner.thieves.load(Ordering::Acquire) == 0 {
            // SAFETY: made by `boxed`, and replaced; no thief has come in since (see above) but to a later buffer.
            replaced.drain(..).for_each(|buffer| unsafe { Buffer::free(buffer) });
            // A vector that has grown keeps no memory either.
            *replaced = Vec::new();
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // The other ends may be in the middle of a theft.
        while !self.replaced.borrow().is_empty() {
            self.free_replaced();
            spin_loop();
        }
    }
}

impl Stealer {
    /// How many tasks there are, or were a moment ago.
    pub(crate) fn len(&self) -> usize {
        // Acquire: `tail` is not read before. The fence is for who looks a last time before it sleeps; crossbeam has it.
        let head = self.0.head.0.load(Ordering::Acquire);
        fence(Ordering::SeqCst);
        self.0.tail.0.load(Ordering::Acquire).saturating_sub(head) as usize
    }

    /// Moves about half of the tasks into `thief`, which is another deque, and takes one more.
    pub(crate) fn steal_batch_and_pop(&self, thief: &Worker) -> Steal {
        debug_assert!(!Arc::ptr_eq(&self.0, &thief.inner), "a worker steals from others");
        // Relaxed: the fence orders it.
        self.0.thieves.fetch_add(1, Ordering::Relaxed);
        // SeqCst: pairs with the owner's, between its new buffer and its look at the count.
        fence(Ordering::SeqCst);
        let stolen = self.steal_counted(thief);
        // Release: pairs with the owner's Acquire before it frees.
        self.0.thieves.fetch_sub(1, Ordering::Release);
        stolen
    }

    fn steal_counted(&self, thief: &Worker) -> Steal {
        // Acquire: `tail` is not read before, or tasks could be counted that were taken long ago.
        let head = self.0.head.0.load(Ordering::Acquire);
        // Acquire: pairs with the owner's Release in `push`.
        let len = self.0.tail.0.load(Ordering::Acquire).saturating_sub(head);
        if len == 0 {
            return Steal::Empty;
        }
        let taken = len.div_ceil(2).min(BATCH);
        let kept = taken - 1;
        let thief_tail = thief.inner.tail.0.load(Ordering::Relaxed);
        let room = thief.buffer_for(thief_tail, kept as usize);
        // Acquire: pairs with the owner's Release in `replace_buffer`.
        // SAFETY: this thief is counted in, so that no buffer is freed that it can see.
        let buffer = unsafe { &*self.0.buffer.load(Ordering::Acquire) };
        let read = |index| buffer.freed.with(|_| buffer.place(index).load(Ordering::Relaxed));
        let first = read(head);
        for offset in 0..kept {
            // Relaxed: places beyond the thief's `tail` are nobody's until that is stored.
            room.place(thief_tail + offset).store(read(head + 1 + offset), Ordering::Relaxed);
        }
        // Acquire: the tasks came with it from thieves before. Release: the places have been read; pairs with the
        // owner's Acquire before it overwrites them.
        let exchange = self.0.head.0.compare_exchange(head, head + taken, Ordering::AcqRel, Ordering::Relaxed);
        if exchange.is_err() {
            return Steal::Retry;
        }
        if kept > 0 {
            // Release: pairs with the Acquire of whoever steals from this thief.
            thief.inner.tail.0.store(thief_tail + kept, Ordering::Release);
        }
        Steal::Success(TaskRef::new(NonNull::new(first).expect("a place before `tail` has a task")))
    }
}
