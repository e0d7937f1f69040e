//! Promises of `channel`.

mod sync_by_hand;

use std::error::Error;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use raddle::{
    BoxError, Receiver, SendError, Sender, TryRecvError, TrySendError, broadcast, channel, create_task, promise,
    timeout, watch,
};
use sync_by_hand::{block_on, hand, waiting};

#[test]
fn values_come_out_in_the_order_they_went_in() {
    let (sender, receiver) = channel(100);
    for n in 0..100 {
        hand(sender.send(n)).ready().unwrap();
    }
    assert_eq!((sender.len(), receiver.len(), sender.capacity()), (100, 100, 100));
    for n in 0..100 {
        assert_eq!(hand(receiver.recv()).ready(), Some(n));
    }
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn senders_and_receivers_are_served_in_order_and_not_overtaken() {
    let (sender, receiver) = channel(1);
    let (first, second) = (waiting(receiver.recv()), waiting(receiver.recv()));
    sender.try_send(1).unwrap();
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty), "the value is promised");
    assert_eq!(sender.try_send(9), Err(TrySendError::Full(9)));
    let (third, fourth) = (waiting(sender.send(2)), waiting(sender.send(3)));
    assert_eq!(first.ready(), Some(1));
    assert_eq!((third.wakes(), fourth.wakes()), (1, 0));
    assert_eq!(sender.try_send(9), Err(TrySendError::Full(9)), "the room is promised");
    third.ready().unwrap();
    assert_eq!(second.ready(), Some(2));
    fourth.ready().unwrap();
}

