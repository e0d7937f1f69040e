//! Notifications: as many waiters go as were notified, unless there were not so many who stayed.

use std::cell::RefCell;
use std::sync::Arc;

use raddle::{Condition, Mutex, MutexGuard};

use crate::driver::{Boxed, End, Leaf, assert_nobody_waits};

/// A notification went to somebody who stayed, if there was anybody who stayed; and to one.
fn check_one_notified(mutex: &Mutex<usize>, condition: &Condition, end: &End) {
    assert!(end.done() <= 1, "one notification, and two went");
    assert!(end.done() == 1 || end.stayed_since(0) == 0, "the notification is lost");
    assert_all_free(mutex, condition);
}

fn assert_all_free(mutex: &Mutex<usize>, condition: &Condition) {
    assert_nobody_waits(condition);
    assert_nobody_waits(mutex);
    assert!(mutex.try_lock().is_some(), "the lock is free in the end");
}

/// `Condition::wait`, one notification.
pub(crate) struct Wait;

impl Leaf for Wait {
    type House = (Mutex<usize>, Condition);
    type Output<'a> = MutexGuard<'a, usize>;

    fn house() -> Self::House {
        Default::default()
    }

    fn start(house: &Self::House, _competitor: usize) -> Boxed<'_, MutexGuard<'_, usize>> {
        Box::pin(async { house.1.wait(house.0.lock().await).await })
    }

    fn supply(house: &Self::House, _nth: usize) {
        house.1.notify(1);
    }

    fn check(house: &Self::House, end: &End) {
        check_one_notified(&house.0, &house.1, end);
    }
}

/// `Condition::wait`, one notification by a notifier that keeps the lock for a while: the notified has to wait for it.
pub(crate) struct WaitAndRelock;

impl Leaf for WaitAndRelock {
    type House = (&'static Mutex<usize>, Condition, RefCell<Option<MutexGuard<'static, usize>>>);
    type Output<'a> = MutexGuard<'a, usize>;

    const SUPPLIES: usize = 2;

    fn house() -> Self::House {
        static MUTEX: Mutex<usize> = Mutex::new(0);
        (&MUTEX, Condition::new(), RefCell::default())
    }

    fn start(house: &Self::House, _competitor: usize) -> Boxed<'_, MutexGuard<'_, usize>> {
        Box::pin(async { house.1.wait(house.0.lock().await).await })
    }

    fn supply(house: &Self::House, nth: usize) {
        if nth == 0 {
            *house.2.borrow_mut() = Some(house.0.try_lock().expect("a waiter gives the lock up"));
            house.1.notify(1);
        } else {
            house.2.take();
        }
    }

    fn check(house: &Self::House, end: &End) {
        check_one_notified(house.0, &house.1, end);
    }
}

/// `Condition::wait`, all are notified, by a notifier that keeps the lock for a while: all who waited then go.
pub(crate) struct WaitForAll;

impl Leaf for WaitForAll {
    type House = (&'static Mutex<usize>, Condition, RefCell<Option<MutexGuard<'static, usize>>>);
    type Output<'a> = MutexGuard<'a, usize>;

    const SUPPLIES: usize = 2;

    fn house() -> Self::House {
        static MUTEX: Mutex<usize> = Mutex::new(0);
        (&MUTEX, Condition::new(), RefCell::default())
    }

    fn start(house: &Self::House, _competitor: usize) -> Boxed<'_, MutexGuard<'_, usize>> {
        Box::pin(async { house.1.wait(house.0.lock().await).await })
    }

    fn supply(house: &Self::House, nth: usize) {
        if nth == 0 {
            *house.2.borrow_mut() = Some(house.0.try_lock().expect("a waiter gives the lock up"));
            house.1.notify_all();
        } else {
            house.2.take();
        }
    }

    fn check(house: &Self::House, end: &End) {
        assert_eq!(end.done(), end.stayed_since(0));
        assert_all_free(house.0, &house.1);
    }
}

/// `Condition::wait` with an owned guard.
pub(crate) struct WaitOwned;

impl Leaf for WaitOwned {
    type House = (Arc<Mutex<usize>>, Condition);
    type Output<'a> = raddle::OwnedMutexGuard<usize>;

    fn house() -> Self::House {
        Default::default()
    }

    fn start(house: &Self::House, _competitor: usize) -> Boxed<'_, Self::Output<'_>> {
        Box::pin(async { house.1.wait(house.0.clone().lock_owned().await).await })
    }

    fn supply(house: &Self::House, _nth: usize) {
        house.1.notify(1);
    }

    fn check(house: &Self::House, end: &End) {
        check_one_notified(&house.0, &house.1, end);
        assert_eq!(Arc::strong_count(&house.0), 1);
    }
}

/// `Condition::wait_for`: two consumers, two items, a notification for each.
pub(crate) struct WaitFor;

impl Leaf for WaitFor {
    type House = (Mutex<usize>, Condition);
    type Output<'a> = ();

    const SUPPLIES: usize = 2;

    fn house() -> Self::House {
        Default::default()
    }

    fn start(house: &Self::House, _competitor: usize) -> Boxed<'_, ()> {
        Box::pin(async {
            let guard = house.0.lock().await;
            *house.1.wait_for(guard, |items| *items > 0).await -= 1;
        })
    }

    fn supply(house: &Self::House, _nth: usize) {
        *house.0.try_lock().expect("a waiter gives the lock up") += 1;
        house.1.notify(1);
    }

    fn check(house: &Self::House, end: &End) {
        assert_eq!(end.waiting(), 0, "somebody sleeps beside an item");
        assert_all_free(&house.0, &house.1);
        assert_eq!(*house.0.try_lock().unwrap() + end.done(), 2);
    }
}
