//! Every primitive is there, on loom's types, and does in a model what it does elsewhere.
#![cfg(raddle_loom)]

use raddle::model::loom::sync::Arc;
use raddle::model::{block_on, check, poll_once, thread, yield_now};
use raddle::{
    Barrier, BoundedSemaphore, Condition, Event, LifoQueue, Lock, Mutex, MutexGuard, OnceCell, PriorityQueue, Queue,
    RwLock, Semaphore, broadcast, channel, promise, watch,
};

#[test]
fn what_is_locked() {
    check("what_is_locked", || {
        let mutex = Mutex::new(1);
        let guard: MutexGuard<'_, i32> = block_on(mutex.lock());
        assert!(poll_once(mutex.lock()).is_none());
        drop(guard);

        let lock = Lock::new();
        drop(block_on(lock.acquire()));
        let rwlock = RwLock::new(1);
        assert_eq!(*block_on(rwlock.read()) + *block_on(rwlock.read()), 2);
        *block_on(rwlock.write()) = 2;
        drop(block_on(Semaphore::new(1).acquire()));
        drop(block_on(BoundedSemaphore::new(1).acquire()));
    });
}

#[test]
fn what_is_waited_for() {
    check("what_is_waited_for", || {
        let event = Arc::new(Event::new());
        let setter = thread({
            let event = event.clone();
            move || event.set()
        });
        // Who tries again has to let the others run.
        while !event.is_set() {
            yield_now();
        }
        block_on(event.wait());
        setter.join();

        let (condition, mutex) = (Condition::new(), Mutex::new(1));
        block_on(async {
            let guard = condition.wait_for(mutex.lock().await, |value| *value == 1).await;
            assert_eq!(*guard, 1);
            Barrier::new(1).wait().await.unwrap();
            assert_eq!(*OnceCell::new().get_or_init(async || 1).await, 1);
        });
    });
}

#[test]
fn what_is_handed_over() {
    check("what_is_handed_over", || {
        block_on(async {
            let queue = Queue::bounded(1);
            queue.put(1).await.unwrap();
            assert_eq!(queue.get().await.unwrap(), 1);
            let stack = LifoQueue::unbounded();
            let heap = PriorityQueue::unbounded();
            for item in [1, 3, 2] {
                stack.put(item).await.unwrap();
                heap.put(item).await.unwrap();
            }
            assert_eq!((stack.get().await.unwrap(), heap.get().await.unwrap()), (2, 1));

            let (promise, pending) = promise();
            promise.set(1).unwrap();
            assert_eq!(pending.await.unwrap(), 1);
            let (sender, receiver) = channel(1);
            sender.send(1).await.unwrap();
            assert_eq!(receiver.recv().await, Some(1));
            let (sender, mut receiver) = broadcast(1);
            sender.send(1).unwrap();
            assert_eq!(receiver.recv().await.unwrap(), 1);
            let (sender, mut receiver) = watch(1);
            sender.send(2).unwrap();
            receiver.changed().await.unwrap();
            assert_eq!(*receiver.borrow(), 2);
        });
    });
}
