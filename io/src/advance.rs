//! Waiting until a virtual clock has been moved by hand.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::clock::{Clock, saturating_nanos};
use crate::context;
use crate::virtual_clock::VirtualClock;
use crate::waiting::{self, Kind};
use crate::wake::wake;

/// The future of [`Clock::advance`].
#[must_use = "the clock moves when this is awaited"]
pub struct Advance {
    clock: Clock,
    duration_ns: u64,
    stage: Stage,
    /// The line that made this.
    at: &'static Location<'static>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Fresh,
    /// The goal has this number.
    Waiting(u64),
    Done,
}

impl Advance {
    #[track_caller]
    pub(crate) fn new(clock: Clock, duration: Duration) -> Advance {
        Advance { clock, duration_ns: saturating_nanos(duration), stage: Stage::Fresh, at: Location::caller() }
    }

    fn clock(&self) -> &VirtualClock {
        self.clock.as_virtual().expect("the real clock has none")
    }

    fn start(&mut self, waker: &Waker) -> Stage {
        let number = self.clock().start_advance(self.duration_ns, waker.clone());
        if !self.clock.ring() {
            self.arrive();
        }
        Stage::Waiting(number)
    }

    /// Nothing goes by this clock, so nothing has to be waited for.
    fn arrive(&self) {
        let mut arrived = Vec::new();
        let mut held = self.clock().hold();
        held.begin();
        while let Some(goal_ns) = held.next(None) {
            held.move_to(goal_ns);
            held.arrive(&mut arrived);
        }
        drop(held);
        arrived.into_iter().for_each(|waker| wake(waker, context::report));
    }
}

impl Future for Advance {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.stage == Stage::Fresh {
            self.stage = self.start(cx.waker());
        }
        let Stage::Waiting(number) = self.stage else { return Poll::Ready(()) };
        // What comes back is dropped here, where no lock is held.
        if self.clock().await_advance(number, cx.waker().clone()).is_err() {
            self.stage = Stage::Done;
            return Poll::Ready(());
        }
        waiting::note_if_none(Kind::Sleep, 0, self.at);
        Poll::Pending
    }
}

impl Drop for Advance {
    fn drop(&mut self) {
        if let Stage::Waiting(number) = self.stage {
            // Dropped here, where no lock is held.
            drop(self.clock().cancel_advance(number));
        }
    }
}

impl fmt::Debug for Advance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Advance")
            .field("duration", &Duration::from_nanos(self.duration_ns))
            .field("stage", &self.stage)
            .finish()
    }
}
