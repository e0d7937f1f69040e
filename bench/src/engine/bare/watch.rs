//! One value, and who wants to know that it changed.

use std::cell::Cell;
use std::future;
use std::rc::Rc;
use std::task::Poll;

use super::here::Here;
use super::waiters::Waiters;

pub struct Changer<T>(Here<Rc<Watch<T>>>);

pub struct Watcher<T> {
    watch: Here<Rc<Watch<T>>>,
    /// The last version that it saw.
    seen: usize,
}

struct Watch<T> {
    value: Cell<T>,
    version: Cell<usize>,
    watchers: Waiters,
}

pub(super) fn watch<T: Copy>(value: T) -> (Changer<T>, Watcher<T>) {
    let watch = Watch { value: Cell::new(value), version: Cell::new(0), watchers: Waiters::default() };
    let watch = Here::new(Rc::new(watch));
    (Changer(watch.clone()), Watcher { watch, seen: 0 })
}

impl<T: Copy> Changer<T> {
    pub(super) fn change(&self, value: T) {
        self.0.value.set(value);
        self.0.version.set(self.0.version.get() + 1);
        self.0.watchers.wake_all();
    }
}

impl<T: Copy> Watcher<T> {
    /// The newest value, once there is one that it has not seen.
    pub(super) async fn changed(&mut self) -> T {
        let watch = &self.watch;
        let seen = self.seen;
        self.seen = future::poll_fn(|context| match watch.version.get() {
            version if version == seen => {
                watch.watchers.add(context);
                Poll::Pending
            }
            newer => Poll::Ready(newer),
        })
        .await;
        watch.value.get()
    }
}
