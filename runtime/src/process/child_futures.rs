//! The futures of a child.

use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::process::{ExitStatus, Output};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use raddle_io::{Sleep, sleep};

use super::child::Child;

/// The future of [`Child::wait`].
#[must_use = "futures do nothing unless awaited"]
pub struct ChildWait<'a> {
    child: &'a mut Child,
    caller: &'static Location<'static>,
}

impl<'a> ChildWait<'a> {
    #[track_caller]
    pub(super) fn new(child: &'a mut Child) -> ChildWait<'a> {
        ChildWait { child, caller: Location::caller() }
    }
}

impl Future for ChildWait<'_> {
    type Output = io::Result<ExitStatus>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        let polled = self.child.process.poll_end(cx);
        self.child.note(&polled, self.caller);
        polled
    }
}

impl fmt::Debug for ChildWait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<wait for {:?} at {}>", self.child.process, self.caller)
    }
}

/// The future of [`Child::communicate`].
#[must_use = "futures do nothing unless awaited"]
pub struct Communicate<'a> {
    child: &'a mut Child,
    /// Until the first poll.
    input: Option<Option<Vec<u8>>>,
    caller: &'static Location<'static>,
}

impl<'a> Communicate<'a> {
    #[track_caller]
    pub(super) fn new(child: &'a mut Child, input: Option<Vec<u8>>) -> Communicate<'a> {
        Communicate { child, input: Some(input), caller: Location::caller() }
    }
}

impl Future for Communicate<'_> {
    type Output = io::Result<Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Output>> {
        let this = &mut *self;
        if let Some(input) = this.input.take() {
            this.child.talk.begin(input, this.child.stdin.is_some())?;
        }
        let polled = this.child.poll_communicate(cx);
        this.child.note(&polled, this.caller);
        polled
    }
}

impl fmt::Debug for Communicate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<communicate with {:?} at {}>", self.child.process, self.caller)
    }
}

/// The future of [`Child::stop`].
#[must_use = "futures do nothing unless awaited"]
pub struct StopChild<'a> {
    child: &'a mut Child,
    grace: Duration,
    step: Step,
    caller: &'static Location<'static>,
}

enum Step {
    Ask,
    Wait(Sleep),
    Killed,
}

impl<'a> StopChild<'a> {
    #[track_caller]
    pub(super) fn new(child: &'a mut Child, grace: Duration) -> StopChild<'a> {
        StopChild { child, grace, step: Step::Ask, caller: Location::caller() }
    }
}

impl Future for StopChild<'_> {
    type Output = io::Result<ExitStatus>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        let polled = self.poll_step(cx);
        self.child.note(&polled, self.caller);
        polled
    }
}

impl StopChild<'_> {
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        let this = self;
        loop {
            // First of all: who has ended need not be asked, nor killed at the last moment.
            if let Poll::Ready(ended) = this.child.process.poll_end(cx) {
                return Poll::Ready(ended);
            }
            match &mut this.step {
                Step::Ask => {
                    this.child.terminate()?;
                    this.step = Step::Wait(sleep(this.grace));
                }
                Step::Wait(grace) => {
                    ready!(Pin::new(grace).poll(cx));
                    this.child.kill()?;
                    this.step = Step::Killed;
                }
                Step::Killed => return Poll::Pending,
            }
        }
    }
}

impl fmt::Debug for StopChild<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<stop {:?} at {}>", self.child.process, self.caller)
    }
}
