//! Promises of `Queue`, `PriorityQueue` and `LifoQueue`.

mod sync_by_hand;

use std::error::Error;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::thread;

use raddle::{LifoQueue, PriorityQueue, PutError, Queue, QueueShutDown, TryGetError, TryPutError};
use sync_by_hand::{Bomb, block_on, hand, waiting};

#[test]
fn items_come_out_in_the_order_they_went_in() {
    let queue = Queue::unbounded();
    for n in 0..100 {
        hand(queue.put(n)).ready().unwrap();
    }
    for n in 0..100 {
        assert_eq!(hand(queue.get()).ready(), Ok(n));
    }
    assert_eq!(queue.try_get(), Err(TryGetError::Empty));
}

#[test]
fn getters_are_served_in_order_and_not_overtaken() {
    let queue = Queue::unbounded();
    let (first, second) = (waiting(queue.get()), waiting(queue.get()));
    queue.try_put(1).unwrap();
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    assert_eq!(queue.try_get(), Err(TryGetError::Empty), "the item is promised");
    let third = waiting(queue.get());
    queue.try_put(2).unwrap();
    queue.try_put(3).unwrap();
    assert_eq!((second.wakes(), third.wakes()), (1, 1));
    assert_eq!(first.ready(), Ok(1));
    assert_eq!(second.ready(), Ok(2));
    assert_eq!(third.ready(), Ok(3));
}

#[test]
fn putters_are_served_in_order_and_not_overtaken() {
    let queue = Queue::bounded(1);
    queue.try_put(0).unwrap();
    let (first, second) = (waiting(queue.put(1)), waiting(queue.put(2)));
    assert_eq!(queue.try_get(), Ok(0));
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    assert_eq!(queue.try_put(9), Err(TryPutError::Full(9)), "the slot is promised");
    let third = waiting(queue.put(3));
    first.ready().unwrap();
    assert_eq!(queue.try_get(), Ok(1));
    second.ready().unwrap();
    assert_eq!(queue.try_get(), Ok(2));
    third.ready().unwrap();
    assert_eq!(queue.try_get(), Ok(3));
}

#[test]
fn a_waiting_getter_is_woken_once_for_many_items() {
    let queue = Queue::unbounded();
    let getter = waiting(queue.get());
    for n in 0..10 {
        queue.try_put(n).unwrap();
    }
    assert_eq!(getter.wakes(), 1);
    assert_eq!(queue.try_get(), Ok(0), "nine items are free, and the first comes first");
    assert_eq!(getter.ready(), Ok(1));
}

/// Two getters compete for one item; either is dropped, before or after the put: the other one gets it.
#[test]
fn a_cancelled_getter_passes_its_item_on() {
    for drop_first in [true, false] {
        for put_before in [true, false] {
            let queue = Queue::unbounded();
            let (first, second) = (waiting(queue.get()), waiting(queue.get()));
            if put_before {
                queue.try_put(1).unwrap();
            }
            let (gone, stays) = if drop_first { (first, second) } else { (second, first) };
            drop(gone);
            if !put_before {
                queue.try_put(1).unwrap();
            }
            assert_eq!(stays.wakes(), 1, "drop_first {drop_first}, put_before {put_before}");
            assert_eq!(stays.ready(), Ok(1));
            assert!(queue.is_empty());
        }
    }
}

#[test]
fn an_item_of_a_cancelled_getter_stays_in_front() {
    let queue = Queue::unbounded();
    let getter = waiting(queue.get());
    queue.try_put(1).unwrap();
    queue.try_put(2).unwrap();
    drop(getter);
    assert_eq!(queue.try_get(), Ok(1));
    assert_eq!(queue.try_get(), Ok(2));
}

/// Two putters compete for one slot; either is dropped, before or after the get: the other one puts, the item of the
/// dropped one is dropped with it.
#[test]
fn a_cancelled_putter_puts_nothing_and_passes_its_slot_on() {
    for drop_first in [true, false] {
        for get_before in [true, false] {
            let item = Arc::new(());
            let queue = Queue::bounded(1);
            queue.try_put((0, item.clone())).unwrap();
            let (first, second) = (waiting(queue.put((1, item.clone()))), waiting(queue.put((2, item.clone()))));
            if get_before {
                queue.try_get().unwrap();
            }
            let (gone, stays, expected) = if drop_first { (first, second, 2) } else { (second, first, 1) };
            drop(gone);
            if !get_before {
                queue.try_get().unwrap();
            }
            assert_eq!(stays.wakes(), 1, "drop_first {drop_first}, get_before {get_before}");
            stays.ready().unwrap();
            assert_eq!(queue.try_get().unwrap().0, expected);
            assert!(queue.is_empty());
            assert_eq!(Arc::strong_count(&item), 1);
        }
    }
}

