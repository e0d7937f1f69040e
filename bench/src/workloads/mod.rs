//! The workloads, one noun a file, each written once for both engines.
//!
//! A workload counts the operations that really happened, in the tasks themselves, and times only its own body: neither
//! the start of a runtime nor the way into it.

pub(crate) mod broadcast;
pub(crate) mod chained_spawn;
pub(crate) mod channel;
pub(crate) mod coarse;
pub(crate) mod event;
pub(crate) mod fib;
pub(crate) mod memory;
pub(crate) mod mutex;
pub(crate) mod ping_pong;
pub(crate) mod semaphore;
pub(crate) mod sleep;
pub(crate) mod spawn;
pub(crate) mod stall;
pub(crate) mod stall_all;
pub(crate) mod startup;
pub(crate) mod timeout;
pub(crate) mod watch;
pub(crate) mod yielding;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::engine::Engine;

/// Counts tasks down; the last one keeps the promise.
struct Countdown<E: Engine> {
    left: AtomicUsize,
    done: std::sync::Mutex<Option<E::Promise<()>>>,
}

impl<E: Engine> Countdown<E> {
    fn new(count: usize) -> (Arc<Countdown<E>>, E::Pending<()>) {
        let (promise, pending) = E::oneshot();
        let done = std::sync::Mutex::new(Some(promise));
        (Arc::new(Countdown { left: AtomicUsize::new(count), done }), pending)
    }

    fn arrive(&self) {
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            let promise = self.done.lock().expect("nobody panics here").take();
            E::fulfil(promise.expect("the countdown ends once"), ());
        }
    }
}
