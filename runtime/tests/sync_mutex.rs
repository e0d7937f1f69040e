//! Promises of `Mutex` and `Lock`.

mod sync_by_hand;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use raddle::{Lock, LockGuard, Mutex, MutexGuard, OwnedMutexGuard};
use sync_by_hand::{block_on, hand, waiting};

#[test]
fn the_lock_is_handed_over_in_order() {
    let lock = Lock::new();
    let guard = hand(lock.lock()).ready();
    let (first, second) = (waiting(lock.lock()), waiting(lock.acquire()));
    drop(guard);
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    assert!(lock.is_locked(), "handed over, never free in between");
    let third = waiting(lock.lock());
    let guard = first.ready();
    drop(guard);
    assert_eq!((second.wakes(), third.wakes()), (1, 0));
    drop(second.ready());
    drop(third.ready());
    assert!(!lock.is_locked());
}

#[test]
fn nobody_barges_in_front_of_a_waiter() {
    let mutex = Mutex::new(0);
    let guard = mutex.try_lock().unwrap();
    let first = waiting(mutex.lock());
    drop(guard);
    assert!(mutex.try_lock().is_none());
    let again = waiting(mutex.lock());
    drop(first.ready());
    drop(again.ready());
    assert!(mutex.try_lock().is_some());
}

/// Two compete; the first or the second is dropped, before or after the release: the lock always ends up free.
#[test]
fn a_cancelled_waiter_passes_its_turn_on() {
    for drop_first in [true, false] {
        for release_before in [true, false] {
            let lock = Lock::new();
            let mut guard = lock.try_lock();
            let (first, second) = (waiting(lock.lock()), waiting(lock.lock()));
            if release_before {
                guard.take();
            }
            let (gone, stays) = if drop_first { (first, second) } else { (second, first) };
            drop(gone);
            guard.take();
            assert_eq!(stays.wakes(), 1, "drop_first {drop_first}, release_before {release_before}");
            drop(stays.ready());
            assert!(!lock.is_locked());
            assert_eq!(format!("{lock:?}"), "Lock { locked: false, waiters: 0 }");
        }
    }
}

#[test]
fn all_waiters_may_leave() {
    let lock = Lock::new();
    let guard = lock.try_lock();
    let (a, b, c) = (waiting(lock.lock()), waiting(lock.lock()), waiting(lock.lock()));
    drop((b, c, a));
    drop(guard);
    assert!(!lock.is_locked());
    let guard = lock.try_lock().unwrap();
    let last = waiting(lock.lock());
    drop(guard);
    drop(last);
    assert!(lock.try_lock().is_some());
}

#[test]
fn an_owned_guard_keeps_the_mutex_alive() {
    let mutex = Arc::new(Mutex::new(vec![1]));
    let mut guard = hand(mutex.clone().lock_owned()).ready();
    let waiter = waiting(mutex.clone().lock_owned());
    guard.push(2);
    drop(mutex);
    drop(guard);
    assert_eq!(waiter.wakes(), 1);
    assert_eq!(*waiter.ready(), [1, 2]);
}

#[test]
fn a_dropped_owned_wait_passes_its_turn_on() {
    let mutex = Arc::new(Mutex::new(()));
    let guard = mutex.try_lock();
    let (first, second) = (waiting(mutex.clone().lock_owned()), waiting(mutex.lock()));
    drop(guard);
    drop(first);
    assert_eq!(second.wakes(), 1);
    drop(second.ready());
    assert_eq!(Arc::strong_count(&mutex), 1);
}

#[test]
fn a_panic_does_not_poison() {
    let mutex = Mutex::new(1);
    let result = catch_unwind(AssertUnwindSafe(|| {
        let mut guard = mutex.try_lock().unwrap();
        *guard = 2;
        panic!("half-way");
    }));
    assert!(result.is_err());
    assert_eq!(*mutex.try_lock().unwrap(), 2);
}

#[test]
fn the_value_comes_back_and_is_dropped_once() {
    let value = Arc::new(());
    let mut mutex = Mutex::new(value.clone());
    assert_eq!(Arc::strong_count(mutex.get_mut()), 2);
    let guard = mutex.try_lock();
    let crowd: Vec<_> = (0..10).map(|_| waiting(mutex.lock())).collect();
    drop((guard, crowd));
    let inner = mutex.into_inner();
    assert_eq!(Arc::strong_count(&value), 2);
    drop(inner);
    drop(Mutex::new(value.clone()));
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn debug_shows_the_value_or_that_it_is_locked() {
    let mutex = Mutex::new(7);
    assert_eq!(format!("{mutex:?}"), "Mutex { locked: false, value: 7, waiters: 0 }");
    let guard = mutex.try_lock().unwrap();
    let waiter = waiting(mutex.lock());
    assert_eq!(format!("{mutex:?}"), "Mutex { locked: true, value: <locked>, waiters: 1 }");
    assert_eq!(format!("{guard:?} {guard}"), "7 7");
    drop(waiter);
}

#[test]
fn send_and_sync_are_as_promised() {
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    send::<MutexGuard<'_, Cell<u8>>>();
    sync::<MutexGuard<'_, u8>>();
    send::<OwnedMutexGuard<Cell<u8>>>();
    sync::<OwnedMutexGuard<u8>>();
    sync::<Mutex<Cell<u8>>>();
    send::<LockGuard<'_>>();
}

#[test]
fn a_guard_around_a_cell_is_not_sync() {
    trait Silent<A> {
        fn check() {}
    }
    struct IfSync;
    impl<T> Silent<()> for T {}
    impl<T: Sync> Silent<IfSync> for T {}
    // These compile only while exactly one of the two impls applies.
    <MutexGuard<'static, Cell<u8>> as Silent<_>>::check();
    <OwnedMutexGuard<Cell<u8>> as Silent<_>>::check();
    <Mutex<std::rc::Rc<u8>> as Silent<_>>::check();
}

/// Threads lock, add and now and then give up a wait half-way: no addition is lost, and the lock ends up free.
#[test]
fn threads_exclude_each_other() {
    const ROUNDS: usize = 5_000;
    let mutex = Arc::new(Mutex::new(0));
    let threads: Vec<_> = (0..4)
        .map(|n| {
            let mutex = mutex.clone();
            thread::spawn(move || {
                for round in 0..ROUNDS {
                    if round % 3 == n % 3 {
                        let _half_way = hand(mutex.lock()).poll();
                    }
                    let mut guard = block_on(mutex.lock());
                    let value = *guard;
                    if round % 64 == 0 {
                        thread::yield_now();
                    }
                    *guard = value + 1;
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(!mutex.is_locked());
    assert_eq!(Arc::into_inner(mutex).unwrap().into_inner(), 4 * ROUNDS);
}
