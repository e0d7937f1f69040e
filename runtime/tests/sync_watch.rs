//! Promises of `watch`.

mod sync_by_hand;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use raddle::{BoxError, SendError, WatchClosed, WatchRef, WatchSender, watch};
use sync_by_hand::{block_on, hand, waiting};

#[test]
fn a_change_is_reported_once() {
    let (sender, mut receiver) = watch(1);
    assert!(!receiver.has_changed(), "the first value counts as seen");
    sender.send(2).unwrap();
    assert!(receiver.has_changed());
    assert_eq!(hand(receiver.changed()).ready(), Ok(()));
    assert_eq!(*receiver.borrow(), 2);
    drop(waiting(receiver.changed()));
}

#[test]
fn a_slow_receiver_sees_the_newest_value_alone() {
    let (sender, mut receiver) = watch(0);
    (1..=9).for_each(|n| sender.send(n).unwrap());
    hand(receiver.changed()).ready().unwrap();
    assert_eq!(*receiver.borrow(), 9);
    assert!(!receiver.has_changed());
}

#[test]
fn everybody_who_waits_is_woken_once() {
    let (sender, receiver) = watch(0);
    let mut receivers = vec![receiver; 40];
    let waiters: Vec<_> = receivers.iter_mut().map(|receiver| waiting(receiver.changed())).collect();
    sender.send(1).unwrap();
    sender.send(2).unwrap();
    for waiter in waiters {
        assert_eq!(waiter.wakes(), 1);
        waiter.ready().unwrap();
    }
    assert!(receivers.iter().all(|receiver| *receiver.borrow() == 2 && !receiver.has_changed()));
}

#[test]
fn borrow_marks_nothing_as_seen_and_borrow_and_update_does() {
    let (sender, mut receiver) = watch(1);
    sender.send(2).unwrap();
    assert_eq!(*receiver.borrow(), 2);
    assert!(receiver.has_changed());
    assert_eq!(*receiver.borrow_and_update(), 2);
    assert!(!receiver.has_changed());
}

/// What a receiver holds keeps nobody from sending, and does not change under it.
#[test]
fn a_borrowed_value_is_a_snapshot() {
    let (sender, receiver) = watch(vec![1]);
    let before = receiver.borrow();
    sender.send_modify(|list| list.push(2));
    sender.send(vec![3]).unwrap();
    assert_eq!((&*before, &*receiver.borrow()), (&vec![1], &vec![3]));
    assert_eq!(format!("{before:?}"), "[1]");
}

