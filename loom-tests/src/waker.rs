//! A waker that counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Wake, Waker};

use crate::Parker;

/// Makes wakers, waits for them, and knows how often they were woken and whether all of them are gone.
///
/// The counts are std's, which loom does not see: they must not order what the models are about.
#[derive(Debug)]
pub struct TestWaker {
    woken: Arc<Woken>,
    /// A second reference: a waker that is dropped once too often must not free the counts.
    _guard: Arc<Woken>,
}

#[derive(Debug)]
struct Woken {
    parker: Parker,
    count: AtomicUsize,
}

impl Wake for Woken {
    fn wake(self: Arc<Woken>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Woken>) {
        self.count.fetch_add(1, Relaxed);
        self.parker.unpark();
    }
}

impl TestWaker {
    /// Nothing was woken yet.
    #[must_use]
    pub fn new() -> TestWaker {
        let woken = Arc::new(Woken { parker: Parker::new(), count: AtomicUsize::new(0) });
        TestWaker { _guard: woken.clone(), woken }
    }

    /// One more waker.
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.woken.clone().into()
    }

    /// Waits for a wake-up; those that came before count.
    pub fn wait(&self) {
        self.woken.parker.park();
    }

    /// How often a waker was woken.
    #[must_use]
    pub fn count(&self) -> usize {
        self.woken.count.load(Relaxed)
    }

    /// Whether each waker was woken by value or dropped, once.
    ///
    /// # Panics
    /// If not.
    pub fn assert_none_left(&self) {
        assert_eq!(Arc::strong_count(&self.woken), 2, "a waker was leaked, or dropped twice");
    }
}

impl Default for TestWaker {
    fn default() -> TestWaker {
        TestWaker::new()
    }
}
