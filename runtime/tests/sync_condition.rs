//! Promises of `Condition`.

mod sync_by_hand;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::Mutex as StdMutex;
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

use raddle::{Condition, ConditionWait, ConditionWaitFor, Lock, Mutex, MutexGuard, create_task, sleep};
use sync_by_hand::{Bomb, Hand, block_on, hand, waiting};

/// A waiter that has given up the lock of `mutex`.
fn waiter<'a, T>(mutex: &'a Mutex<T>, condition: &'a Condition) -> Hand<ConditionWait<'a, MutexGuard<'a, T>>> {
    waiting(condition.wait(mutex.try_lock().expect("a waiter gives the lock up")))
}

#[test]
fn the_lock_is_given_up_at_the_first_poll_and_taken_back_at_the_last() {
    let (mutex, condition) = (Mutex::new(1), Condition::new());
    let wait = condition.wait(mutex.try_lock().unwrap());
    assert!(mutex.is_locked(), "not polled yet");
    let wait = waiting(wait);
    *mutex.try_lock().unwrap() += 1;
    condition.notify(1);
    assert_eq!(wait.wakes(), 1);
    let guard = wait.ready();
    assert_eq!(*guard, 2);
    assert!(mutex.is_locked());
}

#[test]
fn waiters_are_notified_in_order() {
    let (mutex, condition) = (Mutex::new(()), Condition::new());
    let waiters: Vec<_> = (0..5).map(|_| waiter(&mutex, &condition)).collect();
    let wakes = || waiters.iter().map(Hand::wakes).collect::<Vec<_>>();
    condition.notify(1);
    assert_eq!(wakes(), [1, 0, 0, 0, 0]);
    condition.notify(0);
    condition.notify(2);
    assert_eq!(wakes(), [1, 1, 1, 0, 0]);
    condition.notify(100);
    assert_eq!(wakes(), [1; 5]);
    let late = waiter(&mutex, &condition);
    assert_eq!(late.wakes(), 0, "nothing is kept for who comes later");
}

#[test]
fn a_notified_waiter_waits_for_the_lock() {
    let (mutex, condition) = (Mutex::new(1), Condition::new());
    let (mut first, second) = (waiter(&mutex, &condition), waiter(&mutex, &condition));
    let mut guard = mutex.try_lock().unwrap();
    condition.notify_all();
    assert!(first.poll().is_pending());
    *guard = 2;
    drop(guard);
    assert_eq!(first.wakes(), 2);
    let guard = first.ready();
    assert_eq!(*guard, 2);
    drop(guard);
    drop(second.ready());
    assert!(!mutex.is_locked());
}

/// CPython up to 3.12 lost the notification: w1 and w2 wait, one is notified and cancelled before it runs, the other one
/// slept for ever.
#[test]
fn a_cancelled_waiter_passes_its_notification_on() {
    for is_relocking in [false, true] {
        let (mutex, condition) = (Mutex::new(()), Condition::new());
        let (mut first, second) = (waiter(&mutex, &condition), waiter(&mutex, &condition));
        let guard = mutex.try_lock().unwrap();
        condition.notify(1);
        if is_relocking {
            assert!(first.poll().is_pending(), "it saw the notification, and waits for the lock");
        }
        assert_eq!(second.wakes(), 0);
        drop(first);
        assert_eq!(second.wakes(), 1, "is_relocking {is_relocking}");
        drop(guard);
        drop(second.ready());
        assert!(!mutex.is_locked());
        assert_eq!(format!("{condition:?}"), "Condition { waiters: 0 }");
    }
}

#[test]
fn a_waiter_that_was_handed_the_lock_and_is_cancelled_passes_both_on() {
    let (mutex, condition) = (Mutex::new(()), Condition::new());
    let (mut first, second) = (waiter(&mutex, &condition), waiter(&mutex, &condition));
    let guard = mutex.try_lock().unwrap();
    condition.notify(1);
    assert!(first.poll().is_pending());
    drop(guard);
    assert!(mutex.is_locked(), "the lock is the first waiter's");
    drop(first);
    assert_eq!(second.wakes(), 1);
    assert!(!mutex.is_locked());
    drop(second.ready());
}

#[test]
fn a_waiter_cancelled_before_it_is_notified_leaves_nothing_behind() {
    let (mutex, condition) = (Mutex::new(()), Condition::new());
    let (a, b, c) = (waiter(&mutex, &condition), waiter(&mutex, &condition), waiter(&mutex, &condition));
    drop(b);
    assert_eq!(format!("{condition:?}"), "Condition { waiters: 2 }");
    drop(a);
    condition.notify(1);
    assert_eq!(c.wakes(), 1);
    assert!(!mutex.is_locked());
}

