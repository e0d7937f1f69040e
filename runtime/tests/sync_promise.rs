//! Promises of `promise`.

mod sync_by_hand;

use std::sync::Arc;
use std::thread;

use raddle::{Abandoned, Pending, Promise, promise};
use sync_by_hand::{block_on, hand, waiting};

#[test]
fn a_value_set_before_or_after_the_wait_arrives() {
    let (promise, pending) = promise();
    promise.set(1).unwrap();
    assert_eq!(hand(pending).ready(), Ok(1));
    let (promise, pending) = raddle::promise();
    let pending = waiting(pending);
    promise.set(2).unwrap();
    assert_eq!(pending.wakes(), 1);
    assert_eq!(pending.wakers(), 0, "the waker was taken out to be woken");
    assert_eq!(pending.ready(), Ok(2));
}

#[test]
fn a_dropped_promise_says_so() {
    let (promise, pending) = promise::<u8>();
    let pending = waiting(pending);
    drop(promise);
    assert_eq!(pending.wakes(), 1);
    assert_eq!(pending.ready(), Err(Abandoned));
}

#[test]
fn a_value_that_nobody_awaits_comes_back() {
    let (promise, pending) = promise();
    drop(waiting(pending));
    assert!(promise.is_abandoned());
    assert_eq!(promise.set("back"), Err("back"));
}

#[test]
fn a_value_that_came_and_was_not_taken_is_dropped_once() {
    let value = Arc::new(());
    let (promise, pending) = promise();
    promise.set(value.clone()).unwrap();
    assert_eq!(Arc::strong_count(&value), 2);
    drop(pending);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn the_newest_waker_is_the_one_that_is_woken() {
    let (promise, pending) = promise();
    let mut pending = waiting(pending);
    assert!(pending.poll().is_pending());
    assert_eq!(pending.wakers(), 1);
    assert!(pending.poll_elsewhere().is_pending());
    promise.set(()).unwrap();
    assert_eq!(pending.wakes(), 1);
    assert_eq!(pending.ready(), Ok(()));
}

#[test]
fn a_dropped_pending_lets_go_of_its_waker_at_once() {
    let (promise, pending) = promise::<u8>();
    let mut pending = waiting(pending);
    assert_eq!(pending.wakers(), 1);
    pending.let_go();
    assert_eq!(pending.wakers(), 0);
    drop(promise);
    assert_eq!(pending.wakes(), 0);
}

#[test]
fn try_get_takes_the_result_once() {
    let (promise, mut pending) = promise();
    assert_eq!(pending.try_get(), None);
    promise.set(5).unwrap();
    assert_eq!(pending.try_get(), Some(Ok(5)));
    assert_eq!(pending.try_get(), None);
    let (promise, mut pending) = raddle::promise::<u8>();
    drop(promise);
    assert_eq!(pending.try_get(), Some(Err(Abandoned)));
}

#[test]
#[should_panic(expected = "polled again after it had given its result")]
fn a_second_await_panics_with_a_text() {
    let (promise, mut pending) = promise();
    promise.set(5).unwrap();
    assert!(pending.try_get().is_some());
    let _ = hand(pending).poll();
}

#[test]
fn everybody_who_waits_for_abandonment_is_told() {
    let (promise, pending) = promise::<u8>();
    let (a, b, c) = (waiting(promise.abandoned()), waiting(promise.abandoned()), waiting(promise.abandoned()));
    drop(b);
    drop(pending);
    assert_eq!((a.wakes(), c.wakes()), (1, 1));
    a.ready();
    c.ready();
    hand(promise.abandoned()).ready();
}

#[test]
fn halves_may_be_sent_if_the_value_may() {
    fn send_sync<T: Send + Sync>() {}
    send_sync::<Promise<std::cell::Cell<u8>>>();
    send_sync::<Pending<std::cell::Cell<u8>>>();
}

/// Two threads, one promise each round: the value arrives, or comes back, never both and never neither.
#[test]
fn set_races_with_wait_and_drop() {
    for round in 0..5_000 {
        let (promise, pending) = promise();
        let setter = thread::spawn(move || promise.set(Box::new(round)));
        if round % 2 == 0 {
            assert_eq!(block_on(pending), Ok(Box::new(round)));
            assert!(setter.join().unwrap().is_ok());
        } else {
            let mut pending = hand(pending);
            let taken = pending.poll().is_ready();
            drop(pending);
            let set = setter.join().unwrap();
            assert!(set.is_ok() || !taken);
            if let Err(back) = set {
                assert_eq!(*back, round);
            }
        }
    }
}

#[test]
fn drop_races_with_abandoned() {
    for _ in 0..2_000 {
        let (promise, pending) = promise::<u8>();
        let dropper = thread::spawn(move || drop(pending));
        block_on(promise.abandoned());
        dropper.join().unwrap();
    }
}
