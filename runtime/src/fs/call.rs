//! One call on a thread for blocking calls, begun at the first poll.

use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::error::{about, about_both};
use crate::scheduler::blocking;
use crate::shim::Arc;
use crate::sync::{Pending, promise};
use crate::waiting::{self, Kind};

/// A call to the file system. Made by the functions of [`fs`](crate::fs).
///
/// # Cancel safety
/// Dropped before its first poll, it does nothing. Dropped later, the call is finished and its value dropped.
#[must_use = "nothing happens until it is awaited"]
pub struct Blocking<T> {
    state: State<T>,
    attempt: &'static str,
    about: About,
    caller: &'static Location<'static>,
}

/// What an error names.
enum About {
    Nothing,
    Path(Arc<Path>),
    Both(Arc<Path>, Arc<Path>),
}

enum State<T> {
    Ready(Box<dyn FnOnce() -> io::Result<T> + Send>),
    Running(Pending<io::Result<T>>),
    Over,
}

impl<T: Send + 'static> Blocking<T> {
    #[track_caller]
    pub(super) fn new(attempt: &'static str, call: impl FnOnce() -> io::Result<T> + Send + 'static) -> Blocking<T> {
        Blocking { state: State::Ready(Box::new(call)), attempt, about: About::Nothing, caller: Location::caller() }
    }

    /// A call about one path, which its error will name.
    #[track_caller]
    pub(super) fn on_path(
        attempt: &'static str,
        path: impl AsRef<Path>,
        call: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Blocking<T> {
        let path: Arc<Path> = path.as_ref().into();
        let about = About::Path(path.clone());
        Blocking { about, ..Blocking::new(attempt, move || call(&path)) }
    }

    /// A call about two paths.
    #[track_caller]
    pub(super) fn on_both(
        attempt: &'static str,
        from: impl AsRef<Path>,
        to: impl AsRef<Path>,
        call: impl FnOnce(&Path, &Path) -> io::Result<T> + Send + 'static,
    ) -> Blocking<T> {
        let (from, to): (Arc<Path>, Arc<Path>) = (from.as_ref().into(), to.as_ref().into());
        let about = About::Both(from.clone(), to.clone());
        Blocking { about, ..Blocking::new(attempt, move || call(&from, &to)) }
    }

    /// The error of the call, or of the thread that could not be had for it.
    #[cold]
    fn named(&self, error: io::Error) -> io::Error {
        match &self.about {
            About::Nothing => error,
            About::Path(path) => about(self.attempt, path, error),
            About::Both(from, to) => about_both(self.attempt, from, to, error),
        }
    }
}

/// Begins `call` on a thread for blocking calls of this thread's runtime.
pub(super) fn begin<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> io::Result<Pending<T>> {
    let (value, pending) = promise();
    blocking::start(Box::new(move || drop(value.set(call()))))?;
    Ok(pending)
}

/// What a call gives whose thread never came to its end.
#[cold]
pub(super) fn given_up() -> io::Error {
    io::Error::other("the call was given up: it panicked, or the runtime ended before its turn came")
}

impl<T: Send + 'static> Future for Blocking<T> {
    type Output = io::Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let this = &mut *self;
        loop {
            match std::mem::replace(&mut this.state, State::Over) {
                State::Ready(call) => {
                    let begun = begin(call).map_err(|error| this.named(error))?;
                    this.state = State::Running(begun);
                }
                State::Running(mut pending) => {
                    let polled = Pin::new(&mut pending).poll(cx);
                    if polled.is_pending() {
                        waiting::note(Kind::File, 0, this.caller);
                        this.state = State::Running(pending);
                    }
                    let outcome = ready!(polled).unwrap_or_else(|_| Err(given_up()));
                    return Poll::Ready(outcome.map_err(|error| this.named(error)));
                }
                State::Over => panic!("polled again after it was ready"),
            }
        }
    }
}

impl<T> fmt::Debug for Blocking<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Ready(_) => "to",
            State::Running(_) => "running: to",
            State::Over => "over: to",
        };
        write!(f, "<Blocking {state} {} at {}>", self.attempt, self.caller)
    }
}
