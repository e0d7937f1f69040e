//! Timers: a binary heap of deadlines. What is cancelled stays in it until it comes up, or until half of the heap is
//! that.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::executor;

/// Fewer that are cancelled are not worth a walk. Picked from thin air.
const FEW: usize = 64;

#[derive(Default)]
pub(super) struct Timers(RefCell<Heap>);

#[derive(Default)]
struct Heap {
    deadlines: BinaryHeap<Reverse<(Instant, Key)>>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    cancelled: usize,
}

/// A place in `slots`, and which of its users it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    slot: u32,
    generation: u32,
}

struct Slot {
    generation: u32,
    /// `None` once the deadline is over.
    waker: Option<Waker>,
}

impl Heap {
    fn insert(&mut self, deadline: Instant, waker: Waker) -> Key {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, waker: None });
            u32::try_from(self.slots.len() - 1).expect("fewer timers than 2^32 at a time")
        });
        let place = &mut self.slots[slot as usize];
        place.waker = Some(waker);
        let key = Key { slot, generation: place.generation };
        self.deadlines.push(Reverse((deadline, key)));
        key
    }

    fn is_over(&self, key: Key) -> bool {
        self.slots[key.slot as usize].waker.is_none()
    }

    /// Gives the waker back, to be dropped where nothing is borrowed.
    fn remove(&mut self, key: Key) -> Option<Waker> {
        let Slot { generation, waker } = &mut self.slots[key.slot as usize];
        *generation = generation.wrapping_add(1);
        self.free.push(key.slot);
        let waker = waker.take();
        self.cancelled += usize::from(waker.is_some());
        if self.cancelled == self.deadlines.len() {
            self.deadlines.clear();
            self.cancelled = 0;
        } else if self.cancelled > FEW && self.cancelled > self.deadlines.len() / 2 {
            let slots = &self.slots;
            self.deadlines.retain(|Reverse((_, key))| slots[key.slot as usize].generation == key.generation);
            self.cancelled = 0;
        }
        waker
    }

    /// The first one that is due, or the next deadline.
    fn pop_due(&mut self, now: Instant) -> Result<Waker, Option<Instant>> {
        while let Some(&Reverse((deadline, key))) = self.deadlines.peek() {
            let slot = &mut self.slots[key.slot as usize];
            let cancelled = slot.generation != key.generation;
            if !cancelled && deadline > now {
                return Err(Some(deadline));
            }
            self.deadlines.pop();
            if cancelled {
                self.cancelled -= 1;
            } else {
                return Ok(slot.waker.take().expect("a timer that is not over has a waker"));
            }
        }
        Err(None)
    }
}

impl Timers {
    /// Wakes what is due. The next deadline.
    pub(super) fn wake_due(&self) -> Option<Instant> {
        if self.0.borrow().deadlines.is_empty() {
            return None;
        }
        let now = Instant::now();
        loop {
            let due = self.0.borrow_mut().pop_due(now);
            match due {
                Ok(waker) => waker.wake(),
                Err(next) => return next,
            }
        }
    }

    /// Lets go of every waker: nobody is woken any more.
    pub(super) fn clear(&self) {
        let wakers: Vec<_> = self.0.borrow_mut().slots.iter_mut().filter_map(|slot| slot.waker.take()).collect();
        // Nothing is borrowed now: a task that goes with its waker drops its timers.
        drop(wakers);
    }
}

/// Registers itself when it is first found pending: until then no clock is read.
#[derive(Debug)]
pub(super) struct Sleep {
    duration: Duration,
    key: Option<Key>,
}

impl Sleep {
    pub(super) fn new(duration: Duration) -> Sleep {
        Sleep { duration, key: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        executor::here(|executor| {
            let mut heap = executor.timers.0.borrow_mut();
            match self.key {
                Some(key) if heap.is_over(key) => Poll::Ready(()),
                Some(_) => Poll::Pending,
                None => {
                    self.key = Some(heap.insert(Instant::now() + self.duration, context.waker().clone()));
                    Poll::Pending
                }
            }
        })
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            // With the executor, its timers are gone.
            drop(executor::if_here(|executor| executor.timers.0.borrow_mut().remove(key)));
        }
    }
}

#[derive(Debug)]
pub(super) struct Elapsed;

/// Asks the future first, and the clock only if that is pending.
pub(super) async fn timeout<F: Future>(duration: Duration, future: F) -> Result<F::Output, Elapsed> {
    let mut future = std::pin::pin!(future);
    let mut sleep = Sleep::new(duration);
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Ok(output)),
        Poll::Pending => Pin::new(&mut sleep).poll(context).map(|()| Err(Elapsed)),
    })
    .await
}
