//! Where a model's worker sleeps.

use loom::sync::{Condvar, Mutex};

/// A place to park that remembers an unpark, as the eventfd in a reactor does: any number of them end one park.
#[derive(Debug)]
pub struct Parker {
    woken: Mutex<bool>,
    changed: Condvar,
}

impl Parker {
    /// Nobody was woken yet.
    #[must_use]
    pub fn new() -> Parker {
        Parker { woken: Mutex::new(false), changed: Condvar::new() }
    }

    /// Sleeps until it is woken, or was. For ever, if nobody does: loom then reports a deadlock.
    ///
    /// # Panics
    /// If another thread of the model has panicked.
    pub fn park(&self) {
        let mut woken = self.woken.lock().unwrap();
        while !*woken {
            woken = self.changed.wait(woken).unwrap();
        }
        *woken = false;
    }

    /// Ends this park or the next.
    ///
    /// # Panics
    /// If another thread of the model has panicked.
    pub fn unpark(&self) {
        *self.woken.lock().unwrap() = true;
        self.changed.notify_one();
    }
}

impl Default for Parker {
    fn default() -> Parker {
        Parker::new()
    }
}
