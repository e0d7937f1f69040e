//! How a file's operations reach its cursor, one at a time.

use std::io;
use std::task::{Context, Poll, ready};

use super::call::Blocking;
use super::cursor::{Cursor, MOST_AT_ONCE};
use super::error::about;
use super::file::File;

impl File {
    /// A call about the file alone, beside what is under way.
    #[track_caller]
    pub(super) fn call<T: Send + 'static>(
        &self,
        attempt: &'static str,
        call: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Blocking<T> {
        match &self.path {
            Some(path) => Blocking::on_path(attempt, path, move |_| call()),
            None => Blocking::new(attempt, call),
        }
    }

    /// The same error, with the path, if that is known.
    pub(super) fn about(&self, attempt: &'static str, error: io::Error) -> io::Error {
        match &self.path {
            Some(path) => about(attempt, path, error),
            None => error,
        }
    }

    /// Sends a call about the cursor.
    pub(super) fn start(&mut self, call: impl FnOnce(&mut Cursor) + Send + 'static) -> io::Result<()> {
        let cursor = self.cursor.clone();
        self.errand.start(move || {
            call(&mut cursor.lock());
            Ok(0)
        })
    }

    /// As [`File::start`], for a call whose error has to be told to somebody.
    pub(super) fn start_owing(
        &mut self,
        call: impl FnOnce(&mut Cursor) -> io::Result<u64> + Send + 'static,
    ) -> io::Result<()> {
        let cursor = self.cursor.clone();
        self.errand.start_owing(move || call(&mut cursor.lock()))
    }

    /// Hands as much of the buffer as is carried at once to a thread. Nothing may be under way.
    pub(super) fn start_write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let bytes = buffer[..buffer.len().min(MOST_AT_ONCE)].to_vec();
        let count = bytes.len();
        self.start_owing(move |cursor| cursor.write_all(&bytes)).map(|()| count)
    }

    /// Waits for what is under way.
    pub(super) fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        ready!(self.errand.poll_idle(cx));
        self.seeking = None;
        Poll::Ready(())
    }

    /// Waits for what is under way, and tells the error of a write that nobody waited for.
    pub(super) fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_idle(cx));
        let owed = self.errand.take_owed();
        Poll::Ready(owed.map_or(Ok(()), |error| Err(self.about("write to", error))))
    }

    /// Looks for something at the cursor, and lets a thread `fill` it until it is there.
    pub(super) fn poll_taken<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut take: impl FnMut(&mut Cursor) -> Option<io::Result<T>>,
        fill: impl FnOnce(&mut Cursor) + Copy + Send + 'static,
    ) -> Poll<io::Result<T>> {
        loop {
            ready!(self.poll_idle(cx));
            // Two statements: the lock first, the error's name after it.
            let taken = take(&mut self.cursor.lock());
            match taken {
                Some(taken) => return Poll::Ready(taken.map_err(|error| self.about("read", error))),
                None => self.start(fill)?,
            }
        }
    }
}
