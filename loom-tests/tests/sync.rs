//! The synchronization primitives, awaited by loom's own executor.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use loom::cell::UnsafeCell;
use loom::future::block_on;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;
use raddle_loom_tests::sync::{
    Barrier, Condition, Event, Mutex, OnceCell, Queue, RecvError, RwLock, Semaphore, broadcast, channel, promise, watch,
};
use raddle_loom_tests::{bounded, check, unbounded};

/// Polls once, and gives the future up if it is not ready.
fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// A promise is kept while it is awaited: the value arrives. (The value is an `Arc` of loom's, which finds leaks.)
#[test]
fn promise_set_against_poll() {
    check("promise_set_against_poll", unbounded(), || {
        let (promise, pending) = promise();
        let holder = thread::spawn(move || promise.set(Arc::new(7)).is_ok());
        assert_eq!(*block_on(pending).unwrap(), 7);
        assert!(holder.join().unwrap());
    });
}

/// A pending that was polled by one task and moved to another is kept: the second is woken.
#[test]
fn promise_set_against_second_poll() {
    check("promise_set_against_second_poll", unbounded(), || {
        let (promise, mut pending) = promise();
        let holder = thread::spawn(move || promise.set(Arc::new(7)).is_ok());
        let value = poll_once(&mut pending).unwrap_or_else(|| block_on(pending));
        assert_eq!(*value.unwrap(), 7);
        assert!(holder.join().unwrap());
    });
}

/// A promise is dropped while it is awaited: the waiter is told.
#[test]
fn promise_drop_against_poll() {
    check("promise_drop_against_poll", unbounded(), || {
        let (promise, pending) = promise::<Arc<u8>>();
        let holder = thread::spawn(move || drop(promise));
        assert!(block_on(pending).is_err());
        holder.join().unwrap();
    });
}

/// A promise is kept while its pending is polled and dropped: the value is dropped once, here or there.
#[test]
fn promise_set_against_pending_drop() {
    check("promise_set_against_pending_drop", unbounded(), || {
        let (promise, mut pending) = promise();
        let holder = thread::spawn(move || promise.set(Arc::new(7)).is_ok());
        let got = poll_once(&mut pending).is_some();
        drop(pending);
        assert!(holder.join().unwrap() || !got, "given, and given back");
    });
}

/// A pending is dropped while the promise's holder waits for that: it is told.
#[test]
fn promise_abandoned_against_drop() {
    check("promise_abandoned_against_drop", unbounded(), || {
        let (promise, pending) = promise::<u8>();
        let dropper = thread::spawn(move || drop(pending));
        block_on(promise.abandoned());
        dropper.join().unwrap();
    });
}

/// Two tasks take a mutex: one after the other.
#[test]
fn mutex_two_holders() {
    check("mutex_two_holders", unbounded(), || {
        let mutex = Arc::new(Mutex::new(0));
        let mutex2 = mutex.clone();
        let other = thread::spawn(move || *block_on(mutex2.lock()) += 1);
        *block_on(mutex.lock()) += 1;
        other.join().unwrap();
        assert_eq!(*mutex.try_lock().unwrap(), 2);
    });
}

/// Three tasks take a mutex: it is handed on from one to the next.
#[test]
fn mutex_three_holders() {
    check("mutex_three_holders", bounded(3), || {
        let mutex = Arc::new(Mutex::new(0));
        let others = [0, 1].map(|_| {
            let mutex = mutex.clone();
            thread::spawn(move || *block_on(mutex.lock()) += 1)
        });
        *block_on(mutex.lock()) += 1;
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(*mutex.try_lock().unwrap(), 3);
    });
}

/// A waiter gives up while the lock is released, and another waits behind it: the lock gets to that one.
#[test]
fn mutex_cancel_against_release() {
    check("mutex_cancel_against_release", bounded(3), || {
        let mutex = Arc::new(Mutex::new(0));
        let guard = mutex.try_lock().unwrap();
        let (mutex2, mutex3) = (mutex.clone(), mutex.clone());
        let quitter = thread::spawn(move || poll_once(mutex2.lock()).map(drop));
        let waiter = thread::spawn(move || *block_on(mutex3.lock()) += 1);
        drop(guard);
        quitter.join().unwrap();
        waiter.join().unwrap();
        assert_eq!(*mutex.try_lock().unwrap(), 1);
    });
}

