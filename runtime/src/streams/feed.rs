//! A stream that is fed by hand: for tests, and for bytes that come from elsewhere than a socket.

use std::fmt;
use std::io;
use std::task::{Context, Poll, Waker};

use crate::shim::{Arc, Mutex};

/// The other end of a [`StreamReader`](super::StreamReader) that is fed by hand. Made by
/// [`StreamReader::pair`](super::StreamReader::pair).
///
/// Dropping it ends the stream.
///
/// # Examples
/// ```
/// use raddle::StreamReader;
///
/// let (feeder, mut reader) = StreamReader::pair();
/// feeder.feed_data(b"one\ntwo");
/// feeder.feed_eof();
/// raddle::run(async {
///     assert_eq!(reader.read_line().await.unwrap(), "one\n");
///     assert_eq!(reader.read_to_end().await.unwrap(), "two");
/// });
/// ```
pub struct Feeder(Arc<Feed>);

/// What was fed and not read.
#[derive(Default)]
pub(super) struct Feed(Mutex<State>);

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    is_over: bool,
    failure: Option<io::Error>,
    reader: Option<Waker>,
}

impl Feeder {
    pub(super) fn new() -> (Feeder, Arc<Feed>) {
        let feed = Arc::new(Feed::default());
        (Feeder(feed.clone()), feed)
    }

    /// Lets the reader have these bytes.
    pub fn feed_data(&self, bytes: &[u8]) {
        self.change(|state| state.bytes.extend_from_slice(bytes));
    }

    /// Ends the stream: what was fed can still be read.
    pub fn feed_eof(&self) {
        self.change(|state| state.is_over = true);
    }

    /// Lets the reader fail with this error, now and once; what was fed before can be read afterwards.
    pub fn set_exception(&self, error: io::Error) {
        self.change(|state| state.failure = Some(error));
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.0.0.lock();
        change(&mut state);
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        self.feed_eof();
    }
}

impl fmt::Debug for Feeder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Feed {
    pub(super) fn poll_read_into(&self, cx: &mut Context<'_>, buffer: &mut Vec<u8>) -> Poll<io::Result<usize>> {
        let waker = cx.waker().clone();
        let mut state = self.0.lock();
        if let Some(error) = state.failure.take() {
            return Poll::Ready(Err(error));
        }
        if state.bytes.is_empty() && !state.is_over {
            let before = state.reader.replace(waker);
            drop(state);
            drop(before);
            return Poll::Pending;
        }
        let count = state.bytes.len();
        buffer.append(&mut state.bytes);
        Poll::Ready(Ok(count))
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.lock();
        let (bytes, is_over) = (state.bytes.len(), state.is_over);
        drop(state);
        f.debug_struct("Feeder").field("unread", &bytes).field("is_over", &is_over).finish()
    }
}