#[test]
fn a_getter_wakes_the_putter_it_makes_room_for() {
    let queue = Queue::bounded(2);
    queue.try_put(1).unwrap();
    queue.try_put(2).unwrap();
    assert!(queue.is_full());
    let putter = waiting(queue.put(3));
    assert_eq!(hand(queue.get()).ready(), Ok(1));
    assert_eq!(putter.wakes(), 1);
    putter.ready().unwrap();
    assert_eq!(queue.len(), 2);
}

#[test]
fn shutdown_drains_and_then_refuses() {
    let queue = Queue::bounded(1);
    queue.try_put(1).unwrap();
    let putter = waiting(queue.put(2));
    queue.shutdown();
    queue.shutdown();
    assert_eq!(putter.wakes(), 1);
    assert_eq!(putter.ready(), Err(PutError(2)));
    assert_eq!(queue.try_put(3), Err(TryPutError::ShutDown(3)));
    assert_eq!(hand(queue.put(4)).ready(), Err(PutError(4)));
    assert_eq!(hand(queue.get()).ready(), Ok(1));
    assert_eq!(hand(queue.get()).ready(), Err(QueueShutDown));
    assert_eq!(queue.try_get(), Err(TryGetError::ShutDown));
}

#[test]
fn shutdown_keeps_the_promise_to_a_granted_getter() {
    let queue = Queue::unbounded();
    let (first, second) = (waiting(queue.get()), waiting(queue.get()));
    queue.try_put(1).unwrap();
    queue.shutdown();
    assert_eq!((first.wakes(), second.wakes()), (1, 1));
    assert_eq!(second.ready(), Err(QueueShutDown));
    assert_eq!(first.ready(), Ok(1));
}

#[test]
fn shutdown_passes_the_item_of_a_dropped_getter_to_one_that_was_released() {
    let queue = Queue::unbounded();
    let (first, second) = (waiting(queue.get()), waiting(queue.get()));
    queue.try_put(1).unwrap();
    queue.shutdown();
    drop(first);
    assert_eq!(second.ready(), Ok(1));
}

#[test]
fn shutdown_now_gives_the_items_back_and_counts_them_as_done() {
    let queue = Queue::unbounded();
    let getter = waiting(queue.get());
    for n in 0..3 {
        queue.try_put(n).unwrap();
    }
    let join = waiting(queue.join());
    assert_eq!(queue.shutdown_now(), [0, 1, 2]);
    assert_eq!(getter.ready(), Err(QueueShutDown), "its promised item was taken back");
    assert_eq!(join.wakes(), 1);
    join.ready();
}

#[test]
fn a_putter_with_a_promised_slot_gets_its_item_back_at_shutdown() {
    let queue = Queue::bounded(1);
    queue.try_put(0).unwrap();
    let putter = waiting(queue.put(1));
    queue.try_get().unwrap();
    queue.shutdown();
    assert_eq!(putter.ready(), Err(PutError(1)));
    assert!(queue.is_empty());
}

#[test]
fn join_waits_for_as_many_as_were_put() {
    let queue = Queue::unbounded();
    hand(queue.join()).ready();
    queue.try_put(1).unwrap();
    queue.try_put(2).unwrap();
    let join = waiting(queue.join());
    drop(waiting(queue.join()));
    queue.try_get().unwrap();
    queue.task_done();
    assert_eq!(join.wakes(), 0);
    let job = hand(queue.get_job()).ready().unwrap();
    assert_eq!(*job, 2);
    drop(job);
    assert_eq!(join.wakes(), 1);
    queue.try_put(3).unwrap();
    join.ready();
}

#[test]
fn a_cancelled_job_is_done() {
    let queue = Queue::unbounded();
    queue.try_put(1).unwrap();
    let mut worker = waiting(async {
        let _job = queue.get_job().await.unwrap();
        std::future::pending::<()>().await;
    });
    assert!(worker.poll().is_pending());
    let join = waiting(queue.join());
    drop(worker);
    assert_eq!(join.wakes(), 1);
    join.ready();
}

#[test]
fn one_task_done_too_many_panics_with_a_text_and_harms_nothing() {
    let queue = Queue::unbounded();
    let panic = catch_unwind(AssertUnwindSafe(|| queue.task_done())).unwrap_err();
    assert!(panic.downcast_ref::<&str>().unwrap().contains("called more often than items were put"));
    queue.try_put(1).unwrap();
    queue.task_done();
    hand(queue.join()).ready();
}

#[test]
#[should_panic(expected = "Queue::bounded(0)")]
fn no_room_at_all_panics_with_a_text() {
    let _ = Queue::<u8>::bounded(0);
}

#[test]
fn errors_name_the_type_and_need_no_debug() {
    struct Plain;
    let queue = Queue::bounded(1);
    queue.try_put(Plain).unwrap();
    let full: Box<dyn Error + Send + Sync> = queue.try_put(Plain).unwrap_err().into();
    assert!(full.to_string().contains("Plain has no room"), "{full}");
    queue.shutdown();
    let down: Box<dyn Error + Send + Sync> = hand(queue.put(Plain)).ready().unwrap_err().into();
    assert!(down.to_string().contains("shut down"), "{down}");
}

