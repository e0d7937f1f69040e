//! A part of the keys, with their values and the times at which they go.
//!
//! A key that is due is gone for whoever asks, whether or not it was swept up. `due` holds exactly the keys with a
//! time, each once, so that setting times again and again costs no memory, and sweeping looks only at what is due.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

/// What a key leads to.
#[derive(Debug)]
pub(crate) enum Value {
    String(Vec<u8>),
    List(VecDeque<Box<[u8]>>),
}

#[derive(Debug)]
struct Entry {
    value: Value,
    /// When it goes.
    due: Option<Instant>,
}

/// A part of the keys.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    entries: HashMap<Arc<[u8]>, Entry>,
    due: BTreeSet<(Instant, Arc<[u8]>)>,
}

impl Shard {
    /// The value of a key that is not due.
    pub(crate) fn get(&mut self, key: &[u8]) -> Option<&mut Value> {
        self.entry(key).map(|entry| &mut entry.value)
    }

    /// When the key goes: `None` without the key, `Some(None)` for never.
    pub(crate) fn due(&mut self, key: &[u8]) -> Option<Option<Instant>> {
        self.entry(key).map(|entry| entry.due)
    }

    /// Puts a value under the key, in place of what was there and of its time.
    pub(crate) fn set(&mut self, key: &[u8], value: Value, due: Option<Instant>) {
        match self.entries.get_mut(key) {
            Some(entry) if entry.due.is_none() && due.is_none() => entry.value = value,
            Some(_) => {
                self.remove(key);
                self.insert(key, value, due);
            }
            None => self.insert(key, value, due),
        }
    }

    fn insert(&mut self, key: &[u8], value: Value, due: Option<Instant>) {
        let key: Arc<[u8]> = key.into();
        self.due.extend(due.map(|due| (due, key.clone())));
        self.entries.insert(key, Entry { value, due });
    }

    /// Sets when the key goes; false without the key.
    pub(crate) fn set_due(&mut self, key: &[u8], due: Instant) -> bool {
        if self.entry(key).is_none() {
            return false;
        }
        let (key, mut entry) = self.entries.remove_entry(key).expect("just found");
        if let Some(before) = entry.due.replace(due) {
            self.due.remove(&(before, key.clone()));
        }
        self.due.insert((due, key.clone()));
        self.entries.insert(key, entry);
        true
    }

    /// Whether the key was there.
    pub(crate) fn remove(&mut self, key: &[u8]) -> bool {
        let Some((key, entry)) = self.entries.remove_entry(key) else { return false };
        match entry.due {
            None => true,
            Some(due) => {
                self.due.remove(&(due, key));
                due > Instant::now()
            }
        }
    }

    /// How many keys there are, with those that are due and not yet swept up.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Removes at most `most` keys that are due, and says whether there may be more.
    pub(crate) fn sweep(&mut self, now: Instant, most: usize) -> bool {
        for _ in 0..most {
            match self.due.pop_first() {
                Some((due, key)) if due <= now => drop(self.entries.remove(&key)),
                Some(later) => {
                    self.due.insert(later);
                    return false;
                }
                None => return false,
            }
        }
        true
    }

    /// The clock is read only for keys that have a time.
    fn entry(&mut self, key: &[u8]) -> Option<&mut Entry> {
        let due = self.entries.get(key)?.due;
        if due.is_some_and(|due| due <= Instant::now()) {
            self.remove(key);
            return None;
        }
        self.entries.get_mut(key)
    }
}