#[test]
fn the_last_sender_ends_the_channel_and_nothing_is_lost() {
    let (sender, receiver) = channel(4);
    let another = sender.clone();
    sender.try_send(1).unwrap();
    drop(sender);
    assert!(!receiver.is_closed());
    another.try_send(2).unwrap();
    drop(another);
    assert!(receiver.is_closed());
    assert_eq!(hand(receiver.recv()).ready(), Some(1));
    assert_eq!(receiver.try_recv(), Ok(2));
    assert_eq!(hand(receiver.recv()).ready(), None);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn receivers_that_wait_are_told_when_the_last_sender_goes() {
    let (sender, receiver) = channel::<u8>(1);
    let (first, second) = (waiting(receiver.recv()), waiting(receiver.recv()));
    drop(sender);
    assert_eq!((first.wakes(), second.wakes()), (1, 1));
    assert_eq!((first.ready(), second.ready()), (None, None));
}

#[test]
fn senders_that_wait_get_their_value_back_when_the_last_receiver_goes() {
    let (sender, receiver) = channel(1);
    sender.try_send(0).unwrap();
    let another = receiver.clone();
    let (first, second) = (waiting(sender.send(1)), waiting(sender.send(2)));
    drop(receiver);
    assert_eq!(first.wakes(), 0, "there is another receiver");
    assert!(!sender.is_closed());
    drop(another);
    assert!(sender.is_closed());
    assert_eq!((first.ready(), second.ready()), (Err(SendError(1)), Err(SendError(2))));
    assert_eq!(hand(sender.send(3)).ready(), Err(SendError(3)));
    assert_eq!(sender.try_send(4), Err(TrySendError::Closed(4)));
}

/// A sender that was granted room, and whose receiver went before it used it, has sent nothing.
#[test]
fn a_sender_with_room_gets_its_value_back_when_the_last_receiver_goes() {
    let (sender, receiver) = channel(1);
    sender.try_send(0).unwrap();
    let send = waiting(sender.send(1));
    assert_eq!(receiver.try_recv(), Ok(0));
    assert_eq!(send.wakes(), 1);
    drop(receiver);
    assert_eq!(send.ready(), Err(SendError(1)));
}

/// Whoever waits for an answer to a value that nobody will take is told at once, though the sender lives.
#[test]
fn what_nobody_can_receive_is_dropped_with_the_last_receiver() {
    let (sender, receiver) = channel(1);
    let (answer, pending) = promise::<u8>();
    sender.try_send(answer).unwrap();
    let pending = waiting(pending);
    drop(receiver);
    assert_eq!((pending.wakes(), sender.len()), (1, 0));
    assert!(pending.ready().is_err());
}

#[test]
fn close_refuses_senders_and_leaves_what_is_there() {
    let (sender, receiver) = channel(1);
    sender.try_send(0).unwrap();
    let (send, closed) = (waiting(sender.send(1)), waiting(sender.closed()));
    receiver.close();
    receiver.close();
    assert_eq!((send.wakes(), closed.wakes()), (1, 1));
    assert_eq!(send.ready(), Err(SendError(1)));
    closed.ready();
    assert!(sender.is_closed() && receiver.is_closed());
    assert_eq!(hand(receiver.recv()).ready(), Some(0));
    assert_eq!(hand(receiver.recv()).ready(), None);
}

#[test]
fn closed_waits_for_the_last_receiver() {
    let (sender, receiver) = channel::<u8>(1);
    let another = receiver.clone();
    let mut closed = waiting(sender.closed());
    drop(receiver);
    assert!(closed.poll().is_pending());
    drop(another);
    assert_eq!(closed.wakes(), 1);
    closed.ready();
    hand(sender.closed()).ready();
}

#[test]
fn a_cancelled_receiver_hands_its_value_on() {
    let (sender, receiver) = channel(2);
    let (mut first, second) = (waiting(receiver.recv()), waiting(receiver.recv()));
    sender.try_send(1).unwrap();
    first.let_go();
    assert_eq!(second.wakes(), 1);
    assert_eq!(second.ready(), Some(1));
}

#[test]
fn a_cancelled_sender_sends_nothing_and_hands_its_room_on() {
    let (sender, receiver) = channel(1);
    let value = Arc::new(());
    sender.try_send(value.clone()).unwrap();
    let (mut first, second) = (waiting(sender.send(value.clone())), waiting(sender.send(value.clone())));
    receiver.try_recv().unwrap();
    first.let_go();
    assert_eq!((second.wakes(), Arc::strong_count(&value)), (1, 2));
    second.ready().unwrap();
}

#[test]
fn what_it_looks_like() {
    let (sender, receiver) = channel(1);
    let _another = receiver.clone();
    sender.try_send(1).unwrap();
    let send = waiting(sender.send(2));
    assert_eq!(
        format!("{sender:?}"),
        "Sender { len: 1, capacity: 1, senders: 1, receivers: 2, sending: 1, receiving: 0, closed: false }"
    );
    assert!(format!("{receiver:?}").starts_with("Receiver { len: 1,"));
    drop(send);
    let line = line!() + 1;
    let texts = [format!("{:?}", sender.send(3)), format!("{:?}", receiver.recv()), format!("{:?}", sender.closed())];
    assert!(texts[0].starts_with(&format!("<Sender::send at {}:{line}:", file!())), "{}", texts[0]);
    assert!(texts[1].starts_with("<Receiver::recv at "), "{}", texts[1]);
    assert!(texts[2].starts_with("<Sender::closed at "), "{}", texts[2]);
}

#[test]
fn errors_are_for_people_and_for_question_marks() {
    fn fails(sender: &Sender<u8>, receiver: &Receiver<u8>) -> Result<(), BoxError> {
        receiver.try_recv()?;
        sender.try_send(1)?;
        Ok(())
    }
    let (sender, receiver) = channel(1);
    assert!(fails(&sender, &receiver).unwrap_err().to_string().contains("no value now"));
    sender.try_send(1).unwrap();
    let full = sender.try_send(2).unwrap_err();
    assert!(full.to_string().contains("channel of u8 has no room"), "{full}");
    assert_eq!(format!("{full:?}"), "Full(..)");
    drop(receiver);
    let closed: Box<dyn Error> = sender.try_send(2).unwrap_err().into();
    assert!(closed.to_string().contains("nobody receives"), "{closed}");
    assert_eq!(format!("{:?}", hand(sender.send(3)).ready().unwrap_err()), "SendError(..)");
}

#[test]
#[should_panic(expected = "channel(0): a channel without room")]
fn a_channel_for_nothing_is_refused() {
    channel::<u8>(0);
}

/// Two sending and two receiving threads, and nothing but threads: each value arrives once, and everybody ends.
#[test]
fn four_threads_and_no_runtime() {
    const EACH: usize = 2000;
    let (sender, receiver) = channel(3);
    let senders = [sender.clone(), sender]
        .map(|sender| thread::spawn(move || (1..=EACH).for_each(|n| block_on(sender.send(n)).unwrap())));
    let receivers = [receiver.clone(), receiver].map(|receiver| {
        thread::spawn(move || {
            let (mut sum, mut count) = (0, 0);
            while let Some(n) = block_on(receiver.recv()) {
                (sum, count) = (sum + n, count + 1);
            }
            (sum, count)
        })
    });
    senders.into_iter().for_each(|thread| thread.join().unwrap());
    let got = receivers.map(|thread| thread.join().unwrap());
    assert_eq!(got[0].1 + got[1].1, 2 * EACH);
    assert_eq!(got[0].0 + got[1].0, EACH * (EACH + 1));
}

/// The three kinds beside each other, as a program uses them.
async fn channels() -> Result<(), BoxError> {
    let (tx, rx) = channel(8);
    create_task(async move {
        for n in 0..3 {
            if tx.send(n).await.is_err() {
                break;
            }
        }
    });
    while let Some(n) = rx.recv().await {
        println!("{n}");
    }
    let (answer, pending) = promise();
    create_task(async move { answer.set(42) });
    let n: i32 = timeout(Duration::from_secs(1), pending).await??;
    let (news, mut reader) = broadcast(4);
    news.send(n)?;
    reader.recv().await?;
    let (current, mut seen) = watch(1);
    current.send(n)?;
    seen.changed().await?;
    println!("{}", *seen.borrow());
    Ok(())
}

#[raddle::test]
async fn a_program_with_all_of_them() {
    create_task(channels()).flatten().await.unwrap();
}
