//! Waiting for a future in a plain thread.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use crate::scheduler::blocking::Pool;
use crate::scheduler::context;
use crate::shim::atomic::{AtomicU8, Ordering};

/// Polled, or about to be.
const AWAKE: u8 = 0;
/// Parked, or about to be.
const WAITING: u8 = 1;
/// Woken since the last poll began.
const WOKEN: u8 = 2;

/// The waker of a thread that waits.
///
/// A blocking call that waits for its own runtime is not at work: a virtual clock may move meanwhile. It counts as at
/// work again from the moment of its wake, not only when it comes to run.
struct Unpark {
    thread: Thread,
    state: AtomicU8,
    /// The pool that this thread is a blocking call of.
    pool: Option<Arc<Pool>>,
}

impl Unpark {
    fn new() -> Arc<Unpark> {
        let pool = context::home_of_job().map(|shared| shared.blocking.clone());
        Arc::new(Unpark { thread: thread::current(), state: AtomicU8::new(AWAKE), pool })
    }

    fn park(&self) {
        // AcqRel: pairs with `wake`; whoever finds WAITING finds the count raised.
        if let Some(pool) = &self.pool {
            pool.begin_waiting();
        }
        let waits = self.state.compare_exchange(AWAKE, WAITING, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if !waits && let Some(pool) = &self.pool {
            pool.end_waiting();
        }
        // The token that `unpark` leaves makes a wake before this call end it at once.
        while self.state.load(Ordering::Acquire) == WAITING {
            thread::park();
        }
        // Acquire: the next poll sees what any wake until now was about.
        self.state.swap(AWAKE, Ordering::AcqRel);
    }
}

impl Wake for Unpark {
    fn wake(self: Arc<Unpark>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Unpark>) {
        // AcqRel: as in `park`.
        if self.state.swap(WOKEN, Ordering::AcqRel) == WAITING
            && let Some(pool) = &self.pool
        {
            pool.end_waiting();
        }
        self.thread.unpark();
    }
}

/// Polls the future on this thread and parks the thread in between.
pub(super) fn block_on_thread<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let unpark = Unpark::new();
    let waker = Waker::from(unpark.clone());
    let mut cx = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => unpark.park(),
        }
    }
}
