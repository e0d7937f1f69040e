//! Processes that are started and waited for in one go.

use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::process::{ExitStatus, Output};
use std::task::{Context, Poll, ready};

use super::child::Child;
use crate::api::finally::Exit;
use crate::api::with::AsyncClose;
use crate::harness::adopt::hand_over;
use crate::harness::collector::{Cleanup, Item};
use crate::scheduler::context;

/// A child that belongs to a future alone, and ends with it.
struct Owned {
    /// None: it is over.
    child: Option<io::Result<Child>>,
    at: &'static Location<'static>,
}

impl Owned {
    fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Child, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let started = self.child.as_mut().expect("polled again after it was ready");
        let polled = match started {
            Ok(child) => {
                let polled = poll(child, cx);
                child.note(&polled, self.at);
                ready!(polled)
            }
            Err(error) => Err(std::mem::replace(error, io::ErrorKind::Other.into())),
        };
        self.child = None;
        Poll::Ready(polled)
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        let Some(Ok(child)) = self.child.take() else { return };
        if child.process.kill_on_drop {
            return;
        }
        if context::runtime().is_some() {
            hand_over(Item::Cleanup(Cleanup { future: Box::pin(child.async_close(Exit::Cancelled)), at: self.at }));
        } else {
            // Nobody can wait here.
            let _ = child.terminate();
        }
    }
}

impl fmt::Debug for Owned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.child {
            Some(Ok(child)) => write!(f, "{child:?} at {}", self.at),
            Some(Err(error)) => write!(f, "{error} at {}", self.at),
            None => write!(f, "over, at {}", self.at),
        }
    }
}

/// The future of [`Command::output`](crate::process::Command::output).
#[must_use = "the process has started, and is ended again when this is dropped"]
#[derive(Debug)]
pub struct CommandOutput {
    owned: Owned,
}

impl CommandOutput {
    #[track_caller]
    pub(super) fn new(child: io::Result<Child>) -> CommandOutput {
        CommandOutput { owned: Owned { child: Some(child), at: Location::caller() } }
    }
}

impl Future for CommandOutput {
    type Output = io::Result<Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Output>> {
        self.owned.poll(cx, Child::poll_communicate)
    }
}

/// The future of [`Command::status`](crate::process::Command::status).
#[must_use = "the process has started, and is ended again when this is dropped"]
#[derive(Debug)]
pub struct CommandStatus {
    owned: Owned,
}

impl CommandStatus {
    #[track_caller]
    pub(super) fn new(child: io::Result<Child>) -> CommandStatus {
        CommandStatus { owned: Owned { child: Some(child), at: Location::caller() } }
    }
}

impl Future for CommandStatus {
    type Output = io::Result<ExitStatus>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        self.owned.poll(cx, |child, cx| {
            // What it was given a pipe for ends here: nobody else could ever say anything.
            child.stdin = None;
            child.process.poll_end(cx)
        })
    }
}
