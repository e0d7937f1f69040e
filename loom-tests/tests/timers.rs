//! Timers: each fires once or is cancelled, and the owner does not sleep through one.
//!
//! Time is a number here. An owner that sleeps until the deadline in question is taken to have slept; one that would
//! sleep longer parks, and somebody has to unpark it.

use std::sync::Arc;

use loom::thread;
use raddle_loom_tests::timers::{State, Timers};
use raddle_loom_tests::{Parker, TestWaker, check, unbounded};

/// One tick of the wheel.
const TICK: u64 = 1_000_000;

/// A timer is cancelled while it fires: one of the two has the waker.
#[test]
fn cancel_against_fire() {
    check("cancel_against_fire", unbounded(), || {
        let (timers, waker) = (Arc::new(Timers::new(0)), TestWaker::new());
        let key = timers.insert(0, TICK, waker.waker()).unwrap().key;
        let owner = timers.clone();
        let owner = thread::spawn(move || owner.expire(TICK, std::task::Waker::wake));
        let cancelled = timers.cancel(key);
        let fired = owner.join().unwrap();
        assert_eq!(fired + usize::from(cancelled.is_some()), 1, "fired and cancelled, or neither");
        assert_eq!(fired, waker.count());
        assert!(timers.is_empty());
        assert!(timers.cancel(key).is_none());
        drop(cancelled);
        waker.assert_none_left();
    });
}

/// A sleeper looks at its timer and goes away while it fires, and another timer takes its place: the stale key touches
/// nothing, and no waker is leaked.
#[test]
fn drop_against_fire() {
    check("drop_against_fire", unbounded(), || {
        let (timers, waker, next) = (Arc::new(Timers::new(0)), TestWaker::new(), TestWaker::new());
        let key = timers.insert(0, TICK, waker.waker()).unwrap().key;
        let owner = timers.clone();
        let owner = thread::spawn(move || owner.expire(TICK, std::task::Waker::wake));
        let state = timers.state(key, &next.waker());
        assert!(matches!(state, State::OtherWaker | State::Gone));
        let replaced = timers.replace_waker(key, next.waker());
        assert!(state == State::OtherWaker || replaced.is_err(), "fired, and there again");
        drop(replaced);
        let neighbour = timers.insert(0, 100 * TICK, next.waker()).unwrap().key;
        drop(timers.cancel(key));
        owner.join().unwrap();
        assert!(timers.cancel(neighbour).is_some(), "a stale key has cancelled another timer");
        waker.assert_none_left();
        next.assert_none_left();
    });
}

/// A sleeper sets its timer anew while it fires, as `Sleep::reset` does: the old deadline wakes it or is taken back, the
/// new one wakes it in any case.
#[test]
fn reset_against_fire() {
    check("reset_against_fire", unbounded(), || {
        let (timers, old, new) = (Arc::new(Timers::new(0)), TestWaker::new(), TestWaker::new());
        let key = timers.insert(0, TICK, old.waker()).unwrap().key;
        let owner = timers.clone();
        let owner = thread::spawn(move || owner.expire(TICK, std::task::Waker::wake));
        let taken_back = timers.cancel(key);
        let key = timers.insert(0, 2 * TICK, new.waker()).unwrap().key;
        let fired = owner.join().unwrap();
        assert_eq!(old.count() + usize::from(taken_back.is_some()), 1, "fired and taken back, or neither");
        assert_eq!((fired, new.count()), (old.count(), 0), "fired before its time");
        assert_eq!(timers.state(key, &new.waker()), State::Waiting);
        assert_eq!(timers.expire(2 * TICK, std::task::Waker::wake), 1);
        assert_eq!(new.count(), 1);
        drop(taken_back);
        old.assert_none_left();
        new.assert_none_left();
    });
}

/// A shorter timer is inserted while the owner goes to sleep until a longer one: it does not sleep through it.
#[test]
fn insert_against_park() {
    check("insert_against_park", unbounded(), || {
        let (timers, waker, parker) = (Arc::new(Timers::new(0)), TestWaker::new(), Arc::new(Parker::new()));
        let longer = timers.insert(0, 100 * TICK, waker.waker()).unwrap().key;
        let (timers2, parker2, short) = (timers.clone(), parker.clone(), waker.waker());
        let inserter = thread::spawn(move || {
            if timers2.insert(0, 5 * TICK, short).unwrap().unpark {
                parker2.unpark();
            }
        });
        while waker.count() == 0 {
            if timers.arm(u64::MAX) > 5 * TICK {
                parker.park();
            }
            timers.disarm();
            timers.expire(5 * TICK, std::task::Waker::wake);
        }
        inserter.join().unwrap();
        assert!(timers.cancel(longer).is_some());
        waker.assert_none_left();
    });
}

