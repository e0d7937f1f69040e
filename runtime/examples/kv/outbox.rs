//! Messages on their way to a subscriber: written by publishers, emptied by the subscriber's own task.
//!
//! Feared is the subscriber that never reads, or hardly. Its outbox takes messages until `LIMIT` bytes wait, or while
//! what waits is taken within `PATIENCE`, unless it is little; then it is closed for good, what waits is thrown away, and
//! its task ends the connection. No publisher ever waits, so `LIMIT` has to be as much as one can publish while the
//! subscriber's task waits for its turn; it costs little, since all subscribers of a channel share a message.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// How many bytes may wait before another message is one too many.
const LIMIT: usize = 4 * 1024 * 1024;
/// So many may wait for any time.
const LITTLE: usize = 32 * 1024;
const PATIENCE: Duration = Duration::from_secs(5);
/// A message's place counts, too: short ones are many.
const PLACE: usize = size_of::<Message>();
/// How much is taken out at a time. The last message may be long and go beyond.
const ENOUGH: usize = 8 * 1024;

/// A message as it is sent.
pub(crate) type Message = Arc<[u8]>;

/// Messages that wait for one subscriber.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    messages: VecDeque<Message>,
    bytes: usize,
    behind: Option<Behind>,
    is_overfull: bool,
    waker: Option<Waker>,
}

/// The subscriber does not keep up.
#[derive(Debug)]
pub(crate) struct Overfull;

/// More than a little waits: since when, and how much of what waited then is there still.
#[derive(Debug)]
struct Behind {
    since: Instant,
    bytes: usize,
}

impl Outbox {
    /// Takes a message. The waker, if any, is to be woken once the caller's locks are dropped. True: the outbox is to
    /// be looked at again in a while.
    pub(crate) fn push(&self, message: &Message) -> (Option<Waker>, bool) {
        let mut state = self.lock();
        if state.is_overfull {
            return (None, false);
        }
        if state.bytes >= LIMIT {
            state.give_up();
        } else {
            state.bytes += PLACE + message.len();
            state.messages.push_back(message.clone());
        }
        let is_behind = state.is_behind();
        (state.waker.take(), is_behind)
    }

    /// Gives up if what waits has waited for too long. As [`push`](Outbox::push).
    pub(crate) fn look(&self) -> (Option<Waker>, bool) {
        let mut state = self.lock();
        let is_behind = state.is_behind();
        (if state.is_overfull { state.waker.take() } else { None }, is_behind)
    }

    /// Moves what waits to `out`, or as much as is enough for now; ready if that was something.
    pub(crate) fn poll_take(&self, cx: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<Result<(), Overfull>> {
        let mut state = self.lock();
        match () {
            () if state.is_overfull => Poll::Ready(Err(Overfull)),
            () if state.messages.is_empty() => state.wait(cx),
            () => {
                state.move_to(out, ENOUGH);
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Moves what waits to `out`.
    pub(crate) fn take(&self, out: &mut Vec<u8>) {
        self.lock().move_to(out, usize::MAX);
    }

    /// Ready when the outbox overflows.
    pub(crate) fn poll_overfull(&self, cx: &mut Context<'_>) -> Poll<Overfull> {
        let mut state = self.lock();
        if state.is_overfull { Poll::Ready(Overfull) } else { state.wait(cx) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn move_to(&mut self, out: &mut Vec<u8>, enough: usize) {
        while out.len() < enough
            && let Some(message) = self.messages.pop_front()
        {
            self.take_off(PLACE + message.len());
            out.extend_from_slice(&message);
        }
        if self.messages.is_empty() {
            // What a burst needed is given back.
            self.messages = VecDeque::new();
        }
    }

    fn take_off(&mut self, count: usize) {
        self.bytes -= count;
        if let Some(behind) = &mut self.behind {
            behind.bytes = behind.bytes.saturating_sub(count);
            if behind.bytes == 0 {
                self.behind = None;
            }
        }
    }

    /// Whether more than a little waits, and may. If it has waited for too long, it is given up.
    fn is_behind(&mut self) -> bool {
        let bytes = self.bytes;
        if bytes <= LITTLE {
            self.behind = None;
        } else if self.behind.get_or_insert_with(|| Behind { since: Instant::now(), bytes }).since.elapsed() > PATIENCE
        {
            self.give_up();
        }
        self.behind.is_some()
    }

    fn give_up(&mut self) {
        self.is_overfull = true;
        (self.messages, self.bytes, self.behind) = (VecDeque::new(), 0, None);
    }

    fn wait<T>(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        if !self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            self.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}
