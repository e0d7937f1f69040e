//! Promises of `RwLock`.

mod sync_by_hand;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use raddle::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use sync_by_hand::{block_on, hand, waiting};

#[test]
fn many_read_or_one_writes() {
    let lock = RwLock::new(1);
    let (one, other) = (hand(lock.read()).ready(), lock.try_read().unwrap());
    assert_eq!((*one, *other), (1, 1));
    assert!(lock.try_write().is_none());
    drop((one, other));
    let mut writer = hand(lock.write()).ready();
    *writer += 1;
    assert!(lock.try_read().is_none());
    assert!(lock.try_write().is_none());
    drop(writer);
    assert_eq!(*lock.try_read().unwrap(), 2);
}

/// Readers keep coming while a writer waits: they wait behind it, and go together when it is done.
#[test]
fn a_stream_of_readers_does_not_starve_a_writer() {
    let lock = RwLock::new(());
    let (one, other) = (lock.try_read().unwrap(), lock.try_read().unwrap());
    let writer = waiting(lock.write());
    let readers: Vec<_> = (0..50).map(|_| waiting(lock.read())).collect();
    assert!(lock.try_read().is_none(), "not in front of the writer");
    let second_writer = waiting(lock.write());
    let late = waiting(lock.read());
    drop(one);
    assert_eq!(writer.wakes(), 0);
    drop(other);
    assert_eq!(writer.wakes(), 1);
    assert!(readers.iter().all(|reader| reader.wakes() == 0));
    drop(writer.ready());
    assert!(readers.iter().all(|reader| reader.wakes() == 1));
    assert_eq!((second_writer.wakes(), late.wakes()), (0, 0));
    let guards: Vec<_> = readers.into_iter().map(|reader| reader.ready()).collect();
    drop(guards);
    drop(second_writer.ready());
    drop(late.ready());
    assert!(lock.try_write().is_some());
}

#[test]
fn a_stream_of_writers_does_not_starve_a_reader() {
    let lock = RwLock::new(());
    let writer = lock.try_write();
    let (second, reader, third) = (waiting(lock.write()), waiting(lock.read()), waiting(lock.write()));
    drop(writer);
    drop(second.ready());
    assert_eq!((reader.wakes(), third.wakes()), (1, 0));
    drop(reader.ready());
    drop(third.ready());
}

/// A waiting writer is dropped before or after its turn came: the readers behind it go.
#[test]
fn a_cancelled_writer_lets_the_readers_behind_it_go() {
    for release_before in [true, false] {
        let lock = RwLock::new(());
        let held = lock.try_read();
        let (writer, one, other) = (waiting(lock.write()), waiting(lock.read()), waiting(lock.read()));
        let mut held = held;
        if release_before {
            held.take();
        }
        drop(writer);
        assert_eq!((one.wakes(), other.wakes()), (1, 1), "beside the reader that is there still: {}", held.is_some());
        drop((one.ready(), other.ready(), held));
        assert_eq!(format!("{lock:?}"), "RwLock { readers: 0, written: false, value: (), waiters: 0 }");
    }
}

#[test]
fn a_cancelled_reader_passes_its_turn_on() {
    let lock = RwLock::new(());
    let held = lock.try_write();
    let (one, other, writer) = (waiting(lock.read()), waiting(lock.read()), waiting(lock.write()));
    drop(held);
    drop(one);
    assert_eq!(writer.wakes(), 0, "one reader was let go and has not looked yet");
    drop(other);
    assert_eq!(writer.wakes(), 1);
    drop(writer.ready());
    assert!(lock.try_write().is_some());
}

#[test]
fn a_panic_does_not_poison() {
    let lock = RwLock::new(1);
    let result = catch_unwind(AssertUnwindSafe(|| {
        *lock.try_write().unwrap() = 2;
        let _reader = lock.try_read().unwrap();
        panic!("half-way");
    }));
    assert!(result.is_err());
    assert_eq!(*lock.try_write().unwrap(), 2);
}

