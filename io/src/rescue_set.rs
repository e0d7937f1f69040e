//! The epolls of stuck workers, in one epoll, which lies in that of the worker who is to serve them.
//!
//! An event on a socket of a stuck worker makes its epoll readable, hence the set's, hence that of the worker on duty: so
//! it ends that one's sleep, as an event of its own would. What the event is about is not told; whoever is called looks at
//! everybody who is stuck.
//!
//! ```text
//!   sockets ──> epoll of a stuck worker ──┐
//!                                         ├──> the set ──> epoll of the worker on duty ──> its sleep
//!   sockets ──> epoll of a stuck worker ──┘
//! ```
//!
//! One thread changes it. It never lets an epoll be below itself: a worker on duty that gets stuck is relieved before it is
//! put in. All is edge-triggered, so that a call that leads to nothing is not repeated without end; a call that is lost that
//! way, or one that the kernel has no room for, is made up for by whoever looks at the stuck now and then.

use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::event::epoll;

use crate::reactor::Reactor;
use crate::shim::Arc;

/// Who is stuck, and who is called.
pub struct RescueSet {
    epoll: OwnedFd,
    stuck: Vec<Arc<Reactor>>,
    on_duty: Option<Arc<Reactor>>,
}

impl RescueSet {
    /// An empty one.
    ///
    /// # Errors
    /// The kernel's, usually that too many files are open.
    pub fn new() -> io::Result<RescueSet> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(RescueSet { epoll, stuck: Vec::new(), on_duty: None })
    }

    /// From now on these are stuck, and that one is called for them.
    pub fn set(&mut self, stuck: &[Arc<Reactor>], on_duty: Option<&Arc<Reactor>>) {
        if let Some(before) = self.on_duty.take_if(|before| !is(Some(before), on_duty)) {
            before.stop_calling(self.epoll.as_raw_fd());
        }
        self.stuck.retain(|before| {
            let stays = contains(stuck, before);
            if !stays {
                // An error means that it has gone already.
                let _ = epoll::delete(&self.epoll, &**before);
            }
            stays
        });
        for reactor in stuck {
            // An error is made up for by those who look now and then.
            if !contains(&self.stuck, reactor) && self.add(reactor).is_ok() {
                self.stuck.push(reactor.clone());
            }
        }
        if let Some(reactor) = on_duty
            && self.on_duty.is_none()
            && reactor.call_for(self.epoll.as_raw_fd()).is_ok()
        {
            self.on_duty = Some(reactor.clone());
        }
    }

    /// Whether this one is called.
    pub fn is_on_duty(&self, reactor: &Arc<Reactor>) -> bool {
        is(self.on_duty.as_ref(), Some(reactor))
    }

    fn add(&self, reactor: &Arc<Reactor>) -> io::Result<()> {
        let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
        Ok(epoll::add(&self.epoll, &**reactor, epoll::EventData::new_u64(0), flags)?)
    }
}

impl Drop for RescueSet {
    fn drop(&mut self) {
        self.set(&[], None);
    }
}

fn is(one: Option<&Arc<Reactor>>, other: Option<&Arc<Reactor>>) -> bool {
    one.zip(other).is_some_and(|(one, other)| Arc::ptr_eq(one, other))
}

fn contains(reactors: &[Arc<Reactor>], reactor: &Arc<Reactor>) -> bool {
    reactors.iter().any(|other| Arc::ptr_eq(other, reactor))
}

impl fmt::Debug for RescueSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_called = self.on_duty.is_some();
        f.debug_struct("RescueSet").field("stuck", &self.stuck.len()).field("is_called", &is_called).finish()
    }
}
