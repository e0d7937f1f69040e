//! The shim's atomics: loom explores what can be, and nothing else. Why they are not loom's own is told in
//! `io/src/loom_atomic.rs`.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use loom::thread;
use raddle_loom_tests::shim::atomic::{AtomicUsize, Ordering};
use raddle_loom_tests::{check, unbounded};

/// One thread looks, another looks and adds one: the first sees the sum in some executions, and in others not.
#[test]
fn look_against_look_and_write() {
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let seen2 = seen.clone();
    check("look_against_look_and_write", unbounded(), move || {
        let number = Arc::new(AtomicUsize::new(0));
        let number2 = number.clone();
        let adder = thread::spawn(move || number2.store(number2.load(Ordering::Relaxed) + 1, Ordering::Release));
        let saw = number.load(Ordering::Acquire);
        adder.join().unwrap();
        seen2.lock().unwrap().insert(saw);
    });
    assert_eq!(*seen.lock().unwrap(), BTreeSet::from([0, 1]));
}

/// Two threads take what is there, and a third puts something in where it has seen nothing: that is taken, or is there
/// in the end.
#[test]
fn store_beside_exchanges() {
    check("store_beside_exchanges", unbounded(), || {
        let slot = Arc::new(AtomicUsize::new(1));
        let takers = [0, 1].map(|_| {
            let slot = slot.clone();
            thread::spawn(move || slot.swap(0, Ordering::AcqRel))
        });
        let put = slot.load(Ordering::Relaxed) == 0;
        if put {
            slot.store(2, Ordering::Release);
        }
        let taken = takers.map(|taker| taker.join().unwrap());
        if put {
            let there = slot.load(Ordering::Relaxed);
            assert_ne!(there == 2, taken.contains(&2), "neither taken nor there, or both");
        }
    });
}