#[test]
fn the_value_comes_back_and_is_dropped_once() {
    let value = Arc::new(());
    let mut lock = RwLock::from(value.clone());
    assert_eq!(Arc::strong_count(lock.get_mut()), 2);
    let guard = lock.try_write();
    let crowd: Vec<_> = (0..10).map(|_| waiting(lock.read())).collect();
    drop((guard, crowd));
    let inner = lock.into_inner();
    assert_eq!(Arc::strong_count(&value), 2);
    drop(inner);
    drop(RwLock::new(value.clone()));
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn debug_shows_state_and_waiters() {
    let lock = RwLock::new(7);
    let (one, other) = (lock.try_read().unwrap(), lock.try_read());
    assert_eq!(format!("{lock:?}"), "RwLock { readers: 2, written: false, value: 7, waiters: 0 }");
    assert_eq!(format!("{one:?} {one}"), "7 7");
    drop((one, other));
    let guard = lock.try_write().unwrap();
    let waiter = waiting(lock.read());
    assert_eq!(format!("{lock:?}"), "RwLock { readers: 0, written: true, value: <locked>, waiters: 1 }");
    assert_eq!(format!("{guard:?} {guard}"), "7 7");
    drop(waiter);
    assert!(format!("{:?}", lock.write()).starts_with("<RwLock::write at "));
}

#[test]
fn what_must_not_cross_threads_does_not() {
    trait Silent<A> {
        fn check() {}
    }
    struct IfSync;
    struct IfSend;
    impl<T> Silent<()> for T {}
    impl<T: Sync> Silent<IfSync> for T {}
    // These compile only while exactly one of the two impls applies.
    <RwLock<Cell<u8>> as Silent<_>>::check();
    <RwLockReadGuard<'static, Cell<u8>> as Silent<_>>::check();
    <RwLockWriteGuard<'static, Cell<u8>> as Silent<_>>::check();
    trait SilentSend<A> {
        fn check() {}
    }
    impl<T> SilentSend<()> for T {}
    impl<T: Send> SilentSend<IfSend> for T {}
    <RwLock<std::rc::Rc<u8>> as SilentSend<_>>::check();
    <RwLockReadGuard<'static, Cell<u8>> as SilentSend<_>>::check();
    <RwLockWriteGuard<'static, std::sync::MutexGuard<'static, u8>> as SilentSend<_>>::check();
}

#[raddle::test]
async fn guards_are_held_across_awaits_by_tasks() {
    static LOCK: RwLock<usize> = RwLock::new(0);
    let tasks: Vec<_> = (0..40)
        .map(|n| {
            raddle::create_task(async move {
                if n % 4 == 0 {
                    let mut value = LOCK.write().await;
                    let before = *value;
                    raddle::yield_now().await;
                    *value = before + 1;
                } else {
                    let value = LOCK.read().await;
                    let before = *value;
                    raddle::yield_now().await;
                    assert_eq!(*value, before);
                }
            })
        })
        .collect();
    assert!(raddle::gather(tasks).await.into_iter().all(|result| result.is_ok()));
    assert_eq!(*LOCK.read().await, 10);
}

/// Threads write two halves and read them, and now and then give up a wait half-way: no reader sees one half.
#[test]
fn threads_never_see_a_write_half_done() {
    const ROUNDS: usize = 3_000;
    let lock = Arc::new(RwLock::new((0, 0)));
    let threads: Vec<_> = (0..4)
        .map(|n| {
            let lock = lock.clone();
            thread::spawn(move || {
                for round in 0..ROUNDS {
                    match (round + n) % 5 {
                        0 => drop(hand(lock.write()).poll()),
                        1 => drop(hand(lock.read()).poll()),
                        2 => {
                            let mut guard = block_on(lock.write());
                            guard.0 += 1;
                            if round % 64 == 0 {
                                thread::yield_now();
                            }
                            guard.1 += 1;
                        }
                        _ => {
                            let guard = block_on(lock.read());
                            assert_eq!(guard.0, guard.1);
                        }
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(Arc::into_inner(lock).unwrap().into_inner(), (4 * ROUNDS / 5, 4 * ROUNDS / 5));
}