#[test]
fn debug_shows_state_and_waiters() {
    let queue = Queue::bounded(1);
    queue.try_put(1).unwrap();
    let _putter = waiting(queue.put(2));
    let expected = "Queue { len: 1, capacity: Some(1), getters: 0, putters: 1, unfinished: 1, shut_down: false }";
    assert_eq!(format!("{queue:?}"), expected);
}

#[test]
fn smallest_first_and_ties_in_order() {
    let queue = PriorityQueue::unbounded();
    let getter = waiting(queue.get());
    for item in [(9, 'z'), (1, 'a'), (5, 'm')] {
        queue.try_put(item).unwrap();
    }
    assert_eq!(getter.ready(), Ok((1, 'a')), "what is smallest when its turn comes");
    assert_eq!(queue.try_get(), Ok((5, 'm')));
    let ties = PriorityQueue::unbounded();
    for name in ["c", "a", "b"] {
        ties.try_put(Tie(name)).unwrap();
    }
    assert_eq!(ties.shutdown_now().iter().map(|tie| tie.0).collect::<String>(), "cab");
}

/// All are equal.
struct Tie(&'static str);

impl PartialEq for Tie {
    fn eq(&self, _other: &Tie) -> bool {
        true
    }
}

impl Eq for Tie {}

impl PartialOrd for Tie {
    fn partial_cmp(&self, other: &Tie) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Tie {
    fn cmp(&self, _other: &Tie) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

#[test]
fn newest_first() {
    let queue = LifoQueue::bounded(3);
    for n in 1..=3 {
        queue.try_put(n).unwrap();
    }
    let putter = waiting(queue.put(4));
    assert_eq!(queue.try_get(), Ok(3));
    putter.ready().unwrap();
    assert_eq!(queue.shutdown_now(), [4, 2, 1]);
}

/// Producers and consumers, some of which give up half-way: every item that was put comes out once, and those of one
/// producer in its order.
#[test]
fn threads_lose_and_double_nothing() {
    const ITEMS: usize = 5_000;
    let queue = Queue::bounded(7);
    let put = Arc::new(AtomicUsize::new(0));
    let producers: Vec<_> = (0..3)
        .map(|producer| {
            let (queue, put) = (queue.clone(), put.clone());
            thread::spawn(move || {
                for n in 0..ITEMS {
                    if n % 5 == producer && hand(queue.put((producer, n))).poll().is_ready() {
                        put.fetch_add(1, Ordering::SeqCst);
                    }
                    block_on(queue.put((producer, n))).unwrap();
                    put.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    let consumers: Vec<_> = (0..3)
        .map(|consumer| {
            let queue = queue.clone();
            thread::spawn(move || {
                let (mut got, mut last) = (0, [0; 3]);
                let mut take = |(producer, n): (usize, usize)| {
                    assert!(last[producer] <= n, "an item overtook another");
                    last[producer] = n;
                    got += 1;
                };
                for round in 0.. {
                    if round % 4 == consumer
                        && let std::task::Poll::Ready(Ok(item)) = hand(queue.get()).poll()
                    {
                        take(item);
                    }
                    match block_on(queue.get()) {
                        Ok(item) => take(item),
                        Err(QueueShutDown) => break,
                    }
                }
                got
            })
        })
        .collect();
    producers.into_iter().for_each(|thread| thread.join().unwrap());
    queue.shutdown();
    let got: usize = consumers.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!(got, put.load(Ordering::SeqCst));
}

#[test]
fn a_waker_that_panics_at_the_shutdown_keeps_nobody_else_waiting() {
    let queue = Queue::<u32>::bounded(1);
    let mut first = Box::pin(queue.get());
    let bomb = Waker::from(Arc::new(Bomb));
    assert!(first.as_mut().poll(&mut Context::from_waker(&bomb)).is_pending());
    let mut second = waiting(queue.get());
    let panic = catch_unwind(AssertUnwindSafe(|| queue.shutdown())).unwrap_err();
    assert_eq!(*panic.downcast_ref::<&str>().unwrap(), "a foreign waker panics");
    assert!(second.poll().is_ready());
    assert_eq!(second.wakes(), 1);
    // One kind of waiter's panic does not reach the next kind.
    let queue = Queue::bounded(1);
    queue.try_put(1).unwrap();
    let mut putter = Box::pin(queue.put(2));
    assert!(putter.as_mut().poll(&mut Context::from_waker(&bomb)).is_pending());
    let joiner = waiting(queue.join());
    assert!(catch_unwind(AssertUnwindSafe(|| queue.shutdown_now())).is_err());
    assert_eq!(joiner.wakes(), 1);
}
