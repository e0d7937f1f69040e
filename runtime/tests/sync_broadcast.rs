//! Promises of `broadcast`.

mod sync_by_hand;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use raddle::{BoxError, BroadcastReceiver, BroadcastSender, BroadcastTryRecvError, RecvError, SendError, broadcast};
use sync_by_hand::{block_on, hand, waiting};

/// Counts its clones.
#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Clone for Counted {
    fn clone(&self) -> Counted {
        self.0.fetch_add(1, Ordering::SeqCst);
        Counted(self.0.clone())
    }
}

#[test]
fn each_receiver_gets_each_value_in_order() {
    let (sender, mut first) = broadcast(10);
    let mut second = sender.subscribe();
    for n in 0..10 {
        assert_eq!(sender.send(n), Ok(2));
    }
    for n in 0..10 {
        assert_eq!(hand(first.recv()).ready(), Ok(n));
        assert_eq!(second.try_recv(), Ok(n));
    }
    assert_eq!(first.try_recv(), Err(BroadcastTryRecvError::Empty));
    assert!(sender.is_empty() && first.is_empty());
}

#[test]
fn everybody_who_waits_is_woken_once() {
    let (sender, first) = broadcast(4);
    let mut receivers = vec![first; 40];
    let waiters: Vec<_> = receivers.iter_mut().map(|receiver| waiting(receiver.recv())).collect();
    sender.send(1).unwrap();
    sender.send(2).unwrap();
    for waiter in waiters {
        assert_eq!(waiter.wakes(), 1);
        assert_eq!(waiter.ready(), Ok(1));
    }
    assert_eq!(sender.len(), 1);
}

#[test]
fn a_slow_receiver_loses_the_oldest_and_is_told_how_many() {
    let (sender, mut slow) = broadcast(3);
    let mut quick = sender.subscribe();
    for n in 0..5 {
        sender.send(n).unwrap();
        assert_eq!(quick.try_recv(), Ok(n));
    }
    assert_eq!((slow.len(), sender.len()), (5, 3));
    assert_eq!(hand(slow.recv()).ready(), Err(RecvError::Lagged(2)));
    assert_eq!(slow.try_recv(), Ok(2));
    for n in 5..9 {
        sender.send(n).unwrap();
    }
    assert_eq!(slow.try_recv(), Err(BroadcastTryRecvError::Lagged(3)));
    assert_eq!(hand(slow.recv()).ready(), Ok(6));
    assert_eq!(quick.try_recv(), Err(BroadcastTryRecvError::Lagged(1)));
    assert_eq!(quick.try_recv(), Ok(6));
}

#[test]
fn a_receiver_for_one_value_keeps_the_newest() {
    let (sender, mut receiver) = broadcast(1);
    (0..100).for_each(|n| assert_eq!(sender.send(n), Ok(1)));
    assert_eq!(receiver.try_recv(), Err(BroadcastTryRecvError::Lagged(99)));
    assert_eq!(receiver.try_recv(), Ok(99));
}

#[test]
fn a_send_to_nobody_gives_the_value_back_and_a_later_one_arrives() {
    let (sender, receiver) = broadcast(2);
    drop(receiver);
    assert_eq!(sender.send(1), Err(SendError(1)));
    let mut receiver = sender.subscribe();
    assert_eq!(sender.send(2), Ok(1));
    assert_eq!(receiver.try_recv(), Ok(2));
}

#[test]
fn who_comes_later_gets_what_is_sent_from_then_on() {
    let (sender, mut first) = broadcast(4);
    sender.send(1).unwrap();
    let mut late = sender.subscribe();
    let mut afresh = first.resubscribe();
    let mut twin = first.clone();
    sender.send(2).unwrap();
    assert_eq!(hand(late.recv()).ready(), Ok(2));
    assert_eq!(hand(afresh.recv()).ready(), Ok(2));
    for receiver in [&mut first, &mut twin] {
        assert_eq!(receiver.try_recv(), Ok(1));
        assert_eq!(receiver.try_recv(), Ok(2));
    }
    assert!(sender.is_empty());
}

#[test]
fn the_twin_of_a_slow_receiver_is_as_slow() {
    let (sender, mut slow) = broadcast(1);
    sender.send(1).unwrap();
    sender.send(2).unwrap();
    let mut twin = slow.clone();
    for receiver in [&mut slow, &mut twin] {
        assert_eq!(receiver.try_recv(), Err(BroadcastTryRecvError::Lagged(1)));
        assert_eq!(receiver.try_recv(), Ok(2));
    }
    assert!(sender.is_empty());
}

#[test]
fn the_last_sender_ends_it_and_nothing_is_lost() {
    let (sender, mut receiver) = broadcast(2);
    let mut other = receiver.clone();
    let another = sender.clone();
    let wait = waiting(other.recv());
    drop(sender);
    assert_eq!(wait.wakes(), 0);
    another.send(1).unwrap();
    drop(another);
    assert_eq!(wait.ready(), Ok(1));
    assert_eq!(hand(other.recv()).ready(), Err(RecvError::Closed));
    assert_eq!(hand(receiver.recv()).ready(), Ok(1));
    assert_eq!(receiver.try_recv(), Err(BroadcastTryRecvError::Closed));
    assert_eq!(receiver.resubscribe().try_recv(), Err(BroadcastTryRecvError::Closed));
}