#[test]
fn one_of_all_that_were_notified_owes_nothing() {
    let (mutex, condition) = (Mutex::new(()), Condition::new());
    let (first, second) = (waiter(&mutex, &condition), waiter(&mutex, &condition));
    condition.notify_all();
    let late = waiter(&mutex, &condition);
    drop(first);
    assert_eq!((second.wakes(), late.wakes()), (1, 0));
}

#[test]
fn a_wait_that_is_never_polled_drops_its_guard() {
    let (mutex, condition) = (Mutex::new(()), Condition::new());
    drop(condition.wait(mutex.try_lock().unwrap()));
    assert!(!mutex.is_locked());
    drop(condition.wait_for(mutex.try_lock().unwrap(), |()| true));
    assert!(!mutex.is_locked());
}

#[test]
fn wait_for_asks_at_once_and_after_each_notification() {
    let (mutex, condition, asked) = (Mutex::new(0), Condition::new(), Cell::new(0));
    let wait_for = |wanted: i32| {
        let guard = mutex.try_lock().unwrap();
        condition.wait_for(guard, move |value| *value >= wanted)
    };
    assert_eq!(*hand(wait_for(0)).ready(), 0);
    let counted = condition.wait_for(mutex.try_lock().unwrap(), |value| {
        asked.set(asked.get() + 1);
        *value == 2
    });
    let mut counted = waiting(counted);
    for value in 1..=2 {
        assert_eq!(asked.get(), value);
        *mutex.try_lock().unwrap() = value;
        assert!(counted.wakes() < value as usize);
        condition.notify(1);
        assert_eq!(counted.wakes(), value as usize);
        if value == 1 {
            assert!(counted.poll().is_pending());
            assert!(!mutex.is_locked());
        }
    }
    assert_eq!(*counted.ready(), 2);
}

#[test]
fn a_predicate_that_panics_leaves_the_lock_free() {
    let (mutex, condition) = (Mutex::new(()), Condition::new());
    let guard = mutex.try_lock().unwrap();
    let wait = hand(condition.wait_for(guard, |()| panic!("no predicate")));
    assert!(catch_unwind(AssertUnwindSafe(|| drop(wait.ready()))).is_err());
    assert!(!mutex.is_locked());
}

#[test]
fn owned_guards_and_locks_without_a_value_work_too() {
    let (mutex, lock, condition) = (Arc::new(Mutex::new(1)), Lock::new(), Condition::new());
    let owned = waiting(condition.wait(hand(mutex.clone().lock_owned()).ready()));
    let is_open = Cell::new(false);
    let plain = waiting(condition.wait_for(lock.try_lock().unwrap(), |()| is_open.get()));
    assert!(!mutex.is_locked() && !lock.is_locked());
    is_open.set(true);
    condition.notify_all();
    drop(plain.ready());
    assert_eq!(*owned.ready(), 1);
    assert_eq!(Arc::strong_count(&mutex), 1);
}