/// An event is set while a task comes to wait: it goes on, and sees what was written before.
#[test]
fn event_set_against_wait() {
    check("event_set_against_wait", unbounded(), || {
        let house = Arc::new((Event::new(), UnsafeCell::new(0)));
        let house2 = house.clone();
        let setter = thread::spawn(move || {
            // SAFETY: loom watches.
            house2.1.with_mut(|written| unsafe { *written = 7 });
            house2.0.set();
        });
        block_on(house.0.wait());
        // SAFETY: loom watches.
        house.1.with(|written| unsafe { assert_eq!(*written, 7) });
        setter.join().unwrap();
        assert!(house.0.is_set());
    });
}

/// One thread sets an event, another clears it: a `clear` takes nothing back from who waited before the `set`.
#[test]
fn event_set_and_clear_against_wait() {
    check("event_set_and_clear_against_wait", bounded(3), || {
        let event = Arc::new(Event::new());
        let (event2, event3) = (event.clone(), event.clone());
        let mut wait = Box::pin(event.wait());
        assert!(wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let setter = thread::spawn(move || event2.set());
        let clearer = thread::spawn(move || event3.clear());
        block_on(wait);
        setter.join().unwrap();
        clearer.join().unwrap();
    });
}

/// A task takes the flag down and then looks for work, another brings work and sets it: the work is seen, or the flag
/// is up.
#[test]
fn event_clear_sees_what_it_undoes() {
    check("event_clear_sees_what_it_undoes", unbounded(), || {
        let house = Arc::new((Event::new(), AtomicBool::new(false)));
        house.0.set();
        let house2 = house.clone();
        let bringer = thread::spawn(move || {
            house2.1.store(true, Ordering::Relaxed);
            house2.0.set();
        });
        house.0.clear();
        if !house.1.load(Ordering::Relaxed) {
            block_on(house.0.wait());
            assert!(house.1.load(Ordering::Relaxed));
        }
        bringer.join().unwrap();
    });
}

/// Two items go through a queue for one, while a get is given up: both arrive, in order.
#[test]
fn queue_put_against_get_and_cancel() {
    check("queue_put_against_get_and_cancel", bounded(3), || {
        let queue = Queue::bounded(1);
        let queue2 = queue.clone();
        let putter = thread::spawn(move || {
            block_on(queue2.put(Arc::new(1))).unwrap();
            block_on(queue2.put(Arc::new(2))).unwrap();
        });
        let mut got: Vec<_> = poll_once(queue.get()).map(|item| *item.unwrap()).into_iter().collect();
        while got.len() < 2 {
            got.push(*block_on(queue.get()).unwrap());
        }
        assert_eq!(got, [1, 2]);
        putter.join().unwrap();
    });
}

/// One item is put, one getter gives up, one waits: the item gets to the one that waits.
#[test]
fn queue_cancelled_getter() {
    check("queue_cancelled_getter", bounded(3), || {
        let queue = Queue::<Arc<u8>>::bounded(1);
        let (queue2, queue3) = (queue.clone(), queue.clone());
        let mut quitter = Box::pin(queue.get());
        assert!(quitter.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let getter = thread::spawn(move || *block_on(queue2.get()).unwrap());
        let putter = thread::spawn(move || queue3.try_put(Arc::new(1)).unwrap());
        drop(quitter);
        assert_eq!(getter.join().unwrap(), 1);
        putter.join().unwrap();
    });
}

/// A queue is shut down while a getter waits: it gets what is there, and then is told.
#[test]
fn queue_shutdown_against_get() {
    check("queue_shutdown_against_get", unbounded(), || {
        let queue = Queue::<Arc<u8>>::bounded(1);
        let queue2 = queue.clone();
        let putter = thread::spawn(move || {
            queue2.try_put(Arc::new(1)).unwrap();
            queue2.shutdown();
        });
        assert!(block_on(queue.get()).is_ok());
        assert!(block_on(queue.get()).is_err());
        putter.join().unwrap();
    });
}

/// The last of two senders goes while a receiver waits: it gets what both sent, and then is told.
#[test]
fn channel_last_sender_against_recv() {
    check("channel_last_sender_against_recv", bounded(3), || {
        let (sender, receiver) = channel::<Arc<u8>>(2);
        let senders = [sender.clone(), sender].map(|sender| {
            thread::spawn(move || {
                assert!(sender.try_send(Arc::new(1)).is_ok());
            })
        });
        let mut got = 0;
        while let Some(value) = block_on(receiver.recv()) {
            got += *value;
        }
        assert_eq!(got, 2);
        senders.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// The receiver goes while a sender waits for room, and another handle waits for that: the one gets its value back, the
/// other is told. (The values are `Arc`s of loom's, which finds leaks.)
#[test]
fn channel_last_receiver_against_send() {
    check("channel_last_receiver_against_send", bounded(3), || {
        let (sender, receiver) = channel(1);
        assert!(sender.try_send(Arc::new(1)).is_ok());
        let watcher = sender.clone();
        let dropper = thread::spawn(move || drop(receiver));
        let watching = thread::spawn(move || block_on(watcher.closed()));
        assert_eq!(*block_on(sender.send(Arc::new(2))).unwrap_err().into_inner(), 2);
        dropper.join().unwrap();
        watching.join().unwrap();
    });
}

/// Two values are sent to one who keeps a single one, and the sender goes: what it gets and misses is both.
#[test]
fn broadcast_send_against_recv() {
    check("broadcast_send_against_recv", bounded(3), || {
        let (sender, mut receiver) = broadcast(1);
        let holder = thread::spawn(move || {
            assert!(sender.send(Arc::new(0)).is_ok());
            assert!(sender.send(Arc::new(1)).is_ok());
        });
        let mut next = 0;
        loop {
            match block_on(receiver.recv()) {
                Ok(value) => {
                    assert_eq!(*value, next);
                    next += 1;
                }
                Err(RecvError::Lagged(missed)) => next += missed,
                Err(RecvError::Closed) => break,
            }
        }
        assert_eq!(next, 2);
        holder.join().unwrap();
    });
}

/// One receiver gives up and goes while a value is sent, another waits: the value gets to that one, and leaves.
#[test]
fn broadcast_leave_against_send() {
    check("broadcast_leave_against_send", bounded(3), || {
        let (sender, mut receiver) = broadcast::<Arc<u8>>(2);
        let mut quitter = receiver.clone();
        let leaving = thread::spawn(move || poll_once(quitter.recv()).map(|value| *value.unwrap()));
        let waiting = thread::spawn(move || *block_on(receiver.recv()).unwrap());
        assert!(sender.send(Arc::new(7)).is_ok());
        assert!(matches!(leaving.join().unwrap(), None | Some(7)));
        assert_eq!(waiting.join().unwrap(), 7);
        assert_eq!(sender.len(), 0);
    });
}

/// A value is sent while a receiver comes to wait, and the sender goes: the change is seen, then the end.
#[test]
fn watch_send_against_changed() {
    check("watch_send_against_changed", unbounded(), || {
        let (sender, mut receiver) = watch(Arc::new(1));
        let holder = thread::spawn(move || assert!(sender.send(Arc::new(2)).is_ok()));
        assert!(block_on(receiver.changed()).is_ok());
        assert_eq!(**receiver.borrow(), 2);
        assert!(block_on(receiver.changed()).is_err());
        holder.join().unwrap();
    });
}

/// Two senders modify a value while a receiver waits for what both make of it: no modification is lost.
#[test]
fn watch_two_modifications() {
    check("watch_two_modifications", bounded(2), || {
        let (sender, mut receiver) = watch(0);
        let senders = [sender.clone(), sender].map(|sender| thread::spawn(move || sender.send_modify(|n| *n += 1)));
        assert!(block_on(receiver.wait_for(|n| *n == 2)).is_ok());
        senders.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// Two tasks share one permit: one after the other, and the second sees what the first wrote.
#[test]
fn semaphore_two_holders() {
    check("semaphore_two_holders", unbounded(), || {
        let house = Arc::new((Semaphore::new(1), UnsafeCell::new(0)));
        let enter = |house: &(Semaphore, UnsafeCell<i32>)| {
            let _permit = block_on(house.0.acquire());
            // SAFETY: loom watches.
            house.1.with_mut(|written| unsafe { *written += 1 });
        };
        let house2 = house.clone();
        let other = thread::spawn(move || enter(&house2));
        enter(&house);
        other.join().unwrap();
        assert_eq!(house.0.available_permits(), 1);
        // SAFETY: loom watches.
        house.1.with(|written| unsafe { assert_eq!(*written, 2) });
    });
}

/// A waiter gives up while the permit comes back, and another waits behind it: the permit gets to that one.
#[test]
fn semaphore_cancel_against_release() {
    check("semaphore_cancel_against_release", bounded(3), || {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.try_acquire().unwrap();
        let (semaphore2, semaphore3) = (semaphore.clone(), semaphore.clone());
        let quitter = thread::spawn(move || poll_once(semaphore2.acquire()).map(drop));
        let waiter = thread::spawn(move || drop(block_on(semaphore3.acquire())));
        drop(permit);
        quitter.join().unwrap();
        waiter.join().unwrap();
        assert_eq!(semaphore.available_permits(), 1);
    });
}

/// Two permits come back at once while two tasks come for one each, and another gives up: both go.
#[test]
fn semaphore_batch_against_two_waiters() {
    check("semaphore_batch_against_two_waiters", bounded(2), || {
        let semaphore = Arc::new(Semaphore::new(2));
        let both = semaphore.try_acquire_many(2).unwrap();
        let mut quitter = Box::pin(semaphore.acquire());
        assert!(quitter.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let others = [0, 1].map(|_| {
            let semaphore = semaphore.clone();
            thread::spawn(move || block_on(semaphore.acquire()).forget())
        });
        drop(both);
        drop(quitter);
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(semaphore.available_permits(), 0);
    });
}

/// A demand that is too large is given up while a permit comes in: the small one behind it goes.
#[test]
fn semaphore_large_demand_cancelled_against_release() {
    check("semaphore_large_demand_cancelled_against_release", unbounded(), || {
        let semaphore = Arc::new(Semaphore::new(0));
        let mut large = Box::pin(semaphore.acquire_many(2));
        let mut small = Box::pin(semaphore.acquire());
        assert!(large.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert!(small.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let semaphore2 = semaphore.clone();
        let giver = thread::spawn(move || semaphore2.add_permits(1));
        drop(large);
        drop(block_on(small));
        giver.join().unwrap();
        assert!(!semaphore.is_locked());
    });
}

/// Two tasks read a value and one writes it: the writer is alone.
#[test]
fn rwlock_readers_against_writer() {
    check("rwlock_readers_against_writer", bounded(2), || {
        let lock = Arc::new(RwLock::new(UnsafeCell::new(0)));
        let readers = [0, 1].map(|_| {
            let lock = lock.clone();
            thread::spawn(move || {
                let guard = block_on(lock.read());
                // SAFETY: loom watches.
                guard.with(|written| unsafe { *written })
            })
        });
        let guard = block_on(lock.write());
        // SAFETY: loom watches.
        guard.with_mut(|written| unsafe { *written = 7 });
        drop(guard);
        for reader in readers {
            assert!([0, 7].contains(&reader.join().unwrap()));
        }
        assert!(lock.try_write().is_some());
    });
}

/// A writer that waits for a reader gives up while a second reader comes: that one goes beside the first.
#[test]
fn rwlock_cancelled_writer_against_reader() {
    check("rwlock_cancelled_writer_against_reader", unbounded(), || {
        let lock = Arc::new(RwLock::new(()));
        let guard = lock.try_read();
        let mut writer = Box::pin(lock.write());
        assert!(writer.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let lock2 = lock.clone();
        let reader = thread::spawn(move || drop(block_on(lock2.read())));
        drop(writer);
        reader.join().unwrap();
        drop(guard);
        assert!(lock.try_write().is_some());
    });
}

/// A task waits for a value that another one writes before it notifies, outside the lock: it is not missed.
#[test]
fn condition_notify_against_wait() {
    check("condition_notify_against_wait", unbounded(), || {
        let house = Arc::new((Mutex::new(0), Condition::new()));
        let house2 = house.clone();
        let notifier = thread::spawn(move || {
            *block_on(house2.0.lock()) = 7;
            house2.1.notify(1);
        });
        let got = block_on(async { *house.1.wait_for(house.0.lock().await, |value| *value > 0).await });
        assert_eq!(got, 7);
        notifier.join().unwrap();
    });
}

/// Two wait and one is notified, while the first gives up: the second goes, unless the first had gone before.
#[test]
fn condition_notify_against_cancel() {
    check("condition_notify_against_cancel", unbounded(), || {
        let house = Arc::new((Mutex::new(()), Condition::new()));
        let mut first = Box::pin(house.1.wait(house.0.try_lock().unwrap()));
        assert!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let mut second = Box::pin(house.1.wait(house.0.try_lock().unwrap()));
        assert!(second.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let house2 = house.clone();
        let notifier = thread::spawn(move || house2.1.notify(1));
        match poll_once(first) {
            Some(guard) => drop((guard, second)),
            None => drop(block_on(second)),
        }
        notifier.join().unwrap();
        assert!(house.0.try_lock().is_some());
    });
}

/// Everybody is notified by one thread, while another waiter comes and the first is notified once more: the one
/// notification is not spent on somebody who goes anyway.
#[test]
fn condition_notify_all_against_notify() {
    check("condition_notify_all_against_notify", unbounded(), || {
        let house = Arc::new((Mutex::new(()), Condition::new()));
        let mut first = Box::pin(house.1.wait(house.0.try_lock().unwrap()));
        assert!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let house2 = house.clone();
        let notifier = thread::spawn(move || house2.1.notify_all());
        let mut second = Box::pin(house.1.wait(house.0.try_lock().unwrap()));
        assert!(second.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        house.1.notify(1);
        drop(block_on(first));
        drop(block_on(second));
        notifier.join().unwrap();
    });
}

/// One of two waiters is notified and waits for the lock, and gives up while the lock is released: the other one goes.
#[test]
fn condition_cancel_against_relock() {
    check("condition_cancel_against_relock", unbounded(), || {
        let house = Arc::new((Mutex::new(()), Condition::new()));
        let mut first = Box::pin(house.1.wait(house.0.try_lock().unwrap()));
        assert!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let mut second = Box::pin(house.1.wait(house.0.try_lock().unwrap()));
        assert!(second.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let house2 = house.clone();
        let notifier = thread::spawn(move || {
            let _guard = block_on(house2.0.lock());
            house2.1.notify(1);
        });
        match poll_once(first) {
            Some(guard) => drop((guard, second)),
            None => drop(block_on(second)),
        }
        notifier.join().unwrap();
        assert!(house.0.try_lock().is_some());
    });
}

/// Two tasks pass a barrier, twice: together each time, with different indices, and the second sees what the first did.
#[test]
fn barrier_two_generations() {
    check("barrier_two_generations", unbounded(), || {
        let house = Arc::new((Barrier::new(2), UnsafeCell::new(0)));
        let pass_twice = |house: &(Barrier, UnsafeCell<i32>), writes: bool| {
            if writes {
                // SAFETY: loom watches.
                house.1.with_mut(|written| unsafe { *written = 7 });
            }
            let first = block_on(house.0.wait()).unwrap();
            // SAFETY: loom watches.
            house.1.with(|written| unsafe { assert_eq!(*written, 7) });
            [first.index, block_on(house.0.wait()).unwrap().index]
        };
        let house2 = house.clone();
        let other = thread::spawn(move || pass_twice(&house2, true));
        let one = pass_twice(&house, false);
        let other = other.join().unwrap();
        assert_eq!([one[0] + other[0], one[1] + other[1]], [1, 1]);
        assert_eq!(house.0.n_waiting(), 0);
    });
}

/// Two tasks want a value that is not made yet: one makes it, both get it.
#[test]
fn once_cell_two_makers() {
    check("once_cell_two_makers", unbounded(), || {
        let cell = Arc::new(OnceCell::new());
        let cell2 = cell.clone();
        let other = thread::spawn(move || *block_on(cell2.get_or_init(async || 1)));
        let one = *block_on(cell.get_or_init(async || 2));
        assert_eq!(one, other.join().unwrap());
    });
}

/// Who makes the value gives up while another one comes: that one makes it.
#[test]
fn once_cell_cancel_against_wait() {
    check("once_cell_cancel_against_wait", unbounded(), || {
        let cell = Arc::new(OnceCell::new());
        let mut maker = Box::pin(cell.get_or_init(std::future::pending));
        assert!(maker.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let cell2 = cell.clone();
        let other = thread::spawn(move || *block_on(cell2.get_or_init(async || 1)));
        drop(maker);
        assert_eq!(other.join().unwrap(), 1);
        assert_eq!(cell.get(), Some(&1));
    });
}
