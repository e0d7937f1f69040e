//! Each value to each receiver, by way of one list of messages: the state of a broadcast.
//!
//! A message lies in the list until everybody has taken it for whom it was sent, and `readers` counts those who have
//! not. A receiver is a number, that of the message it takes next. Receivers take messages in order, and one that comes
//! later starts at the end, so of two messages the older never has more readers than the newer: messages leave at the
//! front, and the one that nobody waits for any more is the first.
//!
//! ```text
//!     number     first                     first + messages.len()
//!                v                         v
//!     readers    1     1     3     3       (the next to be sent)
//!                ^           ^             ^
//!                slow        in between    has everything
//! ```
//!
//! **A sender never waits.** Where the list is as long as it may be, the oldest message makes room, and `first` passes
//! by those who had not taken it. They find out when they come: `first - next` is how many they missed. (Their part of
//! `readers` in the messages that are left is theirs still.)
//!
//! **No foreign code under the lock**: a value lies in an `Arc`, and a receiver takes that under the lock and clones
//! the value after it. So two receivers may clone a value at the same time, and it must be `Sync` to cross threads. The
//! last reader takes the value itself, unless another is at its clone still. What is to be dropped leaves the lock by a
//! return value.
//!
//! **Waiting** is the event's: a send and the end release everybody who waits at that moment, and who is released looks
//! again. A receiver waits only when it has seen under the lock that nothing is there for it, and whoever changes that
//! does so under that lock.

use std::collections::VecDeque;

use super::channel_error::RecvError;
use super::waiters::Waiters;
use crate::shim::Arc;

/// A list that had to grow beyond this is given back when it is empty (picked from thin air).
const KEEP_MESSAGES: usize = 1024;

pub(super) struct State<T> {
    messages: VecDeque<Message<T>>,
    /// The number of the oldest message that is kept.
    first: u64,
    capacity: usize,
    pub(super) receivers: usize,
    /// Each sender was dropped.
    pub(super) is_closed: bool,
    pub(super) waiters: Waiters,
}

struct Message<T> {
    value: Arc<T>,
    /// How many have yet to take it.
    readers: usize,
}

/// What a receiver has taken.
pub(super) enum Taken<T> {
    /// Others have yet to take it.
    Shared(Arc<T>),
    /// It has left the list.
    Last(Arc<T>),
}

impl<T: Clone> Taken<T> {
    /// To be called without the lock: cloning is the program's affair.
    #[inline]
    pub(super) fn into_value(self) -> T {
        match self {
            // To ask whether this is the only one left would cost as much as the clone of a small value.
            Taken::Shared(value) => T::clone(&value),
            Taken::Last(value) => Arc::try_unwrap(value).unwrap_or_else(|value| T::clone(&value)),
        }
    }
}

impl<T> State<T> {
    /// For one receiver.
    pub(super) fn new(capacity: usize) -> State<T> {
        State { messages: VecDeque::new(), first: 0, capacity, receivers: 1, is_closed: false, waiters: Waiters::new() }
    }

    /// How many messages are kept for somebody.
    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// The number of the message that will be sent next.
    pub(super) fn end(&self) -> u64 {
        self.first + self.messages.len() as u64
    }

    /// Sends to everybody who is there. Gives back the oldest message if it had to make room.
    #[must_use]
    pub(super) fn push(&mut self, value: Arc<T>) -> Option<Arc<T>> {
        debug_assert!(self.receivers > 0, "a message for nobody would never leave");
        let oldest = if self.messages.len() == self.capacity { self.pop() } else { None };
        self.messages.push_back(Message { value, readers: self.receivers });
        oldest
    }

    /// Takes what comes next for the receiver at `next`, or tells why it gets nothing. `None`: it has to wait.
    #[inline]
    pub(super) fn take(&mut self, next: &mut u64) -> Option<Result<Taken<T>, RecvError>> {
        let Some(index) = next.checked_sub(self.first) else {
            let missed = self.first - *next;
            *next = self.first;
            return Some(Err(RecvError::Lagged(missed)));
        };
        let Some(message) = self.messages.get_mut(index as usize) else {
            return self.is_closed.then_some(Err(RecvError::Closed));
        };
        *next += 1;
        message.readers -= 1;
        if message.readers > 0 {
            return Some(Ok(Taken::Shared(message.value.clone())));
        }
        debug_assert_eq!(index, 0, "an older message has no more readers than a newer one");
        self.pop().map(|value| Ok(Taken::Last(value)))
    }

    /// One more receiver, for everything from the message `next` on.
    pub(super) fn join(&mut self, next: u64) {
        self.receivers += 1;
        self.from(next).for_each(|message| message.readers += 1);
    }

    /// The receiver at `next` is dropped. Gives back what was kept for nobody else.
    pub(super) fn leave(&mut self, next: u64) -> Vec<Arc<T>> {
        self.receivers -= 1;
        self.from(next).for_each(|message| message.readers -= 1);
        let mut nobodys = Vec::new();
        while self.messages.front().is_some_and(|message| message.readers == 0) {
            nobodys.extend(self.pop());
        }
        nobodys
    }

    fn from(&mut self, next: u64) -> impl Iterator<Item = &mut Message<T>> {
        self.messages.iter_mut().skip(next.saturating_sub(self.first) as usize)
    }

    #[inline]
    fn pop(&mut self) -> Option<Arc<T>> {
        let message = self.messages.pop_front()?;
        self.first += 1;
        if self.messages.is_empty() && self.messages.capacity() > KEEP_MESSAGES {
            self.messages = VecDeque::new();
        }
        Some(message.value)
    }
}
