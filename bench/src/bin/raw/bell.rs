//! How one client's command reaches another client: whoever sends it something puts it on a list.

use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// Clients that others have sent something to.
#[derive(Debug, Clone, Default)]
pub(super) struct Woken(Arc<Mutex<Vec<RawFd>>>);

/// Puts one client on the list.
struct Bell {
    place: RawFd,
    woken: Woken,
}

impl Woken {
    pub(super) fn pop(&self) -> Option<RawFd> {
        self.lock().pop()
    }

    pub(super) fn waker(&self, place: RawFd) -> Waker {
        Waker::from(Arc::new(Bell { place, woken: self.clone() }))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<RawFd>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.woken.lock().push(self.place);
    }
}
