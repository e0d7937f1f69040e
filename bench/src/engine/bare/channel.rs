//! A bounded channel of many senders and many receivers.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::here::Here;
use super::waiters::Waiters;

pub struct Sender<T>(Here<Rc<Channel<T>>>);

pub struct Receiver<T>(Here<Rc<Channel<T>>>);

struct Channel<T> {
    messages: RefCell<VecDeque<T>>,
    capacity: usize,
    senders: Waiters,
    receivers: Waiters,
}

pub(super) fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let messages = RefCell::new(VecDeque::with_capacity(capacity));
    let (senders, receivers) = (Waiters::default(), Waiters::default());
    let channel = Here::new(Rc::new(Channel { messages, capacity, senders, receivers }));
    (Sender(channel.clone()), Receiver(channel))
}

impl<T> Sender<T> {
    /// Waits for a place.
    pub(super) async fn send(&self, message: T) {
        let mut message = Some(message);
        future::poll_fn(|context| self.0.poll_send(&mut message, context)).await;
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        Sender(self.0.clone())
    }
}

impl<T> Receiver<T> {
    /// Waits for a message. A channel is never closed.
    pub(super) async fn receive(&self) -> T {
        future::poll_fn(|context| self.0.poll_receive(context)).await
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Receiver<T> {
        Receiver(self.0.clone())
    }
}

impl<T> Channel<T> {
    fn poll_send(&self, message: &mut Option<T>, context: &mut Context<'_>) -> Poll<()> {
        let mut messages = self.messages.borrow_mut();
        if messages.len() == self.capacity {
            self.senders.add(context);
            return Poll::Pending;
        }
        messages.extend(message.take());
        drop(messages);
        self.receivers.wake_one();
        Poll::Ready(())
    }

    fn poll_receive(&self, context: &mut Context<'_>) -> Poll<T> {
        let Some(message) = self.messages.borrow_mut().pop_front() else {
            self.receivers.add(context);
            return Poll::Pending;
        };
        self.senders.wake_one();
        Poll::Ready(message)
    }
}
