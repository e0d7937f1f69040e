//! Who is called by the events of stuck workers: the watchdog's part of `rescue_set.rs` in raddle-io.
//!
//! The watchdog's look serves a stuck worker once a millisecond. That is often enough for timers, and for what lies in its
//! queue. A conversation over one of its sockets moves to the worker that serves it; but the first word of each would wait for
//! a look. So while anybody is stuck, a worker that is not is woken by their events, too: one that sleeps, if there is one,
//! since the others look at their own events first. Where all are stuck it is left to the looks, and to spares, which sleep
//! without an epoll.
//!
//! The set is made when somebody gets stuck and goes when nobody is any more, so that a program has the files then that it
//! had before. It may be had in vain (too many files are open): then there are the looks.

use raddle_io::reactor::Reactor;
use raddle_io::rescue_set::RescueSet;

use super::shared::Shared;
use crate::shim::Arc;
use crate::shim::atomic::Ordering;

/// What the watchdog keeps of it from look to look.
#[derive(Default)]
pub(super) struct RescueCalls(Option<RescueSet>);

impl RescueCalls {
    /// After a look that found somebody stuck, or nobody.
    pub(super) fn look(&mut self, shared: &Shared, is_anybody_stuck: bool) {
        // Where time is virtual, an epoll that has events holds it still, and nobody is to have a stuck one's.
        if shared.clock().is_virtual() || !is_anybody_stuck {
            return self.end();
        }
        if self.0.is_none() {
            self.0 = RescueSet::new().ok();
        }
        let Some(set) = &mut self.0 else { return };
        let (mut stuck, mut others) = (Vec::new(), Vec::new());
        for (index, remote) in shared.remotes.iter().enumerate() {
            let Some(reactor) = remote.reactor() else { continue };
            // Relaxed: only this thread writes it.
            if !remote.stuck.load(Ordering::Relaxed) {
                others.push((index, reactor));
            } else if reactor.has_sources() {
                stuck.push(reactor);
            }
        }
        // Who is called already, if it sleeps; else the first that sleeps, or the first of all.
        let rank = |(index, reactor): &&(usize, Arc<Reactor>)| {
            (!shared.idle.is_parked(*index), !set.is_on_duty(reactor), *index)
        };
        let on_duty = others.iter().min_by_key(rank).map(|(_, reactor)| reactor.clone());
        set.set(&stuck, on_duty.as_ref().filter(|_| !stuck.is_empty()));
    }

    /// Nobody is stuck, or nobody is to be rescued.
    pub(super) fn end(&mut self) {
        self.0 = None;
    }
}
