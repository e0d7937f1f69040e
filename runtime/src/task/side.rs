//! What few tasks need: a name of their own, callbacks at the end. Made on first use, freed with the task.
//!
//! Callbacks and completion meet like this. Registering: push under the lock, then set ON_DONE in the state word;
//! complete already? then take the callback back out and run it elsewhere, unless the completer has taken it. The
//! completer looks here if its completing transition found ON_DONE. Both sides write the one word, so at least one of
//! them sees the other; the lock decides who takes the callback.

use std::sync::Arc;

use super::status::TaskStatus;
use crate::shim::Mutex;

pub(crate) type Callback = Box<dyn FnOnce(TaskStatus) + Send>;

/// The record.
#[derive(Default)]
pub(crate) struct Side {
    name: Mutex<Option<Arc<str>>>,
    on_done: Mutex<Vec<Callback>>,
}

impl Side {
    pub(crate) fn name(&self) -> Option<Arc<str>> {
        self.name.lock().clone()
    }

    pub(crate) fn set_name(&self, name: Arc<str>) {
        let old = self.name.lock().replace(name);
        drop(old);
    }

    pub(crate) fn push_callback(&self, callback: Callback) {
        self.on_done.lock().push(callback);
    }

    pub(crate) fn take_callbacks(&self) -> Vec<Callback> {
        std::mem::take(&mut *self.on_done.lock())
    }
}
