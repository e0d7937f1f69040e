//! A model of crossbeam's deque, for `scheduler/run_queue.rs` to be compiled against.
//!
//! crossbeam-deque uses std's atomics, on which loom sees nothing. This is the contract that the run queue relies on, at
//! its weakest: the FIFO flavour of the same Chase-Lev deque, with the same orderings, on loom's types. Nothing here
//! orders more than the original (a lock in its place would, and would hide lost wake-ups), and a steal fails with
//! `Retry` where the original does. Its buffer grows; here it is as large as a model needs.
//!
//! What a model with it shows is that the run queue does right by that contract. That crossbeam keeps the contract is
//! for the stress tests, under ThreadSanitizer among others.

use std::sync::Arc;

use loom::sync::atomic::{AtomicIsize, AtomicPtr, Ordering, fence};

/// Tasks that fit in. A power of two, so that a place is used again.
const CAPACITY: isize = 4;

#[derive(Debug)]
struct Inner<T> {
    front: AtomicIsize,
    back: AtomicIsize,
    /// Boxed: thieves read places before they know whether the task is theirs.
    places: [AtomicPtr<T>; CAPACITY as usize],
}

impl<T> Inner<T> {
    fn place(&self, index: isize) -> &AtomicPtr<T> {
        &self.places[(index % CAPACITY) as usize]
    }
}

/// The owner's end. What is left in it at the end of a model is leaked.
#[derive(Debug)]
pub struct Worker<T>(Arc<Inner<T>>);

/// Everybody else's end.
#[derive(Debug)]
pub struct Stealer<T>(Arc<Inner<T>>);

/// What became of a theft.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Steal<T> {
    /// There was nothing.
    Empty,
    /// The task is the thief's, and about half of the others are in its deque.
    Success(T),
    /// Somebody was quicker; there may be more.
    Retry,
}

/// # Safety
/// The task in this box is the caller's.
unsafe fn unbox<T>(task: *mut T) -> T {
    // SAFETY: boxed by `push`, and the caller's.
    *unsafe { Box::from_raw(task) }
}

impl<T> Worker<T> {
    /// An empty deque, first in, first out.
    #[must_use]
    pub fn new_fifo() -> Worker<T> {
        let place = |_| AtomicPtr::new(std::ptr::null_mut());
        let places = std::array::from_fn(place);
        Worker(Arc::new(Inner { front: AtomicIsize::new(0), back: AtomicIsize::new(0), places }))
    }

    /// Another end for others.
    #[must_use]
    pub fn stealer(&self) -> Stealer<T> {
        Stealer(self.0.clone())
    }

    /// How many tasks there are, roughly.
    #[must_use]
    pub fn len(&self) -> usize {
        let back = self.0.back.load(Ordering::Relaxed);
        (back - self.0.front.load(Ordering::Acquire)).max(0) as usize
    }

    /// Whether there are none, roughly.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends a task.
    ///
    /// # Panics
    /// If a model has more tasks than there is room for.
    pub fn push(&self, task: T) {
        let back = self.0.back.load(Ordering::Relaxed);
        assert!(back - self.0.front.load(Ordering::Acquire) < CAPACITY, "no model needs more room");
        self.0.place(back).store(Box::into_raw(Box::new(task)), Ordering::Relaxed);
        fence(Ordering::Release);
        self.0.back.store(back + 1, Ordering::Relaxed);
    }

    /// Takes the oldest task.
    pub fn pop(&self) -> Option<T> {
        let back = self.0.back.load(Ordering::Relaxed);
        if back - self.0.front.load(Ordering::Relaxed) <= 0 {
            return None;
        }
        let front = self.0.front.fetch_add(1, Ordering::SeqCst);
        if back - (front + 1) < 0 {
            self.0.front.store(front, Ordering::Relaxed);
            return None;
        }
        // SAFETY: the read-modify-write took this index, and the owner, which this is, put the task there.
        Some(unsafe { unbox(self.0.place(front).load(Ordering::Relaxed)) })
    }
}

impl<T> Stealer<T> {
    /// How many tasks there are, roughly.
    #[must_use]
    pub fn len(&self) -> usize {
        let front = self.0.front.load(Ordering::Acquire);
        fence(Ordering::SeqCst);
        (self.0.back.load(Ordering::Acquire) - front).max(0) as usize
    }

    /// Whether there are none, roughly.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Moves about half of the tasks into `thief`, which is another deque, and takes one more.
    pub fn steal_batch_and_pop(&self, thief: &Worker<T>) -> Steal<T> {
        let front = self.0.front.load(Ordering::Acquire);
        fence(Ordering::SeqCst);
        let len = self.0.back.load(Ordering::Acquire) - front;
        if len <= 0 {
            return Steal::Empty;
        }
        let batch = (len - 1) / 2;
        let task = self.0.place(front).load(Ordering::Relaxed);
        let thief_back = thief.0.back.load(Ordering::Relaxed);
        for offset in 0..batch {
            let task = self.0.place(front + 1 + offset).load(Ordering::Relaxed);
            thief.0.place(thief_back + offset).store(task, Ordering::Relaxed);
        }
        let all = front + batch + 1;
        if self.0.front.compare_exchange(front, all, Ordering::SeqCst, Ordering::Relaxed).is_err() {
            return Steal::Retry;
        }
        fence(Ordering::Release);
        thief.0.back.store(thief_back + batch, Ordering::Relaxed);
        // SAFETY: the exchange took this index.
        Steal::Success(unsafe { unbox(task) })
    }
}
