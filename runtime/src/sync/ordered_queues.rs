//! Queues that give their items in another order: the same queue over another store.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::fmt;
use std::ops::Deref;

use super::queue::{Queue, bound};
use super::queue_state::{Store, StoreOps};

/// The store of a [`PriorityQueue`].
#[derive(Debug)]
pub struct Heap<T> {
    entries: BinaryHeap<Entry<T>>,
    puts: u64,
}

/// The greatest entry is the smallest item, and among equal ones the one put first.
#[derive(Debug)]
struct Entry<T> {
    item: T,
    put: u64,
}

impl<T: Ord> Ord for Entry<T> {
    fn cmp(&self, other: &Entry<T>) -> Ordering {
        other.item.cmp(&self.item).then(other.put.cmp(&self.put))
    }
}

impl<T: Ord> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Entry<T>) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Ord> PartialEq for Entry<T> {
    fn eq(&self, other: &Entry<T>) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T: Ord> Eq for Entry<T> {}

impl<T: Ord> StoreOps<T> for Heap<T> {
    fn push(&mut self, item: T) {
        self.puts += 1;
        self.entries.push(Entry { item, put: self.puts });
    }

    fn pop(&mut self) -> Option<T> {
        self.entries.pop().map(|entry| entry.item)
    }

    fn len(&self) -> usize {
        self.entries.len()
    }

    fn take_all(&mut self) -> Vec<T> {
        std::iter::from_fn(|| self.pop()).collect()
    }
}

impl<T: Ord> Store<T> for Heap<T> {}

/// The store of a [`LifoQueue`].
#[derive(Debug)]
pub struct Stack<T>(Vec<T>);

impl<T> StoreOps<T> for Stack<T> {
    fn push(&mut self, item: T) {
        self.0.push(item);
    }

    fn pop(&mut self) -> Option<T> {
        self.0.pop()
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn take_all(&mut self) -> Vec<T> {
        let mut items = std::mem::take(&mut self.0);
        items.reverse();
        items
    }
}

impl<T> Store<T> for Stack<T> {}

/// A queue whose smallest item comes out first, and of equal ones the one that was put first.
///
/// It has all methods of [`Queue`]. A getter that waits takes what is smallest when its turn comes, which need not be
/// the item that woke it. Items are compared under the queue's lock: their `Ord` must not use this queue.
///
/// # Examples
///
/// ```
/// raddle::run(async {
///     let urgent = raddle::PriorityQueue::unbounded();
///     urgent.put((2, "later")).await.unwrap();
///     urgent.put((1, "first")).await.unwrap();
///     assert_eq!(urgent.get().await, Ok((1, "first")));
/// });
/// ```
pub struct PriorityQueue<T: Ord>(Queue<T, Heap<T>>);

impl<T: Ord> PriorityQueue<T> {
    /// Makes a queue that holds at most `capacity` items; a put into a full one waits.
    ///
    /// # Panics
    ///
    /// If `capacity` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(raddle::PriorityQueue::<u8>::bounded(2).capacity(), Some(2));
    /// ```
    #[track_caller]
    pub fn bounded(capacity: usize) -> PriorityQueue<T> {
        PriorityQueue(Queue::with_store(Heap { entries: BinaryHeap::new(), puts: 0 }, bound(capacity)))
    }

    /// Makes a queue that takes as many items as there is memory for; a put never waits.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(raddle::PriorityQueue::<u8>::unbounded().capacity(), None);
    /// ```
    pub fn unbounded() -> PriorityQueue<T> {
        PriorityQueue(Queue::with_store(Heap { entries: BinaryHeap::new(), puts: 0 }, usize::MAX))
    }
}

/// A queue whose newest item comes out first. It has all methods of [`Queue`].
///
/// # Examples
///
/// ```
/// raddle::run(async {
///     let stack = raddle::LifoQueue::unbounded();
///     stack.put(1).await.unwrap();
///     stack.put(2).await.unwrap();
///     assert_eq!(stack.get().await, Ok(2));
/// });
/// ```
pub struct LifoQueue<T>(Queue<T, Stack<T>>);

impl<T> LifoQueue<T> {
    /// Makes a queue that holds at most `capacity` items; a put into a full one waits.
    ///
    /// # Panics
    ///
    /// If `capacity` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(raddle::LifoQueue::<u8>::bounded(2).capacity(), Some(2));
    /// ```
    #[track_caller]
    pub fn bounded(capacity: usize) -> LifoQueue<T> {
        LifoQueue(Queue::with_store(Stack(Vec::new()), bound(capacity)))
    }

    /// Makes a queue that takes as many items as there is memory for; a put never waits.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(raddle::LifoQueue::<u8>::unbounded().capacity(), None);
    /// ```
    pub fn unbounded() -> LifoQueue<T> {
        LifoQueue(Queue::with_store(Stack(Vec::new()), usize::MAX))
    }
}

impl<T: Ord> Deref for PriorityQueue<T> {
    type Target = Queue<T, Heap<T>>;

    fn deref(&self) -> &Queue<T, Heap<T>> {
        &self.0
    }
}

impl<T> Deref for LifoQueue<T> {
    type Target = Queue<T, Stack<T>>;

    fn deref(&self) -> &Queue<T, Stack<T>> {
        &self.0
    }
}

impl<T: Ord> Clone for PriorityQueue<T> {
    fn clone(&self) -> PriorityQueue<T> {
        PriorityQueue(self.0.clone())
    }
}

impl<T> Clone for LifoQueue<T> {
    fn clone(&self) -> LifoQueue<T> {
        LifoQueue(self.0.clone())
    }
}

impl<T: Ord> fmt::Debug for PriorityQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_as("PriorityQueue", f)
    }
}

impl<T> fmt::Debug for LifoQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_as("LifoQueue", f)
    }
}