#[test]
fn receivers_that_wait_are_told_when_the_last_sender_goes() {
    let (sender, mut receiver) = broadcast::<u8>(2);
    let wait = waiting(receiver.recv());
    drop(sender);
    assert_eq!(wait.wakes(), 1);
    assert_eq!(wait.ready(), Err(RecvError::Closed));
}

#[test]
fn a_value_goes_when_nobody_has_to_take_it_any_more() {
    let (sender, mut first) = broadcast(8);
    let second = sender.subscribe();
    let value = Arc::new(());
    (0..3).for_each(|_| assert_eq!(sender.send(value.clone()), Ok(2)));
    first.try_recv().unwrap();
    assert_eq!(Arc::strong_count(&value), 4, "the second has yet to take all three");
    drop(second);
    assert_eq!((Arc::strong_count(&value), sender.len()), (3, 2));
    drop(first);
    assert_eq!((Arc::strong_count(&value), sender.len()), (1, 0));
}

#[test]
fn the_last_reader_gets_the_value_itself() {
    let clones = Arc::new(AtomicUsize::new(0));
    let (sender, mut first) = broadcast(2);
    let mut second = first.clone();
    sender.send(Counted(clones.clone())).unwrap();
    first.try_recv().unwrap();
    second.try_recv().unwrap();
    assert_eq!(clones.load(Ordering::SeqCst), 1);
}

/// A value whose clone and whose drop use the broadcast that they are in finds it unlocked.
#[test]
fn clone_and_drop_may_use_the_broadcast() {
    struct Nosy(BroadcastSender<Nosy>);
    impl Clone for Nosy {
        fn clone(&self) -> Nosy {
            assert_eq!(self.0.receiver_count(), 2);
            Nosy(self.0.clone())
        }
    }
    impl Drop for Nosy {
        fn drop(&mut self) {
            self.0.receiver_count();
        }
    }
    let (sender, mut first) = broadcast(1);
    let second = sender.subscribe();
    for _ in 0..3 {
        assert!(sender.send(Nosy(sender.clone())).is_ok(), "the oldest is dropped by the send");
    }
    assert!(first.try_recv().is_err());
    assert!(first.try_recv().is_ok());
    drop(second);
}

#[test]
fn a_dropped_wait_leaves_nothing_behind() {
    let (sender, mut receiver) = broadcast(2);
    let mut wait = waiting(receiver.recv());
    assert_eq!(
        format!("{sender:?}"),
        "BroadcastSender { len: 0, senders: 1, receivers: 1, waiting: 1, closed: false }"
    );
    sender.send(1).unwrap();
    wait.let_go();
    drop(wait);
    assert_eq!(
        format!("{receiver:?}"),
        "BroadcastReceiver { len: 1, senders: 1, receivers: 1, waiting: 0, closed: false }"
    );
    assert_eq!(hand(receiver.recv()).ready(), Ok(1));
    let text = format!("{:?}", receiver.recv());
    assert!(text.starts_with("<BroadcastReceiver::recv at "), "{text}");
}

#[test]
fn the_newest_waker_is_the_one_that_is_woken() {
    let (sender, mut receiver) = broadcast(1);
    let mut wait = waiting(receiver.recv());
    assert!(wait.poll_elsewhere().is_pending());
    sender.send(1).unwrap();
    assert_eq!(wait.wakes(), 1);
    assert_eq!(wait.ready(), Ok(1));
}

#[test]
fn errors_are_for_people_and_for_question_marks() {
    fn fails(sender: &BroadcastSender<u8>, receiver: &mut BroadcastReceiver<u8>) -> Result<(), BoxError> {
        sender.send(1)?;
        receiver.try_recv()?;
        receiver.try_recv()?;
        Ok(())
    }
    let (sender, mut receiver) = broadcast(1);
    assert!(fails(&sender, &mut receiver).unwrap_err().to_string().contains("nothing new"));
    sender.send(1).unwrap();
    assert!(fails(&sender, &mut receiver).unwrap_err().to_string().contains("missed 1 value"));
}

#[test]
#[should_panic(expected = "broadcast(0)")]
fn a_broadcast_that_keeps_nothing_is_refused() {
    let _ = broadcast::<u8>(0);
}

/// Three receiving threads beside a sender that does not wait for them: what each gets and misses is all there was.
#[test]
fn no_thread_loses_count() {
    const COUNT: u64 = 5000;
    let (sender, receiver) = broadcast(16);
    let threads: Vec<_> = vec![receiver; 3]
        .into_iter()
        .map(|mut receiver| {
            thread::spawn(move || {
                let mut next = 0;
                loop {
                    match block_on(receiver.recv()) {
                        Ok(n) => {
                            assert_eq!(n, next);
                            next += 1;
                        }
                        Err(RecvError::Lagged(missed)) => next += missed,
                        Err(RecvError::Closed) => return next,
                    }
                }
            })
        })
        .collect();
    for n in 0..COUNT {
        sender.send(n).unwrap();
        if n % 32 == 0 {
            thread::yield_now();
        }
    }
    drop(sender);
    threads.into_iter().for_each(|thread| assert_eq!(thread.join().unwrap(), COUNT));
}
