//! Promises of `Event`.

mod sync_by_hand;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::thread;

use raddle::Event;
use sync_by_hand::{Bomb, block_on, hand, waiting};

#[test]
fn a_set_event_does_not_suspend() {
    let event = Event::new();
    assert!(!event.is_set());
    event.set();
    assert!(event.is_set());
    hand(event.wait()).ready();
}

#[test]
fn set_releases_everybody_present_even_if_clear_follows() {
    let event = Event::new();
    let waiters: Vec<_> = (0..100).map(|_| waiting(event.wait())).collect();
    event.set();
    event.clear();
    let late = waiting(event.wait());
    for waiter in waiters {
        assert_eq!(waiter.wakes(), 1);
        waiter.ready();
    }
    assert_eq!(late.wakes(), 0);
    event.set();
    assert_eq!(late.wakes(), 1);
    late.ready();
}

#[test]
fn a_waiter_polled_between_set_and_clear_and_set_goes_once() {
    let event = Event::new();
    let mut first = waiting(event.wait());
    assert!(first.poll().is_pending());
    assert_eq!(first.wakers(), 1, "the same waker is kept once");
    event.set();
    event.set();
    event.clear();
    assert_eq!(first.wakes(), 1);
    first.ready();
}

#[test]
fn a_dropped_waiter_leaves_nothing_behind() {
    let event = Event::new();
    let (a, b, c) = (waiting(event.wait()), waiting(event.wait()), waiting(event.wait()));
    drop(b);
    assert_eq!(format!("{event:?}"), "Event { set: false, waiters: 2 }");
    drop(a);
    drop(c);
    assert_eq!(format!("{event:?}"), "Event { set: false, waiters: 0 }");
    event.set();
}

#[test]
fn the_newest_waker_is_the_one_that_is_woken() {
    let event = Event::new();
    let mut waiter = waiting(event.wait());
    assert!(waiter.poll_elsewhere().is_pending());
    event.set();
    assert_eq!(waiter.wakes(), 1);
    waiter.ready();
}

#[test]
fn a_waker_that_panics_does_not_keep_others_from_being_woken() {
    let event = Event::new();
    let before = waiting(event.wait());
    let mut bomb = pin!(event.wait());
    let waker = Waker::from(Arc::new(Bomb));
    assert!(bomb.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let after: Vec<_> = (0..70).map(|_| waiting(event.wait())).collect();
    assert!(catch_unwind(AssertUnwindSafe(|| event.set())).is_err());
    assert_eq!(before.wakes(), 1);
    assert!(after.iter().all(|waiter| waiter.wakes() == 1));
    before.ready();
    after.into_iter().for_each(|waiter| waiter.ready());
}

#[test]
fn a_waker_may_use_the_event_it_is_woken_by() {
    struct Again(Arc<Event>);
    impl std::task::Wake for Again {
        fn wake(self: Arc<Self>) {
            self.0.set();
            self.0.clear();
        }
    }
    let event = Arc::new(Event::new());
    let waker = Waker::from(Arc::new(Again(event.clone())));
    let mut wait = pin!(event.wait());
    assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    event.set();
    assert!(!event.is_set());
}

/// Four threads wait in rounds while the main thread sets and clears: everybody gets through every round.
#[test]
fn no_thread_misses_its_set() {
    static EVENT: Event = Event::new();
    static ARRIVED: AtomicUsize = AtomicUsize::new(0);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            thread::spawn(|| {
                for _ in 0..500 {
                    block_on(EVENT.wait());
                    ARRIVED.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    while ARRIVED.load(Ordering::SeqCst) < 2000 {
        EVENT.set();
        EVENT.clear();
        thread::yield_now();
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}