#[test]
fn a_waker_that_panics_does_not_keep_others_from_being_notified() {
    for all in [true, false] {
        let (mutex, condition) = (Mutex::new(()), Condition::new());
        let mut bomb = Box::pin(condition.wait(mutex.try_lock().unwrap()));
        let waker = Waker::from(Arc::new(Bomb));
        assert!(bomb.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        let crowd: Vec<_> = (0..70).map(|_| waiter(&mutex, &condition)).collect();
        let notify = || if all { condition.notify_all() } else { condition.notify(71) };
        assert!(catch_unwind(AssertUnwindSafe(notify)).is_err());
        assert!(crowd.iter().all(|waiter| waiter.wakes() == 1));
        drop(crowd);
    }
}

/// While `notify_all` wakes a crowd, batch by batch, somebody else comes to wait and is notified: it is not passed
/// over in favour of one of the crowd, who goes anyway.
#[test]
fn who_comes_during_notify_all_gets_its_own_notification() {
    static MUTEX: Mutex<()> = Mutex::new(());
    static CONDITION: Condition = Condition::new();
    struct Late(StdMutex<Option<Hand<ConditionWait<'static, MutexGuard<'static, ()>>>>>);
    impl Wake for Late {
        fn wake(self: Arc<Self>) {
            *self.0.lock().unwrap() = Some(waiter(&MUTEX, &CONDITION));
            CONDITION.notify(1);
        }
    }
    let late = Arc::new(Late(StdMutex::new(None)));
    let mut first = Box::pin(CONDITION.wait(MUTEX.try_lock().unwrap()));
    let waker = Waker::from(late.clone());
    assert!(first.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let crowd: Vec<_> = (0..100).map(|_| waiter(&MUTEX, &CONDITION)).collect();
    CONDITION.notify_all();
    assert!(crowd.iter().all(|waiter| waiter.wakes() == 1));
    let late = late.0.lock().unwrap().take().unwrap();
    assert_eq!(late.wakes(), 1);
    drop(late.ready());
}

#[test]
fn futures_may_be_sent_to_threads() {
    fn send<T: Send>(_: &T) {}
    let (mutex, condition) = (Mutex::new(Cell::new(1)), Condition::new());
    let wait: ConditionWait<'_, _> = condition.wait(mutex.try_lock().unwrap());
    send(&wait);
    let text = format!("{wait:?}");
    assert!(text.starts_with("<Condition::wait at ") && text.contains("sync_condition.rs"), "{text}");
    drop(wait);
    let wait: ConditionWaitFor<'_, _, _> = condition.wait_for(mutex.try_lock().unwrap(), |value| value.get() == 1);
    send(&wait);
    assert!(format!("{wait:?}").starts_with("<Condition::wait_for at "));
}

/// asyncio's way, with tasks: four wait; the first is notified, the second is notified and cancelled at once, so the
/// third goes in its stead; the fourth is cancelled while main holds the lock, and need not get it first.
#[raddle::test(workers = 1, clock = auto)]
async fn notified_and_cancelled_tasks() {
    const MOMENT: Duration = Duration::from_millis(5);
    let house = Arc::new((Mutex::new(Vec::new()), Condition::new()));
    let mut tasks = Vec::new();
    for name in ["w1", "w2", "w3", "w4"] {
        let house = house.clone();
        tasks.push(create_task(async move {
            let guard = house.0.lock().await;
            house.1.wait(guard).await.push(name);
        }));
        sleep(MOMENT).await;
    }
    house.1.notify(1);
    sleep(MOMENT).await;
    let guard = house.0.lock().await;
    house.1.notify(1);
    assert!(tasks[1].cancel());
    drop(guard);
    sleep(MOMENT).await;
    assert_eq!(*house.0.lock().await, ["w1", "w3"]);
    assert_eq!(tasks.iter().map(|task| task.is_done()).collect::<Vec<_>>(), [true, true, true, false]);
    let guard = house.0.lock().await;
    tasks[3].cancel();
    sleep(MOMENT).await;
    assert!(tasks[3].is_done(), "without the lock");
    drop(guard);
}

#[raddle::test]
async fn tasks_wait_for_a_predicate() {
    let state = Arc::new((Mutex::new(Vec::<u32>::new()), Condition::new()));
    let waiter = create_task({
        let state = state.clone();
        async move {
            let (mutex, changed) = &*state;
            let mut guard = mutex.lock().await;
            while guard.is_empty() {
                guard = changed.wait(guard).await;
            }
            let guard = changed.wait_for(guard, |v| v.len() > 3).await;
            guard.len()
        }
    });
    for n in 0..5 {
        state.0.lock().await.push(n);
        state.1.notify_all();
    }
    assert!(waiter.await.unwrap() > 3);
}

/// Threads hand items over by way of a condition, one notification per item, and some waits are given up half-way:
/// nobody sleeps beside an item.
#[test]
fn threads_lose_no_notification() {
    const ITEMS: usize = 3_000;
    let house = Arc::new((Mutex::new(0), Condition::new()));
    let consumers: Vec<_> = (0..3)
        .map(|n| {
            let house = house.clone();
            thread::spawn(move || {
                for round in 0..ITEMS {
                    if round % 4 == n {
                        let mut half_way = Box::pin(async {
                            let guard = house.0.lock().await;
                            drop(house.1.wait(guard).await);
                        });
                        let _ = half_way.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                    }
                    block_on(async {
                        let guard = house.0.lock().await;
                        *house.1.wait_for(guard, |items| *items > 0).await -= 1;
                    });
                }
            })
        })
        .collect();
    for _ in 0..3 * ITEMS {
        *block_on(house.0.lock()) += 1;
        house.1.notify(1);
    }
    consumers.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(*house.0.try_lock().unwrap(), 0);
}