#[test]
fn what_was_replaced_is_dropped_by_whoever_lets_go_last() {
    let value = Arc::new(());
    let (sender, receiver) = watch(value.clone());
    let borrowed = receiver.borrow();
    sender.send(Arc::new(())).unwrap();
    assert_eq!(Arc::strong_count(&value), 2);
    drop(borrowed);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn a_send_to_nobody_gives_the_value_back_and_a_modification_stays() {
    let (sender, receiver) = watch(1);
    drop(receiver);
    assert_eq!(sender.send(2), Err(SendError(2)));
    assert_eq!(*sender.borrow(), 1);
    sender.send_modify(|n| *n += 2);
    let late = sender.subscribe();
    assert_eq!((*late.borrow(), late.has_changed(), sender.receiver_count()), (3, false, 1));
}

#[test]
fn the_last_sender_ends_it_and_the_last_value_is_reported() {
    let (sender, mut receiver) = watch(1);
    let mut other = receiver.clone();
    let another = sender.clone();
    let wait = waiting(other.changed());
    drop(sender);
    assert_eq!(wait.wakes(), 0);
    another.send(2).unwrap();
    drop(another);
    wait.ready().unwrap();
    assert_eq!(hand(other.changed()).ready(), Err(WatchClosed));
    assert_eq!(hand(receiver.changed()).ready(), Ok(()));
    assert_eq!(hand(receiver.changed()).ready(), Err(WatchClosed));
    assert_eq!(*receiver.borrow(), 2);
}

#[test]
fn receivers_that_wait_are_told_when_the_last_sender_goes() {
    let (sender, mut receiver) = watch(1);
    let mut other = receiver.clone();
    let (changed, wait_for) = (waiting(receiver.changed()), waiting(other.wait_for(|n| *n > 1)));
    drop(sender);
    assert_eq!((changed.wakes(), wait_for.wakes()), (1, 1));
    assert_eq!(changed.ready(), Err(WatchClosed));
    assert!(wait_for.ready().is_err());
}

#[test]
fn wait_for_looks_at_the_present_value_and_at_each_it_is_woken_for() {
    let (sender, mut receiver) = watch(1);
    assert_eq!(*hand(receiver.wait_for(|n| *n == 1)).ready().unwrap(), 1);
    let mut calls = 0;
    let mut wait = waiting(receiver.wait_for(|n| {
        calls += 1;
        *n > 2
    }));
    sender.send(2).unwrap();
    assert!(wait.poll().is_pending());
    assert!(wait.poll().is_pending());
    sender.send(3).unwrap();
    let value: WatchRef<i32> = wait.ready().unwrap();
    assert_eq!((*value, calls), (3, 3));
    assert!(!receiver.has_changed());
}

#[test]
fn wait_for_finds_the_value_of_a_sender_that_is_gone() {
    let (sender, mut receiver) = watch(1);
    sender.send(2).unwrap();
    drop(sender);
    assert_eq!(*hand(receiver.wait_for(|n| *n == 2)).ready().unwrap(), 2);
    assert!(hand(receiver.wait_for(|n| *n == 3)).ready().is_err());
}

#[test]
fn a_dropped_wait_loses_no_change() {
    let (sender, mut receiver) = watch(1);
    let mut wait = waiting(receiver.changed());
    assert_eq!(
        format!("{sender:?}"),
        "WatchSender { version: 0, senders: 1, receivers: 1, waiting: 1, closed: false }"
    );
    sender.send(2).unwrap();
    wait.let_go();
    drop(wait);
    assert_eq!(
        format!("{receiver:?}"),
        "WatchReceiver { version: 1, senders: 1, receivers: 1, waiting: 0, closed: false }"
    );
    let mut wait = hand(receiver.wait_for(|_| false));
    assert!(wait.poll().is_pending());
    drop(wait);
    assert_eq!(hand(receiver.changed()).ready(), Ok(()));
    let texts = [format!("{:?}", receiver.changed()), format!("{:?}", receiver.wait_for(|_| true))];
    assert!(texts[0].starts_with("<WatchReceiver::changed at "), "{}", texts[0]);
    assert!(texts[1].starts_with("<WatchReceiver::wait_for at "), "{}", texts[1]);
}

/// A closure that panics has changed nothing, and the next sender gets its turn.
#[test]
fn a_modification_that_panics_is_none() {
    let (sender, receiver) = watch(vec![1]);
    let half = catch_unwind(AssertUnwindSafe(|| {
        sender.send_modify(|list| {
            list.push(2);
            panic!("half-way");
        })
    }));
    assert!(half.is_err());
    assert_eq!((&*receiver.borrow(), receiver.has_changed()), (&vec![1], false));
    sender.send(vec![3]).unwrap();
    sender.send_modify(|list| list.push(4));
    assert_eq!(*receiver.borrow(), [3, 4]);
}

#[test]
fn a_modification_that_sends_into_its_own_watch_is_told_and_may_look_at_it() {
    let (sender, receiver) = watch(1);
    let inner = catch_unwind(AssertUnwindSafe(|| sender.send_modify(|_| sender.send(5).unwrap())));
    let text = *inner.unwrap_err().downcast::<&str>().unwrap();
    assert!(text.contains("send_modify sent into the watch that it modifies"), "{text}");
    sender.send_modify(|n| *n += *receiver.borrow());
    assert_eq!(*receiver.borrow(), 2);
}

/// A value whose drop sends into the watch that it was in finds it unlocked.
#[test]
fn drop_may_use_the_watch() {
    struct Nosy(Option<WatchSender<Nosy>>);
    impl Drop for Nosy {
        fn drop(&mut self) {
            if let Some(sender) = &self.0 {
                assert!(sender.send(Nosy(None)).is_ok());
            }
        }
    }
    let (sender, receiver) = watch(Nosy(None));
    assert!(sender.send(Nosy(Some(sender.clone()))).is_ok());
    assert!(sender.send(Nosy(Some(sender.clone()))).is_ok());
    assert!(receiver.borrow().0.is_none(), "the drop of the second value's predecessor came last");
}

#[test]
fn errors_are_for_people_and_for_question_marks() {
    fn fails(sender: &WatchSender<u8>) -> Result<(), BoxError> {
        sender.send(1)?;
        Ok(())
    }
    let (sender, mut receiver) = watch(1);
    fails(&sender).unwrap();
    let mut other = receiver.clone();
    drop(receiver.borrow_and_update());
    drop(other.borrow_and_update());
    drop(receiver);
    drop(sender);
    let closed = hand(other.changed()).ready().unwrap_err();
    assert!(closed.to_string().contains("will not change"), "{closed}");
}

/// Two threads modify and a third watches: no modification is lost, and the third sees the last one.
#[test]
fn no_thread_loses_a_modification() {
    const EACH: usize = 2000;
    let (sender, mut receiver) = watch(0);
    let threads = [sender.clone(), sender]
        .map(|sender| thread::spawn(move || (0..EACH).for_each(|_| sender.send_modify(|n| *n += 1))));
    let mut last = 0;
    while block_on(receiver.changed()).is_ok() {
        let now = *receiver.borrow_and_update();
        assert!(now >= last);
        last = now;
    }
    assert_eq!(last, 2 * EACH);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}