/// The same for an owner that would sleep for ever, and two timers that come one after the other.
#[test]
fn two_inserts_against_park() {
    check("two_inserts_against_park", unbounded(), || {
        let (timers, waker, parker) = (Arc::new(Timers::new(0)), TestWaker::new(), Arc::new(Parker::new()));
        let (timers2, parker2, wakers) = (timers.clone(), parker.clone(), [waker.waker(), waker.waker()]);
        let inserter = thread::spawn(move || {
            for (waker, when) in wakers.into_iter().zip([5 * TICK, 3 * TICK]) {
                if timers2.insert(0, when, waker).unwrap().unpark {
                    parker2.unpark();
                }
            }
        });
        let mut now = 0;
        while waker.count() < 2 {
            let until = timers.arm(u64::MAX);
            match until {
                u64::MAX => parker.park(),
                until => now = now.max(until),
            }
            timers.disarm();
            timers.expire(now, std::task::Waker::wake);
        }
        inserter.join().unwrap();
        waker.assert_none_left();
    });
}

/// A timer is inserted while the timers are closed: it is refused, or its sleeper is woken and sees why.
#[test]
fn close_against_insert() {
    check("close_against_insert", unbounded(), || {
        let (timers, waker) = (Arc::new(Timers::new(0)), TestWaker::new());
        let owner = timers.clone();
        let owner = thread::spawn(move || owner.close(std::task::Waker::wake));
        match timers.insert(0, 5 * TICK, waker.waker()) {
            Err(closed) => drop(closed),
            Ok(inserted) => {
                waker.wait();
                assert_eq!(timers.state(inserted.key, &waker.waker()), State::Closed);
            }
        }
        assert_eq!(owner.join().unwrap(), waker.count());
        waker.assert_none_left();
    });
}

/// A reserved timer is settled by its owner while its sleep, sent elsewhere, is dropped there: it is gone, and the
/// waker is not kept.
#[test]
fn settle_against_cancel() {
    check("settle_against_cancel", unbounded(), || {
        let (timers, waker) = (Arc::new(Timers::new(0)), TestWaker::new());
        let mut key = None;
        timers.reserve(1, |reserved| key = Some(reserved));
        let key = key.unwrap();
        assert!(timers.is_empty(), "what is reserved is no timer");
        let other = timers.clone();
        let dropper = thread::spawn(move || drop(other.cancel(key)));
        let mut settled = [(key, TICK, Some(waker.waker()))];
        timers.settle(0, &mut settled);
        drop(settled);
        dropper.join().unwrap();
        assert!(timers.is_empty());
        assert_eq!(timers.expire(TICK, std::task::Waker::wake), 0);
        waker.assert_none_left();
    });
}

/// A reserved timer is settled by its owner while its sleep, sent elsewhere, is polled there: it fires once, and wakes
/// whoever polled it there.
#[test]
fn settle_against_poll_elsewhere() {
    check("settle_against_poll_elsewhere", unbounded(), || {
        let (timers, maker, other) = (Arc::new(Timers::new(0)), TestWaker::new(), TestWaker::new());
        let mut key = None;
        timers.reserve(1, |reserved| key = Some(reserved));
        let key = key.unwrap();
        let (timers2, other2) = (timers.clone(), other.waker());
        let poller = thread::spawn(move || {
            assert_eq!(timers2.state(key, &other2), State::OtherWaker);
            let (unpark, before) = timers2.settle_one(0, key, 2 * TICK, other2).unwrap();
            assert!(!unpark, "the owner is awake");
            drop(before);
        });
        let mut settled = [(key, TICK, Some(maker.waker()))];
        timers.settle(0, &mut settled);
        drop(settled);
        poller.join().unwrap();
        assert_eq!(timers.len(), 1);
        assert_eq!(timers.expire(2 * TICK, std::task::Waker::wake), 1);
        assert_eq!((maker.count(), other.count()), (0, 1));
        maker.assert_none_left();
        other.assert_none_left();
    });
}

/// The timers are closed while reserved ones are settled: whoever polls such a timer is told, and nothing is left.
#[test]
fn settle_against_close() {
    check("settle_against_close", unbounded(), || {
        let (timers, waker) = (Arc::new(Timers::new(0)), TestWaker::new());
        let mut key = None;
        timers.reserve(1, |reserved| key = Some(reserved));
        let key = key.unwrap();
        let other = timers.clone();
        let closer = thread::spawn(move || other.close(std::task::Waker::wake));
        let mut settled = [(key, TICK, Some(waker.waker()))];
        timers.settle(0, &mut settled);
        drop(settled);
        let woken = closer.join().unwrap();
        assert_eq!(waker.count(), woken);
        assert_eq!(timers.state(key, &waker.waker()), State::Closed);
        drop(timers.cancel(key));
        waker.assert_none_left();
    });
}
