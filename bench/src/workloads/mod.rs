//! The workloads, one noun a file, each written once for all engines.
//!
//! A workload counts the operations that really happened, in the tasks themselves, and times only its own body: neither
//! the start of a runtime nor the way into it.

pub mod bare;
pub mod blocking;
pub mod broadcast;
pub mod chained_spawn;
pub mod channel;
pub mod coarse;
pub mod echo;
pub mod event;
pub mod fib;
pub mod memory;
pub mod mutex;
pub mod ping_pong;
pub mod released;
pub mod semaphore;
pub mod sleep;
pub mod spawn;
pub mod stall;
pub mod stall_all;
pub mod stall_crowd;
pub mod startup;
pub mod timeout;
pub mod watch;
pub mod yielding;

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
